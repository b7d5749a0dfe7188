package simulator

import (
	"net/http"
	"strings"
	"testing"
)

// A newcomer's round through the basics on both flavours.
func TestCreateEditTransitionComment(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("jira:issue_created", "jira:issue_updated", "comment_created")
		key := r.make("first", obj{"description": "*bold*", "labels": []string{"b", "a"}})
		r.do("GET", "/issue/"+key, nil).want(200).is("fields.summary", "first").is("fields.labels", "[a b]").is("fields.status.name", "To Do")

		r.edit(key, obj{"summary": "second"}).want(204)
		r.moveTo(key, "Done", nil).want(400).says("Resolution is required.")
		r.moveTo(key, "Done", obj{"resolution": obj{"name": "Done"}}).want(204)
		r.do("POST", "/issue/"+key+"/comment", obj{"body": "hello"}).want(201).is("body", "hello")

		r.search("project=ABC", "summary,status").is("issues.0.key", key).is("issues.0.fields.status.name", "Done")
		if n := len(r.histories(key)); n != 2 {
			t.Errorf("%d histories, want 2", n)
		}
		names := strings.Join(in.names(r), " ")
		if !strings.Contains(names, "jira:issue_created") || !strings.Contains(names, "comment_created") {
			t.Errorf("events %s", names)
		}
	})
}

func TestRecordedRefusals(t *testing.T) {
	r := newRig(t, Cloud)
	r.api = "/rest/api/3"
	key := r.make("x")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{"unknown issue", "GET", "/issue/NOPE-999999", "", 404, `{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`},
		{"empty creation", "POST", "/issue", "", 400, `{"errorMessages":["No Issue Create payload supplied"],"errors":{}}`},
		{"no project", "POST", "/issue", `{"fields":{}}`, 400, `{"errorMessages":[],"errors":{"project":"Specify a valid project ID or key"}}`},
		{"no type", "POST", "/issue", `{"fields":{"project":{"key":"ABC"}}}`, 400, `{"errorMessages":[],"errors":{"issuetype":"Specify an issue type"}}`},
		{"broken JSON", "POST", "/issue", `not json`, 400, `{"errorMessages":["There was an error parsing JSON. Check that your request body is valid."]}`},
		{"off screen", "PUT", "/issue/" + key, `{"fields":{"nonsense":"x"}}`, 400, `Field 'nonsense' cannot be set. It is not on the appropriate screen, or unknown.`},
		{"plain comment", "POST", "/issue/" + key + "/comment", `{"body":"plain"}`, 400, `{"comment":"Comment body is not valid!"}`},
		{"no transition", "POST", "/issue/" + key + "/transitions", `{}`, 400, `{"errorMessages":["Missing 'transition' identifier"],"errors":{}}`},
		{"other transition", "GET", "/issue/" + key + "/transitions?transitionId=999", "", 200, `{"expand":"transitions","transitions":[]}`},
		{"link type", "POST", "/issueLink", `{"type":{"name":"Haunts"},"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"key":"ABC-2"}}`, 404, `No issue link type with name 'Haunts' found.`},
		{"link", "GET", "/issueLink/99999999", "", 404, `No issue link with id '99999999' exists.`},
		{"no such path", "GET", "/issue/" + key + "/no-such-thing", "", 404, `"detail":"No endpoint GET /rest/api/3/issue/ABC-1/no-such-thing."`},
		{"old search", "GET", "/search", "", 410, `The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.`},
		{"unbounded", "GET", "/search/jql?jql=order+by+key", "", 400, `Unbounded JQL queries are not allowed here. Please add a search restriction to your query.`},
		{"bad token", "GET", "/search/jql?jql=project+%3D+ABC&nextPageToken=garbage", "", 400, `The provided next page token is invalid or expired.`},
		{"page size", "GET", "/search/jql?jql=project+%3D+ABC&maxResults=6000&fields=id", "", 400, `The max results parameter has to be between 1 and 5,000.`},
		{"broken JQL", "GET", "/search/jql?jql=project+%3D+ABC+AND", "", 400, `Error in the JQL Query: Expecting a field name at the end of the query.`},
		{"unknown field", "GET", "/search/jql?jql=colour+%3D+red", "", 400, `colour`},
		{"unknown status", "GET", "/search/jql?jql=status+%3D+Zzqq", "", 400, `The value 'Zzqq' does not exist for the field 'status'.`},
		{"comment order", "GET", "/issue/" + key + "/comment?orderBy=author", "", 400, `The field to order by should be one of [created]. Instead, it was: author.`},
		{"user search", "GET", "/user/search", "", 400, `The username or property query parameter must be provided`},
		{"not simulated", "GET", "/dashboard", "", 501, `The simulator does not implement GET /rest/api/3/dashboard.`},
		{"method not simulated", "DELETE", "/project/ABC", "", 501, `does not implement DELETE`},
		{"dynamic webhooks", "POST", "/webhook", `{}`, 403, `Connect`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body any
			if c.body != "" {
				body = c.body
			}
			r.do(c.method, c.path, body).want(c.status).says(c.says)
		})
	}
	r.as("", "GET", "/search/jql?jql=colour+%3D+red", nil).want(200).is("isLast", true)
	if h := r.do("GET", "/issue/"+key+"/no-such-thing", nil).Header.Get("Content-Type"); h != "application/problem+json;charset=UTF-8" {
		t.Errorf("content type %q", h)
	}
}

func TestRefusedValues(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		user := obj{"name": "nobody"}
		if r.Flavour() == Cloud {
			user = obj{"accountId": "nobody"}
		}
		for _, c := range []struct {
			field string
			value any
			says  string
		}{
			{"summary", "", "You must specify a summary of the issue."},
			{"summary", "a\nb", "newline"},
			{"summary", strings.Repeat("x", 256), "255"},
			{"summary", 7, "must be a string"},
			{"description", strings.Repeat("ö", 32768), "The entered text is too long. It exceeds the allowed limit of 32767 characters."},
			{"priority", obj{"name": "Urgent"}, "Priority name 'Urgent' is not valid"},
			{"components", []obj{{"name": "Nope"}}, "Component name 'Nope' is not valid"},
			{"components", "Backend", "data was not an array"},
			{"fixVersions", []obj{{"id": "1"}}, "Version id '1' is not valid"},
			{"labels", []string{"a b"}, "The label 'a b' contains spaces which is invalid."},
			{"duedate", "tomorrow", "Error parsing date string: tomorrow"},
			{"assignee", user, "User 'nobody' does not exist."},
			{"status", obj{"name": "Done"}, "Field 'status' cannot be set."},
			{"resolution", obj{"name": "Done"}, "Field 'resolution' cannot be set."},
			{r.field("Severity"), obj{"value": "Huge"}, "Option value 'Huge' is not valid"},
			{r.field("Story points"), "three", "must be a number"},
			{r.field("Incident start"), "noon", "Error parsing time: noon"},
		} {
			out := r.edit(key, obj{c.field: c.value}).want(400).says(c.says)
			if out.at("errors."+c.field) == nil {
				t.Errorf("%s: the error names another field: %s", c.field, out.Body)
			}
		}
		two := r.edit(key, obj{"priority": obj{"name": "Urgent"}, "duedate": "x", "summary": "kept?"}).want(400)
		if two.at("errors.priority") == nil || two.at("errors.duedate") == nil {
			t.Errorf("both mistakes should be named: %s", two.Body)
		}
		r.do("GET", "/issue/"+key, nil).is("fields.summary", "x") // all or nothing
	})
}

// Every kind of field, written in the flavour's form and read back.
func TestFieldKinds(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		person, id := obj{"name": "bob"}, "name"
		if r.Flavour() == Cloud {
			person, id = obj{"accountId": r.userNamed("bob").ID}, "accountId"
		}
		key := r.make("kinds")
		for _, c := range []struct {
			field string
			value any
			path  string
			want  any
		}{
			{"Customer", " ACME ", "", " ACME "},
			{"Release notes", "h1. New", "", "h1. New"},
			{"Story points", 2.5, "", 2.5},
			{"Target date", "2026-11-21", "", "2026-11-21"},
			{"Incident start", "2026-11-21T10:30:00.000+0100", "", "2026-11-21T04:30:00.000-0500"}, // alice lives in New York
			{"Severity", obj{"value": "Major"}, ".value", "Major"},
			{"Platforms", []obj{{"value": "Windows"}, {"value": "Linux"}}, ".0.value", "Linux"},
			{"Approver", person, "." + id, person[id]},
			{"Reviewers", []obj{person}, ".0." + id, person[id]},
			{"Topics", []string{"z", "a"}, "", "[a z]"},
		} {
			f := r.field(c.field)
			r.edit(key, obj{f: c.value}).want(204)
			r.do("GET", "/issue/"+key, nil).is("fields."+f+c.path, c.want)
			r.edit(key, obj{f: nil}).want(204)
			r.do("GET", "/issue/"+key, nil).is("fields."+f, nil)
		}
	})
}

func TestUpdateOperations(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("ops", obj{"labels": []string{"a", "b"}, "components": []obj{{"name": "Docs"}}})
		update := func(u obj) *reply { return r.do("PUT", "/issue/"+key, obj{"update": u}) }
		update(obj{"labels": []obj{{"add": "c"}, {"remove": "a"}}, "components": []obj{{"add": obj{"name": "Backend"}}}}).want(204)
		r.do("GET", "/issue/"+key, nil).is("fields.labels", "[b c]").is("fields.components.1.name", "Docs").is("fields.components.0.name", "Backend")
		update(obj{"summary": []obj{{"set": "new"}}, "comment": []obj{{"add": obj{"body": "by the way"}}}}).want(204)
		r.do("GET", "/issue/"+key, nil).is("fields.summary", "new").is("fields.comment.comments.0.body", "by the way")
		update(obj{"summary": []obj{{"add": "x"}}}).want(400).says("does not support operation 'add'")
		r.do("PUT", "/issue/"+key, obj{"fields": obj{"labels": []string{}}, "update": obj{"labels": []obj{{"add": "x"}}}}).want(400).says("cannot appear in both")
		if n := len(r.histories(key)); n != 2 {
			t.Errorf("%d histories, want one per write that changed something", n)
		}
	})
}

func TestRequiredFieldsAndScreens(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		r.ChangeProject("ABC", func(p *Project) error {
			p.Required = []string{"duedate"}
			p.EditScreen = []string{"summary"}
			return nil
		})
		r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABC"}, "issuetype": obj{"name": "Task"}, "summary": "x"}}).want(400).is("errors.duedate", "Due date is required.")
		key := r.make("x", obj{"duedate": "2026-12-24"})
		r.edit(key, obj{"description": "x"}).want(400).says("It is not on the appropriate screen")
		r.do("GET", "/issue/"+key+"/editmeta", nil).want(200).is("fields.description", nil).is("fields.summary.required", true)
		p := "/issue/createmeta/ABC/issuetypes"
		list := "issueTypes"
		fields := "fields"
		if r.Flavour() == DataCenter {
			list, fields = "values", "values"
		}
		id := r.do("GET", p, nil).want(200).at(list + ".0.id").(string)
		meta := r.do("GET", p+"/"+id, nil).want(200).at(fields).([]any)
		for _, f := range meta {
			if dig(f, "fieldId") == "duedate" && dig(f, "required") != true {
				t.Errorf("duedate should be required: %v", f)
			}
		}
	})
}

func TestReturnIssue(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x")
	out := r.do("PUT", "/issue/"+key+"?returnIssue=true&expand=changelog", obj{"fields": obj{"summary": "y"}, "historyMetadata": obj{"type": "t", "extraData": obj{"edit": "private:7"}}}).want(200)
	out.is("fields.summary", "y").is("changelog.histories.0.items.0.toString", "y").is("changelog.histories.0.historyMetadata.extraData.edit", "private:7")
	dc := newRig(t, DataCenter)
	dc.do("PUT", "/issue/"+dc.make("x")+"?returnIssue=true", obj{"fields": obj{"summary": "y"}}).want(204)
}

func TestDeleteTakesSubtasks(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		parent := r.make("parent")
		sub := obj{"issuetype": obj{"name": "Sub-task"}}
		r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABC"}, "issuetype": obj{"name": "Sub-task"}, "summary": "x"}}).want(400).says("parent")
		child := r.make("child", sub, obj{"parent": obj{"key": parent}})
		r.do("GET", "/issue/"+parent, nil).is("fields.subtasks.0.key", child)
		r.do("DELETE", "/issue/"+parent, nil).want(400)
		r.do("DELETE", "/issue/"+parent+"?deleteSubtasks=true", nil).want(204)
		r.do("GET", "/issue/"+child, nil).want(404)
	})
}

func TestPermissions(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		r.ChangeUser("bob", func(u *User) error { u.Denied = []string{"EDIT_ISSUES", "ADD_COMMENTS"}; return nil })
		r.as("bob", "PUT", "/issue/"+key, obj{"fields": obj{"summary": "y"}}).want(403)
		r.as("bob", "POST", "/issue/"+key+"/comment", obj{"body": "y"}).want(403)
		r.as("bob", "GET", "/mypermissions?permissions=EDIT_ISSUES,CREATE_ISSUES", nil).want(200).
			is("permissions.EDIT_ISSUES.havePermission", false).is("permissions.CREATE_ISSUES.havePermission", true)
		r.ChangeUser("bob", func(u *User) error { u.Denied = []string{"BROWSE_PROJECTS"}; return nil })
		r.as("bob", "GET", "/issue/"+key, nil).want(404)
		r.ChangeUser("bob", func(u *User) error { u.Denied = []string{"SCHEDULE_ISSUES"}; return nil })
		r.as("bob", "PUT", "/issue/"+key, obj{"fields": obj{"duedate": "2026-12-24"}}).want(400).says("Field 'duedate' cannot be set.")
		r.edit(key, obj{"security": obj{"name": "Team only"}}).want(204)
		r.as("carol", "GET", "/issue/"+key, nil).want(404)
		r.as("", "GET", "/issue/"+key, nil).want(401)
		r.Configure(func(st *Settings) { st.AnonymousEmpty = true })
		r.ChangeUser("alice", func(u *User) error { u.Expired = true; return nil })
		r.search("project=ABC", "id").is("issues", "[]")
		r.do("GET", "/issue/"+key, nil).want(404)
		r.do("GET", "/myself", nil).want(401)
	})
}

func TestTextModes(t *testing.T) {
	for mode, want := range map[string]string{"": " a \nb  ", "trim": "a\nb", "crlf": " a \r\nb  "} {
		r := newRig(t, DataCenter, func(st *Settings) { st.TextMode = mode })
		key := r.make("x", obj{"description": " a \nb  "})
		r.do("GET", "/issue/"+key, nil).is("fields.description", want)
		before := len(r.histories(key))
		r.edit(key, obj{"description": " a \nb  "}).want(204)
		if got := len(r.histories(key)); got != before {
			t.Errorf("mode %q: writing the same text again left a history", mode)
		}
	}
}

func TestMoveKeepsID(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x", obj{"components": []obj{{"name": "Docs"}}})
		id := r.do("GET", "/issue/"+key, nil).at("id")
		moved, err := r.Move(key, "ABCSD", "bob")
		if err != nil {
			t.Fatal(err)
		}
		r.do("GET", "/issue/"+key, nil).want(200).is("id", id).is("key", moved["key"]).is("fields.components", "[]").is("fields.project.key", "ABCSD")
		clone, err := r.Clone(moved["key"], "")
		if err != nil {
			t.Fatal(err)
		}
		r.do("GET", "/issue/"+clone["key"], nil).is("fields.summary", "CLONE - x").is("fields.issuelinks.0.outwardIssue.key", moved["key"])
	})
}

func TestVersion3SpeaksADF(t *testing.T) {
	r := newRig(t, Cloud)
	key := r.make("x", obj{"description": "*bold*"})
	doc := r.do("GET", "/rest/api/3/issue/"+key, nil).want(200)
	doc.is("fields.description.type", "doc").is("fields.description.content.0.content.0.marks.0.type", "strong")
	r.do("PUT", "/rest/api/3/issue/"+key, obj{"fields": obj{"description": "wiki"}}).want(400)
	r.do("PUT", "/rest/api/3/issue/"+key, obj{"fields": obj{"description": doc.at("fields.description")}}).want(204)
	r.do("GET", "/issue/"+key, nil).is("fields.description", "*bold*")
	newRig(t, DataCenter).do("GET", "/rest/api/3/myself", nil).want(404)
}

func TestBulkFetch(t *testing.T) {
	r := newRig(t, Cloud)
	a, b := r.make("a"), r.make("b")
	out := r.do("POST", "/issue/bulkfetch", obj{"issueIdsOrKeys": []string{b, a, "ABC-99"}, "fields": []string{"summary"}, "expand": []string{"changelog"}}).want(200)
	out.is("issues.0.key", a).is("issues.1.fields.summary", "b").is("issueErrors.0.id", "ABC-99")
	if out.at("issues.0.changelog.histories") == nil {
		t.Error("no changelog")
	}
}

func TestBodiesMustBeJSON(t *testing.T) {
	r := newRig(t, Cloud)
	req, _ := http.NewRequest("POST", r.srv.URL+"/rest/api/2/issue", strings.NewReader("summary=x"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.sign(req, "alice")
	r.send(req).want(415)
}

// TestParents: an issue is under one of the level above it, a sub-task always, and only Cloud moves it.
func TestParents(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		cloud := r.Flavour() == Cloud
		sub, epic := obj{"issuetype": obj{"name": "Sub-task"}}, r.make("a goal", obj{"issuetype": obj{"name": "Epic"}})
		parent, other := r.make("parent"), r.make("other")
		child := r.make("child", sub, obj{"parent": obj{"key": parent}})
		post := func(typ, parent string) *reply {
			return r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABC"}, "issuetype": obj{"name": typ}, "summary": "x", "parent": obj{"key": parent}}})
		}
		post("Sub-task", child).want(400).says("hierarchy")
		post("Sub-task", epic).want(400).says("hierarchy")
		post("Sub-task", "ABC-99").want(400)
		put := func(key string, fields obj) *reply { return r.do("PUT", "/issue/"+key, obj{"fields": fields}) }
		put(child, obj{"issuetype": obj{"name": "Task"}}).want(400).says("issuetype")
		put(parent, obj{"issuetype": obj{"name": "Sub-task"}, "parent": obj{"key": other}}).want(400)
		put(child, obj{"summary": "y", "parent": obj{}}).want(204)
		if !cloud {
			post("Task", epic).want(400).says("parent")
			put(child, obj{"parent": obj{"key": other}}).want(400).says("parent")
			return
		}
		post("Task", other).want(400).says("hierarchy")
		put(child, obj{"parent": obj{"key": other}}).want(204)
		r.do("GET", "/issue/"+child, nil).is("fields.parent.key", other)
		none := obj{"update": obj{"parent": []any{obj{"set": obj{"none": true}}}}}
		r.do("PUT", "/issue/"+child, none).want(400).says("parent")
		put(other, obj{"parent": obj{"key": epic}}).want(204)
		r.do("PUT", "/issue/"+other, none).want(204)
		put(other, obj{"parent": obj{"key": parent}}).want(400).says("hierarchy")
	})
}

func TestASubtaskStaysInItsProject(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		parent := r.make("parent")
		r.st.Projects[1].Types = r.st.Projects[0].Types
		r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABCSD"}, "issuetype": obj{"name": "Sub-task"}, "summary": "x", "parent": obj{"key": parent}}}).want(400).says("same project")
	})
}
