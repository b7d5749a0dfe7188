package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestSync is one world in which people work on both sides; every part has issues of its own.
func TestSync(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	for _, part := range []struct {
		name string
		do   func(*testing.T, side)
	}{
		{"an issue gets its twin and edits go both ways", fieldsBothWays},
		{"comments", comments},
		{"worklogs", worklogs},
		{"attachments", attachments},
		{"a status with its required resolution", status},
		{"deletion keeps the twin and marks it", deletion},
	} {
		for _, from := range []bool{true, false} {
			s := sideOf(w, from)
			t.Run(part.name+", from the "+s.name+" side", func(t *testing.T) {
				part.do(t, s.with(t))
			})
		}
	}
	t.Run("restricted comments stay inside", func(t *testing.T) { restricted(t, sideOf(w, false).with(t)) })
	t.Run("what status and sync show say", func(t *testing.T) { shown(t, w) })
	t.Run("health and numbers on loopback", func(t *testing.T) { numbers(t, w) })
}

// A side is one Jira with people on it, and the other.
type side struct {
	name        string
	public      bool
	w           *rig.World
	here, there *rig.Jira
}

func sideOf(w *rig.World, public bool) side {
	if public {
		return side{"public", true, w, w.Public, w.Private}
	}
	return side{"private", false, w, w.Private, w.Public}
}

func (s side) with(t *testing.T) side {
	s.here, s.there = s.here.For(t), s.there.For(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.w.Hub.Tail(15), "\n", s.w.Poller.Tail(15))
		}
	})
	return s
}

// pair makes an issue here and returns its key and its twin's.
func (s side) pair(t *testing.T, summary string, fields rig.Fields) (key, twin string) {
	t.Helper()
	key = s.here.Create(summary, fields)
	return key, s.there.Twin(summary)
}

func fieldsBothWays(t *testing.T, s side) {
	points := s.here.Field("Story points")
	key, twin := s.pair(t, "Fields from the "+s.name+" side", rig.Fields{
		"description": "First line\n\n* a list\n* of two", "labels": []string{"one", "two"}, "priority": rig.Fields{"name": "High"}, points: 5,
		"components": []rig.Fields{{"name": "Backend"}}, "duedate": "2031-02-03",
	})
	s.there.Shows(twin, "description", "First line\n\n* a list\n* of two")
	s.there.Shows(twin, "labels", "one, two")
	s.there.Shows(twin, "priority", "High")
	s.there.Shows(twin, "components", "Backend")
	s.there.Shows(twin, "duedate", "2031-02-03")
	s.there.Shows(twin, s.there.Field("Story points"), "5")

	s.here.Edit(key, rig.Fields{"summary": "Edited at home, " + s.name, "labels": []string{"two", "three"}})
	s.there.Shows(twin, "summary", "Edited at home, "+s.name)
	s.there.Shows(twin, "labels", "three, two")

	s.there.Edit(twin, rig.Fields{"summary": "Edited over there, " + s.name, "priority": rig.Fields{"name": "Low"}, "duedate": nil})
	s.here.Shows(key, "summary", "Edited over there, "+s.name)
	s.here.Shows(key, "priority", "Low")
	s.here.Shows(key, "duedate", "")
	stays(t, "no swap and no echo", func() string {
		if a, b := s.here.Text(key, "summary"), s.there.Text(twin, "summary"); a != b {
			return fmt.Sprintf("%q here, %q there", a, b)
		}
		return ""
	})
}

// stays looks for a second that something stays so.
func stays(t *testing.T, what string, look func() string) {
	t.Helper()
	for range 10 {
		if why := look(); why != "" {
			t.Fatalf("%s: %s", what, why)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// one waits until exactly one comment of the issue has the word, and returns it.
func one(t *testing.T, j *rig.Jira, key, word string) (c rig.Comment) {
	t.Helper()
	rig.Eventually(t, rig.Patience, fmt.Sprintf("one comment %q on %s", word, key), func() string {
		found := j.Commented(key, word)
		if len(found) != 1 {
			return fmt.Sprintf("%d comments", len(found))
		}
		c = found[0]
		return ""
	})
	return c
}

// none waits until no comment of the issue has the word.
func none(t *testing.T, j *rig.Jira, key, word string) {
	t.Helper()
	rig.Eventually(t, rig.Patience, fmt.Sprintf("no comment %q on %s", word, key), func() string {
		if found := j.Commented(key, word); len(found) != 0 {
			return fmt.Sprintf("%d comments", len(found))
		}
		return ""
	})
}

func comments(t *testing.T, s side) {
	key, twin := s.pair(t, "Comments from the "+s.name+" side", nil)
	id := s.here.Comment(key, "mind the *gap*", nil)
	copied := one(t, s.there, twin, "mind the *gap*")
	if !strings.Contains(copied.Body, "Alice Archer") {
		t.Errorf("the copy does not say who wrote it: %q", copied.Body)
	}
	s.there.As("bob").Comment(twin, "an answer from bob", nil)
	one(t, s.here, key, "an answer from bob")

	s.here.EditComment(key, id, "mind the step")
	one(t, s.there, twin, "mind the step")
	none(t, s.there, twin, "gap")

	s.there.As("admin").EditComment(twin, copied.ID, "changed by a stranger")
	stays(t, "a copy never acts on its original", func() string {
		if len(s.here.Commented(key, "stranger")) != 0 {
			return "the original was changed"
		}
		return ""
	})
	s.here.DeleteComment(key, id)
	none(t, s.there, twin, "step")
	if n := len(s.here.Comments(key)); n != 1 {
		t.Errorf("%d comments left here, not 1", n)
	}
}

func worklogs(t *testing.T, s side) {
	key, twin := s.pair(t, "Time from the "+s.name+" side", nil)
	spent := func(j *rig.Jira, key string, want ...int) {
		t.Helper()
		rig.Eventually(t, rig.Patience, fmt.Sprintf("worklogs of %v s on %s", want, key), func() string {
			if got := j.Spent(key); !slices.Equal(got, want) {
				return fmt.Sprint(got)
			}
			return ""
		})
	}
	path := "/rest/api/2/issue/" + key + "/worklog"
	var made struct{ ID string }
	s.here.OK("POST", path, rig.Fields{"comment": "a look", "timeSpentSeconds": 600}, &made)
	spent(s.there, twin, 600)
	s.here.OK("PUT", path+"/"+made.ID, rig.Fields{"timeSpentSeconds": 1200}, nil)
	spent(s.there, twin, 1200)
	s.there.OK("POST", "/rest/api/2/issue/"+twin+"/worklog", rig.Fields{"timeSpentSeconds": 1800}, nil)
	spent(s.here, key, 1200, 1800)
	s.here.OK("DELETE", path+"/"+made.ID, nil, nil)
	spent(s.there, twin, 1800)
	spent(s.here, key, 1800)
}

func attachments(t *testing.T, s side) {
	key, twin := s.pair(t, "Attachments from the "+s.name+" side", nil)
	picture := append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte{0, 1, 2, 3, 0xff}, 100_000)...)
	id := s.here.Attach(key, "pic.png", picture)
	s.here.Comment(key, "look: !pic.png!", nil)
	var got rig.Attachment
	rig.Eventually(t, rig.Patience, "one attachment over there", func() string {
		all := s.there.Attachments(twin)
		if len(all) != 1 {
			return fmt.Sprintf("%d attachments", len(all))
		}
		got = all[0]
		return ""
	})
	if got.Filename != "pic.png" || sha256.Sum256(s.there.Content(got)) != sha256.Sum256(picture) {
		t.Errorf("the attachment arrived as %q, %d bytes, with another content", got.Filename, got.Size)
	}
	if c := one(t, s.there, twin, "look:"); !strings.Contains(c.Body, "!pic.png!") {
		t.Errorf("the inline image lost its name: %q", c.Body)
	}
	s.there.Attach(twin, "notes ünd so.txt", []byte("from over there\n"))
	rig.Eventually(t, rig.Patience, "the other way too", func() string {
		for _, a := range s.here.Attachments(key) {
			if a.Filename == "notes ünd so.txt" && string(s.here.Content(a)) == "from over there\n" {
				return ""
			}
		}
		return fmt.Sprint(s.here.Attachments(key))
	})
	s.here.Detach(id)
	rig.Eventually(t, rig.Patience, "deleted over there", func() string {
		for _, a := range s.there.Attachments(twin) {
			if a.Filename == "pic.png" {
				return "it is still there"
			}
		}
		return ""
	})
}

func status(t *testing.T, s side) {
	key, twin := s.pair(t, "Status from the "+s.name+" side", nil)
	s.here.Transition(key, "In Progress", nil)
	s.there.Shows(twin, "status", "In Progress")
	s.here.Transition(key, "Done", rig.Fields{"resolution": rig.Fields{"name": "Won't Do"}})
	s.there.Shows(twin, "status", "Done")
	s.there.Shows(twin, "resolution", "Won't Do")
	s.there.Transition(twin, "To Do", nil)
	s.here.Shows(key, "status", "To Do")
	s.here.Shows(key, "resolution", "")
}

func deletion(t *testing.T, s side) {
	key, twin := s.pair(t, "Deleted on the "+s.name+" side", nil)
	s.here.Delete(key)
	rig.Eventually(t, rig.Patience, "the twin is marked", func() string {
		var links []struct{ Object struct{ Title string } }
		s.there.OK("GET", "/rest/api/2/issue/"+twin+"/remotelink", nil, &links)
		for _, l := range links {
			if strings.Contains(l.Object.Title, "deleted") {
				return ""
			}
		}
		return fmt.Sprint(links)
	})
	s.there.Shows(twin, "summary", "Deleted on the "+s.name+" side")
}

func restricted(t *testing.T, s side) {
	key, twin := s.pair(t, "Restricted on the private side", nil)
	words := map[string]rig.Fields{
		"for-developers-only": {"visibility": rig.Fields{"type": "role", "value": "Developers"}},
		"for-the-group-only":  {"visibility": rig.Fields{"type": "group", "value": "jira-software-users"}},
	}
	for word, visibility := range words {
		s.w.Inside(word)
		s.here.Comment(key, "this is "+word, visibility)
	}
	service := s.here.As("bob")
	service.Project = s.here.Service
	s.w.Inside("inside-the-desk")
	desk := service.Create("A request at the desk", rig.Fields{"issuetype": rig.Fields{"name": "Task"}})
	s.w.OnPoller("sync", "issue", desk)
	deskTwin := s.there.Twin("A request at the desk")
	service.Comment(desk, "inside-the-desk, for agents", rig.Fields{"properties": []rig.Fields{{"key": "sd.public.comment", "value": rig.Fields{"internal": true}}}})
	service.Comment(desk, "for the customer", nil)
	one(t, s.there, deskTwin, "for the customer")

	s.here.Comment(key, "for everybody", nil)
	one(t, s.there, twin, "for everybody")
	for word := range words {
		if len(s.there.Commented(twin, word)) != 0 {
			t.Errorf("a comment %q left", word)
		}
	}
	withdrawn(t, s, key, twin)
}

// withdrawn restricts a comment after it left: it goes from the other side.
func withdrawn(t *testing.T, s side, key, twin string) {
	id := s.here.Comment(key, "said too much", nil)
	one(t, s.there, twin, "said too much")
	s.here.OK("PUT", "/rest/api/2/issue/"+key+"/comment/"+id, rig.Fields{
		"body": "said too much", "visibility": rig.Fields{"type": "role", "value": "Developers"},
	}, nil)
	none(t, s.there, twin, "said too much")
}
