package world

import (
	"context"
	"slices"
	"strings"
	"testing"

	"drawbridge/shared/publish"
	"drawbridge/shared/reconcile"
)

// TestCheckSaysWhatEventsMissed: nothing differs where all events came; what was done while they were lost is named field by
// field before it is repaired, and looking changes nothing.
func TestCheckSaysWhatEventsMissed(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	w.Public.say(key, "first")
	w.Settle()
	if found := w.Public.check(); len(found) != 0 {
		t.Errorf("nothing was missed, and yet: %+v", found)
	}
	w.Public.Edit(key, map[string]any{"summary": "missed", "labels": []string{"red"}})
	w.Public.say(key, "second")
	w.Public.lose()
	for range 2 {
		found := w.Public.check()
		if len(found) != 1 || len(found[0].Fields) != 2 || len(found[0].Members) != 1 {
			t.Fatalf("%+v", found)
		}
		for i, want := range []publish.Drifted{{Name: "labels", Shown: "true"}, {Name: "summary", Stored: `"one"`, Shown: `"missed"`}} {
			if f := found[0].Fields[i]; !strings.HasPrefix(f.Name, want.Name) || f.Stored != want.Stored || f.Shown != want.Shown {
				t.Errorf("%+v, want %+v", f, want)
			}
		}
	}
	if got := w.Private.Field(twin, "summary"); got != `"one"` {
		t.Errorf("looking wrote %s", got)
	}
	w.must(reconcile.Start(context.Background(), w.Public.Site, Connection, "check", false))
	w.Settle()
	if got := w.Private.Field(twin, "summary"); got != `"missed"` {
		t.Errorf("repaired to %s", got)
	}
	if found := slices.Concat(w.Public.check(), w.Private.check()); len(found) != 0 {
		t.Errorf("repaired, and yet: %+v", found)
	}
	w.Private.OK("admin", "DELETE", "/rest/api/2/issue/"+twin, nil, nil)
	if found := w.Private.check(); len(found) != 1 || !found[0].Gone {
		t.Errorf("of a deleted issue: %+v", found)
	}
}

// check is what sync check does: it says of every pair how it differs from Jira, reading every issue.
func (h *Half) check() (out []publish.Drift) {
	h.T.Helper()
	ctx := context.Background()
	c, err := h.Site.Book.Connection(ctx, Connection)
	h.must(err)
	_, err = h.Sweep.Look(ctx, Connection, true, func(issue string) error {
		d, err := h.Pub.Drift(ctx, c, issue)
		if err == nil && !d.None() {
			out = append(out, d)
		}
		return err
	})
	h.must(err)
	return out
}
