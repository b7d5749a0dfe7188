package bench

import (
	"fmt"
	"testing"
	"time"
)

// Away is what a week of edits costs that were made while the poller was away (scene E).
type Away struct {
	Issues, Edits int
	Took          time.Duration
	Processor     time.Duration
	Writes        int // on the private side
	Reads         int
	Wrong         int // twins that do not show the last edit
}

// RunAway makes issues, stops the private half, makes many edits of each, then lets it come back. Edits are webhooks the
// hub works on while the poller is away; Cloud's limits on edits of one issue are for Drawbridge's own writes, not people's.
func RunAway(t testing.TB, issues, edits int, o Options) Away {
	w := New(t, o)
	ids := w.Public.Jira.CreateAll(issues)
	w.Run()
	w.Settle(settleTime)
	w.Halt(w.Private)
	for round := range edits / issues {
		each(issues, func(i int) { w.Public.Jira.Edit(ids[i], fmt.Sprintf("edit %d of %d", round, i)) })
	}
	for w.Post.Waiting()+w.Public.Queued() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	began, used := time.Now(), processorTime()
	w.Run()
	w.Settle(settleTime)
	out := Away{Issues: issues, Edits: edits, Processor: processorTime() - used, Took: w.Private.Jira.LastWrite().Sub(began)}
	writes, reads, searches := w.Private.Calls.split()
	out.Writes, out.Reads = writes, reads+searches
	w.Halt()
	out.Wrong = w.differ(ids, func(i int) string { return fmt.Sprintf("edit %d of %d", edits/issues-1, i) })
	return out
}

func (a Away) report(r *Report, scene string) {
	r.Add(scene, "writes per touched issue", "calls", "1", float64(a.Writes)/float64(a.Issues))
	r.Add(scene, "reads per touched issue, private side", "calls", "", float64(a.Reads)/float64(a.Issues))
	r.Add(scene, fmt.Sprintf("time to catch up: %d edits on %d issues", a.Edits, a.Issues), "s", "", a.Took.Seconds())
	r.Add(scene, "processor time per edit, both halves", "ms", "", float64(a.Processor.Microseconds())/1000/float64(a.Edits))
	r.Add(scene, "twins that do not show the last edit", "issues", "0", float64(a.Wrong))
}
