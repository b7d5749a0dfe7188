package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/reconcile"
)

// Idle is what comparing pairs with a Jira costs in which nothing has changed (scene B).
type Idle struct {
	Pairs     int
	Took      time.Duration
	Processor time.Duration
	Calls     int
}

// RunIdle makes n issues and their pairs on the private half, and compares them all once.
func RunIdle(t testing.TB, n int, o Options) Idle {
	o.Held, o.Look = true, -1
	w := New(t, o)
	ids := w.Private.Jira.CreateAll(n)
	w.pairUp(w.Private, ids)
	must(t, reconcile.Start(context.Background(), w.Private.Site, Connection, "bench", false))
	began, used := time.Now(), processorTime()
	w.Run()
	w.Settle(settleTime)
	out := Idle{Pairs: n, Processor: processorTime() - used, Took: time.Since(began), Calls: w.Private.Calls.Total()}
	w.Halt()
	return out
}

// pairUp stores a settled pair for each issue, as if it had been synced long ago.
func (w *World) pairUp(h *Half, ids []string) {
	w.T.Helper()
	updated := map[string]int64{}
	must(w.T, h.Site.Jira.Search(context.Background(), "project = "+h.Jira.ProjectKey+" ORDER BY key ASC", jira.SearchOptions{Fields: []string{"updated"}, Page: 1000}, func(is *jira.Issue) error {
		updated[is.ID] = is.Updated().UnixMilli()
		return nil
	}))
	h.Calls.Reset()
	each(len(ids), func(i int) {
		p := samplePair(h.Site.Book, i)
		p.Head.Local = bridge.Ref{ID: ids[i], Key: fmt.Sprint(h.Jira.ProjectKey, "-", i+1)}
		p.Head.Updated = updated[ids[i]]
		if err := h.Site.Book.Join(context.Background(), p, nil); err != nil {
			w.T.Error(err)
		}
	})
}

func (i Idle) report(r *Report, scene string) {
	n := float64(i.Pairs)
	what := fmt.Sprintf("%d pairs: ", i.Pairs)
	r.Add(scene, what+"calls per 1,000 pairs", "calls", "12", float64(i.Calls)/n*1000)
	r.Add(scene, what+"time", "s", "", i.Took.Seconds())
	r.Add(scene, what+"processor time per pair", "ms", "", float64(i.Processor.Microseconds())/1000/n)
}
