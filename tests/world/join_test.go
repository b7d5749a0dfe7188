package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// byHand is a rule set under which nothing comes under sync by itself.
func byHand(project string) string {
	return "method: manual\nscope: {projects: [" + project + "]}\n" + Everything(project)
}

var manual = Options{PublicRules: byHand(PublicProject), PrivateRules: byHand(PrivateProject)}

// join asks here for a pair of two existing issues and lets everything happen.
func join(w *World, here *Half, key, remote string, values bridge.Values) {
	here.T.Helper()
	here.must(here.Site.Send(context.Background(), site.Task{
		Kind: site.PairTask, Connection: Connection, Issue: key, By: "test", Join: &site.Wanted{Remote: remote, Values: values},
	}, bridge.Live, ""))
	w.Settle()
}

func (h *Half) say(key, body string) string {
	h.T.Helper()
	var c struct{ ID string }
	h.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": body}, &c)
	return c.ID
}

func (h *Half) bodies(key string) []string {
	var out []string
	for _, c := range h.comments(key) {
		out = append(out, c.Body)
	}
	return out
}

func TestTwoIssuesAreJoined(t *testing.T) {
	for _, c := range []struct {
		values  bridge.Values
		summary func(here, there *Half) *Half // whose summary stands
	}{
		{bridge.ByPublic, func(here, there *Half) *Half { return role(bridge.Public, here, there) }},
		{bridge.ByPrivate, func(here, there *Half) *Half { return role(bridge.Private, here, there) }},
		{bridge.ByNewest, nil}, // whose edit has the later stamp: clocks agree to a second only
	} {
		t.Run(string(c.values), func(t *testing.T) {
			sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
				theirs := there.Create("theirs", map[string]any{"labels": []string{"b"}, "duedate": "2027-01-31"})
				ours := here.Create("ours", map[string]any{"labels": []string{"a"}, "description": "only here"})
				here.Edit(ours, map[string]any{"summary": here.Site.Name})
				there.Edit(theirs, map[string]any{"summary": there.Site.Name})
				here.Edit(ours, map[string]any{"summary": here.Site.Name + " "}) // the last edit
				w.Settle()
				if here.Twin(ours) != "" {
					t.Fatal("it came under sync by itself")
				}
				before := there.issueCount()
				join(w, here, ours, theirs, c.values)
				if here.Twin(ours) != theirs || there.Twin(theirs) != ours {
					t.Fatalf("paired with %q and %q", here.Twin(ours), there.Twin(theirs))
				}
				if there.issueCount() != before {
					t.Error("an issue was made")
				}
				f := here.Pair(ours).State.Fields["summary"]
				newest := role(map[bool]bridge.Role{true: f.Mine.Stamp.Site, false: f.Theirs.Stamp.Site}[f.Mine.Stamp.Compare(f.Theirs.Stamp) > 0], here, there)
				if c.summary != nil {
					newest = c.summary(here, there)
				}
				want := newest.Site.Name
				for h, key := range map[*Half]string{here: ours, there: theirs} {
					got := []string{strings.TrimSpace(strings.Trim(h.Field(key, "summary"), `" `)), h.Field(key, "labels"), h.Field(key, "duedate"), h.Field(key, "description")}
					if fmt.Sprint(got) != fmt.Sprint([]string{want, `["a","b"]`, `"2027-01-31"`, `"only here"`}) {
						t.Errorf("%s shows %v, want summary %s", key, got, want)
					}
				}
				there.Edit(theirs, map[string]any{"summary": "later"})
				w.Settle()
				if got := here.Field(ours, "summary"); got != `"later"` {
					t.Errorf("an edit after the joining: %s", got)
				}
			})
		})
	}
}

func role(r bridge.Role, halves ...*Half) *Half {
	for _, h := range halves {
		if h.Site.Role == r {
			return h
		}
	}
	return nil
}

// issueCount counts what the site has, by the highest key.
func (h *Half) issueCount() int {
	h.T.Helper()
	n, err := h.Site.Jira.Count(context.Background(), "project = "+h.Demo.ProjectKey)
	h.must(err)
	return n
}

func TestJoiningCopiesNothingThatStandsOnBothSides(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		theirs, ours := there.Create("x", nil), here.Create("x", nil)
		long := "The printer on the second floor burns again."
		first := here.say(ours, long)
		there.say(theirs, "*Ada Admin* wrote on Monday:\n"+long)
		there.say(theirs, "It does burn, we looked at it twice.")
		copied := here.say(ours, "Bob Baker: It does burn, we looked at it twice.")
		here.say(ours, "only here")
		there.say(theirs, "only there")
		here.attach(ours, "log.txt", "same content")
		there.attach(theirs, "log.txt", "same content")
		here.attach(ours, "same-name.txt", "one")
		there.attach(theirs, "same-name.txt", "two")
		w.Settle()
		join(w, here, ours, theirs, bridge.ByNewest)
		for h, key := range map[*Half]string{here: ours, there: theirs} {
			if got := h.bodies(key); len(got) != 4 {
				t.Errorf("%s has %d comments: %q", key, len(got), got)
			}
			if got := h.attachments(key); len(got) != 3 {
				t.Errorf("%s has %d files: %v", key, len(got), got)
			}
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+ours+"/comment/"+first, map[string]any{"body": "It is out."}, nil)
		w.Settle()
		if got := strings.Join(there.bodies(theirs), "|"); strings.Contains(got, "second floor") || !strings.Contains(got, "It is out.") {
			t.Errorf("the edit of a paired original did not reach its copy: %q", got)
		}
		here.OK("alice", "DELETE", "/rest/api/2/issue/"+ours+"/comment/"+copied, nil, nil)
		w.Settle()
		if got := there.bodies(theirs); len(got) != 4 {
			t.Errorf("deleting a paired copy deleted its original: %q", got)
		}
	})
}

func TestOnePairPerIssue(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		theirs, ours, third := there.Create("x", nil), here.Create("x", nil), here.Create("third", nil)
		join(w, here, ours, theirs, bridge.ByNewest)
		join(w, here, third, theirs, bridge.ByNewest)
		p := here.Pair(third)
		if p.Head.Status != pair.Stopped || p.Head.Answer == nil || !strings.Contains(p.Head.Answer.Reason, "in a pair") {
			t.Errorf("a second pair of %s: %s, %+v", theirs, p.Head.Status, p.Head.Answer)
		}
		if here.Twin(ours) != theirs || there.Twin(theirs) != ours {
			t.Error("the first pair was touched")
		}
		fourth := there.Create("fourth", nil)
		join(w, here, third, fourth, bridge.ByNewest) // the right one, after all
		if here.Twin(third) != fourth || there.Twin(fourth) != third {
			t.Errorf("asked again: %q, %q", here.Twin(third), there.Twin(fourth))
		}
	})
}

func TestJoiningNeedsTheOtherSidesRules(t *testing.T) {
	closed := "method: manual\n" + Everything(PrivateProject) // no scope, and its trigger is of another project
	closed = strings.Replace(closed, "project = "+PrivateProject, "project = "+PrivateProject+" AND labels = shared", 1)
	w := New(t, Options{PublicRules: byHand(PublicProject), PrivateRules: closed})
	secret, ours := w.Private.Create("secret", nil), w.Public.Create("ours", nil)
	join(w, w.Public, ours, secret, bridge.ByNewest)
	p := w.Public.Pair(ours)
	if p.Head.Remote.ID != "" || p.Head.Answer == nil {
		t.Fatalf("the public side paired itself with %s: %+v", secret, p.Head)
	}
	join(w, w.Public, w.Public.Create("again", nil), "PRV-9999", bridge.ByNewest)
	missing := w.Public.Pair("PUB-2").Head.Answer
	if missing == nil || strings.ReplaceAll(missing.Reason, "PRV-9999", secret) != p.Head.Answer.Reason {
		t.Errorf("what is missing and what stays in differ: %+v, %+v", missing, p.Head.Answer)
	}
	join(w, w.Private, secret, ours, bridge.ByNewest) // its own side says so as well
	if w.Public.Twin(ours) != secret || w.Private.Twin(secret) != ours {
		t.Errorf("paired from both sides: %q, %q", w.Public.Twin(ours), w.Private.Twin(secret))
	}
}
