package sim

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// tale is something that people do on one site and that has to be on the other one once, whatever fails meanwhile.
type tale struct {
	name   string
	before func(h *half) // what is there already, and in sync
	happen func(h *half)
}

var tales = []tale{
	{"creation", func(*half) {}, func(h *half) { h.begin() }},
	{"comment", func(h *half) { h.begin() }, func(h *half) {
		h.call("alice", "POST", "/rest/api/2/issue/"+h.first()+"/comment", map[string]any{"body": "c1x"}, nil)
	}},
	{"attachment", func(h *half) { h.begin() }, func(h *half) { h.upload("alice", h.first(), "same.txt", "content") }},
	{"transition", func(h *half) { h.begin() }, func(h *half) { h.moveTo(h.first(), "In Progress") }},
	{"walk", func(h *half) { h.begin() }, func(h *half) { // over two steps in the private workflow
		h.moveTo(h.first(), "In Progress")
		h.moveTo(h.first(), "In Review")
	}},
}

// begin creates an issue with something in most fields.
func (h *half) begin() {
	h.call("alice", "POST", "/rest/api/2/issue", map[string]any{"fields": map[string]any{
		"project": map[string]string{"key": h.demo.ProjectKey}, "issuetype": map[string]string{"name": "Task"}, "summary": "s1x",
		"labels": []string{"red", "blue"}, "priority": nameOf("High"), "assignee": h.account("alice"),
	}}, nil)
}

func (h *half) first() string { return fmt.Sprint(h.jira.IssueIDs()[0]) }

// hazard makes the n-th step of a kind fail; left says that it has not come to that.
type hazard struct {
	name string
	arm  func(h *half, n int)
	left func(h *half) bool
}

func storeHazard(name string, f store.Fault) hazard {
	return hazard{name,
		func(h *half, n int) { h.disk.fails = []failure{{n - 1, f}} },
		func(h *half) bool { return len(h.disk.fails) > 0 }}
}

func queueHazard(name string, f store.Fault) hazard {
	return hazard{name,
		func(h *half, n int) { h.line.fails = []failure{{n - 1, f}} },
		func(h *half) bool { return len(h.line.fails) > 0 }}
}

func jiraHazard(kind string) hazard {
	return hazard{"Jira: " + kind,
		func(h *half, n int) { h.wire.mishaps = []mishap{{in: n - 1, writes: true, kind: kind}} },
		func(h *half) bool { return len(h.wire.mishaps) > 0 }}
}

func hubHazard(kind string) hazard {
	return hazard{"exchange: " + kind,
		func(h *half, n int) { h.w.hubWire.mishaps = []mishap{{in: n - 1, kind: kind}} },
		func(h *half) bool { return len(h.w.hubWire.mishaps) > 0 }}
}

// hazards are all that may befall a step: the process dies just before or after it, it is lost, or it is done and said to
// have failed. An exchange concerns both halves, so it is counted once.
var hazards = []hazard{
	{"crash", func(h *half, n int) { h.gun.left = n }, func(h *half) bool { return h.gun.left > 0 }},
	storeHazard("store write lost", store.FaultLost), storeHazard("store write done, not confirmed", store.FaultAfter),
	queueHazard("hint lost", store.FaultLost), queueHazard("hint sent, not confirmed", store.FaultAfter),
	jiraHazard(swallowed), jiraHazard(answerLost), jiraHazard(badAfter), jiraHazard(tooMany),
}

var hubHazards = []hazard{hubHazard(swallowed), hubHazard(answerLost)}

// TestEveryStep lets each tale happen on either site and makes each of its steps fail once, in every way there is: step 1,
// step 2 … until the tale ends unharmed. The indexes of both searches lag, so that a marker is not found at once.
func TestEveryStep(t *testing.T) {
	for _, tale := range tales {
		for _, at := range []bridge.Role{bridge.Public, bridge.Private} {
			t.Run(tale.name+" on the "+string(at)+" site", func(t *testing.T) {
				t.Parallel()
				n := 0
				for _, hz := range hubHazards {
					n += everyStep(t, tale, at, bridge.Private, hz)
				}
				for _, victim := range []bridge.Role{bridge.Public, bridge.Private} {
					for _, hz := range hazards {
						n += everyStep(t, tale, at, victim, hz)
					}
				}
				t.Logf("%d runs", n)
			})
		}
	}
}

// everyStep runs the tale until the hazard finds no step any more, and returns how often.
func everyStep(t *testing.T, tale tale, at, victim bridge.Role, hz hazard) (n int) {
	for harmed := true; harmed; {
		n++
		synctest.Test(t, func(t *testing.T) {
			wrong, story := "", []string(nil)
			if harmed, wrong, story = happens(tale, at, victim, hz, n); wrong != "" {
				t.Errorf("%s, %s at step %d of the %s half: %s", tale.name, hz.name, n, victim, wrong)
				for _, line := range story {
					t.Log(line)
				}
			}
		})
		if t.Failed() {
			return n
		}
	}
	return n
}

func happens(tale tale, at, victim bridge.Role, hz hazard, n int) (harmed bool, wrong string, story []string) {
	o := options{seed: 1, policy: bridge.Newest, metadata: true, lag: 90 * time.Second}
	w, wrong := live(o, false, func(w *world) {
		tale.before(w.half(at))
		for w.round() > 0 {
			time.Sleep(time.Second)
		}
		hz.arm(w.half(victim), n)
		tale.happen(w.half(at))
		w.rest()
		harmed = !hz.left(w.half(victim))
	})
	return harmed, wrong, w.story
}
