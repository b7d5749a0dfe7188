package crash

import (
	"math/rand/v2"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// uncertain is how long it may take until a creation that was cut off in its call is tried again: until it must be over, and
// the search index has passed it.
const uncertain = 5 * time.Minute

// TestKilledUnderLoad kills hub and poller at random while people work on both sides.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	n := seed(t)
	w := rig.New(t, rig.Options{})
	c := newCrowd(w)
	c.work(n, 2, 200*time.Millisecond)
	kills := killer(t, w, n, 12*time.Second)
	c.quit()
	t.Logf("killed hub %d times, poller %d times", kills[0], kills[1])
	c.settled(t, uncertain)
	if p := parked(t, w); len(p) > 0 {
		t.Errorf("parked in the end: %v", p)
	}
}

// killer kills one of the halves at random moments and starts it again, for a while.
func killer(t *testing.T, w *rig.World, seed uint64, d time.Duration) (kills [2]int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 99))
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(100+rng.IntN(900)) * time.Millisecond)
		which := rng.IntN(3) // 2: both at once
		if which != 1 {
			w.Hub.Kill()
			kills[0]++
		}
		if which != 0 {
			w.Poller.Kill()
			kills[1]++
		}
		time.Sleep(time.Duration(rng.IntN(200)) * time.Millisecond)
		if which != 1 {
			w.StartHub()
		}
		if which != 0 {
			w.StartPoller()
		}
	}
	return kills
}

// TestHostileJiras has webhooks doubled, reordered, late and lost, searches that lag, edits refused at random: what events
// missed, the search finds.
func TestHostileJiras(t *testing.T) {
	t.Parallel()
	n := seed(t)
	w := rig.New(t, rig.Options{Hostile: true, PollerWebhook: true})
	lossy := rig.Fields{"webhooks": rig.Fields{"drop": 0.3, "duplicate": 0.3, "reorder": 0.3, "delay": 0.2, "delayBy": "500ms", "corrupt": 0.05}}
	w.Public.Set(lossy)
	w.Private.Set(lossy)
	c := newCrowd(w)
	c.work(n, 2, 200*time.Millisecond)
	time.Sleep(5 * time.Second)
	kills := killer(t, w, n, 4*time.Second)
	c.quit()
	t.Logf("killed hub %d times, poller %d times", kills[0], kills[1])
	c.settled(t, uncertain)
}
