package contract

import (
	"net/url"
	"strings"
)

// walk calls every operation of the site once with success, where it can.
func (s *site) walk() {
	s.walkSite()
	key, other := s.walkIssue()
	s.walkComments(key)
	s.walkWorklogs(key)
	s.walkAttachments(key)
	s.walkLinks(key, other)
	s.walkProperties(key)
	s.walkSearch(key)
	s.walkErrors(key)
	s.do("DELETE", "/issue/"+other, "")
}

func (s *site) walkSite() {
	for _, path := range strings.Fields(`/serverInfo /configuration /mypermissions?permissions=EDIT_ISSUES,BROWSE_PROJECTS /myself /field /priority
		/resolution /status /statuscategory /issuetype /project /issueLinkType /attachment/meta /project/CON /project/CON/statuses
		/project/CON/components /project/CON/versions /project/CON/version /user/assignable/search?project=CON&maxResults=5 /issue/createmeta/CON/issuetypes`) {
		s.do("GET", path, "")
	}
	for _, kind := range []string{"priority", "resolution", "status", "statuscategory", "issuetype", "issueLinkType"} {
		list := s.do("GET", "/"+kind, "")
		id := list.at("0.id")
		if kind == "issueLinkType" {
			id = list.at("issueLinkTypes.0.id")
		}
		s.do("GET", "/"+kind+"/"+id, "")
	}
	s.do("GET", "/issue/createmeta/CON/issuetypes/"+s.do("GET", "/issuetype", "").at("0.id"), "")
	s.do("GET", "/version/"+s.do("POST", "/version", `{"name":"9.9","project":"CON","projectId":%s}`, s.do("GET", "/project/CON", "").at("id")).at("id"), "")
	s.do("GET", "/component/"+s.do("POST", "/component", `{"name":"New","project":"CON"}`).at("id"), "")
	if s.cloud() {
		s.do("GET", "/issue/createmeta?projectKeys=CON&expand=projects.issuetypes.fields", "")
		s.do("GET", "/project/search", "")
		s.do("GET", "/user?accountId="+url.QueryEscape(s.demo.AccountID), "")
		s.do("GET", "/user/search?query=alice", "")
		s.do("POST", "/webhook", `{"url":"https://example.com/","webhooks":[{"events":["jira:issue_created"],"jqlFilter":"project = CON"}]}`)
		return
	}
	s.do("GET", "/user?username=alice", "")
	s.do("GET", "/user/search?username=alice", "")
	s.do("GET", "/index/summary", "")
}

// walkIssue fills every kind of field, edits, moves, watches.
func (s *site) walkIssue() (key, other string) {
	user := `{"name":"alice"}`
	if s.cloud() {
		user = `{"accountId":"` + s.do("GET", "/user/assignable/search?project=CON&query=alice", "").at("0.accountId") + `"}`
	}
	other = s.create("CON", "Bug", "Other", "")
	key = s.create("CON", "Task", "Full", `,"description":`+s.rich("*text*")+`,"environment":`+s.rich("here")+`,"labels":["a","b"],"duedate":"2026-12-24",
		"priority":{"name":"High"},"assignee":`+user+`,"components":[{"name":"Backend"}],"fixVersions":[{"name":"1.1"}],"versions":[{"name":"1.0"}],
		"timetracking":{"originalEstimate":"1d","remainingEstimate":"4h"},
		"`+s.field("Customer")+`":"ACME","`+s.field("Story points")+`":5,"`+s.field("Severity")+`":{"value":"Major"},"`+s.field("Platforms")+`":[{"value":"Linux"}],
		"`+s.field("Approver")+`":`+user+`,"`+s.field("Reviewers")+`":[`+user+`],"`+s.field("Incident start")+`":"2026-11-21T10:00:00.000+0000"`)
	s.create("CON", "Sub-task", "Child", `,"parent":{"key":"`+key+`"}`)
	s.do("PUT", "/issue/"+key, `{"fields":{"summary":"Changed"},"update":{"labels":[{"add":"c"}]},"historyMetadata":{"type":"x:y","description":"d","extraData":{"a":"b"}}}`)
	if s.cloud() {
		s.do("PUT", "/issue/"+key+"?returnIssue=true", `{"fields":{"summary":"Again"}}`)
		s.do("GET", "/issue/"+key+"/changelog", "")
		s.do("POST", "/changelog/bulkfetch", `{"issueIdsOrKeys":["%s"]}`, key)
		s.do("POST", "/issue/bulkfetch", `{"issueIdsOrKeys":["%s","CON-999"],"fields":["*all"]}`, key)
	}
	s.do("PUT", "/issue/"+key+"/assignee", user)
	s.do("GET", "/issue/"+key+"?expand=changelog,names,schema,editmeta,transitions,operations,renderedFields&properties=*all", "")
	s.do("GET", "/issue/"+key+"/editmeta", "")
	s.do("POST", "/issue/"+key+"/watchers", "")
	s.do("GET", "/issue/"+key+"/watchers", "")
	id := s.do("GET", "/issue/"+key+"/transitions?expand=transitions.fields", "").at("transitions.0.id")
	s.do("POST", "/issue/"+key+"/transitions", `{"transition":{"id":"%s"}}`, id)
	if !s.cloud() {
		archived := s.create("CON", "Task", "Archive", "")
		s.do("PUT", "/issue/"+archived+"/archive", "")
		s.do("PUT", "/issue/"+archived+"/restore", "")
	}
	return key, other
}

func (s *site) walkComments(key string) {
	at := "/issue/" + key + "/comment"
	id := s.do("POST", at, `{"body":%s}`, s.rich("one")).at("id")
	s.do("POST", at, `{"body":%s,"visibility":{"type":"role","value":"Administrators"},"properties":[{"key":"k","value":{"a":1}}]}`, s.rich("two"))
	s.do("GET", at+"?expand=properties", "")
	s.do("GET", at+"/"+id, "")
	s.do("PUT", at+"/"+id, `{"body":%s}`, s.rich("changed"))
	bag := "/comment/" + id + "/properties"
	s.do("PUT", bag+"/p", `{"x":1}`)
	s.do("PUT", bag+"/p", `{"x":2}`)
	s.do("GET", bag, "")
	s.do("GET", bag+"/p", "")
	s.do("DELETE", bag+"/p", "")
	s.do("DELETE", at+"/"+id, "")
}

func (s *site) walkWorklogs(key string) {
	at := "/issue/" + key + "/worklog"
	id := s.do("POST", at+"?adjustEstimate=leave", `{"timeSpent":"1h","started":"2026-11-21T10:00:00.000+0000","comment":%s}`, s.rich("work")).at("id")
	s.do("GET", at, "")
	s.do("GET", at+"/"+id, "")
	s.do("PUT", at+"/"+id, `{"timeSpentSeconds":7200}`)
	s.do("GET", "/worklog/updated?since=0", "")
	s.do("POST", "/worklog/list", `{"ids":[%s]}`, id)
	s.do("DELETE", at+"/"+id, "")
	s.do("GET", "/worklog/deleted?since=0", "")
	s.do("POST", at, `{"timeSpent":"30m"}`)
}

func (s *site) walkAttachments(key string) {
	id := s.upload(key, "a b.txt", "hello").at("0.id")
	s.do("GET", "/attachment/"+id, "")
	if s.cloud() {
		s.do("GET", "/attachment/content/"+id, "")
		s.do("GET", "/attachment/content/"+id+"?redirect=false", "")
	}
	s.do("DELETE", "/attachment/"+id, "")
	s.upload(key, "stays.txt", "hello")
}

func (s *site) walkLinks(key, other string) {
	s.do("POST", "/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"%s"},"outwardIssue":{"key":"%s"}}`, key, other)
	id := s.do("GET", "/issue/"+key+"?fields=issuelinks", "").at("fields.issuelinks.0.id")
	s.do("GET", "/issueLink/"+id, "")
	s.do("DELETE", "/issueLink/"+id, "")
	at := "/issue/" + key + "/remotelink"
	link := `{"globalId":"g%s","relationship":"twin","application":{"type":"x","name":"X"},"object":{"url":"https://example.com/1","title":"One","summary":"S","icon":{"url16x16":"https://example.com/i.png","title":"I"},"status":{"resolved":true}}}`
	rid := s.do("POST", at, link, "1").at("id")
	s.do("POST", at, link, "1")
	s.do("POST", at, link, "2")
	s.do("GET", at, "")
	s.do("GET", at+"?globalId=g1", "")
	s.do("GET", at+"/"+rid, "")
	s.do("PUT", at+"/"+rid, link, "1")
	s.do("DELETE", at+"/"+rid, "")
	s.do("DELETE", at+"?globalId=g2", "")
}

func (s *site) walkProperties(key string) {
	at := "/issue/" + key + "/properties"
	s.do("PUT", at+"/p", `{"x":1}`)
	s.do("PUT", at+"/p", `[1]`)
	s.do("GET", at, "")
	s.do("GET", at+"/p", "")
	s.do("DELETE", at+"/p", "")
}

func (s *site) walkSearch(key string) {
	if !s.cloud() {
		s.do("GET", "/search?jql=project=CON&fields=*all&expand=changelog,names,schema", "")
		s.do("POST", "/search", `{"jql":"project = CON","fields":["summary"],"maxResults":1}`)
		return
	}
	s.do("GET", "/search", "")
	s.do("POST", "/search", `{"jql":"project = CON"}`)
	s.do("GET", "/search/jql?jql=project=CON&fields=*all&expand=changelog,names", "")
	s.do("POST", "/search/jql", `{"jql":"project = CON","fields":["summary"],"maxResults":1}`)
	s.do("POST", "/search/approximate-count", `{"jql":"project = CON"}`)
	id := s.do("GET", "/issue/"+key+"?fields=summary", "").at("id")
	s.do("POST", "/jql/match", `{"issueIds":[%s],"jqls":["project = CON"]}`, id)
}

// walkErrors is what everybody gets wrong.
func (s *site) walkErrors(key string) {
	s.do("GET", "/issue/CON-99999", "")
	s.do("POST", "/issue", `{"fields":{"project":{"key":"CON"}}}`)
	s.do("PUT", "/issue/"+key, `{"fields":{"nonsense":1}}`)
	s.do("POST", "/issue/"+key+"/comment", `{"body":""}`)
	s.do("POST", "/issue/"+key+"/transitions", `{"transition":{"id":"99999"}}`)
	s.do("DELETE", "/issue/"+key+"/comment/99999", "")
	s.do("GET", "/issue/"+key+"/properties/none", "")
	s.do("POST", "/issueLink", `{"type":{"name":"Haunts"},"inwardIssue":{"key":"%s"},"outwardIssue":{"key":"%s"}}`, key, key)
	s.as("", "GET", "/myself", "")
	s.do("GET", "/user?username=nobody&accountId=nobody", "")
}
