package world

import (
	"context"
	"testing"
	"time"

	"drawbridge/simulator"
)

// TestWhatIsOnlyQueuedIsNotAcknowledged: a queue message is a hint that may be lost, so a change counts as taken when the pair holds
// it.
func TestWhatIsOnlyQueuedIsNotAcknowledged(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		ctx := context.Background()
		here.Edit(key, map[string]any{"summary": "two"})
		w.must(here.Jira.Flush(ctx))
		if here == w.Private {
			_, err := here.Watch.Once(ctx)
			w.must(err)
		}
		here.Drain()
		changes, _, err := here.Relay.Outgoing(ctx, Connection, 10, func(string, int64) bool { return false })
		w.must(err)
		if len(changes) != 1 {
			t.Fatalf("%d changes wait", len(changes))
		}
		c := changes[0]
		w.must(there.Relay.TakeChanges(ctx, changes))
		if a, err := there.Relay.Answer(ctx, Connection, c.Issue.ID, c.Revision); a != nil || err != nil {
			t.Errorf("only queued, and answered %+v, %v", a, err)
		}
		there.Drain()
		if a, err := there.Relay.Answer(ctx, Connection, c.Issue.ID, c.Revision); a == nil || err != nil || there.Field(twin, "summary") != `"two"` {
			t.Errorf("applied, and answered %+v, %v", a, err)
		}
	})
}

// TestALostAnswerMakesNoSecondTwin: Jira makes the twin and the answer is lost; the one that was made is found by its marker.
func TestALostAnswerMakesNoSecondTwin(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		before := there.issueCount()
		there.Jira.Inject(simulator.Fault{Route: "POST /issue", Agent: "drawbridge", LoseAnswer: true, Count: 1})
		key := here.Create("one", nil)
		w.Settle()
		w.wait("the twin is found", 20*time.Second, func() bool { w.Settle(); return here.Twin(key) != "" })
		if n := there.issueCount() - before; n != 1 {
			t.Errorf("%d twins", n)
		}
	})
}
