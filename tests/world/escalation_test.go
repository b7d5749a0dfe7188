package world

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// shape is what of a simulated site a test may want to be another.
type shape struct {
	rest        map[string]json.RawMessage
	Projects    []*simulator.Project
	Statuses    []*simulator.Status
	Priorities  []*simulator.Named
	Resolutions []*simulator.Named
	Fields      []*simulator.Field
	Workflows   []*simulator.Workflow
	Users       []*simulator.User
}

func (s *shape) parts() map[string]any {
	return map[string]any{"Projects": &s.Projects, "Statuses": &s.Statuses, "Priorities": &s.Priorities, "Resolutions": &s.Resolutions,
		"Fields": &s.Fields, "Workflows": &s.Workflows, "Users": &s.Users}
}

// reshape changes the site before its half has looked at it.
func (h *Half) reshape(change func(*shape)) {
	h.T.Helper()
	h.administer(change)
	h.must(h.Site.Jira.Refresh(context.Background()))
	h.Site.Forget()
}

// administer changes the site behind a half; Jira's administrator would do it by hand.
func (h *Half) administer(change func(*shape)) {
	h.T.Helper()
	raw, err := h.Jira.Snapshot()
	h.must(err)
	var s shape
	h.must(json.Unmarshal(raw, &s.rest))
	for name, part := range s.parts() {
		h.must(json.Unmarshal(s.rest[name], part))
	}
	change(&s)
	for name, part := range s.parts() {
		s.rest[name], err = json.Marshal(part)
		h.must(err)
	}
	raw, err = json.Marshal(s.rest)
	h.must(err)
	h.must(h.Jira.Restore(raw))
}

// rename gives priorities or resolutions other names, in order.
func rename(list []*simulator.Named, names ...string) []*simulator.Named {
	for i, n := range names {
		list[i].Name = n
	}
	return list[:len(names)]
}

// steps gives a project statuses and a workflow: free, or one step after the other.
func (s *shape) steps(p *simulator.Project, free bool, names ...string) {
	wf := &simulator.Workflow{ID: "900", Name: "Support case"}
	for i, n := range names {
		st := &simulator.Status{ID: "90" + string(rune('0'+i)), Name: n, Category: "indeterminate"}
		t := &simulator.Transition{ID: "9" + string(rune('0'+i)) + "1", Name: n, To: st.ID}
		if !free && i > 0 {
			t.From = []string{s.Statuses[len(s.Statuses)-1].ID}
		}
		if strings.HasPrefix(n, "Resolve") {
			st.Category, t.Screen = "done", []simulator.ScreenField{{Field: "resolution", Required: true}}
		}
		if strings.HasPrefix(n, "Close") {
			st.Category = "done"
		}
		s.Statuses, wf.Transitions = append(s.Statuses, st), append(wf.Transitions, t)
		if i == 0 {
			wf.Initial = st.ID
		}
	}
	s.Workflows, p.Workflow = append(s.Workflows, wf), wf.ID
}

func (s *shape) rootCause(p *simulator.Project) {
	f := &simulator.Field{ID: "customfield_19000", Name: "Root Cause", Kind: "paragraph", Custom: true}
	s.Fields = append(s.Fields, f)
	p.CreateScreen, p.EditScreen = append(p.CreateScreen, f.ID), append(p.EditScreen, f.ID)
}

// user adds a user; id is the account id, or the user name on Data Center.
func (s *shape) user(id, name string) {
	s.Users = append(s.Users, &simulator.User{ID: id, Name: id, Display: name, Email: id + "@example.com", Active: true, Roles: []string{"Developers"}})
}

func example(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "examples", "escalation", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// supportCase is a world with the two projects of examples/escalation and its rules.
func supportCase(t *testing.T) *World {
	w := New(t, manual)
	w.Public.reshape(func(s *shape) {
		desk := s.Projects[1]
		desk.Key, desk.Name = "DESK", "Support desk"
		s.rootCause(desk)
		s.user("712020:4f0c6a44-0000-4000-8000-000000000001", "Dora Dev")
		s.steps(desk, true, "Waiting for support", "Escalated", "Waiting for customer", "Resolved", "Closed")
	})
	w.Private.reshape(func(s *shape) {
		dev := s.Projects[0]
		dev.Key, dev.Name = "DEV", "Development"
		s.rootCause(dev)
		s.user("triage", "Triage")
		rename(s.Priorities, "Blocker", "Critical", "Major", "Minor")
		rename(s.Resolutions, "Fixed", "Won't Fix", "Duplicate", "Cannot Reproduce")
		s.steps(dev, false, "Open", "Accept", "Root Cause", "Provide Workaround", "Resolve", "Close")
	})
	for h, file := range map[*Half]string{w.Public: "public.yaml", w.Private: "private.yaml"} {
		_, err := site.Publish(context.Background(), h.Site, Connection, site.Revision{File: file, Source: example(t, file)})
		h.must(err)
		h.forgetRules()
	}
	return w
}

func (h *Half) shows(key string, want map[string]string) {
	h.T.Helper()
	for field, text := range want {
		got := h.Name(key, field)
		if got == "" {
			got = h.Field(key, field)
		}
		if !strings.Contains(got, text) {
			h.T.Errorf("%s shows %s: %s, want %s", key, field, got, text)
		}
	}
}

func TestTheClassicSupportCase(t *testing.T) {
	w := supportCase(t)
	desk, dev := w.Public, w.Private
	var made struct{ Key string }
	desk.OK("alice", "POST", "/rest/api/2/issue", map[string]any{"fields": map[string]any{
		"project": map[string]string{"key": "DESK"}, "issuetype": map[string]string{"name": "Service Request"},
		"summary": "Export hangs", "description": "Every evening.", "priority": map[string]string{"name": "High"},
	}}, &made)
	key := made.Key
	w.Settle()
	if desk.Twin(key) != "" {
		t.Fatal("a request without the label went to engineering")
	}
	desk.OK("bob", "PUT", "/rest/api/2/issue/"+key, map[string]any{"fields": map[string]any{"labels": []string{"escalate"}}}, nil)
	desk.transition("bob", key, "Escalated", nil)
	w.Settle()
	twin := desk.Twin(key)
	if !strings.HasPrefix(twin, "DEV-") {
		t.Fatalf("the escalated request has the twin %q", twin)
	}
	dev.shows(twin, map[string]string{"summary": "[" + key + "] Export hangs", "description": "From Alice Archer via support desk", "priority": "Critical",
		"issuetype": "Bug", "labels": "from-desk", "status": "Accept"})

	desk.say(key, "The customer runs 2.1")
	desk.say(key, "#desk they are an important customer")
	desk.OK("bob", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{
		"body": "internal", "properties": []map[string]any{{"key": "sd.public.comment", "value": map[string]bool{"internal": true}}}}, nil)
	dev.say(twin, "Which build?")
	dev.say(twin, "#int not again")
	w.Settle()
	if got := strings.Join(dev.bodies(twin), "|"); !strings.Contains(got, "runs 2.1") || strings.Contains(got, "important") || strings.Contains(got, "internal") {
		t.Errorf("engineering reads %q", got)
	}
	if got := strings.Join(desk.bodies(key), "|"); !strings.Contains(got, "Which build?") || strings.Contains(got, "not again") {
		t.Errorf("the desk reads %q", got)
	}

	dev.transition("alice", twin, "Root Cause", nil)
	dev.Edit(twin, map[string]any{"customfield_19000": "a lock"})
	w.Settle()
	desk.shows(key, map[string]string{"status": "Escalated", "customfield_19000": "null"})
	dev.transition("alice", twin, "Provide Workaround", nil)
	w.Settle()
	desk.shows(key, map[string]string{"status": "Waiting for customer", "customfield_19000": "a lock"})
	dev.transition("alice", twin, "Resolve", map[string]any{"resolution": map[string]string{"name": "Won't Fix"}})
	w.Settle()
	desk.shows(key, map[string]string{"status": "Resolved", "resolution": "Won't Do"})
	dev.transition("alice", twin, "Close", nil)
	w.Settle()
	desk.shows(key, map[string]string{"status": "Closed"})
	dev.shows(twin, map[string]string{"summary": "[" + key + "] Export hangs", "status": "Close"})
}
