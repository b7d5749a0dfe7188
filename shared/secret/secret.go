// Package secret is the port to secrets: tokens, passwords, signing keys. They
// come from the environment or a file on one machine and from SSM Parameter
// Store on AWS, never from a flag, and never reach a log: [Value] prints as
// stars.
//
// Names are paths of lower-case words, e.g. "hub-key" or "jira/token". Start
// reading at [Source]; package secrettest states in tests what every driver
// promises.
package secret

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
)

// Value is a secret in hand. It shows itself to nobody who does not ask with Reveal.
type Value struct{ s string }

// New makes a value.
func New(s string) Value { return Value{s} }

// Reveal returns the secret itself.
func (v Value) Reveal() string { return v.s }

// Hidden is what a secret shows in logs, errors and JSON.
const Hidden = "*****"

// String implements fmt.Stringer.
func (Value) String() string { return Hidden }

// GoString implements fmt.GoStringer, for %#v.
func (Value) GoString() string { return Hidden }

// Format implements fmt.Formatter, for every other verb.
func (Value) Format(f fmt.State, _ rune) { f.Write([]byte(Hidden)) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (Value) MarshalText() ([]byte, error) { return []byte(Hidden), nil }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Hidden) }

// ErrMissing is what the error about secrets that are not there is.
var ErrMissing = errors.New("secret missing")

// Source gives secrets by name.
type Source interface {
	// Get returns the secrets of all names. If some are missing or empty, the
	// error is a permanent ErrMissing that names every one of them and where
	// to put it.
	Get(ctx context.Context, names ...string) (map[string]Value, error)
}

// ValidName returns a permanent error for a name no driver takes: words of
// lower-case letters, digits and "-" with "/" between them.
func ValidName(name string) error {
	for word := range strings.SplitSeq(name, "/") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return bridge.Permanent("secret-request", "secret name %q: must be words of lower-case letters, digits and - between slashes", name)
		}
	}
	return nil
}

// ValidNames is ValidName for several.
func ValidNames(names []string) error {
	for _, n := range names {
		if err := ValidName(n); err != nil {
			return err
		}
	}
	return nil
}

// Missing makes the permanent error about missing secrets; each place says
// where one of them is looked for.
func Missing(places []string) error {
	slices.Sort(places)
	return bridge.Permanent("secret-missing", "%w: set %s", ErrMissing, strings.Join(places, ", ")).At(bridge.LevelSite)
}

// Env takes secrets from the environment: "jira/token" from the variable
// DRAWBRIDGE_JIRA_TOKEN, or from the file that DRAWBRIDGE_JIRA_TOKEN_FILE
// names, without the line's end.
type Env struct {
	Getenv func(string) string // nil: os.Getenv
}

// Get implements [Source].
func (e Env) Get(ctx context.Context, names ...string) (map[string]Value, error) {
	if err := ValidNames(names); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, bridge.Temporary("secret-unavailable", "secrets: %w", err)
	}
	found := map[string]Value{}
	var missing []string
	for _, n := range names {
		v, err := e.get(Variable(n))
		if err != nil {
			return nil, err
		}
		if v == "" {
			missing = append(missing, Variable(n))
		}
		found[n] = New(v)
	}
	if len(missing) > 0 {
		return nil, Missing(missing)
	}
	return found, nil
}

// Variable is the environment variable that holds a secret.
func Variable(name string) string {
	return "DRAWBRIDGE_" + strings.ToUpper(strings.NewReplacer("/", "_", "-", "_").Replace(name))
}

func (e Env) get(variable string) (string, error) {
	getenv := e.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	path := getenv(variable + "_FILE")
	if v := getenv(variable); v != "" || path == "" {
		return v, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", bridge.Permanent("secret-missing", "%s_FILE: %w", variable, err).At(bridge.LevelSite)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
