package sim

import (
	"flag"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	firstSeed = flag.Uint64("seed", 1, "first seed to run")
	runs      = flag.Int("runs", 2000, "number of seeds to run")
	enough    = flag.Int64("enough", 3, "stop after this many seeds that fail")
	shrinks   = flag.Int("shrink", 400, "how many shorter runs to try on a run that fails")
	loud      = flag.Bool("loud", false, "print the shrunk run with the product's log")
)

// once runs the steps in a bubble of fake time.
func once(t *testing.T, o options, steps []step, verbose bool) (w *world, wrong string) {
	synctest.Test(t, func(*testing.T) { w, wrong = run(o, steps, verbose) })
	return w, wrong
}

func TestEverythingConverges(t *testing.T) {
	n := *runs
	if testing.Short() {
		n = min(n, 100)
	}
	var next, bad atomic.Int64
	for shard := range 2 {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			t.Parallel()
			for bad.Load() < *enough {
				i := next.Add(1) - 1
				if i >= int64(n) {
					return
				}
				seed := *firstSeed + uint64(i)
				if !try(t, seed) {
					bad.Add(1)
				}
			}
		})
	}
}

// try runs one seed. A run that fails is shrunk to a story.
func try(t *testing.T, seed uint64) bool {
	o, steps := optionsOf(seed), plan(seed)
	if _, wrong := once(t, o, steps, *loud && *shrinks == 0); wrong == "" {
		return true
	}
	steps = shrink(t, o, steps)
	w, wrong := once(t, o, steps, *loud)
	t.Errorf("seed %d: %s\n\n%s\n\noptions %+v\nrepeat with:  go test ./tests/sim -run TestEverythingConverges -seed %d -runs 1", seed, wrong, strings.Join(w.story, "\n"), o, seed)
	return false
}

// shrink leaves steps away as long as the run still fails.
func shrink(t *testing.T, o options, steps []step) []step {
	left := *shrinks
	for size := len(steps) / 2; size > 0; size /= 2 {
		for i := 0; i < len(steps) && left > 0; {
			fewer := append(append([]step(nil), steps[:i]...), steps[min(i+size, len(steps)):]...)
			left--
			if _, wrong := once(t, o, fewer, false); wrong != "" {
				steps = fewer
			} else {
				i += size
			}
		}
	}
	return steps
}

// TestRunsRepeat shows that a seed decides everything: two runs tell the same story.
func TestRunsRepeat(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		a, _ := once(t, optionsOf(seed), plan(seed), false)
		b, _ := once(t, optionsOf(seed), plan(seed), false)
		if x, y := strings.Join(a.story, "\n"), strings.Join(b.story, "\n"); x != y {

			t.Errorf("seed %d told two stories:\n%s\n\n%s", seed, x, y)
			return
		}
	}
}
