package world

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/simulator"
)

// TestALongDescription: where a Jira's administrator raised the limit of texts, one that no document of the store can hold
// crosses like a short one.
func TestALongDescription(t *testing.T) {
	raised := Options{Configure: func(_ bridge.Role, s *simulator.Settings) { s.TextLimit = 10 << 20 }}
	sides(t, raised, func(t *testing.T, w *World, here, there *Half) {
		text := func(word string) string { return strings.Repeat(word+" \"ö\" ", 400_000/len(word+` "ö" `)) }
		key, twin := pairUp(t, w, here, map[string]any{"description": text("created")})
		crossed := func(want string) {
			t.Helper()
			w.Settle()
			if got := there.Field(twin, "description"); got != fmt.Sprintf("%q", want) {
				t.Errorf("there are %d bytes of description, %.20s…; want %d, %.20s…", len(got), got, len(want), want)
			}
		}
		crossed(text("created"))
		here.Edit(key, map[string]any{"description": text("edited")})
		crossed(text("edited"))
		here.say(key, text("said"))
		here.say(key, "a short one")
		w.Settle()
		if got := there.bodies(twin); len(got) != 1 || !strings.Contains(got[0], "a short one") {
			t.Errorf("%d comments there, want the short one", len(got))
		}
		owns, err := here.Pair(key).Owns(t.Context())
		here.must(err)
		if !slices.ContainsFunc(owns, func(o *pair.Own) bool { return strings.Contains(o.Why, "at most") }) {
			t.Error("why the long comment stays is not told")
		}
		here.Edit(key, map[string]any{"description": "short"})
		crossed("short")
	})
}
