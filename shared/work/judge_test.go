package work_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
	"drawbridge/shared/work"
)

// TestJudge: what becomes of a message, and what is marked when it was received for the last time.
func TestJudge(t *testing.T) {
	temporary, permanent := bridge.Temporary("store-unavailable", "x"), bridge.Permanent("task-unknown", "x")
	for _, c := range []struct {
		name    string
		body    string
		attempt int
		err     error
		enough  bool
		want    work.Verdict
		marked  string
	}{
		{"done", `{"kind":"event"}`, 1, nil, false, work.Verdict{Over: true}, ""},
		{"never to be done", `{"kind":"event"}`, 1, permanent, false, work.Verdict{Over: true}, ""},
		{"permanent, but of the whole site", `{"kind":"event"}`, 1, permanent.At(bridge.LevelSite), false, work.Verdict{Pause: time.Second}, ""},
		{"later", `{"kind":"event"}`, 2, temporary, false, work.Verdict{Pause: 2 * time.Second}, ""},
		{"a change is left to its sender", `{"kind":"change"}`, 4, temporary, false, work.Verdict{Over: true}, ""},
		{"the last time", `{"kind":"event","issue":"7"}`, 5, temporary, false, work.Verdict{Dead: true}, "event 7"},
		{"the last time, the mark is enough", `{"kind":"event","issue":"7"}`, 5, temporary, true, work.Verdict{Over: true}, "event 7"},
		{"unreadable, its group names the issue", ``, 5, temporary, false, work.Verdict{Dead: true}, "read 8"},
		{"the mark fails", `{"kind":"event","issue":"unmarkable"}`, 5, temporary, true, work.Verdict{Dead: true}, "event unmarkable"},
	} {
		marked := ""
		p := &work.Pool{Log: slog.New(slog.DiscardHandler), Mark: func(_ context.Context, t site.Task, cause error) (bool, error) {
			marked = string(t.Kind) + " " + t.Issue
			if t.Issue == "unmarkable" || cause != c.err {
				return c.enough, errors.New("the table is gone")
			}
			return c.enough, nil
		}}
		got := p.Judge(t.Context(), queue.Delivery{Message: queue.Message{Group: "acme/8", Body: []byte(c.body), Attempt: c.attempt}}, c.err)
		if got != c.want || marked != c.marked {
			t.Errorf("%s: %+v, marked %q; want %+v, %q", c.name, got, marked, c.want, c.marked)
		}
	}
}
