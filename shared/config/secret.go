package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

const hidden = "[secret]"

// A Secret is where a secret is: an environment variable, or a file only its owner may read. It never prints its
// value: every way of formatting it gives "[secret]".
type Secret struct {
	env, file string
	other     *otherSecret
	seen      *Redactor // told of every value, so that no log line holds one
}

// An otherSecret is kept neither in a file nor in the environment.
type otherSecret struct {
	source string
	reveal func() (string, error)
}

// SecretFile is a secret kept in a file; for what is not loaded from settings.
func SecretFile(path string) Secret { return Secret{file: path} }

// SecretEnv is a secret kept in an environment variable.
func SecretEnv(name string) Secret { return Secret{env: name} }

// SecretElsewhere is a secret kept elsewhere, in AWS's parameter store for example; source says where, for a person.
func SecretElsewhere(source string, reveal func() (string, error)) Secret {
	return Secret{other: &otherSecret{source, reveal}}
}

// IsSet reports whether the settings name a place for the secret.
func (s Secret) IsSet() bool { return s.env != "" || s.file != "" || s.other != nil }

// File is the file the secret is kept in, "" if it is kept elsewhere.
func (s Secret) File() string { return s.file }

// Source says where the secret is, for a person: "environment variable JIRA_TOKEN".
func (s Secret) Source() string {
	switch {
	case s.env != "":
		return "environment variable " + s.env
	case s.file != "":
		return "file " + s.file
	case s.other != nil:
		return s.other.source
	}
	return "nowhere"
}

// Reveal reads the secret. A file is read each time, so that a rotated one counts from the next call on. The error
// names the place and the way out, never the value.
func (s Secret) Reveal() (string, error) {
	value, err := s.read()
	if err != nil {
		return "", err
	}
	if s.seen != nil {
		s.seen.Add(value)
	}
	return value, nil
}

func (s Secret) read() (string, error) {
	switch {
	case s.env != "":
		if v := strings.TrimSpace(os.Getenv(s.env)); v != "" {
			return v, nil
		}
		return "", s.wrong(fmt.Errorf("%s is not set", s.Source()), "set it for this process; under systemd with EnvironmentFile=")
	case s.file != "":
		return s.readFile()
	case s.other != nil:
		return s.other.reveal()
	}
	return "", s.wrong(errors.New("is not configured"), "say {env: NAME} or {file: PATH}")
}

func (s Secret) readFile() (string, error) {
	info, err := os.Stat(s.file)
	if err != nil {
		return "", s.wrong(err, "the file holds the secret and nothing else; its owner is the user that runs this process")
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return "", s.wrong(fmt.Errorf("%s has mode %04o, so everybody on this machine may use it", s.Source(), mode), "chmod 600 "+s.file)
	}
	raw, err := os.ReadFile(s.file)
	if err != nil {
		return "", s.wrong(err, "the user that runs this process must be allowed to read it")
	}
	if v := strings.TrimSpace(string(raw)); v != "" {
		return v, nil
	}
	return "", s.wrong(fmt.Errorf("%s is empty", s.Source()), "put the secret into it, and nothing else")
}

func (s Secret) wrong(cause error, hint string) error { return &secretError{cause: cause, hint: hint} }

// A secretError is a secret that cannot be read, and the way out.
type secretError struct {
	cause error
	hint  string
}

func (e *secretError) Error() string { return fmt.Sprintf("%v; %s", e.cause, e.hint) }
func (e *secretError) Unwrap() error { return e.cause }

// String, GoString, Format, MarshalJSON and LogValue all give "[secret]".
func (s Secret) String() string { return hidden }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return hidden }

// Format hides the value from every other verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// LogValue hides the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// UnmarshalJSON reads {"env": NAME} or {"file": PATH}.
func (s *Secret) UnmarshalJSON(raw []byte) error {
	var from struct{ Env, File string }
	if err := json.Unmarshal(raw, &from); err != nil {
		return err
	}
	s.env, s.file = from.Env, from.File
	return nil
}

func secretOf(v any) Secret {
	var s Secret
	if m, ok := v.(map[string]any); ok {
		s.env, _ = m["env"].(string)
		s.file, _ = m["file"].(string)
	}
	return s
}
