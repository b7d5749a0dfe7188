package simulator

import (
	"net/http"
	"strings"
	"testing"
)

// No body, whatever its shape, may break a handler: each route is asked with
// every odd body and must answer, and not with 500.
func TestOddBodies(t *testing.T) {
	bodies := []string{"", "null", "[]", "{}", `"x"`, "1", "true", `{"fields":null}`, `{"fields":[]}`, `{"fields":{"project":1,"issuetype":[],"summary":{}}}`,
		`{"fields":{"project":{"key":"ABC"},"issuetype":{"name":"Task"},"summary":"x","parent":{},"assignee":{},"labels":{},"components":[null],"customfield_1":1,"timetracking":[]}}`,
		`{"update":{"labels":[{"add":null},{"remove":{}},{"set":1},{"jump":"x"}],"comment":[{"add":null}],"worklog":[{"add":{}}],"issuelinks":[{"add":{}}]}}`,
		`{"update":{"labels":null,"summary":[null],"components":[{"add":{"name":7}}]},"historyMetadata":null,"properties":[null]}`,
		`{"body":null,"visibility":[],"properties":{}}`, `{"body":{"type":"doc"},"visibility":{"type":"role"},"parentId":{}}`,
		`{"transition":{"id":{}}}`, `{"transition":null}`, `{"transition":{"id":11},"fields":{"resolution":null}}`,
		`{"jql":null,"maxResults":-1,"startAt":-5,"fields":null,"expand":7}`, `{"jql":"project=ABC","startAt":-5,"maxResults":1,"expand":["changelog","names","transitions","editmeta"],"fields":["*all"],"properties":["*all"]}`,
		`{"issueIdsOrKeys":[""],"fieldIds":[""],"nextPageToken":"-1","maxResults":-1}`, `{"issueIds":[0],"jqls":["","(","project=ABC order by cf[1]"]}`,
		`{"type":null,"inwardIssue":null}`, `{"type":{"name":"Blocks"},"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"key":"ABC-1"},"comment":{}}`,
		`{"object":[],"globalId":""}`, `{"timeSpent":"1h","started":"x","comment":[]}`, `{"name":"n","url":"::","events":null,"filters":null}`,
		`{"serviceDeskId":"1","requestTypeId":"1","requestFieldValues":null}`, strings.Repeat(`{"fields":`, 5000), strings.Repeat("[", 20000)}
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		comment := r.do("POST", "/issue/"+key+"/comment", obj{"body": "c"}).at("id").(string)
		for _, name := range r.Routes() {
			method, path, _ := strings.Cut(name, " ")
			path = strings.NewReplacer("{key}", key, "{id}", comment, "{project}", "ABC", "{type}", r.st.Types[0].ID, "{property}", "p", "{name}", "n").Replace(path)
			for _, body := range bodies {
				if method == http.MethodGet && body != "" {
					continue
				}
				if method == http.MethodDelete && path == "/issue/"+key {
					continue
				}
				if out := r.as("admin", method, path, body); out.Status == 500 {
					t.Errorf("%s with %.80s: %s", name, body, out.Body)
				}
			}
		}
		r.do("GET", "/issue/"+key, nil).want(200)
	})
}

func TestOddQueries(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("x")
		for _, name := range r.Routes() {
			method, path, _ := strings.Cut(name, " ")
			if method != http.MethodGet {
				continue
			}
			path = strings.NewReplacer("{key}", key, "{id}", "1", "{project}", "ABC", "{type}", "0", "{property}", "p", "{name}", "n").Replace(path)
			for _, q := range []string{"startAt=-1&maxResults=-1&start=-1&limit=-1", "startAt=99999999999&maxResults=99999999999", "jql=%28&fields=,,-&expand=,",
				"jql=project%3DABC&maxResults=0&fields=*all,-comment,nope&properties=*all&expand=changelog,names,schema,operations", "since=x&username=%00&query=%ff&accountId=x&permissions=,",
				"jql=project%3DABC&nextPageToken=LTU6MDow", "orderBy=-created&expand=properties&globalId=&projectKeys=x&expires=x&token=x"} {
				if out := r.do("GET", path+"?"+q, nil); out.Status == 500 {
					t.Errorf("%s?%s: %s", name, q, out.Body)
				}
			}
		}
	})
}
