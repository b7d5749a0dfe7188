package exchange

import (
	"testing"
	"time"
)

// TestRestoredStates follows a poller and a hub through messages, restarts and restores: everything is offered again when
// a state is older than it was, and never else.
func TestRestoredStates(t *testing.T) {
	type message struct {
		instance      string
		state         string
		resumes       int64 // the poller's count when it was started
		count         int64
		hub           int64 // the number of the hub's state that the poller remembers
		rules         int64 // revision of the poller's rules
		rejoined      bool  // it has done what was asked
		lose          bool  // first the hub's state goes back to what it was at the beginning
		wants, stands bool  // a new request; one that is there already
	}
	for name, messages := range map[string][]message{
		"a poller that runs": {
			{instance: "i1", count: 0}, {instance: "i1", count: 1, hub: 1}, {instance: "i1", count: 2, hub: 2}},
		"restarted after a message whose answer was lost": {
			{instance: "i1", count: 1}, {instance: "i2", resumes: 2, count: 2, hub: 0}},
		"restored from a backup taken one message ago": {
			{instance: "i1", count: 1}, {instance: "i1", count: 2, hub: 1}, {instance: "i2", resumes: 1, count: 2, hub: 1, wants: true}},
		"restored from a backup taken before its rules were published, nothing flowed since": {
			{instance: "i1", count: 1, rules: 2}, {instance: "i1", count: 1, hub: 1, rules: 3}, {instance: "i2", resumes: 1, count: 1, hub: 2, rules: 2, wants: true},
			{instance: "i2", resumes: 1, count: 1, hub: 3, rules: 4, rejoined: true}, {instance: "i3", resumes: 1, count: 1, hub: 4, rules: 4}},
		"asked again until it is done": {
			{instance: "i1", count: 5}, {instance: "i2", resumes: 1, count: 1, wants: true}, {instance: "i2", resumes: 1, count: 2, hub: 2, stands: true},
			{instance: "i2", resumes: 1, count: 3, hub: 3, rejoined: true}, {instance: "i2", resumes: 1, count: 3, hub: 4}},
		"another state, its keys kept": {
			{instance: "i1", count: 5}, {instance: "i2", state: "other", wants: true}},
		"the hub is restored": {
			{instance: "i1", count: 1}, {instance: "i1", count: 1, hub: 1}, {instance: "i1", count: 1, hub: 2, lose: true, wants: true},
			{instance: "i1", count: 1, hub: 3, rejoined: true}, {instance: "i1", count: 1, hub: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			var s session
			now := time.UnixMilli(1_000_000)
			for i, m := range messages {
				if m.lose {
					s = session{}
				}
				if m.state == "" {
					m.state = "s"
				}
				in := &Request{From: Identity{Poller: "p", State: m.state, Generation: 1, Instance: m.instance, Resumes: m.resumes}, Count: m.count}
				in.Knows.Hub.Number, in.Status.Rules = m.hub, m.rules
				if m.rejoined {
					in.Knows.Rejoined = s.Rejoin
				}
				before := s.Rejoin
				now = now.Add(time.Second)
				s.rejoin(in, now)
				s.Holder = in.From
				if wants := s.Rejoin != 0 && s.Rejoin != before; wants != m.wants {
					t.Errorf("message %d: everything is asked for again: %v", i+1, wants)
				}
				if stands := s.Rejoin != 0 && s.Rejoin == before; stands != m.stands {
					t.Errorf("message %d: the request stands: %v", i+1, stands)
				}
			}
		})
	}
}
