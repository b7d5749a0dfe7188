package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"drawbridge/examples"
	"drawbridge/simulator"
)

// The support case of examples/escalation, with its own projects, its own connection and its own rules.
const (
	deskProject = "DESK"
	devProject  = "DEV"
	caseDora    = "712020:4f0c6a44-0000-4000-8000-000000000001" // the developer in the example's user table
)

var stepsCase = []step{
	{"the classic support case: a service desk and a development project, examples/escalation as it is shipped", stepCase},
}

func stepCase(g *guide) error {
	name := strings.ReplaceAll(unique("case"), " ", "-")
	for _, do := range []func() error{
		g.makeDesk, g.makeDevelopment, func() error { return g.connectCase(name) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	err := g.supportCase()
	_, end := g.run("hub.yaml", exitDone, "connection", "end", name, "--yes")
	return errors.Join(err, end)
}

// supportCase is one request from the customer's report to the answer.
func (g *guide) supportCase() error {
	summary := unique("The export hangs")
	request, err := g.pub.create(deskProject, "Service Request", summary, object{"description": "Every evening.", "priority": object{"name": "High"}})
	if err != nil {
		return err
	}
	g.did("a customer reported %s", request)
	if err := g.pub.edit(request, object{"labels": []string{"escalate"}}); err != nil {
		return err
	}
	if err := g.pub.move(request, "Escalated", nil); err != nil {
		return err
	}
	g.did("support set the label that escalates")
	bug, err := g.twin(g.priv, devProject, "["+request+"] "+summary)
	if err != nil {
		return err
	}
	err = g.shows(g.priv, bug, object{"issuetype": object{"name": "Bug"}, "priority": object{"name": "Critical"}, "status": object{"name": "Accept"}, "labels": []string{"from-desk"}})
	if err != nil {
		return err
	}
	if err := g.talk(request, bug); err != nil {
		return err
	}
	return g.answered(request, bug)
}

// talk says something on both sides that crosses, and something that does not.
func (g *guide) talk(request, bug string) error {
	for _, c := range []struct {
		r              *rest
		here           string
		there          *rest
		key            string
		crosses, stays string
	}{
		{g.pub, request, g.priv, bug, "It began with version 2.1.", "#desk an important customer"},
		{g.priv, bug, g.pub, request, "Which build is it?", "#int again the export"},
	} {
		for _, text := range []string{c.stays, c.crosses} {
			if _, err := c.r.comment(c.here, text, nil); err != nil {
				return err
			}
		}
		if _, err := g.hasOne(c.there, c.key, c.crosses); err != nil {
			return err
		}
		if err := none(c.there, c.key, c.stays); err != nil {
			return err
		}
		g.saw("%q stayed where it was said", c.stays)
	}
	return nil
}

// answered goes through engineering's steps; the desk follows those that concern it.
func (g *guide) answered(request, bug string) error {
	if err := g.priv.move(bug, "Root Cause", nil); err != nil {
		return err
	}
	if err := g.priv.edit(bug, object{"Root Cause": "a lock that is never released"}); err != nil {
		return err
	}
	g.did("engineering found the cause, which the desk is not told yet")
	err := g.stays("the desk shows Escalated and no cause", func() error {
		return compare(g.pub, request, object{"status": object{"name": "Escalated"}, "Root Cause": nil})
	})
	if err != nil {
		return err
	}
	for _, s := range []struct {
		to     string
		fields object
		desk   object
	}{
		{"Provide Workaround", nil, object{"status": object{"name": "Waiting for customer"}, "Root Cause": "a lock that is never released"}},
		{"Resolve", object{"resolution": object{"name": "Won't Fix"}}, object{"status": object{"name": "Resolved"}, "resolution": object{"name": "Won't Do"}}},
		{"Close", nil, object{"status": object{"name": "Closed"}}},
	} {
		if err := g.priv.move(bug, s.to, s.fields); err != nil {
			return err
		}
		g.did("engineering: %s", s.to)
		if err := g.shows(g.pub, request, s.desk); err != nil {
			return err
		}
	}
	return nil
}

// connectCase connects the two projects and publishes the shipped rules, as the README of the example says.
func (g *guide) connectCase(name string) error {
	out, err := g.run("hub.yaml", exitDone, "connection", "create", name, "--project", deskProject, "--json")
	if err != nil {
		return err
	}
	var invitation struct{ Code string }
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &invitation); err != nil {
		return err
	}
	if _, err := once(g.ctx, nil, g.on("poller.yaml", "poller", "accept", invitation.Code, "--project", devProject, "--json")...); err != nil {
		return err
	}
	g.did("drawbridge poller accept CODE --project %s", devProject)
	for half, file := range map[string]string{"hub.yaml": "public.yaml", "poller.yaml": "private.yaml"} {
		raw, err := examples.Files.ReadFile("escalation/" + file)
		if err != nil {
			return err
		}
		path := g.files.path("escalation-" + file)
		if err := writeWhole(path, raw); err != nil {
			return err
		}
		if _, err := g.run(half, exitDone, "rules", "publish", path, "--connection", name, "--message", "the shipped example"); err != nil {
			return err
		}
	}
	return nil
}

func (g *guide) makeDesk() error {
	return g.administer(g.files.public(), func(s *jiraShape) {
		s.project(deskProject, "Support desk", g.files.public().Service, true, "Waiting for support", "Escalated", "Waiting for customer", "Resolved", "Closed")
		s.Users = append(s.Users, &simulator.User{ID: caseDora, Name: "dora", Display: "Dora Dev", Email: "dora@example.com", Active: true})
	})
}

func (g *guide) makeDevelopment() error {
	return g.administer(g.files.private(), func(s *jiraShape) {
		s.project(devProject, "Development", g.files.private().Project, false, "Open", "Accept", "Root Cause", "Provide Workaround", "Resolve", "Close")
		for i, n := range []string{"Blocker", "Critical", "Major", "Minor"} {
			s.Priorities = append(s.Priorities, &simulator.Named{ID: fmt.Sprint(900 + i), Name: n})
		}
		for i, n := range []string{"Fixed", "Won't Fix"} {
			s.Resolutions = append(s.Resolutions, &simulator.Named{ID: fmt.Sprint(900 + i), Name: n})
		}
		s.Users = append(s.Users, &simulator.User{ID: "JIRAUSER900", Name: "triage", Display: "Triage", Email: "triage@example.com", Active: true})
	})
}

// jiraShape is what an administrator of a Jira sets up, as a simulator keeps it.
type jiraShape struct {
	Projects    []*simulator.Project
	Statuses    []*simulator.Status
	Priorities  []*simulator.Named
	Resolutions []*simulator.Named
	Fields      []*simulator.Field
	Workflows   []*simulator.Workflow
	Users       []*simulator.User
}

// administer changes what a simulated Jira has, once, over its management port.
func (g *guide) administer(j demoJira, change func(*jiraShape)) error {
	manage := &rest{demoJira: demoJira{BaseURL: j.Manage}, ctx: g.ctx}
	var all map[string]json.RawMessage
	var s jiraShape
	if err := manage.call("GET", "/snapshot", nil, &all); err != nil {
		return err
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	before := len(s.Projects)
	change(&s)
	if len(s.Projects) == before {
		return nil // an earlier tour did it
	}
	var parts map[string]json.RawMessage
	if raw, err = json.Marshal(s); err == nil {
		err = json.Unmarshal(raw, &parts)
	}
	if err != nil {
		return err
	}
	for name, part := range parts {
		all[name] = part
	}
	g.pub.fields, g.priv.fields = nil, nil
	g.did("set up the project %s in the %s Jira, with its workflow, as an administrator does", s.Projects[before].Key, j.Flavour)
	return manage.call("PUT", "/snapshot", all, nil)
}

// project adds a project like another one with a workflow of its own: any step from any, or one after the other.
func (s *jiraShape) project(key, name, like string, free bool, steps ...string) {
	var p simulator.Project
	for _, other := range s.Projects {
		switch other.Key {
		case key:
			return
		case like:
			p = *other
		}
	}
	wf := &simulator.Workflow{ID: "900", Name: name}
	for i, n := range steps {
		st := &simulator.Status{ID: fmt.Sprint(900 + i), Name: n, Category: "indeterminate"}
		t := &simulator.Transition{ID: fmt.Sprint(9001 + 10*i), Name: n, To: st.ID}
		switch {
		case i == 0:
			st.Category, wf.Initial = "new", st.ID
		case !free:
			t.From = []string{fmt.Sprint(900 + i - 1)}
		}
		if strings.HasPrefix(n, "Resolve") {
			st.Category, t.Screen = "done", []simulator.ScreenField{{Field: "resolution", Required: true}}
		}
		if strings.HasPrefix(n, "Close") {
			st.Category = "done"
		}
		s.Statuses, wf.Transitions = append(s.Statuses, st), append(wf.Transitions, t)
	}
	cause := &simulator.Field{ID: "customfield_19000", Name: "Root Cause", Kind: "paragraph", Custom: true}
	s.Fields, s.Workflows = append(s.Fields, cause), append(s.Workflows, wf)
	p.ID, p.Key, p.Name, p.Workflow, p.Components, p.Versions, p.RequestTypes = "19000", key, name, wf.ID, nil, nil, nil
	p.CreateScreen, p.EditScreen = append(p.CreateScreen[:len(p.CreateScreen):len(p.CreateScreen)], cause.ID), append(p.EditScreen[:len(p.EditScreen):len(p.EditScreen)], cause.ID)
	s.Projects = append(s.Projects, &p)
}
