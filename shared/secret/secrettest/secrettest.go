// Package secrettest is the conformance suite of the secret port: every driver
// runs it, the AWS driver against a real engine.
package secrettest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/secret"
)

// Conformance runs the suite. open returns a source of exactly these secrets.
func Conformance(t *testing.T, open func(t *testing.T, secrets map[string]string) secret.Source) {
	key := "-----BEGIN KEY-----\nabc+/=\n ä \"quoted\" $x\n-----END KEY-----"
	all := map[string]string{"hub-key": key, "jira/token": "t0ken", "a/b/c-1": "x"}
	for i := range 12 {
		all["many/"+string(rune('a'+i))] = strings.Repeat("v", i+1)
	}
	s := open(t, all)
	tests := map[string]func(*testing.T, context.Context){
		"all":       func(t *testing.T, ctx context.Context) { holds(t, ctx, s, all) },
		"none":      func(t *testing.T, ctx context.Context) { holds(t, ctx, s, nil) },
		"missing":   func(t *testing.T, ctx context.Context) { missing(t, ctx, s) },
		"refused":   func(t *testing.T, ctx context.Context) { refused(t, ctx, s) },
		"cancelled": func(t *testing.T, ctx context.Context) { cancelled(t, ctx, s) },
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			run(t, ctx)
		})
	}
}

func holds(t *testing.T, ctx context.Context, s secret.Source, want map[string]string) {
	t.Helper()
	var names []string
	for n := range want {
		names = append(names, n)
	}
	got, err := s.Get(ctx, append(names, names...)...)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d secrets, %v; want %d", len(got), err, len(want))
	}
	for n, v := range want {
		if got[n].Reveal() != v {
			t.Errorf("%s came back changed", n)
		}
	}
}

// missing: all that is missing is named at once, and what is there is not shown.
func missing(t *testing.T, ctx context.Context, s secret.Source) {
	_, err := s.Get(ctx, "no/such", "jira/token", "nor-this")
	if !errors.Is(err, secret.ErrMissing) || bridge.IsTemporary(err) {
		t.Fatalf("got %v, want missing", err)
	}
	text := strings.ToLower(strings.NewReplacer("_", "-", "/", "-").Replace(err.Error()))
	if !strings.Contains(text, "no-such") || !strings.Contains(text, "nor-this") || strings.Contains(text, "jira-token") || strings.Contains(text, "t0ken") {
		t.Errorf("the error says %q", err)
	}
}

func refused(t *testing.T, ctx context.Context, s secret.Source) {
	for _, n := range []string{"", "/a", "a/", "A", "a b", "../x", "a_b", "ä"} {
		if _, err := s.Get(ctx, n); err == nil || bridge.IsTemporary(err) || errors.Is(err, secret.ErrMissing) {
			t.Errorf("name %q: %v, want a refusal", n, err)
		}
	}
}

func cancelled(t *testing.T, ctx context.Context, s secret.Source) {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Get(ctx, "jira/token"); !errors.Is(err, context.Canceled) || !bridge.IsTemporary(err) {
		t.Errorf("with a cancelled context: %v", err)
	}
}
