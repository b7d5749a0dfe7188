package world

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// toService are rules that put what arrives into the service project.
func toService(h string) string {
	return fmt.Sprintf("version: 1\ncreate: {project: %sSD, type: Service Request}\ntriggers:\n  - jql: project in (%s, %sSD)\n", h, h, h)
}

func (h *Half) internal(key, id string) bool {
	h.T.Helper()
	var out struct {
		Value struct{ Internal bool }
	}
	return h.Call("admin", "GET", "/rest/api/2/comment/"+id+"/properties/sd.public.comment", nil, &out) == 200 && out.Value.Internal
}

func TestCommentsArriveInternalInAServiceProject(t *testing.T) {
	sides(t, Options{PublicRules: toService(PublicProject), PrivateRules: toService(PrivateProject)}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.OK("alice", "POST", "/rest/api/2/issue/"+key+"/comment", map[string]any{"body": "for engineers"}, nil)
		w.Settle()
		got := there.comments(twin)
		if len(got) != 1 || !there.internal(twin, got[0].ID) {
			t.Fatalf("a comment that arrives in a service project must be internal: %+v", got)
		}
		// and what is internal there does not leave
		there.OK("bob", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{
			"body": "between agents", "properties": []map[string]any{{"key": "sd.public.comment", "value": map[string]bool{"internal": true}}},
		}, nil)
		there.OK("bob", "POST", "/rest/api/2/issue/"+twin+"/comment", map[string]any{"body": "for the customer"}, nil)
		w.Settle()
		if got := here.comments(key); len(got) != 2 {
			t.Fatalf("comments here, want the first and the one for the customer: %+v", got)
		}
	})
}

// TestFilesArriveForAgentsUnlessARowSaysOtherwise: customers see what a public comment of the request refers to.
func TestFilesArriveForAgentsUnlessARowSaysOtherwise(t *testing.T) {
	const rows = "attachments: {arriving: '= attachment.name endsWith \".pdf\" ? \"public\" : \"internal\"'}\n"
	o := Options{PublicRules: toRequest(PublicProject) + rows, PrivateRules: toRequest(PrivateProject) + rows}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.attach(key, "log.txt", "for agents")
		pdf := here.attach(key, "guide.pdf", "for customers")
		w.Settle()
		if got := there.attachments(twin); len(got) != 2 || there.content(got[0]) != "for agents" || there.content(got[1]) != "for customers" {
			t.Fatalf("files of the twin: %+v", got)
		}
		cs := there.comments(twin)
		if len(cs) != 1 || cs[0].Body != "[^guide.pdf]" || there.internal(twin, cs[0].ID) {
			t.Fatalf("customers see the files of %+v", cs)
		}
		there.Edit(twin, map[string]any{"summary": "two"}) // nothing of it is told as if somebody had written it
		w.Settle()
		if got := here.comments(key); len(got) != 0 {
			t.Errorf("comments came back: %+v", got)
		}
		if got := here.attachments(key); len(got) != 2 {
			t.Errorf("files came back: %+v", got)
		}
		here.OK("alice", "DELETE", "/rest/api/2/attachment/"+pdf, nil, nil)
		w.Settle()
		if got := there.attachments(twin); len(got) != 1 || got[0].Filename != "log.txt" {
			t.Errorf("files of the twin after one was deleted: %+v", got)
		}
	})
}

// toRequest is toService with a request type: customers see only what is a request.
func toRequest(h string) string {
	return strings.Replace(toService(h), "type: Service Request}", "type: Service Request, requestType: Get help}", 1)
}

// TestWhatIsMadeAtTheDeskIsARequest: of the type that the rules name, reported by a customer whom the desk has, else by the
// fallback. A request type that the desk does not have keeps no issue out.
func TestWhatIsMadeAtTheDeskIsARequest(t *testing.T) {
	const rows = "fields:\n  - reporter\nusers: {send: [email], fallback: %s}\n"
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(toRequest(here.Demo.ProjectKey) + fmt.Sprintf(rows, "nobody"))
		for _, h := range []*Half{here, there} {
			h.must(h.Jira.ChangeUser("carol", func(u *simulator.User) error { u.ShowEmail = true; return nil }))
		}
		fallback := there.user("bob")
		id := fallback["accountId"] + fallback["name"]
		there.publish(toRequest(there.Demo.ProjectKey) + fmt.Sprintf(rows, id))
		for reporter, want := range map[string]string{"carol": "Carol Customer", "alice": "Bob Builder"} {
			if reporter == "alice" {
				there.must(there.Jira.ChangeUser("alice", func(u *simulator.User) error { u.Email = "somebody@else.example"; return nil }))
			}
			_, twin := pairUp(t, w, here, map[string]any{"reporter": here.user(reporter)})
			if got := there.Name(twin, "reporter"); !strings.HasSuffix(got, want) {
				t.Errorf("the reporter of what %s reported is %s, want %s", reporter, got, want)
			}
			if got := there.requestType(twin); got != "Get help" {
				t.Errorf("the request type of %s is %q", twin, got)
			}
		}
		wrong := strings.Replace(toRequest(there.Demo.ProjectKey), "Get help", "Get helb", 1)
		byTable := strings.Replace(wrong, "project: "+there.Demo.ServiceKey+",", `project: '= lookup("desks", replica.area, "none")',`, 1) + "tables:\n  desks: {a: " + there.Demo.ServiceKey + ", b: NOPE}\n"
		either := strings.Replace(wrong, "project: "+there.Demo.ServiceKey+",", `project: '= first_sync ? "`+there.Demo.ServiceKey+`" : "X"',`, 1)
		for _, source := range []string{wrong, byTable, either} {
			_, err := site.Publish(context.Background(), there.Site, Connection, site.Revision{File: "new.yaml", Source: source})
			if err == nil || !strings.Contains(err.Error(), `request type of `+there.Demo.ServiceKey+` "Get helb": unknown on this site; did you mean "Get help"?`) {
				t.Errorf("rules that name no request type of the desk: %v\n%s", err, source)
			}
		}
		there.publish(strings.Replace(toRequest(there.Demo.ProjectKey), "Get help", "desk/lost", 1))
		key := here.Create("one", nil)
		w.Settle()
		if a := here.Pair(key).Head.Unmade(); a == nil || !strings.Contains(a.Reason, "The request type 'desk/lost' does not exist") || !strings.Contains(a.Reason, "new.yaml:") {
			t.Errorf("no word of why it is not made, and by which rule: %+v", a)
		}
		there.publish(toRequest(there.Demo.ProjectKey))
		w.Settle()
		if got := there.requestType(here.Twin(key)); got != "Get help" {
			t.Errorf("the request type is %q after the rules were mended", got)
		}
	})
}

func (h *Half) requestType(key string) string {
	h.T.Helper()
	var is struct{ RequestTypeID string }
	if h.Call("admin", "GET", "/rest/servicedeskapi/request/"+key, nil, &is) >= 300 {
		return ""
	}
	var types struct{ Values []struct{ ID, Name string } }
	h.OK("admin", "GET", "/rest/servicedeskapi/servicedesk/"+h.Demo.ServiceKey+"/requesttype", nil, &types)
	for _, v := range types.Values {
		if v.ID == is.RequestTypeID {
			return v.Name
		}
	}
	return is.RequestTypeID
}

// TestAFileForCustomersOfNoRequestIsForAgents: an issue of a service project that is no request has no customers; the file is not lost.
func TestAFileForCustomersOfNoRequestIsForAgents(t *testing.T) {
	const rows = "attachments: {arriving: public}\n"
	o := Options{PublicRules: toService(PublicProject) + rows, PrivateRules: toService(PrivateProject) + rows}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.attach(key, "guide.pdf", "for somebody")
		w.Settle()
		if got := there.attachments(twin); len(got) != 1 || there.content(got[0]) != "for somebody" {
			t.Errorf("files of the twin: %+v", got)
		}
		if got := there.comments(twin); len(got) != 0 {
			t.Errorf("comments of the twin: %+v", got)
		}
	})
}

// TestALostAnswerShowsNoFileTwice: neither to agents nor to customers.
func TestALostAnswerShowsNoFileTwice(t *testing.T) {
	const rows = "attachments: {arriving: public}\n"
	o := Options{PublicRules: toRequest(PublicProject) + rows, PrivateRules: toRequest(PrivateProject) + rows}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		there.Jira.Inject(simulator.Fault{Route: "POST /rest/servicedeskapi/request/{key}/attachment", LoseAnswer: true, Count: 1})
		here.attach(key, "guide.pdf", "for customers")
		w.Settle()
		if n := len(there.Jira.Faults()); n != 0 {
			t.Fatal("the answer was not lost")
		}
		if got := there.attachments(twin); len(got) != 1 {
			t.Errorf("files of the twin: %+v", got)
		}
		if got := there.comments(twin); len(got) != 1 {
			t.Errorf("comments of the twin: %+v", got)
		}
		if got := here.comments(key); len(got) != 0 {
			t.Errorf("comments came back: %+v", got)
		}
	})
}
