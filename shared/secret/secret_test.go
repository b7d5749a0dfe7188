package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/secret"
	"drawbridge/shared/secret/secrettest"
)

func env(vars map[string]string) secret.Env {
	return secret.Env{Getenv: func(n string) string { return vars[n] }}
}

func TestEnvConformance(t *testing.T) {
	secrettest.Conformance(t, func(_ *testing.T, secrets map[string]string) secret.Source {
		vars := map[string]string{}
		for n, v := range secrets {
			vars[secret.Variable(n)] = v
		}
		return env(vars)
	})
}

func TestFilesConformance(t *testing.T) {
	secrettest.Conformance(t, func(t *testing.T, secrets map[string]string) secret.Source {
		vars := map[string]string{}
		for n, v := range secrets {
			path := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(path, []byte(v+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			vars[secret.Variable(n)+"_FILE"] = path
		}
		return env(vars)
	})
}

func TestUnreadableFileIsNamed(t *testing.T) {
	_, err := env(map[string]string{"DRAWBRIDGE_A_FILE": "/no/such/file"}).Get(t.Context(), "a")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "DRAWBRIDGE_A_FILE") {
		t.Errorf("got %v", err)
	}
}

func TestValuesDoNotShow(t *testing.T) {
	v := secret.New("hunter2")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v, "in", struct{ V secret.Value }{v})
	j, _ := json.Marshal(map[string]any{"v": v, "p": &v})
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) +
		fmt.Sprintf("%v %+v %#v", struct{ V secret.Value }{v}, &v, []secret.Value{v}) + string(j) + log.String()
	if strings.Contains(shown, "hunter") || strings.Contains(shown, "68756e746572") || !strings.Contains(shown, secret.Hidden) {
		t.Errorf("shown: %s", shown)
	}
	if v.Reveal() != "hunter2" {
		t.Error("the secret is lost")
	}
}
