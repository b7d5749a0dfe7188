package world

import (
	"context"
	"testing"
	"time"

	"drawbridge/simulator"
)

// TestTheMarkWaitsForWhatCouldNotBeTakenIn: a search that fails in the middle, and a restart after that; the next search begins where
// the last whole one ended.
func TestTheMarkWaitsForWhatCouldNotBeTakenIn(t *testing.T) {
	w := New(t, Options{})
	h, ctx := w.Private, context.Background()
	first := h.Create("first", nil)
	time.Sleep(20 * time.Millisecond)
	h.Create("second", nil)
	fault := h.Jira.Inject(simulator.Fault{Route: "*search*", Skip: 1, Status: 500})
	h.Watch.Overlap = time.Millisecond
	if _, err := h.Watch.Once(ctx); err == nil {
		t.Fatal("the issues could be read all the same")
	}
	h.Jira.ClearFaults(fault)
	h.restart()
	h.Watch.Overlap = time.Millisecond
	w.Settle()
	if h.Twin(first) == "" {
		t.Error("the mark moved over an issue that was not taken in")
	}
}
