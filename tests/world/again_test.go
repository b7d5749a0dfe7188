package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
	"drawbridge/simulator"
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
	w.Public.allow(false)
	for _, k := range keys {
		w.Private.Edit(k, map[string]any{"summary": "changed " + k})
	}
	w.Settle()
	for _, k := range twins {
		if p := w.Public.Pair(k).Head.Parked; p == nil || p.Name != "forbidden" || p.Retry == 0 {
			t.Fatalf("%s is parked as %+v", k, p)
		}
	}
	w.Public.allow(true)
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
		there.allow(false)
		here.Edit(key, map[string]any{"summary": "may not be written"})
		w.Settle()
		here.say(key, "but this may")
		w.Settle()
		if p := there.Pair(twin).Head.Parked; p == nil || p.Name != "forbidden" || p.Retry == 0 {
			t.Errorf("with a comment written it is parked as %+v", p)
		}
		there.allow(true)
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

// allow grants or takes the sync account's permission to edit.
func (h *Half) allow(edit bool) {
	h.T.Helper()
	name, _, _ := strings.Cut(h.Demo.User, "@")
	h.must(h.Jira.ChangeUser(name, func(u *simulator.User) error {
		u.Denied = []string{"EDIT_ISSUES"}
		if edit {
			u.Denied = nil
		}
		return nil
	}))
}
