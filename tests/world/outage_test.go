package world

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// fails has a route answer 500 to Drawbridge until all faults are cleared.
func (h *Half) fails(route string) {
	h.Jira.Inject(simulator.Fault{Route: route, Agent: "drawbridge", Status: 500})
}

// hand brings what waits into the other half's queue, once: a poller does not ask again for what it holds.
func (w *World) hand(from, to *Half) {
	w.T.Helper()
	ctx := context.Background()
	w.must(from.Jira.Flush(ctx))
	_, err := from.Watch.Once(ctx)
	w.must(err)
	from.Drain()
	changes, _, err := from.Relay.Outgoing(ctx, Connection, 100, func(string, int64) bool { return false })
	w.must(err)
	w.must(to.Relay.TakeChanges(ctx, changes))
	to.Drain()
}

// TestAChangeThatCameInTroubleIsNotForgotten: the pair has an open write, and the issue cannot be read; the change that comes then is in
// no pair yet. When Jira works again it is applied, without being sent again.
func TestAChangeThatCameInTroubleIsNotForgotten(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		there.fails("PUT /issue/{key}")
		here.Edit(key, map[string]any{"summary": "two"})
		w.hand(here, there)
		there.fails("GET /issue/{key}")
		here.Edit(key, map[string]any{"summary": "three"})
		w.hand(here, there)
		if p := there.Pair(twin).Head; p.Parked == nil || p.Parked.Name != "jira-failed" {
			t.Fatalf("it is parked as %+v", p.Parked)
		}
		there.Jira.ClearFaults()
		for range 100 {
			time.Sleep(20 * time.Millisecond)
			_, err := reconcile.Due(context.Background(), there.Site)
			w.must(err)
			there.Drain()
			if there.Field(twin, "summary") == `"three"` {
				return
			}
		}
		t.Errorf("the twin shows %s, parked %+v", there.Field(twin, "summary"), there.Pair(twin).Head.Parked)
	})
}

// TestTheAckOfARetryIsTold: who holds an exchange is told of a change that was applied by the pair's own retry, when its ack is ready.
func TestTheAckOfARetryIsTold(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	w.Private.fails("PUT /issue/{key}")
	w.Public.Edit(key, map[string]any{"summary": "two"})
	w.hand(w.Public, w.Private)
	w.Private.Jira.ClearFaults()
	p := w.Public.Pair(key).Head
	told := false
	w.Private.App.Worked = func(connection, remoteIssue string) {
		a, err := w.Private.Relay.Answer(context.Background(), connection, remoteIssue, p.Revision)
		told = told || err == nil && remoteIssue == p.Local.ID && a != nil && a.Outcome == bridge.Applied
	}
	w.Private.retry(twin)
	if w.Private.Drain(); !told {
		t.Error("the ack waits until somebody asks")
	}
}

// retry sends for a pair as the schedule does.
func (h *Half) retry(key string) {
	h.T.Helper()
	h.must(h.Site.Send(context.Background(), site.Task{Kind: site.RetryTask, Connection: Connection, Issue: h.Pair(key).Head.Local.ID, By: "schedule"}, bridge.Live, ""))
}

// TestPairsParkedInAnOutageAreFreedTogether: Jira refuses all writes for so long that the next tries are minutes away; when one of the
// pairs works again, the others do not wait for theirs. What another error parked waits on.
func TestPairsParkedInAnOutageAreFreedTogether(t *testing.T) {
	w := New(t, Options{})
	keys, twins := pairsUp(t, w, w.Public, 4)
	w.Private.fails("PUT /issue/{key}")
	for _, k := range keys {
		w.Public.Edit(k, map[string]any{"summary": "changed " + k})
	}
	w.hand(w.Public, w.Private)
	ctx := context.Background()
	for i, k := range twins {
		_, err := w.Private.Site.Book.Update(ctx, Connection, w.Private.Pair(k).Head.Local.ID, func(p *pair.Pair) error {
			name := p.Head.Parked.Name
			if i == 3 {
				name = "busy"
			}
			now := w.Private.Site.Now()
			p.Park(name, "for the test", now, now+10*time.Minute.Milliseconds())
			return nil
		})
		w.must(err)
	}
	w.Private.Jira.ClearFaults()
	w.Private.retry(twins[0])
	w.Private.Drain()
	var shown []string
	for _, k := range twins {
		shown = append(shown, w.Private.Field(k, "summary"))
	}
	var want []string
	for _, k := range keys[:3] {
		want = append(want, fmt.Sprintf("%q", "changed "+k))
	}
	if !slices.Equal(shown[:3], want) || w.Private.Pair(twins[3]).Head.Parked == nil {
		t.Errorf("the twins show %v, the last is parked as %+v", shown, w.Private.Pair(twins[3]).Head.Parked)
	}
	w.must(reconcile.Back(ctx, w.Private.Site))
	if w.Private.Drain(); w.Private.Pair(twins[3]).Head.Parked != nil {
		t.Error("the site is back, and a pair waits on")
	}
}

// TestWhetherASiteAnswersIsAskedEveryTime: what was known a moment ago says nothing.
func TestWhetherASiteAnswersIsAskedEveryTime(t *testing.T) {
	h, ctx := New(t, Options{}).Private, context.Background()
	if err := h.Site.Answers(ctx); err != nil {
		t.Fatal(err)
	}
	h.fails("*")
	if _, err := h.Site.Account(ctx); err != nil {
		t.Errorf("who we are is known for a while: %v", err)
	}
	if err := h.Site.Answers(ctx); bridge.LevelOf(err) != bridge.LevelSite {
		t.Errorf("it answers nobody: %v", err)
	}
}
