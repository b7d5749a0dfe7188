package world

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"drawbridge/shared/bridge"
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

// TestALinkIsNoScript: the key and the address of an issue come from the other side and are shown in Jira as a link; a script, or
// markup, is left out, and what is known of the issue stays.
func TestALinkIsNoScript(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		before := there.links(twin)
		ctx := context.Background()
		for i, bad := range []bridge.Ref{{Key: "[~admin]", URL: "javascript:alert(1)"}, {Key: "A-1\r\nX", URL: "https://x.example/|b] [~admin"}, {Key: "\u202eA-1", URL: "data:text/html,x"}} {
			here.Edit(key, map[string]any{"summary": fmt.Sprint("edit ", i)})
			w.must(here.Jira.Flush(ctx))
			_, err := here.Watch.Once(ctx)
			w.must(err)
			here.Drain()
			changes, _, err := here.Relay.Outgoing(ctx, Connection, 10, func(string, int64) bool { return false })
			w.must(err)
			if len(changes) != 1 {
				t.Fatalf("%d changes wait", len(changes))
			}
			bad.ID = changes[0].Issue.ID
			changes[0].Issue = bad
			w.must(there.Relay.TakeChanges(ctx, changes))
			there.Drain()
			if got := there.Pair(twin).Head.Remote; got.Key != key || got.URL == "" || got.URL == bad.URL {
				t.Errorf("the twin is %q now", got)
			}
			if got := there.Field(twin, "summary"); got != fmt.Sprintf("%q", fmt.Sprint("edit ", i)) {
				t.Errorf("the change itself is lost: %s", got)
			}
		}
		if after := there.links(twin); !slices.Equal(after, before) {
			t.Errorf("the links are %v, and were %v", after, before)
		}
		var list []struct{ Object struct{ URL, Title string } }
		there.OK("admin", "GET", "/rest/api/2/issue/"+twin+"/remotelink", nil, &list)
		if len(list) != 1 || list[0].Object.Title != key || !strings.HasPrefix(list[0].Object.URL, "http") {
			t.Errorf("the link leads to %+v", list)
		}
	})
}
