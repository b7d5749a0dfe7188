package world

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

func (h *Half) publish(source string) {
	h.T.Helper()
	_, err := site.Publish(context.Background(), h.Site, Connection, site.Revision{File: "new.yaml", Source: source, Author: "test"})
	h.must(err)
	h.forgetRules()
	h.must(reconcile.Start(context.Background(), h.Site, Connection, "rules published", true))
}

func TestPublishedRulesAreCarriedOut(t *testing.T) {
	const none = "version: 1\nfields:\n  - {field: Labels, direction: off}\ntriggers:\n  - jql: project = %s\n"
	sides(t, Options{PublicRules: fmt.Sprintf(none, PublicProject), PrivateRules: fmt.Sprintf(none, PrivateProject)}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"a"}, "priority": map[string]string{"name": "High"}})
		if got := there.Field(twin, "labels"); got != "[]" {
			t.Fatalf("labels left although the row is off: %s", got)
		}
		here.publish(Everything(here.Demo.ProjectKey))
		there.publish(Everything(there.Demo.ProjectKey))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "High" {
			t.Errorf("priority of the twin after publishing: %s", got)
		}
		if got := there.Field(twin, "labels"); got != `["a"]` {
			t.Errorf("labels of the twin after publishing: %s", got)
		}
		here.publish(strings.Replace(Everything(here.Demo.ProjectKey), "- field: Priority", "- field: Priority\n    values: {High: Lowest}", 1))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "Lowest" {
			t.Errorf("priority of the twin after a value table was published: %s", got)
		}
		if got := here.Name(key, "priority"); got != "High" {
			t.Errorf("publishing rules changed the issue itself: %s", got)
		}
	})
}

// TestAnEditKeepsItsTimeWhenRulesArePublished: a field nothing was told of yet was edited, then another one; rules are published
// before either was seen. The edit is not taken for one as new as the other, which would win over what the twin's people did between.
func TestAnEditKeepsItsTimeWhenRulesArePublished(t *testing.T) {
	w := New(t, Options{})
	here, there := w.Private, w.Public
	key, twin := pairUp(t, w, here, nil)
	for i, edit := range []struct {
		h      *Half
		key    string
		fields map[string]any
	}{
		{here, key, map[string]any{"duedate": "2030-01-04"}},
		{there, twin, map[string]any{"duedate": "2030-01-14"}},
		{here, key, map[string]any{"summary": "later"}},
	} {
		if i > 0 {
			time.Sleep(1100 * time.Millisecond) // edits of one second may come in any order
		}
		edit.h.Edit(edit.key, edit.fields)
	}
	here.publish(Everything(here.Demo.ProjectKey) + "# again\n")
	w.Settle()
	for h, k := range map[*Half]string{here: key, there: twin} {
		if got := h.Field(k, "duedate"); got != `"2030-01-14"` {
			t.Errorf("%s: due date %s, want that of the newest edit", h.Site.Name, got)
		}
	}
}

func TestALostStateIsRebuiltWithoutDoubles(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"a"}})
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "from here"}, nil)
		there.OK("alice", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{"body": "from there"}, nil)
		here.attach(key, "a.txt", "content")
		there.Edit(twin, map[string]any{"summary": "edited there"})
		w.Settle()
		there.loseState()
		w.must(here.Site.Book.Rejoin(context.Background(), Connection))
		w.Settle()
		here.Edit(key, map[string]any{"summary": "after the loss"})
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"after the loss"` {
			t.Errorf("summary of the twin: %s", got)
		}
		if a, b := here.comments(key), there.comments(twin); len(a) != 2 || len(b) != 2 {
			t.Errorf("%d and %d comments, want 2 and 2: %+v %+v", len(a), len(b), a, b)
		}
		if got := there.attachments(twin); len(got) != 1 {
			t.Errorf("attachments of the twin: %+v", got)
		}
		if n := there.count(); n != 1 {
			t.Errorf("%d issues there, want one", n)
		}
	})
}

func (h *Half) count() int {
	h.T.Helper()
	n, err := h.Site.Jira.Count(context.Background(), "project = "+h.Demo.ProjectKey)
	h.must(err)
	return n
}

func TestByHandStopAndStart(t *testing.T) {
	w := New(t, Options{PublicRules: "version: 1\nmethod: manual\n", PrivateRules: "version: 1\n"})
	key := w.Public.Create("by hand", nil)
	w.Settle()
	if w.Public.Twin(key) != "" {
		t.Fatal("an issue came under sync although the method is manual")
	}
	ctx := context.Background()
	ask := func() {
		w.must(w.Public.Site.Send(ctx, site.Task{Kind: site.SyncTask, Connection: Connection, Issue: key, By: "ada"}, "live", ""))
		w.Settle()
	}
	ask()
	twin := w.Public.Twin(key)
	if twin == "" {
		t.Fatal("no twin was made for an issue put under sync by hand")
	}
	p := w.Public.Pair(key)
	c, err := w.Public.Site.Book.Connection(ctx, Connection)
	w.must(err)
	w.must(w.Public.Pub.Gone(ctx, c, p.Head.Local.ID, "stopped", "asked by ada"))
	w.Settle()
	w.Public.Edit(key, map[string]any{"summary": "while stopped"})
	w.Settle()
	if got := w.Private.Field(twin, "summary"); got != `"by hand"` {
		t.Errorf("an edit travelled although the pair is stopped: %s", got)
	}
	ask()
	w.Public.Edit(key, map[string]any{"summary": "again"})
	w.Settle()
	if got := w.Private.Field(twin, "summary"); got != `"again"` {
		t.Errorf("after starting again: %s", got)
	}
}

// TestAPersonIsNotTakenOffByARestart: who is found by e-mail is kept in memory only, and has to be found again.
func TestAPersonIsNotTakenOffByARestart(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"assignee": here.user("admin")})
		w.Settle()
		there.restart()
		there.publish(Everything(there.Demo.ProjectKey))
		w.Settle()
		if got := there.Name(twin, "assignee"); !strings.Contains(got, "Ada Admin") {
			t.Errorf("assignee after a restart and new rules: %q", got)
		}
		here.Edit(key, map[string]any{"assignee": here.user("carol")}) // whose address nobody sees
		w.Settle()
		if got := there.Name(twin, "assignee"); !strings.Contains(got, "Ada Admin") {
			t.Errorf("somebody who is not known there must change nothing: %q", got)
		}
		if got := there.Pair(twin).State.Fields["assignee"].Problem; !strings.Contains(got, "not known on this site") {
			t.Errorf("the problem is not noted: %q", got)
		}
	})
}
