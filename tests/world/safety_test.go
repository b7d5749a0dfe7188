package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

// broken checks that the connection is stopped on both sides, and by whom.
func (w *World) broken(by bridge.Role, why string) {
	w.T.Helper()
	w.tell()
	for _, h := range []*Half{w.Public, w.Private} {
		c := h.connection()
		if c.State != bridge.Broken || c.Holder() != by || !strings.Contains(c.Why, why) {
			w.T.Errorf("on the %s side the connection is %s by %q: %s", h.Site.Role, c.State, c.Holder(), c.Why)
		}
	}
}

// resume does what connection resume does after a safety stop.
func (w *World) resume(h *Half) {
	w.T.Helper()
	ctx := context.Background()
	h.must(h.Site.Allow(ctx, Connection, "ada"))
	h.must(h.Site.Hold(ctx, Connection, nil))
	h.must(reconcile.Start(ctx, h.Site, Connection, "resumed", true))
	w.tell()
}

func (h *Half) delete(key string) {
	h.T.Helper()
	h.OK("admin", "DELETE", "/rest/api/2/issue/"+key, nil, nil)
}

// pairsUp makes n issues and their twins.
func pairsUp(t *testing.T, w *World, here *Half, n int) (keys, twins []string) {
	t.Helper()
	for i := range n {
		keys = append(keys, here.Create(fmt.Sprintf("issue %d", i), map[string]any{"duedate": "2027-01-31"}))
	}
	w.Settle()
	for _, k := range keys {
		twins = append(twins, here.Twin(k))
	}
	return keys, twins
}

func TestAnEmptiedProjectStopsTheConnection(t *testing.T) {
	deleting := "deletion: delete\n"
	sides(t, Options{PublicRules: Everything(PublicProject) + deleting, PrivateRules: Everything(PrivateProject) + deleting}, func(t *testing.T, w *World, here, there *Half) {
		keys, twins := pairsUp(t, w, here, 30)
		for _, k := range keys {
			here.delete(k)
		}
		here.must(reconcile.Start(context.Background(), here.Site, Connection, "schedule", false))
		w.Settle()
		w.broken(here.Site.Role, "the issue was deleted or left sync")
		if n := gone(there, twins); n >= 25 {
			t.Errorf("%d twins were deleted before anybody was asked", n)
		}
		w.resume(here)
		w.Settle()
		w.broken(there.Site.Role, "the issue was deleted or left sync") // each side is asked for itself
		w.resume(there)
		w.Settle()
		if n := gone(there, twins); n != 30 {
			t.Errorf("%d of 30 twins are gone after a person said that it is meant", n)
		}
	})
}

func gone(h *Half, keys []string) (n int) {
	for _, k := range keys {
		if h.Call("admin", "GET", "/rest/api/2/issue/"+k, nil, nil) == 404 {
			n++
		}
	}
	return n
}

func TestARuleThatClearsEverywhereStopsTheConnection(t *testing.T) {
	w := New(t, Options{})
	keys, twins := pairsUp(t, w, w.Private, 30)
	rules := strings.Replace(Everything(PublicProject), "  - field: Due date\n", "  - field: Due date\n    in: '\"\"'\n", 1)
	_, err := site.Publish(context.Background(), w.Public.Site, Connection, site.Revision{File: "wrong.yaml", Source: rules})
	w.must(err)
	w.Public.forgetRules()
	for i, k := range keys {
		w.Private.Edit(k, map[string]any{"duedate": fmt.Sprintf("2027-02-%02d", 1+i%28)})
	}
	w.Settle()
	w.broken(bridge.Public, "a value would be cleared")
	n := 0
	for _, k := range twins {
		if w.Public.Field(k, "duedate") == "null" {
			n++
		}
	}
	if n == 0 || n >= 25 {
		t.Errorf("%d due dates were cleared before anybody was asked", n)
	}
}

func TestManyNewIssuesAreAskedFor(t *testing.T) {
	w := New(t, Options{})
	pairsUp(t, w, w.Private, 3)
	for i := range 210 {
		w.Private.Create(fmt.Sprintf("flood %d", i), nil)
	}
	w.Settle()
	w.broken(bridge.Public, "issues would be created at once")
}

func TestAPersonsBulkEditPasses(t *testing.T) {
	w := New(t, Options{})
	keys, twins := pairsUp(t, w, w.Private, 30)
	for _, k := range keys {
		w.Private.Edit(k, map[string]any{"priority": map[string]string{"name": "High"}, "duedate": "2027-03-01"})
	}
	w.Settle()
	for _, k := range twins {
		if got := w.Public.Name(k, "priority"); got != "High" {
			t.Fatalf("%s has priority %s", k, got)
		}
	}
	if c := w.Public.connection(); c.State != bridge.Active {
		t.Errorf("the connection is %s: %s", c.State, c.Why)
	}
}
