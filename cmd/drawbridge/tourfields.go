package main

import (
	"errors"
	"fmt"
	"strings"
)

var stepsFields = []step{
	{"an issue made outside appears inside, with its fields", stepCreatePublic},
	{"an issue made inside appears outside", stepCreatePrivate},
	{"a sub-task is made under the twin of its parent", stepSubtask},
	{"an issue no trigger wants, put under sync by hand", stepByHand},
	{"many issues at once, by a query", stepBulk},
	{"two issues that exist already become a pair", stepJoin},
	{"an edit travels, either way", stepEdit},
	{"every kind of field travels, and can be cleared", stepKinds},
	{"labels added on both sides at once: both stay", stepLabels},
	{"the same field edited on both sides at once: one value, none lost", stepConflict},
	{"the status follows, with the resolution its screen asks for", stepStatus},
	{"the issue type follows where Jira lets it", stepType},
	{"people: found by e-mail, otherwise left out with a note", stepPeople},
}

func stepCreatePublic(g *guide) (err error) {
	summary := unique("The printer is on fire")
	want := object{"description": "It *burns* since this morning.", "priority": object{"name": "High"}, "labels": []string{"fire", "printer"}, "duedate": "2027-01-31",
		"components": []object{{"name": "Backend"}}, "fixVersions": []object{{"name": "1.1"}}, "Customer": "Example Ltd", "Story points": 5,
		"Target date": "2027-02-28", "Severity": object{"value": "Major"}, "Platforms": []object{{"value": "Linux"}, {"value": "Windows"}}}
	if g.pubKey, err = g.pub.create(g.pub.Project, "Bug", summary, want); err != nil {
		return err
	}
	g.did("made %s in the public Jira: %q", g.pubKey, summary)
	if g.privKey, err = g.twin(g.priv, g.priv.Project, summary); err != nil {
		return err
	}
	want["issuetype"] = object{"name": "Bug"}
	if err := g.shows(g.priv, g.privKey, want); err != nil {
		return err
	}
	return g.linked(summary)
}

// linked looks at the remote links of the pair: each side shows where its twin is.
func (g *guide) linked(string) error {
	return g.eventually("each links to the other", func() error {
		for _, side := range []struct {
			r         *rest
			key, twin string
		}{{g.pub, g.pubKey, g.privKey}, {g.priv, g.privKey, g.pubKey}} {
			links, err := side.r.remoteLinks(side.key)
			if err != nil {
				return err
			}
			if len(links) != 1 || !strings.Contains(links[0], side.twin) {
				return fmt.Errorf("%s has the links %v, not one to %s", side.key, links, side.twin)
			}
		}
		return nil
	})
}

func stepCreatePrivate(g *guide) error {
	summary := unique("Order more paper")
	key, err := g.priv.create(g.priv.Project, "Task", summary, object{"description": "A4, please."})
	if err != nil {
		return err
	}
	g.did("made %s in the private Jira", key)
	twin, err := g.twin(g.pub, g.pub.Project, summary)
	if err != nil {
		return err
	}
	return g.shows(g.pub, twin, object{"description": "A4, please.", "issuetype": object{"name": "Task"}})
}

func stepSubtask(g *guide) error {
	summary := unique("Find the extinguisher")
	key, err := g.priv.create(g.priv.Project, "Sub-task", summary, object{"parent": object{"key": g.privKey}})
	if err != nil {
		return err
	}
	g.did("made the sub-task %s of %s inside", key, g.privKey)
	twin, err := g.twin(g.pub, g.pub.Project, summary)
	if err != nil {
		return err
	}
	return g.eventually(fmt.Sprintf("%s is a part of %s", twin, g.pubKey), func() error {
		fields, err := g.pub.issue(twin)
		if parent, _ := fields["parent"].(object); err == nil && parent["key"] != g.pubKey {
			err = fmt.Errorf("it is a part of %v", parent["key"])
		}
		return err
	})
}

func stepByHand(g *guide) error {
	summary := unique("Nobody triggers me")
	key, err := g.pub.create(g.pub.Service, "Task", summary, nil)
	if err != nil {
		return err
	}
	g.did("made %s in a project no trigger names", key)
	err = g.stays("it stays outside", func() error {
		keys, err := g.priv.find(g.priv.Project, summary)
		if err == nil && len(keys) > 0 {
			err = fmt.Errorf("it has the twin %v", keys)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err := g.run("hub.yaml", exitDone, "sync", "issue", key); err != nil {
		return err
	}
	_, err = g.twin(g.priv, g.priv.Project, summary)
	return err
}

func stepEdit(g *guide) error {
	there, back := unique("Still burning"), unique("Fire is out")
	if err := g.pub.edit(g.pubKey, object{"summary": there}); err != nil {
		return err
	}
	g.did("edited the summary of %s outside", g.pubKey)
	if err := g.shows(g.priv, g.privKey, object{"summary": there}); err != nil {
		return err
	}
	if err := g.priv.edit(g.privKey, object{"summary": back}); err != nil {
		return err
	}
	g.did("edited the summary of %s inside", g.privKey)
	if err := g.shows(g.pub, g.pubKey, object{"summary": back}); err != nil {
		return err
	}
	return g.stays("and it does not swing back", func() error {
		return errors.Join(compare(g.pub, g.pubKey, object{"summary": back}), compare(g.priv, g.privKey, object{"summary": back}))
	})
}

func stepKinds(g *guide) error {
	for _, c := range []struct {
		name       string
		to, beside any
	}{
		{"description", "h1. New\n\n* one\n* two", "plain again"},
		{"priority", object{"name": "Lowest"}, object{"name": "Highest"}},
		{"duedate", "2027-06-30", nil},
		{"components", []object{{"name": "Docs"}, {"name": "Frontend"}}, []object{}},
		{"fixVersions", []object{{"name": "2.0"}}, []object{{"name": "1.1"}}},
		{"Customer", "Someone else", nil},
		{"Story points", 13, nil},
		{"Target date", "2028-02-29", nil},
		{"Severity", object{"value": "Critical"}, nil},
		{"Platforms", []object{{"value": "macOS"}}, []object{{"value": "Linux"}, {"value": "macOS"}}},
	} {
		if err := g.pub.edit(g.pubKey, object{c.name: c.to}); err != nil {
			return fmt.Errorf("edit %s outside: %w", c.name, err)
		}
		if err := g.shows(g.priv, g.privKey, object{c.name: c.to}); err != nil {
			return err
		}
		if err := g.priv.edit(g.privKey, object{c.name: c.beside}); err != nil {
			return fmt.Errorf("edit %s inside: %w", c.name, err)
		}
		if err := g.shows(g.pub, g.pubKey, object{c.name: c.beside}); err != nil {
			return err
		}
	}
	return nil
}

func stepLabels(g *guide) error {
	add := func(r *rest, key, label string) error {
		return r.call("PUT", "/rest/api/2/issue/"+key, object{"update": object{"labels": []object{{"add": label}}}}, nil)
	}
	outside, inside := strings.ReplaceAll(unique("outside"), " ", "-"), strings.ReplaceAll(unique("inside"), " ", "-")
	if err := errors.Join(add(g.pub, g.pubKey, outside), add(g.priv, g.privKey, inside)); err != nil {
		return err
	}
	g.did("added the label %s outside and %s inside", outside, inside)
	return g.eventually("both labels are on both sides", func() error {
		for _, side := range []struct {
			r   *rest
			key string
		}{{g.pub, g.pubKey}, {g.priv, g.privKey}} {
			fields, err := side.r.issue(side.key)
			if err != nil {
				return err
			}
			if labels := fmt.Sprint(fields["labels"]); !strings.Contains(labels, outside) || !strings.Contains(labels, inside) {
				return fmt.Errorf("%s has the labels %s", side.key, labels)
			}
		}
		return nil
	})
}

func stepConflict(g *guide) error {
	outside, inside := unique("Outside says"), unique("Inside says")
	if err := errors.Join(g.pub.edit(g.pubKey, object{"summary": outside}), g.priv.edit(g.privKey, object{"summary": inside})); err != nil {
		return err
	}
	g.did("edited the same summary on both sides at once")
	var same string
	err := g.eventually("both sides show the same one of the two", func() error {
		a, err := g.pub.issue(g.pubKey)
		if err != nil {
			return err
		}
		b, err := g.priv.issue(g.privKey)
		if err != nil {
			return err
		}
		if a["summary"] != b["summary"] || a["summary"] != outside && a["summary"] != inside {
			return fmt.Errorf("outside %q, inside %q", a["summary"], b["summary"])
		}
		same = fmt.Sprint(a["summary"])
		return nil
	})
	if err != nil {
		return err
	}
	loser := inside
	if same == inside {
		loser = outside
	}
	return g.eventually("the other one is kept in the history", func() error {
		for _, half := range []struct{ key, file string }{{g.pubKey, "hub.yaml"}, {g.privKey, "poller.yaml"}} {
			out, err := once(g.ctx, nil, g.on(half.file, "sync", "show", half.key, "--json")...)
			if err != nil {
				return err
			}
			if strings.Contains(out, loser) {
				return nil
			}
		}
		return fmt.Errorf("no history has %q", loser)
	})
}

func stepStatus(g *guide) error {
	for _, m := range []struct {
		r, other  *rest
		key, twin string
		to        string
		fields    object
	}{
		{g.pub, g.priv, g.pubKey, g.privKey, "In Progress", nil},
		{g.priv, g.pub, g.privKey, g.pubKey, "In Review", nil},
		{g.pub, g.priv, g.pubKey, g.privKey, "Done", object{"resolution": object{"name": "Done"}}},
		{g.priv, g.pub, g.privKey, g.pubKey, "To Do", nil},
	} {
		if err := m.r.move(m.key, m.to, m.fields); err != nil {
			return err
		}
		g.did("moved %s to %s", m.key, m.to)
		want := object{"status": object{"name": m.to}, "resolution": nil}
		if m.fields != nil {
			want["resolution"] = m.fields["resolution"]
		}
		if err := g.shows(m.other, m.twin, want); err != nil {
			return err
		}
	}
	return nil
}

func stepType(g *guide) error {
	if err := g.pub.edit(g.pubKey, object{"issuetype": object{"name": "Task"}}); err != nil {
		return err
	}
	g.did("made %s a Task", g.pubKey)
	return g.shows(g.priv, g.privKey, object{"issuetype": object{"name": "Task"}})
}

func stepPeople(g *guide) error {
	admin, alice := object{"name": "admin"}, object{"name": "alice"}
	if err := g.priv.edit(g.privKey, object{"assignee": admin}); err != nil {
		return err
	}
	g.did("assigned %s to Ada Admin inside, whose e-mail both Jiras show", g.privKey)
	if err := g.shows(g.pub, g.pubKey, object{"assignee": object{"displayName": "Ada Admin"}}); err != nil {
		return err
	}
	if err := g.priv.edit(g.privKey, object{"assignee": alice}); err != nil {
		return err
	}
	g.did("assigned it to Alice, whose e-mail the public Jira hides")
	return g.eventually("the history outside says why she is not assigned there", func() error {
		out, err := once(g.ctx, nil, g.on("hub.yaml", "sync", "show", g.pubKey, "--json")...)
		if err == nil && !strings.Contains(out, "Alice") {
			err = errors.New("the history does not name her")
		}
		return err
	})
}

func stepBulk(g *guide) error {
	mark := strings.ReplaceAll(unique("bulk"), " ", "-")
	var summaries []string
	for i := range 5 {
		summary := unique(fmt.Sprintf("One of many %d", i+1))
		if _, err := g.pub.create(g.pub.Service, "Task", summary, object{"labels": []string{mark}}); err != nil {
			return err
		}
		summaries = append(summaries, summary)
	}
	g.did("made %d issues in a project no trigger names, labelled %s", len(summaries), mark)
	query := "project = " + g.pub.Service + " AND labels = " + mark
	err := g.eventually("Jira's search finds them", func() error {
		out, err := once(g.ctx, nil, g.on("hub.yaml", "sync", "bulk", query, "--dry-run")...)
		if err == nil && !strings.Contains(out, "5 issues match") {
			err = errors.New(out)
		}
		return err
	})
	if err != nil {
		return err
	}
	out, err := g.run("hub.yaml", exitDone, "sync", "bulk", query, "--yes")
	if err != nil {
		return err
	}
	if !strings.Contains(out, "done") {
		return fmt.Errorf("it is not done: %s", out)
	}
	return g.eventually("each has one twin inside", func() error {
		for _, summary := range summaries {
			keys, err := g.priv.find(g.priv.Project, summary)
			if err != nil {
				return err
			}
			if len(keys) != 1 {
				return fmt.Errorf("%q has the twins %v", summary, keys)
			}
		}
		return nil
	})
}

func stepJoin(g *guide) error {
	here, err := g.pub.create(g.pub.Service, "Task", unique("Made by another tool"), object{"labels": []string{"here"}})
	if err != nil {
		return err
	}
	there, err := g.priv.create(g.priv.Service, "Task", unique("Made by another tool, inside"), object{"labels": []string{"there"}})
	if err != nil {
		return err
	}
	if _, err := g.run("hub.yaml", exitDone, "sync", "pair", here, there, "--values", "public"); err != nil {
		return err
	}
	if _, err := g.run("poller.yaml", exitDone, "sync", "pair", there, here, "--values", "public"); err != nil {
		return err
	}
	if err := g.shows(g.pub, here, object{"labels": []string{"here", "there"}}); err != nil {
		return err
	}
	joined := unique("Joined")
	if err := g.priv.edit(there, object{"summary": joined}); err != nil {
		return err
	}
	g.did("edited the summary inside")
	return g.shows(g.pub, here, object{"summary": joined})
}
