package world

import (
	"context"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

func (h *Half) links(key string) (out []string) {
	h.T.Helper()
	var list []struct{ GlobalID string }
	h.OK("admin", "GET", "/rest/api/2/issue/"+key+"/remotelink", nil, &list)
	for _, l := range list {
		out = append(out, l.GlobalID)
	}
	return out
}

func TestAConnectionEndsFromEitherSide(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		if len(here.links(key)) != 1 || len(there.links(twin)) != 1 {
			t.Fatalf("links before: %v and %v", here.links(key), there.links(twin))
		}
		ctx := context.Background()
		here.must(here.Site.Hold(ctx, Connection, &bridge.Hold{State: bridge.Ended, Why: "ended by ada"}))
		here.must(here.Site.Send(ctx, site.Task{Kind: site.EndTask, Connection: Connection, Issue: "end", By: "ada", All: true}, bridge.Bulk, ""))
		here.Edit(key, map[string]any{"summary": "after the end"})
		w.Settle()
		there.Edit(twin, map[string]any{"summary": "over there"})
		w.Settle()
		for h, k := range map[*Half]string{here: key, there: twin} {
			if c := h.connection(); c.State != bridge.Ended || !strings.Contains(c.Why, "ada") {
				t.Errorf("on the %s side it is %s: %s", h.Site.Role, c.State, c.Why)
			}
			if p := h.Pair(k); p.Head.Status != pair.Stopped || p.Head.Waits() {
				t.Errorf("on the %s side the pair is %s, waits %t", h.Site.Role, p.Head.Status, p.Head.Waits())
			}
		}
		if here.Field(key, "summary") != `"after the end"` || there.Field(twin, "summary") != `"over there"` {
			t.Error("something was carried after the end")
		}
		if len(here.links(key)) != 0 || len(there.links(twin)) != 1 {
			t.Errorf("links after: %v and %v; only those of the side that asked go", here.links(key), there.links(twin))
		}
	})
}

func TestAPauseOfEitherSideHoldsBoth(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		ctx := context.Background()
		there.must(there.Site.Hold(ctx, Connection, &bridge.Hold{State: bridge.Paused, Why: "upgrade"}))
		w.tell()
		for _, s := range []string{"two", "three"} {
			here.Edit(key, map[string]any{"summary": s})
			w.Settle()
		}
		if got := there.Field(twin, "summary"); got != `"one"` || here.connection().State != bridge.Paused {
			t.Fatalf("paused: the twin shows %s, here it is %s", got, here.connection().State)
		}
		there.must(there.Site.Hold(ctx, Connection, nil))
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"three"` {
			t.Errorf("resumed: the twin shows %s", got)
		}
	})
}

func TestEachSideHasItsOwnName(t *testing.T) {
	w := New(t, Options{})
	ctx := context.Background()
	for h, name := range map[*Half]string{w.Public: "acme", w.Private: "vendor"} {
		h.must(h.Site.Book.UpdateConnection(ctx, Connection, func(c *bridge.Connection) error { c.Name, c.Description = name, "secret"; return nil }))
	}
	w.tell()
	w.tell()
	if a, b := w.Public.connection(), w.Private.connection(); a.Name != "acme" || a.Theirs != "vendor" || b.Name != "vendor" || b.Theirs != "acme" || b.Description != "secret" {
		t.Errorf("%+v and %+v", a, b)
	}
}

func TestAMovedIssueKeepsItsPair(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		_, err := here.Jira.Move(key, here.Demo.ServiceKey, "alice")
		here.must(err)
		here.Edit(key, map[string]any{"summary": "moved"})
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"moved"` {
			t.Errorf("the twin shows %s", got)
		}
		there.Edit(twin, map[string]any{"summary": "and back"})
		w.Settle()
		if got := here.Field(key, "summary"); got != `"and back"` {
			t.Errorf("the moved issue shows %s", got)
		}
		if p := there.Pair(twin); !strings.HasPrefix(p.Head.Remote.Key, here.Demo.ServiceKey+"-") {
			t.Errorf("over there it is still known as %s", p.Head.Remote.Key)
		}
	})
}

func TestACloneIsRefusedUntilTold(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		ctx := context.Background()
		there.Jira.SetBaseURL("https://staging.example.com")
		there.Site.ForgetAccount()
		if _, err := there.Site.Account(ctx); bridge.NameOf(err) != "site-replaced" || bridge.LevelOf(err) != bridge.LevelSite {
			t.Fatalf("a clone was taken for the original: %v", err)
		}
		_, err := there.Site.Accept(ctx)
		there.must(err)
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"two"` {
			t.Errorf("after a person accepted it: %s", got)
		}
	})
}

// TestATwinDeletedBeforeItsAckCame: the other side made the twin and it was deleted there before this side heard of it. This side
// learns of both, whichever comes first, and makes no other one.
func TestATwinDeletedBeforeItsAckCame(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		ctx := context.Background()
		key := here.Create("one", nil)
		here.must(here.Jira.Flush(ctx))
		_, err := here.Watch.Once(ctx)
		here.must(err)
		here.Drain()
		issue := here.Pair(key).Head.Local.ID
		changes, _, err := here.Relay.Outgoing(ctx, Connection, 100, func(string, int64) bool { return false })
		here.must(err)
		there.must(there.Relay.TakeChanges(ctx, changes))
		there.Drain() // the acks are lost on their way
		twin, err := there.Site.Book.Find(ctx, Connection, issue)
		there.must(err)
		there.delete(twin.Head.Local.Key)
		there.must(there.Pub.Gone(ctx, there.connection(), twin.Head.Local.ID, bridge.Deleted, "test"))
		w.Cross(there, here)
		if h := here.Pair(key).Head; h.Left != bridge.Deleted || h.Remote.ID != twin.Head.Local.ID {
			t.Errorf("told that its twin is gone, the pair is %+v", h)
		}
		w.Settle()
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		if h := here.Pair(key).Head; h.Left != bridge.Deleted || there.issueCount() != 0 {
			t.Errorf("later the pair is %+v, and %d issues are there", h, there.issueCount())
		}
	})
}
