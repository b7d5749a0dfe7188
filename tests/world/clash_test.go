package world

import (
	"context"
	"slices"
	"testing"

	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// TestAnIDThatBelongedToAStoppedPair: the remote Jira was rebuilt, and a new issue there has the id that the twin of a stopped pair
// had. It gets a twin of its own; the stopped one is left alone, and keeps its history.
func TestAnIDThatBelongedToAStoppedPair(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		ctx := context.Background()
		key, twin := pairUp(t, w, here, nil)
		_, err := here.Pub.Stop(ctx, Connection, here.Pair(key).Head.Local.ID, "ada")
		here.must(err)
		w.Settle()
		_, err = there.Site.Book.Update(ctx, Connection, there.Pair(twin).Head.Local.ID, func(p *pair.Pair) error { // as told long ago
			p.Head.Remote.Key = "OLD-1"
			return nil
		})
		there.must(err)
		fresh := here.Create("rebuilt", nil)
		here.must(here.Jira.Flush(ctx))
		_, err = here.Watch.Once(ctx)
		here.must(err)
		here.Drain()
		c, err := here.Pair(fresh).Change(ctx)
		here.must(err)
		c.Connection, c.Issue.ID = Connection, here.Pair(key).Head.Local.ID
		there.must(there.App.Change(ctx, site.Task{Kind: site.ChangeTask, Change: c}))
		if got := there.Field(twin, "summary"); got != `"one"` {
			t.Errorf("the stopped issue was written to: %s", got)
		}
		if n := there.issueCount(); n != 2 {
			t.Errorf("%d issues over there, want the stopped one and a new twin", n)
		}
		p := there.Pair(twin)
		events, err := there.Site.Book.History(ctx, Connection, p.Head.Local.ID, 0)
		there.must(err)
		if p.Head.Status != pair.Stopped || p.Head.Remote.ID != "" || len(events) < 3 || events[len(events)-1].What != "displaced" {
			t.Errorf("the stopped pair is %+v with %d lines of history", p.Head, len(events))
		}
	})
}

// TestWhatIsAlikeIsNoConflict: of two edits that say the same nothing is lost, and the history tells of no conflict.
func TestWhatIsAlikeIsNoConflict(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		a, b := pairUp(t, w, here, nil)
		here.Edit(a, map[string]any{"duedate": "2026-12-01", "summary": "this"})
		there.Edit(b, map[string]any{"duedate": "2026-12-01", "summary": "that"})
		w.Settle()
		for h, key := range map[*Half]string{here: a, there: b} {
			events, err := h.Site.Book.History(t.Context(), Connection, h.Pair(key).Head.Local.ID, 0)
			h.must(err)
			var fields []string
			for _, e := range events {
				if e.What == "conflict" {
					fields = append(fields, e.Field)
				}
			}
			if !slices.Equal(fields, []string{"summary"}) {
				t.Errorf("%s: conflicts of %v, want one of the summary", h.Site.Name, fields)
			}
		}
	})
}
