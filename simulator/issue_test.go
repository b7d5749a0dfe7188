package simulator

import (
	"strings"
	"testing"
)

func TestCreateEditTransitionComment(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("jira:issue_created", "jira:issue_updated", "comment_created")
		key := r.make("first", obj{"description": "*bold*", "labels": []string{"b", "a"}})
		r.do("GET", "/issue/"+key, nil).want(200).is("fields.summary", "first").is("fields.labels", "[a b]").is("fields.status.name", "To Do")

		r.edit(key, obj{"summary": "second"}).want(204)
		r.moveTo(key, "Done", nil).want(400).says("Resolution is required.")
		r.moveTo(key, "Done", obj{"resolution": obj{"name": "Done"}}).want(204)
		r.do("POST", "/issue/"+key+"/comment", obj{"body": "hello"}).want(201).is("body", "hello")

		search := "/search?jql=project=ABC&fields=summary,status"
		if r.Flavour() == Cloud {
			search = "/search/jql?jql=project=ABC&fields=summary,status"
		}
		r.do("GET", search, nil).want(200).is("issues.0.key", key).is("issues.0.fields.status.name", "Done")
		if n := len(r.histories(key)); n != 2 {
			t.Errorf("%d histories, want 2", n)
		}
		names := strings.Join(in.names(r), " ")
		if !strings.Contains(names, "jira:issue_created") || !strings.Contains(names, "comment_created") {
			t.Errorf("events %s", names)
		}
	})
}
