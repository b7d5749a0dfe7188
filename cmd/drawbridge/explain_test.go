package main

import (
	"slices"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

func TestWhatHappenedIsOnePhrase(t *testing.T) {
	for _, c := range []struct {
		ev   pair.Event
		want string
	}{{pair.Event{What: "gone"}, "gone"}, {pair.Event{What: "observed", Field: "summary"}, "observed summary"}} {
		if got := whatOf(c.ev); got != c.want {
			t.Errorf("%+v: %q, want %q", c.ev, got, c.want)
		}
	}
}

// TestWhatTheOtherSideCannotMakeIsExplainedOnce, and not as parked since never.
func TestWhatTheOtherSideCannotMakeIsExplainedOnce(t *testing.T) {
	p := &pair.Pair{Head: pair.Head{Local: bridge.Ref{ID: "1", Key: "PUB-1"}, Status: pair.Waiting, Answer: &bridge.Ack{Outcome: bridge.Parked, Reason: "no such type"}}}
	e := (&half{}).inPair(explanation{Issue: "PUB-1"}, p)
	want := []string{"it is under sync and has no twin yet", "the other side says: parked; no such type"}
	if !slices.Equal(e.Facts, want) || e.Next != "mend the cause, then: drawbridge sync retry PUB-1" {
		t.Errorf("%q, next %q", e.Facts, e.Next)
	}
}
