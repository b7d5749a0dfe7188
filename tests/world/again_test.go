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

// mend puts rules in force as the command does.
func (h *Half) mend(source string) {
	h.T.Helper()
	ctx := context.Background()
	_, err := site.Publish(ctx, h.Site, Connection, site.Revision{File: h.Site.Name + ".yaml", Source: source, Author: "test"})
	h.must(err)
	h.Site.Forget()
	h.must(reconcile.Published(ctx, h.Site, Connection))
}

func TestATwinRefusedByRulesIsMadeWhenTheyAreMended(t *testing.T) {
	for _, role := range []bridge.Role{bridge.Public, bridge.Private} {
		t.Run("refused by "+string(role), func(t *testing.T) {
			off := "create: {enabled: false}\n"
			w := New(t, Options{PublicRules: Everything(PublicProject) + off, PrivateRules: Everything(PrivateProject) + off})
			here, there := w.Private, w.Public
			if role == bridge.Private {
				here, there = w.Public, w.Private
			}
			key := here.Create("one", nil)
			w.Settle()
			if a := here.Pair(key).Head.Answer; here.Twin(key) != "" || a == nil || a.Outcome != bridge.Refused {
				t.Fatalf("not refused: %+v", a)
			}
			there.mend(Everything(there.Demo.ProjectKey))
			w.Settle()
			if here.Twin(key) == "" {
				t.Errorf("no twin was made after the rules were mended; answer %+v", here.Pair(key).Head.Answer)
			}
		})
	}
}

func TestPairsParkedForAPermissionAreFreedTogether(t *testing.T) {
	w := New(t, Options{})
	keys, twins := pairsUp(t, w, w.Private, 3)
	w.Public.lacks("EDIT_ISSUES")
	for _, k := range keys {
		w.Private.Edit(k, map[string]any{"summary": "changed " + k})
	}
	w.Settle()
	for _, k := range twins {
		if p := w.Public.Pair(k).Head.Parked; p == nil || p.Name != "forbidden" || p.Retry == 0 {
			t.Fatalf("%s is parked as %+v", k, p)
		}
	}
	w.Public.lacks()
	ctx := context.Background()
	w.must(w.Public.Site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: Connection, Issue: w.Public.Pair(twins[0]).Head.Local.ID, By: "schedule"}, bridge.Live, ""))
	w.Settle()
	for i, k := range twins {
		if got := w.Public.Field(k, "summary"); got != fmt.Sprintf("%q", "changed "+keys[i]) || w.Public.Pair(k).Head.Parked != nil {
			t.Errorf("%s shows %s, parked %+v", k, got, w.Public.Pair(k).Head.Parked)
		}
	}
}

// TestWhatNeedsNoPermissionDoesNotHideWhatWaitsForOne: a comment is written beside an edit that is forbidden, and the pair
// stays parked until the edit is made.
func TestWhatNeedsNoPermissionDoesNotHideWhatWaitsForOne(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		there.lacks("EDIT_ISSUES")
		here.Edit(key, map[string]any{"summary": "may not be written"})
		w.Settle()
		here.say(key, "but this may")
		w.Settle()
		if p := there.Pair(twin).Head.Parked; p == nil || p.Name != "forbidden" || p.Retry == 0 {
			t.Errorf("with a comment written it is parked as %+v", p)
		}
		there.lacks()
		here.Edit(key, map[string]any{"duedate": "2031-01-01"}) // an edit that goes through frees the one before it
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"may not be written"` || there.Pair(twin).Head.Parked != nil {
			t.Errorf("after the permission came back: summary %s, parked %+v", got, there.Pair(twin).Head.Parked)
		}
	})
}

func TestARuleThatFailsForEveryIssueBreaksTheConnection(t *testing.T) {
	w := New(t, Options{})
	keys, _ := pairsUp(t, w, w.Private, 12)
	rules := strings.Replace(Everything(PublicProject), "  - field: Due date\n", "  - field: Due date\n    in: 'fail(\"not today\")'\n", 1)
	w.Public.mend(rules)
	w.Settle()
	for _, k := range keys {
		w.Private.Edit(k, map[string]any{"duedate": "2027-05-05"})
	}
	w.Settle()
	w.broken(bridge.Public, "public.yaml:")
	if c := w.Public.connection(); c.HoldOf(bridge.Public).Name != "rule-broken" || !strings.Contains(c.Why, "a rule fails for every issue") {
		t.Errorf("%+v", c.Holds)
	}
	w.Public.mend(Everything(PublicProject))
	w.Settle()
	if c := w.Public.connection(); c.State != bridge.Active {
		t.Errorf("after mended rules the connection is %s: %s", c.State, c.Why)
	}
	for _, k := range keys {
		if got := w.Public.Field(w.Private.Twin(k), "duedate"); got != `"2027-05-05"` {
			t.Errorf("%s: due date %s after the rules were mended", k, got)
		}
	}
}

// TestATwinThatJiraRefusedIsMadeOnRequest: a person may ask where the issue is, and the next comparison of pairs asks too.
func TestATwinThatJiraRefusedIsMadeOnRequest(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		ctx := context.Background()
		for name, ask := range map[string]func(key string) error{
			"retry": func(key string) error {
				return here.Site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: Connection, Issue: here.Pair(key).Head.Local.ID, By: "ada", Insist: true}, bridge.Live, "")
			},
			"sweep": func(string) error { return reconcile.Start(ctx, there.Site, Connection, "schedule", false) },
		} {
			there.lacks("CREATE_ISSUES")
			key := here.Create(name, nil)
			w.Settle()
			if a := here.Pair(key).Head.Unmade(); a == nil || !strings.Contains(a.Reason, "not allowed") {
				t.Fatalf("%s: not refused: %+v", name, here.Pair(key).Head.Answer)
			}
			there.lacks()
			w.must(ask(key))
			w.Settle()
			if here.Twin(key) == "" || here.Pair(key).Head.Unmade() != nil {
				t.Errorf("%s: no twin was made; answer %+v", name, here.Pair(key).Head.Answer)
			}
		}
	})
}

// TestWhatStandsAllTheSameIsNoTroubleAnyMore: an edit was written, and then refused under new rules that are mended again.
func TestWhatStandsAllTheSameIsNoTroubleAnyMore(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"duedate": "2031-01-01"})
		w.Settle()
		there.mend(strings.Replace(Everything(there.Demo.ProjectKey), "  - field: Due date\n", "  - field: Due date\n    in: 'fail(\"not today\")'\n", 1))
		w.Settle()
		if got := there.Pair(twin).State.Fields["duedate"].Problem; !strings.Contains(got, "not today") {
			t.Fatalf("the rule did not fail: %q", got)
		}
		there.mend(Everything(there.Demo.ProjectKey))
		w.Settle()
		if f := there.Pair(twin).State.Fields["duedate"]; f.Problem != "" || there.Field(twin, "duedate") != `"2031-01-01"` {
			t.Errorf("after the rules were mended: %q, shown %s", f.Problem, there.Field(twin, "duedate"))
		}
	})
}
