package apply

import (
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

const (
	fightName  = "automations-fighting"
	fightSame  = 6                // alternating edits of one field that bring the same value back, each knowing the one before
	fightTurns = 30               // and of any values
	fightPause = 90 * time.Second // who rests longer than this between two of them is no automation
)

// turn counts the edits of a field that took turns across the bridge, each made over the one before and none after a rest.
// It is called with every winner of the remote site; one that was counted before changes nothing.
func turn(t pair.Turns, mine, w *bridge.Entry) pair.Turns {
	if t.N > 0 && t.Seq == w.Seq {
		return t
	}
	next := pair.FirstTurn(w)
	if t.N == 0 || mine == nil || mine.Saw < t.Seq || w.Saw < mine.Seq || w.Stamp.At-t.At > fightPause.Milliseconds() {
		return next
	}
	next.N = t.N + 2 // ours, and this one
	if next.Value == t.Value {
		next.Same = t.Same + 2
	}
	return next
}

// fights notes a field over which two automations fight. The pair is not written to any more until a person says so.
func (d *decider) fights(key string, f *pair.Field, w *bridge.Entry) bool {
	if w.Stamp.Site == d.v.Role {
		return false
	}
	if f.Turns = turn(f.Turns, f.Mine, w); f.Turns.Same < fightSame && f.Turns.N < fightTurns {
		return false
	}
	d.pl.fight = bridge.Permanent(fightName, "field %q went back and forth %d times, last from %s here to %s there: two automations undo each other. Change one of them, then drawbridge errors retry %s",
		key, f.Turns.N, short(f.Mine), short(w), d.p.Head.Local.Key)
	return true
}

func short(e *bridge.Entry) string {
	text := []rune(e.Value)
	return string(text[:min(len(text), 60)])
}

// fighting reports that the pair was parked because of a fight: what comes is taken in, and nothing is written.
func fighting(p *pair.Pair) error {
	if k := p.Head.Parked; k != nil && k.Name == fightName {
		return &bridge.Error{Name: fightName, Message: k.Reason}
	}
	return nil
}
