package main

import (
	"testing"

	"drawbridge/shared/bridge"
)

func TestShort(t *testing.T) {
	for _, c := range []struct {
		v    bridge.Value
		want string
	}{
		{"", "-"},
		{bridge.Cleared, "(empty)"},
		{bridge.ValueOf("two\nlines"), "two lines"},
		{bridge.ValueOf("far too long for this"), "far too l…"},
		{bridge.ValueOf(map[string]any{"name": "Ada", "email": "ada@example.com"}), "Ada"},
		{bridge.ValueOf(map[string]any{"email": "a@b.c"}), "a@b.c"},
		{bridge.ValueOf(map[string]any{"a": 1.0}), `{"a":1}`},
	} {
		if got := short(c.v, 10); got != c.want {
			t.Errorf("%s: %q, want %q", c.v, got, c.want)
		}
	}
}
