package contract

import (
	"strings"
	"testing"

	"github.com/ankitpokhrel/jira-cli/pkg/adf"
	jira "github.com/ankitpokhrel/jira-cli/pkg/jira"
)

// stranger is somebody else's client, logged in as the administrator.
func stranger(s *site) *jira.Client {
	basic, bearer := jira.AuthTypeBasic, jira.AuthTypeBearer
	if s.cloud() {
		return jira.NewClient(jira.Config{Server: s.base, Login: "admin@example.com", APIToken: "admin-token", AuthType: &basic})
	}
	return jira.NewClient(jira.Config{Server: s.base, APIToken: "admin-token", AuthType: &bearer})
}

// done stops at the first thing the client could not do.
func done(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestForeignClient does a day's work with a client we did not write.
func TestForeignClient(t *testing.T) {
	for _, flavour := range []string{cloud, datacenter} {
		t.Run(flavour, func(t *testing.T) {
			s := start(t, flavour)
			c := stranger(s)
			looks(t, s, c)
			key := creates(t, s, c)
			edits(t, s, c, key)
			moves(t, c, key, s)
			talks(t, s, c, key)
			links(t, s, c, key)
			finds(t, s, c, key)
			errs(t, c)
			done(t, "delete", c.DeleteIssue(key, true))
			if _, err := c.GetIssueV2(key); err == nil {
				t.Errorf("%s is still there", key)
			}
		})
	}
}

func looks(t *testing.T, s *site, c *jira.Client) {
	t.Helper()
	me, err := c.Me()
	done(t, "me", err)
	same(t, "my name", me.Name, "Ada Admin")
	info, err := c.ServerInfo()
	done(t, "server info", err)
	same(t, "deployment", info.DeploymentType, map[string]string{cloud: "Cloud", datacenter: "Server"}[s.Flavour()])
	projects, err := c.Project()
	done(t, "projects", err)
	same(t, "projects", len(projects), 2)
	fields, err := c.GetField()
	done(t, "fields", err)
	custom := 0
	for _, f := range fields {
		if f.Custom && f.Schema.FieldID > 0 {
			custom++
		}
	}
	if custom < 5 {
		t.Errorf("%d custom fields", custom)
	}
	types, err := c.GetIssueLinkTypes()
	done(t, "link types", err)
	if len(types) == 0 || types[0].Inward == "" {
		t.Errorf("link types: %v", types)
	}
	created(t, s, c)
}

// created reads what can be created, the way of the flavour.
func created(t *testing.T, s *site, c *jira.Client) {
	t.Helper()
	if !s.cloud() {
		meta, err := c.GetCreateMetaForJiraServerV9(&jira.CreateMetaRequest{Projects: "CON"})
		done(t, "create meta", err)
		same(t, "first type", meta.Values[0].Name, "Task")
		return
	}
	meta, err := c.GetCreateMeta(&jira.CreateMetaRequest{Projects: "CON", Expand: "projects.issuetypes.fields"})
	done(t, "create meta", err)
	same(t, "summary", meta.Projects[0].IssueTypes[0].Fields["summary"].Name, "Summary")
}

func person(t *testing.T, s *site, c *jira.Client) (id string) {
	t.Helper()
	if !s.cloud() {
		users, err := c.UserSearchV2(&jira.UserSearchOptions{Project: "CON", Query: "alice"})
		done(t, "user search", err)
		same(t, "users", len(users), 1)
		return users[0].Name
	}
	users, err := c.UserSearch(&jira.UserSearchOptions{Project: "CON", Query: "alice"})
	done(t, "user search", err)
	same(t, "users", len(users), 1)
	return users[0].AccountID
}

func creates(t *testing.T, s *site, c *jira.Client) string {
	t.Helper()
	req := &jira.CreateRequest{Project: "CON", IssueType: "Task", Summary: "From outside", Body: "Some **bold** text\n\n- one\n- two", Priority: "High",
		Labels: []string{"b", "a"}, Components: []string{"Backend"}, FixVersions: []string{"1.1"}, AffectsVersions: []string{"1.0"}, Assignee: person(t, s, c)}
	create, read := c.CreateV2, func(key string) (*jira.Issue, error) { return c.GetIssueV2(key) }
	if s.cloud() {
		req.Body = &adf.ADF{Version: 1, DocType: "doc", Content: []*adf.Node{{NodeType: "paragraph", Content: []*adf.Node{
			{NodeType: "text", NodeValue: adf.NodeValue{Text: "Some "}}, {NodeType: "text", NodeValue: adf.NodeValue{Text: "bold", Marks: []adf.MarkNode{{MarkType: "strong"}}}}}}}}
		create, read = c.Create, func(key string) (*jira.Issue, error) { return c.GetIssue(key) }
		req.ForInstallationType(jira.InstallationTypeCloud)
	} else {
		req.ForInstallationType(jira.InstallationTypeLocal)
	}
	made, err := create(req)
	done(t, "create", err)
	is, err := read(made.Key)
	done(t, "read", err)
	same(t, "summary", is.Fields.Summary, "From outside")
	same(t, "priority", is.Fields.Priority.Name, "High")
	same(t, "assignee", is.Fields.Assignee.Name, "Alice Archer")
	same(t, "labels", strings.Join(is.Fields.Labels, " "), "a b")
	same(t, "components", len(is.Fields.Components), 1)
	same(t, "fix version", is.Fields.FixVersions[0].Name, "1.1")
	same(t, "status", is.Fields.Status.Name, "To Do")
	described(t, s, is)
	return made.Key
}

func described(t *testing.T, s *site, is *jira.Issue) {
	t.Helper()
	if !s.cloud() {
		text, _ := is.Fields.Description.(string)
		if !strings.Contains(text, "*bold*") {
			t.Errorf("description: %q", text)
		}
		return
	}
	doc, isDoc := is.Fields.Description.(*adf.ADF)
	if !isDoc || len(doc.Content) != 1 || doc.Content[0].Content[1].Marks[0].MarkType != "strong" {
		t.Errorf("description: %#v", is.Fields.Description)
	}
}

func edits(t *testing.T, s *site, c *jira.Client, key string) {
	t.Helper()
	err := c.Edit(key, &jira.EditRequest{Summary: "Edited", Body: "h1. New", Priority: "Low", Labels: []string{"c", "-a"}, Components: []string{"Docs"}, SkipNotify: true})
	done(t, "edit", err)
	is, err := c.GetIssueV2(key)
	done(t, "read", err)
	same(t, "summary", is.Fields.Summary, "Edited")
	same(t, "priority", is.Fields.Priority.Name, "Low")
	same(t, "labels", strings.Join(is.Fields.Labels, " "), "b c")
	same(t, "components", len(is.Fields.Components), 2)
	assign, nobody := c.AssignIssueV2, jira.AssigneeNone
	if s.cloud() {
		assign = c.AssignIssue
	}
	done(t, "assign", assign(key, person(t, s, c)))
	done(t, "assign to the default", assign(key, nobody))
}

func moves(t *testing.T, c *jira.Client, key string, s *site) {
	t.Helper()
	list, err := c.TransitionsV2(key)
	if s.cloud() {
		list, err = c.Transitions(key)
	}
	done(t, "transitions", err)
	for _, tr := range list {
		if tr.Name != "Done" {
			continue
		}
		req := &jira.TransitionRequest{Transition: &jira.TransitionRequestData{ID: tr.ID.String(), Name: tr.Name},
			Fields: &jira.TransitionRequestFields{Resolution: &struct {
				Name string `json:"name"`
			}{"Done"}}}
		status, err := c.Transition(key, req)
		done(t, "transition", err)
		same(t, "answer", status, 204)
	}
	is, err := c.GetIssueV2(key)
	done(t, "read", err)
	same(t, "status", is.Fields.Status.Name, "Done")
	same(t, "resolution", is.Fields.Resolution.Name, "Done")
}

func talks(t *testing.T, s *site, c *jira.Client, key string) {
	t.Helper()
	done(t, "comment", c.AddIssueComment(key, "Hello **you**", false))
	done(t, "worklog", c.AddIssueWorklog(key, "", "1h", "Work", ""))
	is, err := c.GetIssueV2(key)
	done(t, "read", err)
	same(t, "comments", is.Fields.Comment.Total, 1)
	text, _ := is.Fields.Comment.Comments[0].Body.(string)
	same(t, "comment", strings.TrimSpace(text), "Hello *you*")
	help := s.create("CONSD", "Service Request", "Help", "")
	done(t, "internal comment", c.AddIssueComment(help, "For us", true))
	if got := s.as("carol", "GET", "/issue/"+help+"/comment", ""); got.at("total") != "0" {
		t.Errorf("a customer sees the internal comment: %s", got.body)
	}
}

func links(t *testing.T, s *site, c *jira.Client, key string) {
	t.Helper()
	other := s.create("CON", "Bug", "Other", "")
	done(t, "link", c.LinkIssue(key, other, "Blocks"))
	id, err := c.GetLinkID(key, other)
	done(t, "link id", err)
	done(t, "unlink", c.UnlinkIssue(id))
	done(t, "remote link", c.RemoteLinkIssue(key, "There", "https://example.com/1"))
	if s.cloud() {
		done(t, "watch", c.WatchIssue(key, person(t, s, c)))
		return
	}
	done(t, "watch", c.WatchIssueV2(key, person(t, s, c)))
}

func finds(t *testing.T, s *site, c *jira.Client, key string) {
	t.Helper()
	const jql = `project = CON AND status = Done AND summary ~ "edited" ORDER BY created DESC`
	s.Reindex()
	found, err := c.SearchV2(jql, 0, 10)
	if s.cloud() {
		found, err = c.Search(jql, 10)
		versions, err := c.Release("CON")
		done(t, "versions", err)
		same(t, "versions", len(versions), 3)
	}
	done(t, "search", err)
	if len(found.Issues) != 1 || found.Issues[0].Key != key {
		t.Errorf("found %v", found.Issues)
	}
}

// errs: what is refused is refused in words the client understands.
func errs(t *testing.T, c *jira.Client) {
	t.Helper()
	_, err := c.CreateV2(&jira.CreateRequest{Project: "NOPE", IssueType: "Task", Summary: "x"})
	if err == nil || !strings.Contains(err.Error(), "project: ") {
		t.Errorf("an unknown project: %v", err)
	}
	if _, err = c.GetIssueV2("CON-999"); err == nil || !strings.Contains(strings.ToLower(err.Error()), "does not exist") {
		t.Errorf("an unknown issue: %v", err)
	}
	anonymous := jira.NewClient(jira.Config{Server: "http://127.0.0.1:1"})
	if _, err := anonymous.Me(); err == nil {
		t.Error("nobody answers there")
	}
}
