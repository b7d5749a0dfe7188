package crash

import (
	"fmt"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestCreationCutOff kills a half while its call that makes a twin is under way: once the issue was made, once it was not.
// There is one twin in the end, and it does not take longer than it must.
func TestCreationCutOff(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	for _, c := range []struct {
		name     string
		from, to *rig.Jira
		half     **rig.Process
		fault    rig.Fields
	}{
		{"made by the poller", w.Public, w.Private, &w.Poller, rig.Fields{"loseAnswer": true}},
		{"not made by the poller", w.Public, w.Private, &w.Poller, rig.Fields{"hang": true}},
		{"made by the hub", w.Private, w.Public, &w.Hub, rig.Fields{"loseAnswer": true}},
		{"not made by the hub", w.Private, w.Public, &w.Hub, rig.Fields{"hang": true}},
	} {
		t.Log(c.name)
		from, to := c.from.For(t), c.to.For(t)
		c.fault["route"] = "POST /issue"
		to.Fault(c.fault)
		to.Forget()
		from.Create(c.name, nil)
		rig.Eventually(t, rig.Patience, "the call is under way", func() string {
			if n := to.Calls()["POST /issue"]; n == 0 && c.fault["hang"] == nil {
				return fmt.Sprint("calls: ", to.Calls())
			}
			return ""
		})
		time.Sleep(500 * time.Millisecond)
		(*c.half).Kill()
		to.Heal()
		if c.half == &w.Poller {
			w.StartPoller()
		} else {
			w.StartHub()
		}
	}
	began := time.Now()
	for _, name := range []string{"made by the poller", "not made by the poller"} {
		one(t, w.Private.For(t), name, began)
	}
	for _, name := range []string{"made by the hub", "not made by the hub"} {
		one(t, w.Public.For(t), name, began)
	}
}

// one waits until the twin is there, and looks that it stays the only one.
func one(t *testing.T, j *rig.Jira, name string, began time.Time) {
	t.Helper()
	rig.Eventually(t, uncertain-time.Since(began), "one twin: "+name, func() string {
		if keys := j.Find(name); len(keys) != 1 {
			time.Sleep(300 * time.Millisecond)
			return fmt.Sprintf("%d issues: %v", len(keys), keys)
		}
		return ""
	})
}
