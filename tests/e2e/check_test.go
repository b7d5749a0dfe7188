package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestSyncCheck has a site whose edits nobody tells of: no webhook arrives, no search is made. A check names what was missed
// field by field and changes nothing, a repair brings it over, and the next check finds nothing, for a search of Jira alone.
func TestSyncCheck(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{HubWatch: 24 * time.Hour, PollerWatch: 24 * time.Hour, Sweep: 24 * time.Hour})
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Checked", rig.Fields{"duedate": "2031-01-01"})
	s.pair(t, "Checked too", nil)
	written(t, s, key, twin)
	w.Public.Set(rig.Fields{"webhooks": rig.Fields{"drop": 1}})
	t.Run("an edit on the public side", func(t *testing.T) { missed(t, sideOf(w, true).with(t), key, twin, "2031-02-02") })
	t.Run("an edit on the private side", func(t *testing.T) { missed(t, sideOf(w, false).with(t), twin, key, "2031-03-03") })
}

// written has one side write a change of every kind, which nobody tells it of: that is no drift.
func written(t *testing.T, s side, key, twin string) {
	s.here.Edit(key, rig.Fields{"description": "  several\n\nlines \n", "labels": []string{"red", "blue"}, "priority": rig.Fields{"name": "High"}})
	s.here.Comment(key, "a comment", nil)
	s.here.Attach(key, "a file.txt", []byte("content"))
	s.here.Transition(key, "In Progress", nil)
	s.there.Shows(twin, "status", "In Progress")
	rig.Eventually(t, rig.Patience, "all of it there", func() string {
		if len(s.there.Comments(twin)) != 1 || len(s.there.Attachments(twin)) != 1 || s.there.Text(twin, "priority") != "High" {
			return "not yet"
		}
		return ""
	})
	other := sideOf(s.w, !s.public).with(t)
	for _, all := range [][]string{{"sync", "check"}, {"sync", "check", "--all"}} {
		says(t, other.run(all...), 0, "0 of 2 pairs of rig differ from Jira")
	}
	says(t, s.run("sync", "check"), 0, "0 of 2 pairs of rig differ from Jira")
}

// missed edits the issue here unseen by the half here.
func missed(t *testing.T, s side, key, twin, due string) {
	says(t, s.run("sync", "check"), 0, "0 of 2 pairs of rig differ from Jira") // all it wrote is yet unread
	before, was := s.there.Text(twin, "summary"), s.there.Text(twin, "duedate")
	after := "Edited unseen on the " + s.name + " side"
	time.Sleep(time.Second) // later than what was last seen, to the second
	s.here.Edit(key, rig.Fields{"summary": after, "duedate": due})
	for range 2 {
		found := check(t, s, 3)
		if len(found) != 1 || found[0].Issue.Key != key || len(found[0].Members) != 0 || len(found[0].Fields) != 2 {
			t.Fatalf("%+v", found)
		}
		for i, want := range []drifted{{"duedate", was, due}, {"summary", before, after}} {
			if got := found[0].Fields[i]; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	}
	says(t, s.run("sync", "check"), 3, key+"  summary: ", "1 of 2 pairs of rig differ from Jira")
	stays(t, "looking writes nothing", func() string {
		if got := s.there.Text(twin, "summary"); got != before {
			return got
		}
		return ""
	})
	says(t, s.run("sync", "check", "--repair"), 0, key+"  summary: ", "was asked to repair")
	s.there.Shows(twin, "summary", after)
	s.there.Shows(twin, "duedate", due)
	inSync(t, s)
	cheap(t, s)
}

// cheap counts what a check costs that finds nothing.
func cheap(t *testing.T, s side) {
	t.Helper()
	s.here.Forget()
	says(t, s.run("sync", "check"), 0, "0 of 2 pairs of rig differ from Jira")
	searches := 0
	for route, n := range s.here.Calls() {
		switch {
		case strings.Contains(route, "/search"):
			searches += n
		case strings.Contains(route, "/issue/"):
			t.Errorf("nothing is wrong, and yet %d times %s", n, route)
		}
	}
	if searches != 1 {
		t.Errorf("%d searches for a page of pairs: %v", searches, s.here.Calls())
	}
}

func (s side) run(args ...string) rig.Result {
	if s.public {
		return s.w.RunOnHub(args...)
	}
	return s.w.RunOnPoller(args...)
}

// drift is what a check says of one issue.
type drift struct {
	Issue           struct{ Key string }
	Fields, Members []drifted
}

type drifted struct{ Name, Stored, Shown string }

// UnmarshalJSON takes values as they are shown to people.
func (d *drifted) UnmarshalJSON(raw []byte) error {
	var in struct {
		Name          string
		Stored, Shown any
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	*d = drifted{in.Name, rig.Text(in.Stored), rig.Text(in.Shown)}
	return nil
}

func check(t *testing.T, s side, code int) []drift {
	t.Helper()
	var out struct{ Drift []drift }
	r := s.run("sync", "check", "--json")
	if err := json.Unmarshal([]byte(r.Out), &out); err != nil || r.Code != code {
		t.Fatalf("exit code %d, %v: %s%s", r.Code, err, r.Out, r.Err)
	}
	return out.Drift
}

// inSync waits until the half here knows all that its Jira shows.
func inSync(t *testing.T, s side) {
	t.Helper()
	rig.Eventually(t, rig.Patience, "nothing differs on the "+s.name+" side", func() string {
		if r := s.run("sync", "check"); r.Code != 0 {
			return fmt.Sprintf("exit code %d: %s%s", r.Code, r.Out, r.Err)
		}
		return ""
	})
}

// TestSyncCheckOfManyPairs counts what it costs to learn that nothing is wrong with 1,000 pairs.
func TestSyncCheckOfManyPairs(t *testing.T) {
	t.Parallel()
	const pairs = 1000
	w := rig.New(t, rig.Options{Sweep: 24 * time.Hour, Rules: strings.Split(rig.Everything, "triggers:")[0]})
	var crowd sync.WaitGroup
	for i := range 4 {
		crowd.Go(func() {
			for n := i; n < pairs; n += 4 {
				w.Public.Create(fmt.Sprint("one of many, number ", n), nil)
			}
		})
	}
	crowd.Wait()
	w.OnHub("sync", "bulk", "project = "+w.Public.Project, "--yes", "--detach")
	for _, public := range []bool{true, false} {
		s := sideOf(w, public).with(t)
		rig.Eventually(t, time.Minute, "all pairs are known as they are on the "+s.name+" side", func() string {
			s.here.Forget()
			r := s.run("sync", "check")
			if reads := s.here.Calls()["GET /issue/{key}"]; reads > 0 || !strings.HasPrefix(r.Out, fmt.Sprintf("0 of %d pairs", pairs)) {
				time.Sleep(time.Second)
				return fmt.Sprintf("%d reads, exit code %d: %s%s", reads, r.Code, r.Out[max(0, len(r.Out)-500):], r.Err)
			}
			return ""
		})
	}
	w.Hub.Stop(t) // what they ask meanwhile is not counted
	w.Poller.Stop(t)
	for _, public := range []bool{true, false} {
		s := sideOf(w, public).with(t)
		s.here.Forget()
		says(t, s.run("sync", "check"), 0, fmt.Sprintf("0 of %d pairs", pairs))
		calls := 0
		for _, n := range s.here.Calls() {
			calls += n
		}
		if calls == 0 || calls > 12 {
			t.Errorf("%d calls of the %s site: %v", calls, s.name, s.here.Calls())
		}
	}
}
