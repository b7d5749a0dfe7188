package world

import (
	"context"
	"errors"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// TestWhatAGivenUpTaskWasAboutIsLookedAtAgain: the event is lost with its task, what it said is not.
func TestWhatAGivenUpTaskWasAboutIsLookedAtAgain(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	ctx, h := context.Background(), w.Public
	down := bridge.Temporary("site-unreachable", "down").At(bridge.LevelSite)
	event := site.Task{Kind: site.EventTask, Issue: h.Pair(key).Head.Local.ID}
	for _, c := range []struct {
		task   site.Task
		cause  error
		enough bool
	}{
		{event, errors.New("panic"), false},
		{event, down, true},
		{site.Task{Kind: site.EventTask, Issue: "4711"}, down, false}, // no pair: nothing would be left of it
		{site.Task{Kind: site.EndTask, Connection: Connection}, down, false},
	} {
		if enough, err := reconcile.Mark(ctx, h.Site, c.task, c.cause); err != nil || enough != c.enough {
			t.Errorf("%s of %s after %v: enough %v, %v", c.task.Kind, c.task.Issue, c.cause, enough, err)
		}
	}
	h.Edit(key, map[string]any{"summary": "nobody heard of it"})
	h.lose()
	if w.Settle(); w.Private.Field(twin, "summary") == `"nobody heard of it"` {
		t.Fatal("the edit was seen anyway")
	}
	now := h.Site.Book.Now
	h.Site.Book.Now = func() int64 { return now() + 11*time.Minute.Milliseconds() }
	if w.Settle(); w.Private.Field(twin, "summary") != `"nobody heard of it"` {
		t.Error("what the event said is lost")
	}
	if docs, err := h.Store.List(ctx, "look/"+h.Site.Name, store.Range{}); err != nil || len(docs) != 0 {
		t.Errorf("%d marks are left, %v", len(docs), err)
	}
}

// lose delivers webhooks into a queue that loses them.
func (h *Half) lose() {
	h.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	h.must(h.Jira.Flush(ctx))
	ds, err := h.Queue.Receive(ctx, 10, time.Minute)
	h.must(err)
	if len(ds) == 0 {
		h.T.Fatal("no webhook came")
	}
	h.must(h.Queue.Delete(ctx, ds...))
}
