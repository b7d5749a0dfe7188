package e2e

import (
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestOneHubThreePollers has three private sites at one hub. An issue goes where its labels say, to two of them if they say so, and
// what one site edits reaches the other over the hub's issue.
func TestOneHubThreePollers(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Rules: toLabel("to-one")})
	two, three := w.Another("two", "project = PUB AND labels = to-two", "project = PRIV"), w.Another("three", "project = PUB AND labels = to-three", "project = PRIV")
	key := w.Public.Create("for the second and the third", rig.Fields{"labels": []string{"to-two", "to-three"}})
	b, c := two.Private.Twin("for the second and the third"), three.Private.Twin("for the second and the third")
	from := three.Private.Create("from the third", nil)
	back := w.Public.Twin("from the third")

	two.Private.Edit(b, rig.Fields{"summary": "the second says"})
	w.Public.Shows(key, "summary", "the second says")
	three.Private.Shows(c, "summary", "the second says")
	three.Private.Edit(c, rig.Fields{"duedate": "2031-02-03"})
	two.Private.Shows(b, "duedate", "2031-02-03")
	two.Private.Comment(b, "said by the second", nil)
	one(t, w.Public, key, "said by the second")
	w.Public.Comment(key, "said outside", nil)
	one(t, three.Private, c, "said by the second")
	one(t, two.Private, b, "said outside")
	one(t, three.Private, c, "said outside")
	w.Public.Edit(back, rig.Fields{"summary": "answered to the third"})
	three.Private.Shows(from, "summary", "answered to the third")
	says(t, w.RunOnHub("connection", "list"), 0, "rig", "two", "three")
	says(t, w.RunOnHub("sync", "show", key), 0, "connection  two", "connection  three")

	time.Sleep(3 * time.Second) // a sweep on every side: nothing goes round
	for where, n := range map[*rig.Jira]int{w.Public: 2, w.Private: 0, two.Private: 1, three.Private: 2} {
		if all := where.All(); len(all) != n {
			t.Errorf("%s at %s has %d issues, want %d", where.Project, where.Base, len(all), n)
		}
	}
	one(t, w.Public, key, "said by the second")
	one(t, two.Private, b, "said by the second")
}

// TestAChainOfThree has a poller and a hub on the Jira in the middle. What is edited at one end comes to the other, once.
func TestAChainOfThree(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	n := w.Onward("onward")
	a := w.Public.Create("from end to end", nil)
	b, c := w.Private.Twin("from end to end"), n.Private.Twin("from end to end")
	n.Private.Edit(c, rig.Fields{"summary": "from the far end", "labels": []string{"seen"}})
	w.Public.Shows(a, "summary", "from the far end")
	w.Public.Shows(a, "labels", "seen")
	w.Public.Comment(a, "said at this end", nil)
	one(t, w.Private, b, "said at this end")
	one(t, n.Private, c, "said at this end")
	w.Private.Edit(b, rig.Fields{"duedate": "2031-02-03"})
	w.Public.Shows(a, "duedate", "2031-02-03")
	n.Private.Shows(c, "duedate", "2031-02-03")
	says(t, w.RunOnPoller("status"), 0)
	says(t, n.RunOnHub("status"), 0)

	time.Sleep(3 * time.Second) // a sweep on every side: nothing goes round
	for _, j := range []struct {
		jira *rig.Jira
		key  string
	}{{w.Public, a}, {w.Private, b}, {n.Private, c}} {
		if all := j.jira.All(); len(all) != 1 {
			t.Errorf("%s has %d issues", j.jira.Base, len(all))
		}
		one(t, j.jira, j.key, "said at this end")
		j.jira.Shows(j.key, "summary", "from the far end")
	}
}

// toLabel are the rig's rules for issues with that label; %s stays the project.
func toLabel(label string) string {
	return rig.Everything[:len(rig.Everything)-1] + " AND labels = " + label + "\n"
}
