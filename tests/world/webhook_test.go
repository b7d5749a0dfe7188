package world

import (
	"context"
	"testing"
	"time"
)

// TestASilentWebhookIsSeen: while the webhook works, searches find nothing that it did not tell of; once it is gone, a
// change that a search finds starts the clock of the alarm, and the next delivery stops it.
func TestASilentWebhookIsSeen(t *testing.T) {
	w := New(t, Options{})
	key, _ := pairUp(t, w, w.Public, nil)
	ctx, public := context.Background(), w.Public.Site
	look := func() {
		t.Helper()
		w.Settle()
		_, err := w.Public.Watch.Once(ctx)
		w.must(err)
	}
	look()
	d, err := public.Deliveries(ctx)
	w.must(err)
	if d.Last == 0 || d.Count == 0 || d.Event == "" || d.Unheard != 0 {
		t.Fatalf("the webhook works: %+v", d)
	}
	hooks, err := public.Jira.ListWebhooks(ctx)
	w.must(err)
	for _, h := range hooks {
		w.must(public.Jira.DeleteWebhook(ctx, h.ID))
	}
	public.Now = func() int64 { return time.Now().Add(10 * time.Minute).UnixMilli() }
	w.Public.Edit(key, map[string]any{"summary": "nobody tells of this"})
	look()
	if d, err = public.Deliveries(ctx); err != nil || d.Unheard == 0 {
		t.Fatalf("the webhook is gone: %+v, %v", d, err)
	}
	if s := d.Silent(d.Unheard + time.Hour.Milliseconds()); s != time.Hour {
		t.Errorf("an hour later it is silent for %s", s)
	}
	w.Public.webhook()
	w.Public.Edit(key, map[string]any{"summary": "told again"})
	look()
	if d, err = public.Deliveries(ctx); err != nil || d.Unheard != 0 || d.Silent(public.Now()) != 0 {
		t.Errorf("the webhook is back: %+v, %v", d, err)
	}
}
