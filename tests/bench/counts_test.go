package bench

import (
	"testing"
	"time"
)

// TestCounts asserts what does not depend on the machine: how many calls a synced issue costs, and that nothing waits long, or for ever,
// after a trouble.
func TestCounts(t *testing.T) {
	t.Run("A first sync", func(t *testing.T) {
		t.Parallel()
		f := RunFirstSync(t, 50, Options{})
		most(t, "calls per issue on the receiving side", f.Received, f.Issues, 5.1, 8) // and what every start asks once
		most(t, "calls per issue on the sending side", f.Sent, f.Issues, 1.1, 8)
	})
	t.Run("B idle reconciliation", func(t *testing.T) {
		t.Parallel()
		i := RunIdle(t, 1000, Options{})
		most(t, "calls per 1,000 pairs", i.Calls, 1, 12, 0)
	})
	t.Run("C changes", func(t *testing.T) {
		t.Parallel()
		for _, c := range RunChanges(t, 50, Options{Deliver: Deliveries{Lost: 0.05, Parallel: 8}, Look: time.Second}) {
			most(t, c.Kind+": writes per change", c.Writes, c.Changes, 1.05, 0)
			reads := 0.1
			if c.Kind == "comment" {
				reads = 0.6 // Cloud's event does not prove that everybody may see it: one read for half of them
			}
			most(t, c.Kind+": reads per change", c.Reads, c.Changes, reads, 20) // and looks for changes, by the clock
		}
	})
	t.Run("C creations with remote links", func(t *testing.T) {
		t.Parallel()
		c := RunLinked(t, 50, Options{Deliver: Deliveries{Lost: 0.05, Parallel: 8}, Look: time.Second})
		most(t, "writes on both sides", c.Writes, c.Changes, 2.05+1.05, 0)
		if c.Writes < 3*c.Changes {
			t.Errorf("%d writes for %d: links are missing", c.Writes, c.Changes)
		}
		most(t, "reads on both sides", c.Reads, c.Changes, 0.1, 20)
	})
	t.Run("D trouble", func(t *testing.T) {
		t.Parallel()
		if d := RunTrouble(t, 12); d.Lost > 0 || d.Settled > 15*time.Second {
			t.Errorf("%d twins do not show the last edit; settled %s after Jira answered again", d.Lost, d.Settled)
		}
	})
	t.Run("E a week away", func(t *testing.T) {
		t.Parallel()
		a := RunAway(t, 20, 200, Options{})
		most(t, "writes per touched issue", a.Writes, a.Issues, 1, 0)
		if a.Wrong > 0 {
			t.Errorf("%d twins do not show the last edit", a.Wrong)
		}
	})
}

// most checks got <= perItem*items + fixed.
func most(t *testing.T, what string, got, items int, perItem, fixed float64) {
	t.Helper()
	if float64(got) > perItem*float64(items)+fixed {
		t.Errorf("%s: %d for %d, want at most %v each and %v", what, got, items, perItem, fixed)
	}
}
