package bench

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// FirstSync is what a first sync cost (scene A).
type FirstSync struct {
	Issues    int
	Took      time.Duration // until the last write
	Limit     time.Duration // what the receiving Jira's calls alone take
	Processor time.Duration
	Sent      int // calls on the sending side
	Received  int // calls on the receiving side
}

const commentsEach = 3

// RunFirstSync puts n issues with three comments and an attachment each under sync, from the public site to the private
// one, by a bulk job, as a person would start it.
func RunFirstSync(t testing.TB, n int, o Options) FirstSync {
	o.Held, o.Look = true, -1
	o.Deliver.Lost = 1
	w := New(t, o)
	ids := w.Public.Jira.CreateAll(n)
	each(n, func(i int) {
		for c := range commentsEach {
			w.Public.Jira.Comment(ids[i], c)
		}
		w.Public.Jira.Attach(ids[i], 4096)
	})
	ctx, began, used := context.Background(), time.Now(), processorTime()
	_, err := w.Public.Site.StartJob(ctx, Connection, "project = "+PublicProject, "bench", n)
	must(t, err)
	w.Run()
	began = time.Now()
	w.Settle(settleTime)
	used = processorTime() - used
	out := FirstSync{
		Issues: n, Took: w.Private.Jira.LastWrite().Sub(began), Processor: used,
		Sent: w.Public.Calls.Total(), Received: w.Private.Calls.Total(),
		Limit: time.Duration(n*(1+commentsEach+1)) * o.Latency / time.Duration(max(w.o.Writers, 1)),
	}
	w.Halt()
	checkFirst(t, w, n)
	return out
}

// checkFirst makes sure that everything arrived exactly once.
func checkFirst(t testing.TB, w *World, n int) {
	t.Helper()
	lines, err := w.Private.Site.Book.List(context.Background(), Connection, "", 0)
	must(t, err)
	if len(lines) != n {
		t.Errorf("%d pairs on the private half, want %d", len(lines), n)
	}
	for _, l := range lines {
		if s := w.Private.Jira.Show(l.Issue); s.Fields.Comment.Total != commentsEach || len(s.Fields.Files) != 1 {
			t.Errorf("issue %s: %d comments and %d attachments, want %d and 1", l.Issue, s.Fields.Comment.Total, len(s.Fields.Files), commentsEach)
		}
	}
	if count, err := w.Private.Site.Jira.Count(context.Background(), "project = "+PrivateProject); err != nil || count != n {
		t.Errorf("%d issues on the private site (%v), want %d", count, err, n)
	}
}

func (f FirstSync) report(r *Report, scene string) {
	n := float64(f.Issues)
	r.Add(scene, "calls per issue, receiving", "calls", "5.1 (4.1 + 1 attachment)", float64(f.Received)/n)
	r.Add(scene, "calls per issue, sending", "calls", "1 download + searches", float64(f.Sent)/n)
	r.Add(scene, "time until all have arrived", "s", "", f.Took.Seconds())
	if f.Limit > 0 {
		r.Add(scene, "time / physical limit of "+fmt.Sprintf("%.1f s", f.Limit.Seconds()), "x", limitTarget, f.Took.Seconds()/f.Limit.Seconds())
	}
	r.Add(scene, "processor time per issue, both halves", "ms", "", float64(f.Processor.Microseconds())/1000/n)
}

const limitTarget = "1.3 at 20 ms, 8 writers"
