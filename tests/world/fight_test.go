package world

import (
	"context"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

func priority(name string) map[string]any {
	return map[string]any{"priority": map[string]string{"name": name}}
}

func TestTwoAutomationsThatFightAreParked(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Private, nil)
	calm, calmTwin := pairUp(t, w, w.Private, nil)
	rounds := 0
	for ; rounds < 20 && w.Public.Pair(twin).Head.Parked == nil && w.Private.Pair(key).Head.Parked == nil; rounds++ {
		w.Private.Edit(key, priority("High"))
		w.Settle()
		w.Public.Edit(twin, priority("Low"))
		w.Settle()
	}
	if rounds < 3 || rounds > 5 {
		t.Errorf("noticed after %d rounds", rounds)
	}
	parked := w.Public.Pair(twin).Head.Parked
	h, issue := w.Public, twin
	if parked == nil {
		parked, h, issue = w.Private.Pair(key).Head.Parked, w.Private, key
	}
	if parked.Name != "automations-fighting" || !strings.Contains(parked.Reason, "priority") || parked.Retry != 0 {
		t.Fatalf("parked as %+v", parked)
	}
	w.Private.Edit(calm, priority("High"))
	w.Private.Edit(key, map[string]any{"summary": "while parked"})
	w.Settle()
	if got := w.Public.Name(calmTwin, "priority"); got != "High" {
		t.Errorf("another pair was held up: its twin has priority %s", got)
	}
	if h.Pair(issue).Head.Parked == nil {
		t.Error("a later change took the pair out of parking")
	}
	h.must(h.Site.Send(context.Background(), site.Task{Kind: site.RetryTask, Connection: Connection, Issue: h.Pair(issue).Head.Local.ID, By: "ada", Insist: true}, bridge.Live, ""))
	w.Settle()
	if k := h.Pair(issue).Head.Parked; k != nil {
		t.Errorf("still parked after a person asked: %+v", k)
	}
	if a, b := w.Private.Name(key, "priority"), w.Public.Name(twin, "priority"); a != b || w.Public.Field(twin, "summary") != `"while parked"` {
		t.Errorf("the sides differ after going on: %s and %s, %s", a, b, w.Public.Field(twin, "summary"))
	}
}

func TestPeopleTakingTurnsAreNoFight(t *testing.T) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Private, nil)
	for range 6 {
		w.Private.Edit(key, priority("High"))
		w.Private.Edit(key, priority("Low"))
		w.Private.Edit(key, priority("Medium"))
		w.Settle()
	}
	if k := w.Public.Pair(twin).Head.Parked; k != nil {
		t.Errorf("one side's edits alone were taken for a fight: %+v", k)
	}
}
