package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestSecretsNeverPrint(t *testing.T) {
	t.Setenv("TEST_SECRET", "correct horse battery")
	s := SecretEnv("TEST_SECRET")
	holder := struct{ S Secret }{s}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{s, &s, holder} {
			if got := fmt.Sprintf(format, v); strings.Contains(got, "horse") || !strings.Contains(got, hidden) {
				t.Errorf("%s of %T prints %q", format, v, got)
			}
		}
	}
}

func TestARotatedSecretCounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	s := SecretFile(path)
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(want+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Reveal(); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestBadSecretsSayTheWayOut(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for want, s := range map[string]Secret{
		"TEST_UNSET is not set": SecretEnv("TEST_UNSET"),
		"no such file":          SecretFile(filepath.Join(dir, "none")),
		"chmod 600":             SecretFile(write("open", "hunter2hunter2", 0o644)),
		"is empty":              SecretFile(write("empty", " \n", 0o600)),
		"is not configured":     {},
	} {
		_, err := s.Reveal()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want it to say %q", s.Source(), err, want)
		}
	}
	if got, err := SecretFile(write("group", "shared with a group", 0o640)).Reveal(); err != nil {
		t.Errorf("a file for a group: %q, %v", got, err)
	}
}

// TestMissingSecretsAreMistakes: a secret that is not there is reported with its place, like any other mistake.
func TestMissingSecretsAreMistakes(t *testing.T) {
	path := copied(t, "testdata/hub/good/everything.yaml")
	if err := os.Remove(filepath.Join(filepath.Dir(path), "token")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_WEBHOOK", "")
	_, err := LoadHub(path)
	var found Mistakes
	if !errors.As(err, &found) || len(found) != 2 || found[0].Line != 16 || found[1].Line != 27 {
		t.Fatalf("mistakes are:\n%v", err)
	}
	if len(Check(HubFile, path, mustRead(t, path))) != 0 {
		t.Error("Check looked at the environment")
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLogsHoldNoSecret(t *testing.T) {
	h, err := LoadHub(copied(t, "testdata/hub/good/everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.Site.Auth.Token.Reveal()
	if err != nil {
		t.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("sync@acme.example:" + token))
	for _, format := range []string{"text", "json"} {
		h.Log.Format = format
		var out bytes.Buffer
		log := h.Logger(&out)
		log.Info("calling with "+token, "url", "https://x/?t="+url.QueryEscape(token), "error", fmt.Errorf("wrapped: %w", errors.New(token)))
		log.With("header", "Basic "+basic).WithGroup("g").Debug("x", "password", "short", slog.Group("in", "token", "abc"))
		log.Info("settings", "site", h.Site.Auth)
		for _, leak := range []string{token, basic, "short", "abc"} {
			if strings.Contains(out.String(), leak) {
				t.Errorf("%s log holds %q:\n%s", format, leak, out.String())
			}
		}
		if !strings.Contains(out.String(), "calling with [secret]") {
			t.Errorf("%s log lost its message:\n%s", format, out.String())
		}
	}
}

// TestALogLineIsOneLine: what other people wrote neither makes up a line or an attribute of the log, nor drives the terminal that
// shows it; in JSON it keeps its value.
func TestALogLineIsOneLine(t *testing.T) {
	h, err := LoadHub(copied(t, "testdata/hub/good/everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const evil = "x\r\nlevel=ERROR msg=lost\x1b[2J\u009b31m\u202etxt\u2028\x7f\"} {\"level\":\"ERROR\""
	for _, format := range []string{"text", "json"} {
		h.Log.Format = format
		var out bytes.Buffer
		h.Logger(&out).With("site", evil).Error(evil, "issue", evil, "error", errors.New(evil), "any", map[string]string{evil: evil}, slog.Group(evil, evil, evil))
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, bridge.Drives) || strings.Contains(line, " level=ERROR msg=lost ") {
			t.Errorf("%s log: %q", format, line)
		}
		if format == "json" {
			var kept map[string]any
			if err := json.Unmarshal([]byte(line), &kept); err != nil || kept["msg"] != evil || kept["issue"] != evil || kept["error"] != evil {
				t.Errorf("%v: the line holds %v", err, kept)
			}
		}
	}
}

// TestEverySecretIsKnown: each Secret field of the settings is one the logger replaces.
func TestEverySecretIsKnown(t *testing.T) {
	h := Hub{Webhook: &Webhook{}}
	p := Poller{Watch: Watch{Webhook: &Webhook{}}}
	if got, want := len(h.secrets()), count(reflect.ValueOf(h)); got != want {
		t.Errorf("hub: %d secrets known, %d there", got, want)
	}
	if got, want := len(p.secrets()), count(reflect.ValueOf(p)); got != want {
		t.Errorf("poller: %d secrets known, %d there", got, want)
	}
}

func count(v reflect.Value) (n int) {
	switch {
	case v.Type() == reflect.TypeFor[Secret]():
		return 1
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return count(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			n += count(v.Field(i))
		}
	}
	return n
}
