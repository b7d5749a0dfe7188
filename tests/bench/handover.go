package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/queue"
	"drawbridge/shared/site"
	"drawbridge/shared/work"
)

// arrivals is a queue that notes when the changes of the remote site's issues came.
type arrivals struct {
	queue.Queue
	mu sync.Mutex
	at map[string]time.Time // by remote issue; nil: nobody wants to know
}

// isChange spares reading webhooks, which are no changes.
var isChange = fmt.Appendf(nil, `{"kind":%q`, site.ChangeTask)

// Send implements queue.Queue.
func (a *arrivals) Send(ctx context.Context, ms ...queue.Message) error {
	err := a.Queue.Send(ctx, ms...)
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		return err
	}
	for _, m := range ms {
		var t site.Task
		if err == nil && bytes.HasPrefix(m.Body, isChange) && json.Unmarshal(m.Body, &t) == nil && t.Change != nil {
			a.at[t.Change.Issue.ID] = now
		}
	}
	return err
}

// Wait implements queue.Waiter.
func (a *arrivals) Wait(ctx context.Context) error { return queue.Wait(ctx, a.Queue) }

func (a *arrivals) of(issue string) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at[issue]
}

// Handover is how fast a webhook gets from the hub to the poller (scene D).
type Handover struct {
	P50, P99 time.Duration // at 50 a second, from the hub's 202 until the poller holds the change durably
	Burst    float64       // webhooks accepted durably per second, while the hub works on those before
	EndToEnd float64       // and handed to the poller per second
	Accept   time.Duration // processor time of one accepted webhook, its sender's included, while nothing else works
	Rest     time.Duration // processor time of what follows, until it is handed over, both halves
	Lost     int
}

// parallel is how many connections a burst comes over.
const parallel = 32

// RunHandover sends webhooks of n new issues at 50 a second to halves that do all of their work, then a burst: half of it while
// nothing else works, half while the hub and the poller do. Of the burst the poller takes changes and does not apply them, so that
// nothing but the hand-over is measured: all of them are in its hands in the end, no more than an exchange can name.
func RunHandover(t testing.TB, n, burst int) Handover {
	w := New(t, Options{Look: -1})
	w.Private.Arrivals.at = map[string]time.Time{} // nothing runs yet
	var ids []string
	slow := w.shots(w.Post.Gather(n, func() { ids = w.Public.Jira.CreateAll(n) }))
	fast := w.shots(w.Post.Gather(burst, func() { ids = append(ids, w.Public.Jira.CreateAll(burst)...) }))
	stop := w.handOver(w.Public.Pool, w.Private.Pool)
	w.Public.Jira.Create(0) // names and fields are known now
	time.Sleep(time.Second)
	w.volley(slow, 1, 20*time.Millisecond)
	out := Handover{Lost: w.handed(ids[:n])}
	var took []time.Duration
	for _, s := range slow {
		took = append(took, w.Private.Arrivals.of(s.issue).Sub(s.taken))
	}
	slices.Sort(took)
	out.P50, out.P99 = took[n/2], took[n*99/100]
	stop()
	used := processorTime()
	w.volley(fast[:burst/2], parallel, 0)
	out.Accept = (processorTime() - used) / time.Duration(burst/2)
	used = processorTime()
	began := time.Now()
	stop = w.handOver(w.Public.Pool)
	defer stop()
	out.Burst = float64(burst-burst/2) / w.volley(fast[burst/2:], parallel, 0).Seconds()
	out.Lost += w.handed(ids[n:])
	out.EndToEnd = float64(burst) / time.Since(began).Seconds()
	out.Rest = (processorTime() - used - out.Accept*time.Duration(burst-burst/2)) / time.Duration(burst)
	return out
}

// handOver runs exchanges, and the work of the halves whose pools are given, until it is stopped.
func (w *World) handOver(pools ...*work.Pool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, p := range pools {
		wg.Go(func() { p.Run(ctx) })
	}
	wg.Go(func() { w.Loop.Run(ctx) })
	return func() { cancel(); wg.Wait() }
}

// handed waits until the poller holds the changes of all issues, and counts those that never come.
func (w *World) handed(ids []string) (lost int) {
	deadline := time.Now().Add(settleTime)
	for _, id := range ids {
		for w.Private.Arrivals.of(id).IsZero() && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if w.Private.Arrivals.of(id).IsZero() {
			lost++
		}
	}
	return lost
}

// Trouble is what becomes of edits made meanwhile (scene D).
type Trouble struct {
	Lost    int           // twins that do not show the last edit in the end
	Settled time.Duration // from when the private Jira answers again until nothing waits
}

// RunTrouble edits issues while nobody works, while the poller is away and while the private Jira answers 500 to everything.
func RunTrouble(t testing.TB, n int) (out Trouble) {
	w := New(t, Options{Writers: 8, Deliver: Deliveries{Twice: true}})
	w.Run()
	ids := w.Public.Jira.CreateAll(n)
	w.Settle(settleTime)
	for round, trouble := range []struct {
		on, off func()
		lasts   time.Duration
	}{
		{func() { w.Halt() }, w.Run, time.Second}, // nobody works: the hub only takes webhooks, and starts anew then
		{func() { w.Halt(w.Private) }, w.Run, time.Second},
		{func() { w.Private.Jira.Fail(true) }, func() { w.Private.Jira.Fail(false) }, 4 * time.Second}, // longer than a call is tried
	} {
		trouble.on()
		for edit := range 2 {
			each(n, func(i int) { w.Public.Jira.Edit(ids[i], fmt.Sprintf("round %d edit %d of %d", round, edit, i)) })
		}
		time.Sleep(trouble.lasts)
		trouble.off()
		began := time.Now()
		w.Settle(settleTime)
		out.Settled = time.Since(began)
		out.Lost += w.differ(ids, func(i int) string { return fmt.Sprintf("round %d edit 1 of %d", round, i) })
	}
	return out
}

// differ counts twins of the public site's issues that do not show that summary.
func (w *World) differ(ids []string, want func(i int) string) (n int) {
	w.T.Helper()
	for i, id := range ids {
		p, err := w.Public.Site.Book.Load(context.Background(), Connection, id)
		must(w.T, err)
		if p == nil || w.Private.Jira.Show(p.Head.Remote.ID).Fields.Summary != want(i) {
			n++
		}
	}
	return n
}

func (d Trouble) report(r *Report, scene string) {
	r.Add(scene, "lost: poller away, hub restarted, Jira answers 500", "changes", "0", float64(d.Lost))
	r.Add(scene, "settled after Jira has answered 500", "s", "", d.Settled.Seconds())
}

func (h Handover) report(r *Report, scene string) {
	r.Add(scene, "202 to handed over at 50/s, p50", "ms", "5", float64(h.P50.Microseconds())/1000)
	r.Add(scene, "202 to handed over at 50/s, p99", "ms", "20", float64(h.P99.Microseconds())/1000)
	r.Add(scene, "burst: accepted durably", "per s", ">= 2000", h.Burst)
	r.Add(scene, "burst: handed to the poller", "per s", "", h.EndToEnd)
	r.Add(scene, "processor time per accepted webhook, and its sender's", "ms", "", float64(h.Accept.Microseconds())/1000)
	r.Add(scene, "processor time from there to the poller, both halves", "ms", "", float64(h.Rest.Microseconds())/1000)
	r.Add(scene, "lost", "changes", "0", float64(h.Lost))
}
