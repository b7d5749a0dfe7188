package world

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// running lets both halves work as their processes do: four workers each, a search now and then, an exchange without
// pause. It ends with the test.
func (w *World) running() {
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
	w.T.Cleanup(func() { cancel(); wg.Wait() })
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

// arrives waits until an issue shows a summary.
func (h *Half) arrives(key, summary string, patience time.Duration) {
	h.T.Helper()
	begun := time.Now()
	for time.Since(begun) < patience {
		if h.Field(key, "summary") == fmt.Sprintf("%q", summary) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.T.Errorf("%s does not show %q after %s", key, summary, patience)
}

// TestLiveBeforeBulk: while a first sync of 200 issues runs at 20 ms per call of Jira, an edit by a person does not wait
// for it. Four workers that make two calls for a twin make 100 twins in a second, so an edit that a second of theirs would
// delay sees about as many come before it. That holds on a busy machine too, where a clock would not.
func TestLiveBeforeBulk(t *testing.T) {
	if testing.Short() {
		t.Skip("runs for some seconds")
	}
	w := New(t, manual)
	key := w.Private.Create("live", nil)
	w.must(w.Private.Site.Send(context.Background(), site.Task{Kind: site.SyncTask, Connection: Connection, Issue: key, By: "test"}, bridge.Live, ""))
	w.Settle()
	twin := w.Private.Twin(key)
	for i := range 200 {
		w.Private.Create(fmt.Sprintf("old %d", i), map[string]any{"issuetype": map[string]string{"name": "Bug"}})
	}
	w.Settle() // the search has seen them
	for _, h := range []*Half{w.Public, w.Private} {
		h.Jira.Inject(simulator.Fault{Route: "*", Latency: 20 * time.Millisecond})
	}
	w.running()
	_, err := w.Private.Site.StartJob(context.Background(), Connection, "project = "+PrivateProject, "test", 201)
	w.must(err)
	const patience = time.Minute
	w.wait("the first sync is under way", patience, func() bool { return w.twins() > 10 })
	var before []int
	for i := range 3 {
		summary, made := fmt.Sprintf("live %d", i), w.twins()
		w.Private.Edit(key, map[string]any{"summary": summary})
		w.Public.arrives(twin, summary, patience)
		before = append(before, w.twins()-made)
	}
	if n := w.twins(); n >= 200 {
		t.Fatalf("the first sync was over too soon to prove anything: %d twins", n)
	}
	slices.Sort(before)
	if before[1] > 50 {
		t.Errorf("twins of the first sync made before a live edit arrived: %v", before)
	}
	t.Logf("twins of the first sync made before a live edit arrived: %v", before)
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
