package apply

import (
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

func TestTurns(t *testing.T) {
	for name, c := range map[string]struct {
		gap     int64 // ms between the remote edits
		saw     bool  // each edit was made over the one before
		counter bool  // each edit has another value
		n, same int
	}{
		"automations":        {20_000, true, false, 9, 9},
		"a counter":          {20_000, true, true, 9, 1},
		"people, resting":    {100_000, true, false, 1, 1},
		"edits that crossed": {20_000, false, false, 1, 1},
		"just no rest":       {90_000, true, false, 9, 9},
	} {
		var f pair.Turns
		var mine *bridge.Entry
		for i := int64(1); i <= 5; i++ {
			w := &bridge.Entry{Seq: i, Saw: bridge.Unseen, Value: bridge.ValueOf("High"), Stamp: bridge.Stamp{At: i * c.gap}}
			if c.saw {
				w.Saw = i + 99
			}
			if c.counter {
				w.Value = bridge.ValueOf(i)
			}
			f = turn(f, mine, w)
			if again := turn(f, mine, w); again != f {
				t.Errorf("%s: the same edit counts twice", name)
			}
			mine = &bridge.Entry{Seq: i + 100, Saw: i}
		}
		if f.N != c.n || f.Same != c.same {
			t.Errorf("%s: %d turns, %d with the same value; want %d, %d", name, f.N, f.Same, c.n, c.same)
		}
	}
}
