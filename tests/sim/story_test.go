package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
)

// Stories are what seeds once found, told without chance.
var stories = []struct {
	name string
	life func(w *world)
}{
	{"the public Jira's clock is set back", func(w *world) { w.setBack(w.public, false) }},
	{"the private Jira's clock is set back", func(w *world) { w.setBack(w.private, false) }},
	{"the public Jira's clock is set back, and all webhooks are lost", func(w *world) { w.setBack(w.public, true) }},
	{"a file is attached after the clock was set back, and events come late", func(w *world) {
		w.public.begin()
		w.public.call("alice", "PUT", "/rest/api/2/issue/"+w.public.first(), map[string]any{"fields": map[string]any{"summary": "s2x"}}, nil)
		w.public.jiraSkew -= time.Minute
		w.public.upload("alice", w.public.first(), "a.txt", "content of a")
		time.Sleep(30 * time.Minute)
		w.settle()
	}},
	{"the hub's clock is set back while the outcome of a transition is unknown", func(w *world) {
		w.public.begin()
		w.settle()
		w.private.wire.mishaps = []mishap{{writes: true, kind: teaPage}}
		w.public.moveTo(w.public.first(), "In Progress")
		w.round()
		w.round() // the transition meets a login page
		w.public.skew -= time.Minute
		w.exchange()
		w.private.moveTo(w.private.first(), "In Progress")
		w.settle()
	}},
	{"somebody moves an issue just before a change with fields and a status is written to it", func(w *world) {
		w.private.begin()
		w.settle()
		w.private.moveTo(w.private.first(), "In Progress")
		w.private.call("alice", "PUT", "/rest/api/2/issue/"+w.private.first(), map[string]any{"fields": map[string]any{"summary": "s2x"}}, nil)
		w.search(w.private)
		w.exchange()
		time.Sleep(time.Second)
		w.public.moveTo(w.public.first(), "In Review")
		w.public.work(10) // before the event comes
		w.settle()
	}},
	{"a poller whose clock is fast is started anew just before it creates an issue, and the answer is lost", func(w *world) {
		w.public.skew -= 5 * time.Minute
		w.exchange() // tells it the hub's time
		w.public.begin()
		w.search(w.public)
		w.public.work(10)
		w.exchange()
		w.private.start()
		w.private.wire.mishaps = []mishap{{writes: true, kind: answerLost}}
		w.private.work(10)
		w.settle()
	}},
	{"the hub made a twin, and gets back a state from before that", func(w *world) { w.forgetTwin(w.private, w.public) }},
	{"the poller made a twin, and gets back a state from before that", func(w *world) { w.forgetTwin(w.public, w.private) }},
	{"Jira is too busy to say who somebody is", func(w *world) {
		w.public.wire.mishaps = []mishap{{kind: longPause}}
		w.public.begin()
		w.round()
		w.settle()
	}},
}

func TestStories(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, wrong := live(options{seed: 1, policy: bridge.Newest, metadata: true}, false, s.life)
				if wrong != "" {
					t.Errorf("%s\n\n%s", wrong, strings.Join(w.story, "\n"))
				}
			})
		})
	}
}

// forgetTwin has a half forget that it made the twin of an issue, before the other one was told.
func (w *world) forgetTwin(at, maker *half) {
	for range 2 { // so that more than one exchange is known of
		at.begin()
		w.settle()
	}
	maker.saved = maker.disk.All()
	at.begin()
	maker.call("alice", "PUT", "/rest/api/2/issue/"+maker.first(), map[string]any{"fields": map[string]any{"summary": "s2x"}}, nil) // something flows
	w.search(at)
	w.search(maker)
	w.sort()
	for len(w.mail.waiting) > 0 {
		w.deliver(0, false)
	}
	w.public.work(10)
	w.exchange()
	w.exchange()
	maker.work(10)
	maker.putBack()
	w.settle()
}

// setBack sets a Jira's clock back by more than everything that happened since: a comment is edited, one restricted, one
// deleted and a file attached at times that seem to lie before they were seen last.
func (w *world) setBack(h *half, lost bool) {
	h.begin()
	comments := "/rest/api/2/issue/" + h.first() + "/comment"
	for i := range 3 {
		h.call("alice", "POST", comments, map[string]any{"body": fmt.Sprintf("c%dx", i)}, nil)
	}
	h.upload("alice", h.first(), "a.txt", "content of a")
	w.settle()
	h.jiraSkew -= 2 * time.Hour
	list := h.look(h.first()).Fields.Comment.Comments
	h.call("alice", "PUT", comments+"/"+list[0].ID, map[string]any{"body": "c0x edited"}, nil)
	h.call("alice", "PUT", comments+"/"+list[1].ID, map[string]any{"body": "c1x", "visibility": map[string]string{"type": "role", "value": "Developers"}}, nil)
	h.call("admin", "DELETE", comments+"/"+list[2].ID, nil, nil)
	h.upload("alice", h.first(), "b.txt", "content of b")
	w.sort()
	if lost {
		w.mail.waiting = nil
	}
	w.settle()
}
