package world

import (
	"context"
	"strings"
	"testing"
	"unicode"
)

// TestFileNamesThatClimb: whatever the other side says a file is called, a name is a name: it climbs no folder, forges no header
// and turns no text around, and the content arrives.
func TestFileNamesThatClimb(t *testing.T) {
	names := []string{"../../etc/passwd", `..\..\boot.ini`, "/etc/shadow", "a\r\nX-Atlassian-Token: b.txt", "tab\tbell\a.txt", "\u202etxt.exe", "..", "\"; filename=\"other.txt"}
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		for range names {
			here.attach(key, "harmless.txt", "content")
		}
		ctx := context.Background()
		w.must(here.Jira.Flush(ctx))
		_, err := here.Watch.Once(ctx)
		w.must(err)
		here.Drain()
		changes, _, err := here.Relay.Outgoing(ctx, Connection, 10, func(string, int64) bool { return false })
		w.must(err)
		if len(changes) != 1 || len(changes[0].Members) != len(names) {
			t.Fatalf("%d changes wait: %+v", len(changes), changes)
		}
		for i := range names {
			changes[0].Members[i].Name = names[i]
		}
		w.must(there.Relay.TakeChanges(ctx, changes))
		there.Drain()
		got := there.attachments(twin)
		if len(got) != len(names) {
			t.Fatalf("%d of %d files arrived: %+v", len(got), len(names), got)
		}
		for _, a := range got {
			bad := func(r rune) bool {
				return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '/' || r == '\\'
			}
			if strings.ContainsFunc(a.Filename, bad) || strings.Trim(a.Filename, ".") == "" {
				t.Errorf("a file is called %q", a.Filename)
			}
			if there.content(a) != "content" {
				t.Errorf("%q holds %q", a.Filename, there.content(a))
			}
		}
	})
}
