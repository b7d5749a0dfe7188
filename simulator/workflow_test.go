package simulator

import (
	"fmt"
	"strings"
	"testing"
)

func (r *rig) moveToWith(key, status string, more obj) *reply {
	r.t.Helper()
	for _, t := range r.do("GET", "/issue/"+key+"/transitions", nil).want(200).at("transitions").([]any) {
		if dig(t, "to.name") == status {
			body := obj{"transition": obj{"id": dig(t, "id")}}
			for k, v := range more {
				body[k] = v
			}
			return r.do("POST", "/issue/"+key+"/transitions", body)
		}
	}
	r.t.Fatalf("no transition to %s", status)
	return nil
}

func (r *rig) ways(name, key string) string {
	var names []string
	for _, t := range r.as(name, "GET", "/issue/"+key+"/transitions", nil).want(200).at("transitions").([]any) {
		names = append(names, fmt.Sprint(dig(t, "to.name")))
	}
	return strings.Join(names, ", ")
}

// transitionTo finds a transition to change in a test.
func transitionTo(s *Site, w *Workflow, status string) *Transition {
	return pick(w.Transitions, func(t *Transition) bool { return s.status(t.To).Name == status })
}

func TestStepsDependOnStatus(t *testing.T) {
	r := newRig(t, DataCenter)
	key := r.make("x")
	if got := r.ways("alice", key); got != "In Progress, Done" {
		t.Errorf("from To Do: %s", got)
	}
	r.moveTo(key, "In Progress", nil).want(204)
	if got := r.ways("alice", key); got != "To Do, In Review, Done" {
		t.Errorf("from In Progress: %s", got)
	}
	id := transitionTo(r.Site, r.st.Workflows[0], "In Progress").ID
	r.do("POST", "/issue/"+key+"/transitions", obj{"transition": obj{"id": id}}).want(400).says("not valid for the current state")
	r.moveTo(key, "Done", obj{"resolution": obj{"name": "Duplicate"}}).want(204)
	out := r.do("GET", "/issue/"+key, nil).is("fields.resolution.name", "Duplicate").is("fields.status.statusCategory.key", "done")
	if out.at("fields.resolutiondate") == nil {
		t.Error("no resolutiondate")
	}
	if got := len(r.items(key)); got != 2 {
		t.Errorf("status and resolution should share a history, got %d items", got)
	}
	r.moveTo(key, "To Do", nil).want(204)
	r.do("GET", "/issue/"+key, nil).is("fields.resolution", nil).is("fields.resolutiondate", nil)
}

func TestConditionsValidatorsPostFunctions(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		r.ChangeWorkflow("", func(w *Workflow) error {
			transitionTo(r.Site, w, "In Progress").Conditions = []Condition{{OnlyAssignee: true}}
			done := transitionTo(r.Site, w, "Done")
			done.Validators = []Validator{{Field: "description", Pattern: "(?i)tested", Message: "Say how it was tested."}, {JQL: "labels is EMPTY OR labels != wip", Message: "Still in work."}}
			done.Post = []PostFunction{{Field: "assignee", Words: []string{"{user}"}}, {Field: "comment", Words: []string{"Closed by workflow"}}}
			return nil
		})
		key := r.make("x", obj{"labels": []string{"wip"}})
		if strings.Contains(r.ways("alice", key), "In Progress") {
			t.Error("only the assignee may start")
		}
		fixed := obj{"resolution": obj{"name": "Done"}}
		r.moveTo(key, "Done", fixed).want(400).is("errors.description", "Say how it was tested.")
		r.edit(key, obj{"description": "Tested by hand"}).want(204)
		r.moveTo(key, "Done", fixed).want(400).is("errorMessages.0", "Still in work.")
		r.edit(key, obj{"labels": nil}).want(204)
		r.moveTo(key, "Done", obj{"resolution": obj{"name": "Done"}, "summary": "not here"}).want(400).says("appropriate screen")
		r.moveTo(key, "Done", fixed).want(204)
		r.do("GET", "/issue/"+key, nil).is("fields.assignee.displayName", "Alice Archer").is("fields.comment.comments.0.body", "Closed by workflow")
	})
}

func TestTransitionFieldsAndComment(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("jira:issue_updated", "comment_created")
		key := r.make("x")
		list := r.do("GET", "/issue/"+key+"/transitions?expand=transitions.fields", nil).want(200).at("transitions").([]any)
		seen := false
		for _, tr := range list {
			if dig(tr, "to.name") == "Done" {
				seen = dig(tr, "fields.resolution.required") == true && len(dig(tr, "fields.resolution.allowedValues").([]any)) == 4
			}
		}
		if !seen {
			t.Error("Done's screen should require a resolution and list the choices")
		}
		r.moveToWith(key, "In Progress", obj{"update": obj{"comment": []obj{{"add": obj{"body": "on it"}}}}}).want(204)
		var got []string
		for _, e := range in.got(r) {
			got = append(got, fmt.Sprint(e["webhookEvent"], "/", e["issue_event_type_name"]))
		}
		want := []string{"jira:issue_updated/issue_generic", "comment_created/<nil>"}
		if r.Flavour() == DataCenter {
			want = []string{"jira:issue_updated/issue_work_started", "comment_created/<nil>", "jira:issue_updated/issue_commented"}
		}
		if r.Flavour() == DataCenter && strings.Join(got, " ") != strings.Join(want, " ") || len(got) != len(want) {
			t.Errorf("events %v, want %v", got, want)
		}
	})
}

func TestConflictRate(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.ConflictRate = 1 })
	key := r.make("x")
	r.edit(key, obj{"summary": "y"}).want(409)
	r.moveTo(key, "In Progress", nil).want(409)
}
