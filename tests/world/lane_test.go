package world

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/simulator"
)

// running lets both halves work as their processes do: four workers each, a search now and then, an exchange without
// pause, until stop is called.
func (w *World) running() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, h := range []*Half{w.Public, w.Private} {
		h.Pool.Workers = 4
		wg.Go(func() { h.Pool.Run(ctx) })
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			_, _ = w.Private.Watch.Once(ctx) // what fails is seen by what does not arrive
			time.Sleep(50 * time.Millisecond)
		}
	})
	wg.Go(func() {
		under := map[string]int64{}
		for ctx.Err() == nil {
			w.carry(ctx, w.Public, w.Private, under)
			w.carry(ctx, w.Private, w.Public, under)
			time.Sleep(20 * time.Millisecond)
		}
	})
	return func() { cancel(); wg.Wait() }
}

// carry takes what waits on one half to the other, once each, and the acks that are ready back.
func (w *World) carry(ctx context.Context, from, to *Half, under map[string]int64) {
	prefix := string(from.Site.Role) + "/"
	changes, _, err := from.Relay.Outgoing(ctx, Connection, 200, func(issue string, revision int64) bool { return under[prefix+issue] >= revision })
	raw, _ := json.Marshal(changes)
	var wire []bridge.Change
	if err != nil || json.Unmarshal(raw, &wire) != nil || to.Relay.TakeChanges(ctx, wire) != nil {
		return
	}
	for _, c := range wire {
		under[prefix+c.Issue.ID] = c.Revision
	}
	for key, revision := range under {
		if issue, ours := key[len(prefix):], key[:len(prefix)] == prefix; ours {
			if a, err := to.Relay.Answer(ctx, Connection, issue, revision); err == nil && a != nil && from.Relay.TakeAcks(ctx, []bridge.Ack{*a}) == nil {
				delete(under, key)
			}
		}
	}
}

// arrives waits until an issue shows a summary, and returns how long that took.
func (h *Half) arrives(key, summary string, patience time.Duration) time.Duration {
	h.T.Helper()
	begun := time.Now()
	for time.Since(begun) < patience {
		if h.Field(key, "summary") == fmt.Sprintf("%q", summary) {
			return time.Since(begun)
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.T.Errorf("%s does not show %q after %s", key, summary, patience)
	return patience
}

// TestLiveBeforeBulk: while a first sync of 1,000 issues runs at 20 ms per call of Jira, an edit by a person is on the other side
// less than a second later than it would be alone. Time is fake, so that it is the order of things that is measured; with 10,000
// issues the figures are the same, and the test takes a minute.
func TestLiveBeforeBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := manual
		o.FakeTime = true
		w := New(t, o)
		ctx := context.Background()
		key := w.Private.Create("live", nil)
		w.must(w.Private.Site.Send(ctx, site.Task{Kind: site.SyncTask, Connection: Connection, Issue: key, By: "test"}, bridge.Live, ""))
		w.Settle()
		twin := w.Private.Twin(key)
		const many = 1_000
		for i := range many {
			w.Private.Create(fmt.Sprintf("old %d", i), map[string]any{"issuetype": map[string]string{"name": "Bug"}})
		}
		time.Sleep(time.Hour) // the search sees them no more
		mark := store.Key{Part: "watch/private", Sort: "mark"}
		w.must(w.Private.Store.Apply(ctx, store.Put(store.Doc{Key: mark, Body: fmt.Appendf(nil, `{"mark":%d}`, time.Now().UnixMilli())})))
		for _, h := range []*Half{w.Public, w.Private} {
			h.Jira.Inject(simulator.Fault{Route: "*", Agent: "drawbridge", Latency: 20 * time.Millisecond})
		}
		stop := w.running()
		alone := w.edits(key, twin, "alone")
		_, err := w.Private.Site.StartJob(ctx, Connection, "project = "+PrivateProject, "test", many+1)
		w.must(err)
		w.wait("the first sync is under way", time.Minute, func() bool { return w.twins() > 10 })
		before := w.twins()
		beside := w.edits(key, twin, "beside")
		if n := w.twins(); n <= before || n >= many {
			t.Fatalf("the first sync did not run beside the edits: %d twins before, %d after", before, n)
		}
		t.Logf("alone %v, beside a first sync %v", alone, beside)
		if delay := slices.Max(beside) - slices.Min(alone); delay >= time.Second {
			t.Errorf("a live edit is delayed by %s beside a first sync: %v, alone %v", delay, beside, alone)
		}
		stop()
	})
}

// edits makes ten edits, one after the other, and says how long each took to arrive.
func (w *World) edits(key, twin, word string) (took []time.Duration) {
	w.T.Helper()
	for i := range 10 {
		summary := fmt.Sprintf("%s %d", word, i)
		w.Private.Edit(key, map[string]any{"summary": summary})
		took = append(took, w.Public.arrives(twin, summary, 30*time.Second))
		time.Sleep(137 * time.Millisecond)
	}
	return took
}

// twins counts the pairs of the public side.
func (w *World) twins() int {
	w.T.Helper()
	lines, err := w.Public.Site.Book.List(context.Background(), Connection, "", 0)
	w.must(err)
	return len(lines)
}

func (w *World) wait(what string, patience time.Duration, until func() bool) {
	w.T.Helper()
	for begun := time.Now(); !until(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > patience {
			w.T.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// TestAFirstSyncResumes: a first sync that is cut off by a restart goes on where it stopped, and makes nothing twice.
func TestAFirstSyncResumes(t *testing.T) {
	w := New(t, manual)
	for i := range 130 {
		w.Public.Create(fmt.Sprintf("old %d", i), nil)
	}
	w.Settle()
	w.Public.start("project = PUB")
	if kind := w.Public.one(); kind != site.BulkTask {
		t.Fatalf("%s went first", kind)
	}
	before := w.Public.job("project = PUB")
	w.Public.restart()
	w.Private.restart()
	w.Settle()
	j := w.Public.job("project = PUB")
	if before.State != site.JobRuns || before.Begun == 0 || before.Begun == 130 || j.State != site.JobDone || j.Begun != 130 || w.Private.issueCount() != 130 {
		t.Errorf("cut off at %d; then %s, %d begun, %d twins", before.Begun, j.State, j.Begun, w.Private.issueCount())
	}
}
