package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestErrorsHeal has things go wrong on one side and come right again: errors names what is wrong, and when the cause has
// gone nobody has to say so. What is tried with every comparison of all pairs is compared here every two seconds.
func TestErrorsHeal(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	for _, public := range []bool{true, false} {
		s := sideOf(w, !public).with(t) // errors happen there
		for _, c := range ailments(t, s) {
			t.Run(c.name+" on the "+sideOf(w, public).name+" side", func(t *testing.T) { heal(t, s.with(t), c) })
		}
	}
}

// An ailment is something wrong over there.
type ailment struct {
	name       string
	begin, end func(j *rig.Jira, twin string)
	fields     rig.Fields                            // what is then edited here; nil: a new issue is made
	says       string                                // what errors says
	arrived    func(j *rig.Jira, twin string) string // when it is over; "" is yes
}

func ailments(t *testing.T, s side) []ailment {
	var screen []string
	shows := func(field, want string) func(*rig.Jira, string) string {
		return func(j *rig.Jira, twin string) string {
			if got := j.Text(twin, field); got != want {
				return fmt.Sprintf("%s is %q", field, got)
			}
			return ""
		}
	}
	deny := func(permissions ...string) func(*rig.Jira, string) {
		return func(j *rig.Jira, _ string) { j.Account("drawbridge", rig.Fields{"Denied": permissions}) }
	}
	part := "Sickbay of " + s.name
	component := func(j *rig.Jira) {
		j.As("admin").OK("POST", "/rest/api/2/component", rig.Fields{"project": j.Project, "name": part}, nil)
	}
	component(s.here)
	s.here.Account("bob", rig.Fields{"ShowEmail": true})
	s.there.Account("bob", rig.Fields{"ShowEmail": true})
	there := sideOf(s.w, !s.public).with(t)
	publish := func(row, instead string) {
		rules := strings.ReplaceAll(strings.Replace(rig.Everything, row, instead, 1), "%s", there.here.Project)
		s.w.Write("rules-healing.yaml", rules)
		says(t, there.run("rules", "publish", s.w.Path("rules-healing.yaml"), "--message", "another"), 0)
	}
	return []ailment{
		{"the account may not edit", deny("EDIT_ISSUES"), deny(), rig.Fields{"duedate": "2031-04-04"}, "forbidden", shows("duedate", "2031-04-04")},
		{"the account may not create", deny("CREATE_ISSUES"), deny(), nil, "could not make it", nil},
		{"a component is missing", func(*rig.Jira, string) {}, func(j *rig.Jira, _ string) { component(j) },
			rig.Fields{"components": []rig.Fields{{"name": part}}}, part, shows("components", part)},
		{"a field is not on the screen", func(j *rig.Jira, twin string) {
			screen = j.Editable(twin)
			j.Screen(slices.DeleteFunc(slices.Clone(screen), func(f string) bool { return f == "duedate" }))
		}, func(j *rig.Jira, _ string) { j.Screen(screen) }, rig.Fields{"duedate": "2031-05-05"}, "duedate", shows("duedate", "2031-05-05")},
		{"a person is missing", func(j *rig.Jira, _ string) { j.Account("bob", rig.Fields{"Email": "robert@example.com"}) },
			func(j *rig.Jira, _ string) { j.Account("bob", rig.Fields{"Email": "bob@example.com"}) },
			rig.Fields{"assignee": s.here.AccountOf("bob")}, "is not known on this site", func(j *rig.Jira, twin string) string {
				if got := j.Text(twin, "assignee"); !strings.Contains(strings.ToLower(got), "bob") {
					return "assignee is " + got
				}
				return ""
			}},
		{"a rule fails", func(j *rig.Jira, _ string) { publish("duedate", `{field: duedate, in: 'fail("not today")'}`) }, func(j *rig.Jira, _ string) { publish("", "") },
			rig.Fields{"duedate": "2031-07-07"}, "not today", shows("duedate", "2031-07-07")},
		{"Jira is down", func(j *rig.Jira, _ string) { j.Fault(rig.Fields{"route": "* /issue*", "status": 503}) }, func(j *rig.Jira, _ string) { j.Heal() },
			rig.Fields{"duedate": "2031-06-06"}, "503", shows("duedate", "2031-06-06")},
	}
}

func heal(t *testing.T, s side, c ailment) {
	other := sideOf(s.w, !s.public).with(t)
	name := c.name + " for " + other.name
	var key, twin string
	named := other // where errors names it, and of which issue
	if c.fields != nil {
		key, twin = s.pair(t, name, nil)
	}
	c.begin(s.there, twin)
	issue := twin
	if c.fields != nil {
		s.here.Edit(key, c.fields)
	} else {
		key, named = s.here.Create(name, nil), s
		issue = key
	}
	rig.Eventually(t, rig.Patience, "errors names it", func() string {
		if found := wrong(t, named, issue); !strings.Contains(found, c.says) {
			return "it says: " + found
		}
		return ""
	})
	c.end(s.there, twin)
	if c.fields == nil {
		rig.Eventually(t, 3*rig.Patience, "it has healed", func() string {
			if n := len(s.there.Find(name)); n != 1 {
				return fmt.Sprint(n, " twins")
			}
			return ""
		})
	} else {
		rig.Eventually(t, 3*rig.Patience, "it has healed", func() string { return c.arrived(s.there, twin) })
	}
	rig.Eventually(t, rig.Patience, "nobody speaks of it any more", func() string {
		if found := wrong(t, named, issue); found != "" {
			return found
		}
		for _, half := range []side{s, other} {
			if r := half.run("status"); strings.Contains(r.Out, " parked; see") {
				return r.Out
			}
		}
		return ""
	})
	time.Sleep(time.Second)
	if found := wrong(t, named, issue); found != "" {
		t.Error("it came back: ", found)
	}
}

// wrong is what errors says of an issue.
func wrong(t *testing.T, s side, key string) string {
	t.Helper()
	var out struct {
		Errors []struct{ Issue, Name, Field, Member, Reason string }
	}
	r := s.run("errors", "list", "--json")
	if err := json.Unmarshal([]byte(r.Out), &out); err != nil {
		t.Fatal(err, r.Out, r.Err)
	}
	var found []string
	for _, e := range out.Errors {
		if e.Issue == key {
			found = append(found, fmt.Sprint(e.Name, " ", e.Field, e.Member, ": ", e.Reason))
		}
	}
	return strings.Join(found, "\n")
}
