package simulator

import (
	"fmt"
	"strings"
)

// Demo tells what SeedDemo made.
type Demo struct {
	Flavour    string `json:"flavour"`
	ProjectKey string `json:"projectKey"`
	ServiceKey string `json:"serviceKey"`
	User       string `json:"user"`  // what basic authentication takes: e-mail on Cloud, name on Data Center
	Token      string `json:"token"` // API token or personal access token
	Password   string `json:"password,omitempty"`
	AccountID  string `json:"accountId"` // Cloud accountId or Data Center user key of the sync account
}

// Names and tokens of the demonstration's accounts. The token of an account is
// its name and "-token", a Data Center password the name itself.
const (
	SyncUser  = "drawbridge"
	AdminUser = "admin"
)

// SeedDemo fills an empty site: a software project with the given key, a
// service project with the key and "SD", people, workflow and a field of every
// kind.
func (s *Site) SeedDemo(projectKey string) Demo {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.ToUpper(projectKey)
	if len(s.st.Projects) == 0 {
		s.seedUsers()
		s.seedLists()
		s.seedFields()
		s.seedWorkflow()
		s.reindex()
		s.seedProject(key, key+" Project", "software")
		s.seedProject(key+"SD", key+" Service", "service_desk")
	}
	s.reindex()
	return s.demo(s.st.Projects[0].Key) // a loaded site keeps the key it has
}

func (s *Site) demo(key string) Demo {
	u := s.userNamed(SyncUser)
	d := Demo{Flavour: s.opt.Flavour, ProjectKey: key, ServiceKey: key + "SD", User: u.Name, Token: u.Token, Password: u.Password, AccountID: u.ID}
	if s.cloud() {
		d.User = u.Email
	}
	return d
}

func (s *Site) seedUsers() {
	for _, p := range []struct {
		name, display, zone string
		roles               []string
		admin, showMail     bool
	}{
		{SyncUser, "Drawbridge Sync", "UTC", []string{"Administrators", "Developers", agentRole}, true, true},
		{AdminUser, "Ada Admin", "Europe/Berlin", []string{"Administrators", "Developers", agentRole}, true, true},
		{"alice", "Alice Archer", "America/New_York", []string{"Developers"}, false, true},
		{"bob", "Bob Builder", "Asia/Kolkata", []string{"Developers", agentRole}, false, false},
		{"carol", "Carol Customer", "Australia/Sydney", []string{"Users"}, false, false},
	} {
		n := s.next("user")
		u := &User{ID: fmt.Sprintf("JIRAUSER%d", n), Name: p.name, Display: p.display, Email: p.name + "@example.com", ShowEmail: p.showMail,
			Zone: p.zone, Active: true, Token: p.name + "-token", Password: p.name, Groups: []string{"jira-software-users"}, Roles: p.roles}
		if s.cloud() {
			u.ID = fmt.Sprintf("712020:%08x-5eed-4a11-8000-%012x", n*7919, n)
			u.Password = ""
		}
		if p.admin {
			u.Groups = append(u.Groups, adminGroup)
		}
		s.st.Users = append(s.st.Users, u)
	}
}

func (s *Site) seedLists() {
	for _, n := range []string{"Highest", "High", "Medium", "Low", "Lowest"} {
		s.st.Priorities = append(s.st.Priorities, &Named{ID: s.nextID("priority"), Name: n})
	}
	for _, n := range []string{"Done", "Won't Do", "Duplicate", "Cannot Reproduce"} {
		s.st.Resolutions = append(s.st.Resolutions, &Named{ID: s.nextID("resolution"), Name: n})
	}
	for _, t := range []struct{ name, about string }{
		{"Task", "A small, distinct piece of work."}, {"Bug", "A problem or error."}, {"Story", "Functionality expressed as a user goal."},
		{"Sub-task", "A part of a larger piece of work."}, {"Service Request", "A request for help."},
		{"Epic", "A goal that several issues serve."}} {
		s.st.Types = append(s.st.Types, &IssueType{ID: s.nextID("type"), Name: t.name, Description: t.about, Subtask: t.name == "Sub-task", Epic: t.name == "Epic"})
	}
	for _, x := range []struct{ name, in, out string }{
		{"Blocks", "is blocked by", "blocks"}, {"Cloners", "is cloned by", "clones"}, {"Duplicate", "is duplicated by", "duplicates"}, {"Relates", "relates to", "relates to"}} {
		s.st.LinkTypes = append(s.st.LinkTypes, &LinkType{ID: s.nextID("linktype"), Name: x.name, Inward: x.in, Outward: x.out})
	}
	s.st.Security = []*SecurityLevel{{ID: s.nextID("security"), Name: "Team only", Roles: []string{"Developers", "Administrators"}},
		{ID: s.nextID("security"), Name: "Admins only", Roles: []string{"Administrators"}}}
}

// systemFields are Jira's own, in the order the changelog of a creation has
// them.
var systemFields = []Field{
	{ID: "project", Name: "Project", Kind: "project"},
	{ID: "summary", Name: "Summary", Kind: "text"},
	{ID: "issuetype", Name: "Issue Type", Kind: "issuetype"},
	{ID: "parent", Name: "Parent", Kind: "parent"},
	{ID: "status", Name: "Status", Kind: "status"},
	{ID: "resolution", Name: "Resolution", Kind: "resolution"},
	{ID: "priority", Name: "Priority", Kind: "priority"},
	{ID: "description", Name: "Description", Kind: "paragraph"},
	{ID: "environment", Name: "Environment", Kind: "paragraph"},
	{ID: "assignee", Name: "Assignee", Kind: "user"},
	{ID: "reporter", Name: "Reporter", Kind: "user"},
	{ID: "labels", Name: "Labels", Kind: "labels"},
	{ID: "components", Name: "Components", Kind: "components"},
	{ID: "fixVersions", Name: "Fix versions", Kind: "versions"},
	{ID: "versions", Name: "Affects versions", Kind: "versions"},
	{ID: "duedate", Name: "Due date", Kind: "date"},
	{ID: "security", Name: "Security Level", Kind: "security"},
	{ID: "timeoriginalestimate", Name: "Original estimate", Kind: "seconds"},
	{ID: "timeestimate", Name: "Remaining Estimate", Kind: "seconds"},
	{ID: "timespent", Name: "Time Spent", Kind: "seconds"},
}

func (s *Site) seedFields() {
	for _, f := range systemFields {
		s.st.Fields = append(s.st.Fields, &f)
	}
	for _, f := range []struct{ name, kind string }{
		{"Customer", "text"}, {"Release notes", "paragraph"}, {"Story points", "number"}, {"Target date", "date"}, {"Incident start", "datetime"},
		{"Severity", "option"}, {"Platforms", "options"}, {"Approver", "user"}, {"Reviewers", "users"}, {"Topics", "labels"}, {"Request Type", "requesttype"}} {
		field := &Field{ID: "customfield_" + s.nextID("field"), Name: f.name, Kind: f.kind, Custom: true}
		options := map[string][]string{"Severity": {"Critical", "Major", "Minor"}, "Platforms": {"Linux", "macOS", "Windows"}}[f.name]
		for _, o := range options {
			field.Options = append(field.Options, &Option{ID: s.nextID("option"), Value: o})
		}
		s.st.Fields = append(s.st.Fields, field)
	}
}

// seedWorkflow makes the statuses and one workflow. Cloud's lets every status
// be reached from everywhere; Data Center's is the classic kind with steps.
func (s *Site) seedWorkflow() {
	ids := map[string]string{}
	for _, x := range []struct{ name, category string }{{"To Do", "new"}, {"In Progress", "indeterminate"}, {"In Review", "indeterminate"}, {"Done", "done"}} {
		st := &Status{ID: s.nextID("status"), Name: x.name, Category: x.category}
		s.st.Statuses = append(s.st.Statuses, st)
		ids[x.name] = st.ID
	}
	wf := &Workflow{ID: s.nextID("workflow"), Name: "Simple", Initial: ids["To Do"]}
	add := func(name, to, event string, from ...string) {
		t := &Transition{ID: fmt.Sprint(s.next("transition")*10 + 1), Name: name, To: ids[to], Event: event}
		for _, f := range from {
			t.From = append(t.From, ids[f])
		}
		if to == "Done" {
			t.Screen = []ScreenField{{"resolution", true}, {"fixVersions", false}}
		} else {
			t.Post = []PostFunction{{Field: "resolution"}}
		}
		wf.Transitions = append(wf.Transitions, t)
	}
	if s.cloud() {
		for _, to := range []string{"To Do", "In Progress", "In Review", "Done"} {
			add(to, to, "")
		}
	} else {
		add("Start Progress", "In Progress", "issue_work_started", "To Do", "In Review")
		add("Stop Progress", "To Do", "issue_generic", "In Progress")
		add("Ask for Review", "In Review", "issue_generic", "In Progress")
		add("Done", "Done", "issue_resolved", "To Do", "In Progress", "In Review")
		add("Reopen", "To Do", "issue_reopened", "Done")
	}
	s.st.Workflows = append(s.st.Workflows, wf)
}

func (s *Site) seedProject(key, name, typ string) *Project {
	p := &Project{ID: s.nextID("project"), Key: key, Name: name, Type: typ, Lead: s.userNamed(AdminUser).ID, Workflow: s.st.Workflows[0].ID}
	for _, t := range s.st.Types {
		if (t.Name == "Service Request") == (typ == "service_desk") || t.Name == "Task" {
			p.Types = append(p.Types, t.ID)
		}
	}
	for _, f := range s.st.Fields {
		if f.Kind == "seconds" || contains([]string{"project", "issuetype", "status", "resolution"}, f.ID) || f.Kind == "requesttype" && typ != "service_desk" {
			continue
		}
		p.CreateScreen = append(p.CreateScreen, f.ID)
		p.EditScreen = append(p.EditScreen, f.ID)
	}
	p.CreateScreen = append(p.CreateScreen, "timetracking", "attachment", "issuelinks")
	p.EditScreen = append(p.EditScreen, "issuetype", "timetracking", "attachment", "issuelinks")
	for _, n := range []string{"Backend", "Frontend", "Docs"} {
		p.Components = append(p.Components, &Component{ID: s.nextID("component"), Name: n})
	}
	for _, n := range []string{"1.0", "1.1", "2.0"} {
		p.Versions = append(p.Versions, &Version{ID: s.nextID("version"), Name: n, Released: n == "1.0"})
	}
	if typ == "service_desk" {
		for _, n := range []string{"Get help", "Report a problem"} {
			p.RequestTypes = append(p.RequestTypes, &RequestType{ID: s.nextID("request"), Name: n, Key: strings.ReplaceAll(strings.ToLower(n), " ", "-"), IssueType: p.Types[len(p.Types)-1]})
		}
	}
	s.st.Projects = append(s.st.Projects, p)
	return p
}
