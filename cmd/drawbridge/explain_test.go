package main

import (
	"testing"

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
