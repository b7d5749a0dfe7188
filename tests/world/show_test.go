package world

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/shared/store"
	"drawbridge/simulator"
)

// field returns the text a custom field shows, by its name.
func (h *Half) custom(key, name string) string {
	h.T.Helper()
	var fields []struct{ ID, Name string }
	h.OK("admin", "GET", "/rest/api/2/field", nil, &fields)
	for _, f := range fields {
		if f.Name == name {
			var text string
			_ = json.Unmarshal([]byte(h.Field(key, f.ID)), &text)
			return text
		}
	}
	h.T.Fatalf("no field %q", name)
	return ""
}

func TestTheIssueShowsItsTwinAndState(t *testing.T) {
	show := "show: {twin: Customer, state: Release notes}\n"
	sides(t, Options{PublicRules: Everything(PublicProject) + show, PrivateRules: Everything(PrivateProject) + show}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		if a, b := here.custom(key, "Customer"), there.custom(twin, "Customer"); a != twin || b != key {
			t.Errorf("the twins shown are %q and %q", a, b)
		}
		if a, b := here.custom(key, "Release notes"), there.custom(twin, "Release notes"); a != "in sync" || b != "in sync" {
			t.Errorf("the states shown are %q and %q", a, b)
		}
		before := there.writes()
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		if n := there.writes() - before; n != 1 {
			t.Errorf("an edit cost %d writes; the state did not change", n)
		}
		there.lacks("EDIT_ISSUES")
		here.Edit(key, map[string]any{"summary": "three"})
		w.Settle()
		if p := there.Pair(twin).Head.Parked; p == nil {
			t.Fatal("not parked")
		}
	})
}

func TestTheIssueShowsThatItIsStopped(t *testing.T) {
	show := "show: {state: Release notes}\n"
	rules := func(project string) string {
		return strings.ReplaceAll(Everything(project), "triggers:\n", "triggers:\n  - jql: labels = keep-here\n    stop: true\n") + show
	}
	for _, c := range []struct {
		name string
		stop func(here *Half, key string)
	}{
		{"by a person", func(here *Half, key string) {
			_, err := here.Pub.Stop(context.Background(), Connection, here.Pair(key).Head.Local.ID, "ada")
			here.must(err)
		}},
		{"by a trigger", func(here *Half, key string) { here.Edit(key, map[string]any{"labels": []string{"keep-here"}}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			sides(t, Options{PublicRules: rules(PublicProject), PrivateRules: rules(PrivateProject)}, func(t *testing.T, w *World, here, there *Half) {
				key, twin := pairUp(t, w, here, nil)
				c.stop(here, key)
				w.Settle()
				for h, k := range map[*Half]string{here: key, there: twin} {
					if got := h.custom(k, "Release notes"); got != "stopped" {
						t.Errorf("%s shows %q", k, got)
					}
				}
			})
		})
	}
}

func TestIdentityStaysIn(t *testing.T) {
	for _, c := range []struct {
		identity string
		key, url bool
	}{{"full", true, true}, {"key", true, false}, {"none", false, false}} {
		w := New(t, Options{PrivateRules: Everything(PrivateProject) + "identity: " + c.identity + "\n"})
		key := w.Private.Create("one", nil)
		w.Settle()
		w.Private.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		twin := w.Private.Twin(key)
		got := w.Public.Pair(twin).Head.Remote
		if (got.Key != "") != c.key || (got.URL != "") != c.url || w.Public.Field(twin, "summary") != `"two"` {
			t.Errorf("identity %s: the public side knows %+v, the twin shows %s", c.identity, got, w.Public.Field(twin, "summary"))
		}
		docs := string(w.Public.everything(twin))
		if !c.url && strings.Contains(docs, w.Private.URL) || !c.key && strings.Contains(docs, key) {
			t.Errorf("identity %s: the state of the public side holds the private side's address or key:\n%s", c.identity, docs)
		}
		if n := len(w.Public.links(twin)); (n == 1) != c.url {
			t.Errorf("identity %s: %d links", c.identity, n)
		}
	}
}

// everything is all that is stored about an issue.
func (h *Half) everything(key string) (out []byte) {
	h.T.Helper()
	docs, err := h.Store.List(context.Background(), "pair/"+Connection+"/"+h.Pair(key).Head.Local.ID, store.Range{})
	h.must(err)
	for _, d := range docs {
		out = append(append(out, d.Body...), '\n')
	}
	return out
}

// lacks takes permissions from the sync account, and gives it all others.
func (h *Half) lacks(permissions ...string) {
	h.account(func(u *simulator.User) { u.Denied = permissions })
}
