package jira

import (
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
)

const (
	issueBody    = `{"id":"10001","key":"P-1","fields":{"summary":"s","updated":"2026-11-21T10:00:00.000+0530"},"changelog":{"total":1,"histories":[{"id":"7","created":"2026-11-21T10:00:00.000+0000","items":[{"field":"summary","fieldtype":"jira","fieldId":"summary","from":null,"fromString":"r","to":null,"toString":"s"}],"historyMetadata":{"type":"db","extraData":{"k":"v"}}}]}}`
	commentBody_ = `{"id":"5","body":"a\r\nb","author":{"accountId":"u1","displayName":"U"},"created":"2026-11-21T10:00:00.000+0000","updated":"2026-11-21T10:00:00.000+0000","jsdPublic":true,"properties":[]}`
	worklogBody_ = `{"id":"9","issueId":"10001","timeSpentSeconds":60,"started":"2026-11-21T10:00:00.000+0000"}`
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// TestRequests fixes every byte of what goes to Jira, per flavour. A want that starts with "=" is the same on both.
func TestRequests(t *testing.T) {
	meta := &Metadata{Type: "drawbridge", ExtraData: map[string]string{"edit": "private:7"}}
	for _, c := range []struct {
		name      string
		do        func(c *Client) error
		answers   []answer
		cloud, dc string
	}{
		{"myself", func(c *Client) error { _, err := c.Myself(ctx); return err }, []answer{ok(`{"accountId":"a","name":"bot"}`)},
			`GET /jira/rest/api/2/myself`, `=`},
		{"issue", func(c *Client) error { _, err := c.Issue(ctx, "10001", IssueOptions{}); return err }, []answer{ok(issueBody)},
			`GET /jira/rest/api/2/issue/10001?fields=%2Aall%2C-comment`, `=`},
		{"issue with everything", func(c *Client) error {
			_, err := c.Issue(ctx, "P-1", IssueOptions{Fields: []string{"summary"}, Histories: true, Comments: true, Properties: []string{"a", "b"}})
			return err
		}, []answer{ok(issueBody)}, `GET /jira/rest/api/2/issue/P-1?expand=changelog&fields=summary%2Ccomment&properties=a%2Cb`, `=`},
		{"search", func(c *Client) error {
			_, _, err := c.SearchPage(ctx, "project = P", SearchOptions{Histories: true, Properties: []string{"m"}, Reconcile: []string{"10001", "10002"}}, "")
			return err
		}, []answer{ok(`{"issues":[` + issueBody + `],"total":1,"isLast":true}`)},
			`GET /jira/rest/api/2/search/jql?expand=changelog&fields=%2Aall%2C-comment&jql=project+%3D+P&maxResults=25&properties=m&reconcileIssues=10001&reconcileIssues=10002`,
			`GET /jira/rest/api/2/search?expand=changelog&fields=%2Aall%2C-comment&jql=project+%3D+P&maxResults=25&startAt=0`},
		{"search on", func(c *Client) error {
			_, _, err := c.SearchPage(ctx, "project = P", SearchOptions{Fields: []string{}}, "50")
			return err
		}, []answer{ok(`{"issues":[],"total":50,"isLast":true}`)},
			`GET /jira/rest/api/2/search/jql?fields=id&jql=project+%3D+P&maxResults=500&nextPageToken=50`,
			`GET /jira/rest/api/2/search?fields=id&jql=project+%3D+P&maxResults=500&startAt=50`},
		{"count", func(c *Client) error { _, err := c.Count(ctx, "project = P"); return err }, []answer{ok(`{"count":3,"total":3}`)},
			`POST /jira/rest/api/2/search/approximate-count {"jql":"project = P"}`,
			`GET /jira/rest/api/2/search?fields=id&jql=project+%3D+P&maxResults=0`},
		{"match", func(c *Client) error { _, err := c.Match(ctx, []string{"a = 1 ORDER BY key"}, "10001"); return err },
			[]answer{ok(`{"matches":[{"matchedIssues":[10001],"errors":[]}],"issues":[` + issueBody + `],"total":1}`)},
			`POST /jira/rest/api/2/jql/match {"issueIds":[10001],"jqls":["a = 1"]}`,
			`GET /jira/rest/api/2/search?fields=id&jql=id+%3D+10001+AND+%28a+%3D+1%29&maxResults=1&startAt=0`},
		{"histories", func(c *Client) error { return c.Histories(ctx, "10001", func(History) error { return nil }) },
			[]answer{ok(`{"values":[],"isLast":true,"changelog":{"histories":[]}}`)},
			`GET /jira/rest/api/2/issue/10001/changelog?maxResults=100&startAt=0`,
			`GET /jira/rest/api/2/issue/10001?expand=changelog&fields=summary`},
		{"create", func(c *Client) error {
			_, err := c.Create(ctx, CreateRequest{Fields: map[string]any{"summary": "s"}, Properties: map[string]any{"db": map[string]string{"i": "1"}}, Metadata: meta})
			return err
		}, []answer{{status: 201, body: `{"id":"10001","key":"P-1"}`}},
			`POST /jira/rest/api/2/issue {"fields":{"summary":"s"},"properties":[{"key":"db","value":{"i":"1"}}],"historyMetadata":{"type":"drawbridge","extraData":{"edit":"private:7"}}}`, `=`},
		{"edit", func(c *Client) error {
			_, err := c.Edit(ctx, "10001", EditRequest{Fields: map[string]any{"description": nil}, Update: map[string][]map[string]any{"labels": {{"add": "x"}}}, Metadata: meta, Silent: true})
			return err
		}, []answer{{status: 204}},
			`PUT /jira/rest/api/2/issue/10001?expand=changelog&notifyUsers=false&returnIssue=true {"fields":{"description":null},"update":{"labels":[{"add":"x"}]},"historyMetadata":{"type":"drawbridge","extraData":{"edit":"private:7"}}}`,
			`PUT /jira/rest/api/2/issue/10001?notifyUsers=false {"fields":{"description":null},"update":{"labels":[{"add":"x"}]},"historyMetadata":{"type":"drawbridge","extraData":{"edit":"private:7"}}}`},
		{"delete issue", func(c *Client) error { return c.DeleteIssue(ctx, "10001") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/issue/10001?deleteSubtasks=true`, `=`},
		{"transitions", func(c *Client) error { _, err := c.Transitions(ctx, "10001"); return err }, []answer{ok(`{"transitions":[]}`)},
			`GET /jira/rest/api/2/issue/10001/transitions?expand=transitions.fields`, `=`},
		{"transition", func(c *Client) error {
			return c.Transition(ctx, "10001", TransitionRequest{ID: "31", Fields: map[string]any{"resolution": map[string]string{"name": "Done"}}, Metadata: meta})
		}, []answer{{status: 204}},
			`POST /jira/rest/api/2/issue/10001/transitions {"transition":{"id":"31"},"fields":{"resolution":{"name":"Done"}},"historyMetadata":{"type":"drawbridge","extraData":{"edit":"private:7"}}}`, `=`},
		{"edit meta", func(c *Client) error { _, err := c.EditMeta(ctx, "10001"); return err }, []answer{ok(`{"fields":{}}`)}, `GET /jira/rest/api/2/issue/10001/editmeta`, `=`},
		{"comments", func(c *Client) error { _, err := c.ListComments(ctx, "10001"); return err }, []answer{ok(`{"comments":[],"total":0,"startAt":0}`)},
			`GET /jira/rest/api/2/issue/10001/comment?expand=properties&maxResults=100&orderBy=created&startAt=0`, `=`},
		{"comment", func(c *Client) error { _, err := c.GetComment(ctx, "10001", "5"); return err }, []answer{ok(commentBody_)},
			`GET /jira/rest/api/2/issue/10001/comment/5?expand=properties`, `=`},
		{"add comment", func(c *Client) error {
			_, err := c.AddComment(ctx, "10001", CommentRequest{Body: "b", Visibility: &Visibility{Type: "role", Value: "Developers"}, Internal: true, Properties: map[string]any{"db": 1}})
			return err
		}, []answer{{status: 201, body: commentBody_}},
			`POST /jira/rest/api/2/issue/10001/comment?expand=properties {"body":"b","visibility":{"type":"role","value":"Developers"},"properties":[{"key":"db","value":1},{"key":"sd.public.comment","value":{"internal":true}}]}`, `=`},
		{"edit open comment", func(c *Client) error {
			_, err := c.EditComment(ctx, "10001", "5", CommentRequest{Body: "b", Open: true})
			return err
		}, []answer{ok(commentBody_)}, `PUT /jira/rest/api/2/issue/10001/comment/5?expand=properties {"body":"b"}`, `=`},
		{"delete comment", func(c *Client) error { return c.DeleteComment(ctx, "10001", "5") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/issue/10001/comment/5`, `=`},
		{"attachment", func(c *Client) error { _, err := c.Attachment(ctx, "8"); return err }, []answer{ok(`{"filename":"a"}`)}, `GET /jira/rest/api/2/attachment/8`, `=`},
		{"delete attachment", func(c *Client) error { return c.DeleteAttachment(ctx, "8") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/attachment/8`, `=`},
		{"upload limit", func(c *Client) error { _, _, err := c.UploadLimit(ctx); return err }, []answer{ok(`{"enabled":true,"uploadLimit":10}`)}, `GET /jira/rest/api/2/attachment/meta`, `=`},
		{"set remote link", func(c *Client) error {
			return c.SetRemoteLink(ctx, "10001", RemoteLink{GlobalID: "g=1", URL: "https://x/1", Title: "X-1", Relationship: "synced", Application: Application{"t", "n"}, Icon: "https://x/i.png"})
		}, []answer{{status: 201, body: `{"id":1}`}},
			`POST /jira/rest/api/2/issue/10001/remotelink {"globalId":"g=1","application":{"type":"t","name":"n"},"relationship":"synced","object":{"url":"https://x/1","title":"X-1","icon":{"url16x16":"https://x/i.png"}}}`, `=`},
		{"remote links", func(c *Client) error { _, err := c.RemoteLinks(ctx, "10001"); return err }, []answer{ok(`[{"id":1,"object":{}}]`)}, `GET /jira/rest/api/2/issue/10001/remotelink`, `=`},
		{"delete remote link", func(c *Client) error { return c.DeleteRemoteLink(ctx, "10001", "a=1&b=2") }, []answer{{status: 204}},
			`DELETE /jira/rest/api/2/issue/10001/remotelink?globalId=a%3D1%26b%3D2`, `=`},
		{"link", func(c *Client) error { return c.AddLink(ctx, LinkRequest{"Blocks", "10001", "P-2"}) }, []answer{{status: 201}},
			`POST /jira/rest/api/2/issueLink {"inwardIssue":{"id":"10001"},"outwardIssue":{"key":"P-2"},"type":{"name":"Blocks"}}`, `=`},
		{"links", func(c *Client) error { _, err := c.Links(ctx, "10001"); return err }, []answer{ok(issueBody)}, `GET /jira/rest/api/2/issue/10001?fields=issuelinks`, `=`},
		{"delete link", func(c *Client) error { return c.DeleteLink(ctx, "3") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/issueLink/3`, `=`},
		{"add worklog", func(c *Client) error {
			_, err := c.AddWorklog(ctx, "10001", WorklogRequest{Comment: "w", Started: noon, Seconds: 60})
			return err
		}, []answer{{status: 201, body: worklogBody_}},
			`POST /jira/rest/api/2/issue/10001/worklog?adjustEstimate=leave {"comment":"w","started":"2026-11-21T12:00:00.000+0000","timeSpentSeconds":60}`, `=`},
		{"edit worklog", func(c *Client) error {
			_, err := c.EditWorklog(ctx, "10001", "9", WorklogRequest{Seconds: 120})
			return err
		}, []answer{ok(worklogBody_)},
			`PUT /jira/rest/api/2/issue/10001/worklog/9?adjustEstimate=leave {"comment":"","timeSpentSeconds":120}`, `=`},
		{"delete worklog", func(c *Client) error { return c.DeleteWorklog(ctx, "10001", "9") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/issue/10001/worklog/9?adjustEstimate=leave`, `=`},
		{"worklogs", func(c *Client) error { _, err := c.ListWorklogs(ctx, "10001"); return err }, []answer{ok(`{"worklogs":[` + worklogBody_ + `],"total":1}`)},
			`GET /jira/rest/api/2/issue/10001/worklog?expand=properties&maxResults=1000&startAt=0`, `GET /jira/rest/api/2/issue/10001/worklog?maxResults=1000&startAt=0`},
		{"worklog", func(c *Client) error { _, err := c.GetWorklog(ctx, "10001", "9"); return err }, []answer{ok(worklogBody_)},
			`GET /jira/rest/api/2/issue/10001/worklog/9?expand=properties`, `GET /jira/rest/api/2/issue/10001/worklog/9`},
		{"set property", func(c *Client) error { return c.SetProperty(ctx, "10001", "a/b", map[string]int{"x": 1}) }, []answer{{status: 201}},
			`PUT /jira/rest/api/2/issue/10001/properties/a%2Fb {"x":1}`, `=`},
		{"property", func(c *Client) error { _, err := c.Property(ctx, "10001", "k"); return err }, []answer{ok(`{"key":"k","value":{"x":1}}`)}, `GET /jira/rest/api/2/issue/10001/properties/k`, `=`},
		{"delete property", func(c *Client) error { return c.DeleteProperty(ctx, "10001", "k") }, []answer{{status: 204}}, `DELETE /jira/rest/api/2/issue/10001/properties/k`, `=`},
		{"set comment property", func(c *Client) error { return c.SetCommentProperty(ctx, "5", "k", "v") }, []answer{{status: 201}}, `PUT /jira/rest/api/2/comment/5/properties/k "v"`, `=`},
		{"comment property", func(c *Client) error { _, err := c.CommentProperty(ctx, "5", "k"); return err }, []answer{{status: 404}}, `GET /jira/rest/api/2/comment/5/properties/k`, `=`},
		{"user", func(c *Client) error { _, err := c.User(ctx, "a:b"); return err }, []answer{ok(`{"accountId":"a:b"}`)},
			`GET /jira/rest/api/2/user?accountId=a%3Ab`, `GET /jira/rest/api/2/user?username=a%3Ab`},
		{"find user", func(c *Client) error { _, err := c.FindUser(ctx, "bo"); return err }, []answer{ok(`[]`)},
			`GET /jira/rest/api/2/user/search?maxResults=50&query=bo`, `GET /jira/rest/api/2/user/search?maxResults=50&username=bo`},
		{"assignable", func(c *Client) error { _, err := c.Assignable(ctx, "P", "u"); return err }, []answer{ok(`[]`)},
			`GET /jira/rest/api/2/user/assignable/search?accountId=u&maxResults=100&project=P`,
			`GET /jira/rest/api/2/user/assignable/search?maxResults=100&project=P&username=u`},
		{"permissions", func(c *Client) error { _, err := c.MyPermissions(ctx, "P", "EDIT_ISSUES", "ADD_COMMENTS"); return err }, []answer{ok(`{"permissions":{}}`)},
			`GET /jira/rest/api/2/mypermissions?permissions=EDIT_ISSUES%2CADD_COMMENTS&projectKey=P`,
			`GET /jira/rest/api/2/mypermissions?projectKey=P`},
	} {
		t.Run(c.name, func(t *testing.T) {
			both(t, func(t *testing.T, fl bridge.Flavour) {
				want := c.cloud
				if fl == bridge.DataCenter && c.dc != "=" {
					want = c.dc
				}
				s := script(t, c.answers...)
				if err := c.do(s.client(t, fl)); err != nil {
					t.Fatal(err)
				}
				wantLines(t, s, want)
				if got := s.heads[0].Get("Authorization"); got != "Basic Ym90OnMzY3JldA==" {
					t.Errorf("Authorization %q", got)
				}
			})
		})
	}
}

func TestCreateMetaPages(t *testing.T) {
	s := script(t, ok(`{"values":[{"id":"1","name":"Task"},{"id":"2","name":"Bug"}],"isLast":true}`),
		ok(`{"startAt":0,"total":2,"fields":[{"fieldId":"summary","key":"summary","name":"Summary","required":true}]}`),
		ok(`{"startAt":1,"total":2,"fields":[{"fieldId":"priority","name":"Priority","hasDefaultValue":true,"allowedValues":[{"id":"1","name":"High"}]}]}`))
	m, err := s.client(t, bridge.DataCenter).CreateMeta(ctx, "P", "bug")
	if err != nil || !m["summary"].Required || !m["priority"].HasDefault || !m["priority"].Allows("high") || m["priority"].Allows("low") {
		t.Fatalf("%+v, %v", m, err)
	}
	wantLines(t, s, "GET /jira/rest/api/2/issue/createmeta/P/issuetypes?maxResults=50&startAt=0",
		"GET /jira/rest/api/2/issue/createmeta/P/issuetypes/2?maxResults=50&startAt=0",
		"GET /jira/rest/api/2/issue/createmeta/P/issuetypes/2?maxResults=50&startAt=1")
}

func TestEditShowsTheIssueOnCloud(t *testing.T) {
	s := script(t, ok(issueBody))
	i, err := s.client(t, bridge.Cloud).Edit(ctx, "10001", EditRequest{Fields: map[string]any{"summary": "s"}})
	if err != nil || i == nil || !i.AllHistories || len(i.Histories) != 1 || i.Histories[0].ID != 7 || i.Histories[0].Metadata.ExtraData["k"] != "v" {
		t.Fatalf("%+v, %v", i, err)
	}
	if got := i.Updated().Format(time.RFC3339); got != "2026-11-21T04:30:00Z" {
		t.Errorf("updated %s", got)
	}
}

func TestSilentEditByNoAdministrator(t *testing.T) {
	s := script(t, answer{status: 403, body: `{"errorMessages":["no"]}`}, answer{status: 204}, answer{status: 204})
	c := s.client(t, bridge.DataCenter)
	for range 2 {
		if _, err := c.Edit(ctx, "1", EditRequest{Fields: map[string]any{"summary": "s"}, Silent: true}); err != nil {
			t.Fatal(err)
		}
	}
	wantLines(t, s, `PUT /jira/rest/api/2/issue/1?notifyUsers=false {"fields":{"summary":"s"}}`,
		`PUT /jira/rest/api/2/issue/1 {"fields":{"summary":"s"}}`, `PUT /jira/rest/api/2/issue/1 {"fields":{"summary":"s"}}`)
}

func TestEditCommentKeepsWhoMaySeeIt(t *testing.T) {
	restricted := strings.Replace(commentBody_, `"jsdPublic"`, `"visibility":{"type":"role","value":"Dev","identifier":"10"},"jsdPublic"`, 1)
	s := script(t, ok(restricted), ok(restricted))
	m, err := s.client(t, bridge.Cloud).EditComment(ctx, "1", "5", CommentRequest{Body: "n"})
	if err != nil || !m.Restricted() || m.Open() || m.Body != "a\nb" {
		t.Fatalf("%+v, %v", m, err)
	}
	wantLines(t, s, "GET /jira/rest/api/2/issue/1/comment/5?expand=properties",
		`PUT /jira/rest/api/2/issue/1/comment/5?expand=properties {"body":"n","visibility":{"type":"role","value":"Dev","identifier":"10"}}`)
}

func TestInternalIsProven(t *testing.T) {
	for _, c := range []struct {
		name, body string
		more       []answer
		internal   bool
	}{
		{"public on cloud", `{"id":"5","jsdPublic":true}`, nil, false},
		{"internal on cloud", `{"id":"5","jsdPublic":false}`, nil, true},
		{"property says internal", `{"id":"5","properties":[{"key":"sd.public.comment","value":{"internal":true}}]}`, nil, true},
		{"property beats jsdPublic", `{"id":"5","jsdPublic":true,"properties":[{"key":"sd.public.comment","value":{"internal":true}}]}`, nil, true},
		{"properties without it", `{"id":"5","properties":[{"key":"x","value":1}]}`, nil, false},
		{"nothing said, asked, absent", `{"id":"5"}`, []answer{{status: 404}}, false},
		{"nothing said, asked, internal", `{"id":"5"}`, []answer{ok(`{"key":"sd.public.comment","value":{"internal":true}}`)}, true},
	} {
		s := script(t, append([]answer{ok(c.body)}, c.more...)...)
		m, err := s.client(t, bridge.DataCenter).GetComment(ctx, "1", "5")
		if err != nil || m.Internal == nil || *m.Internal != c.internal || m.Open() == c.internal {
			t.Errorf("%s: %+v, %v", c.name, m, err)
		}
		if len(s.lines()) != 1+len(c.more) {
			t.Errorf("%s: %d calls", c.name, len(s.lines()))
		}
	}
}

func TestWebhookPaths(t *testing.T) {
	for _, c := range []struct {
		fl      bridge.Flavour
		version string
		path    string
	}{
		{bridge.Cloud, "", "/rest/webhooks/1.0/webhook"},
		{bridge.DataCenter, "9.12.4", "/rest/webhooks/1.0/webhook"},
		{bridge.DataCenter, "10.3.24", "/rest/jira-webhook/1.0/webhooks"},
	} {
		answers := []answer{ok(`[{"id":4,"name":"n","enabled":true,"filters":{"issue-related-events-section":"project = P"}}]`), ok(`{"self":"https://x/rest/webhooks/1.0/webhook/5"}`), {status: 204}}
		want := []string{"GET /jira" + c.path, `POST /jira` + c.path + ` {"events":["comment_created"],"excludeBody":false,"filters":{"issue-related-events-section":"project = P"},"name":"n","secret":"x","url":"https://h/"}`,
			"DELETE /jira" + c.path + "/5"}
		if c.version != "" {
			answers = append([]answer{ok(`{"version":"` + c.version + `"}`)}, answers...)
			want = append([]string{"GET /jira/rest/api/2/serverInfo"}, want...)
		}
		s := script(t, answers...)
		cl := s.client(t, c.fl)
		list, err := cl.ListWebhooks(ctx)
		if err != nil || len(list) != 1 || list[0].ID != "4" || list[0].JQL != "project = P" {
			t.Errorf("%+v, %v", list, err)
		}
		made, err := cl.RegisterWebhook(ctx, WebhookRequest{Name: "n", URL: "https://h/", Events: []string{"comment_created"}, JQL: "project = P", Secret: "x"})
		if err != nil || made.ID != "5" {
			t.Errorf("%+v, %v", made, err)
		}
		if err := cl.DeleteWebhook(ctx, made.ID); err != nil {
			t.Error(err)
		}
		wantLines(t, s, want...)
	}
}

// TestATransitionDataCenterDoesNotKnow: the 500 it answers may as well mean that the issue was moved.
func TestATransitionDataCenterDoesNotKnow(t *testing.T) {
	s := script(t, answer{status: 500, body: `{"errorMessages":["Internal server error"]}`})
	c := s.client(t, bridge.DataCenter)
	if err := c.Transition(ctx, "1", TransitionRequest{ID: "31"}); !bridge.IsTemporary(err) || !Uncertain(err) {
		t.Error(err)
	}
}

func TestARequestTypeIsLookedUpByName(t *testing.T) {
	s := script(t, ok(`{"values":[{"id":"7","projectKey":"D"}],"isLastPage":true}`), ok(`{"values":[{"id":"24","name":"Other"}],"isLastPage":false}`),
		ok(`{"values":[{"id":"25","name":"Get help"}],"isLastPage":true}`))
	id, err := s.client(t, bridge.DataCenter).RequestType(ctx, "D", "get help")
	if err != nil || id != "25" {
		t.Errorf("%q, %v", id, err)
	}
	wantLines(t, s, "GET /jira/rest/servicedeskapi/servicedesk?limit=50&start=0", "GET /jira/rest/servicedeskapi/servicedesk/7/requesttype?limit=50&start=0",
		"GET /jira/rest/servicedeskapi/servicedesk/7/requesttype?limit=50&start=1")
	s = script(t, ok(`{"values":[],"isLastPage":true}`))
	if _, err := s.client(t, bridge.Cloud).RequestType(ctx, "D", "x"); bridge.NameOf(err) != "not-found" {
		t.Error(err)
	}
}
