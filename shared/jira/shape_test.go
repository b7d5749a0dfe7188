package jira

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

func TestWhatIsNoObject(t *testing.T) {
	for _, raw := range []string{`7`, `"x"`, `[]`, ``} {
		if _, err := readMap([]byte(raw)); !errors.Is(err, walk.ErrShape) {
			t.Errorf("%q: %v", raw, err)
		}
	}
	for _, raw := range []string{`{"issues":{}}`, `{"issues":[7]}`, `{"issues":[{"fields":[]}]}`, `{"total":1}`, `{"issues":[{"changelog":{"histories":[{"items":5}]}}]}`} {
		if _, err := readSearch([]byte(raw), 40); !errors.Is(err, walk.ErrShape) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{`{"webhookEvent":"jira:issue_updated","issue":5}`, `{"webhookEvent":"jira:issue_updated","user":[]}`, `{"webhookEvent":"jira:issue_updated","changelog":"x"}`} {
		if _, err := DecodeEvent([]byte(raw), http.Header{}); bridge.NameOf(err) != "event-unreadable" {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

// largeIssue is an issue as a search or a webhook shows it, with everything a plain Jira sends.
func largeIssue() string {
	user := func(n int) string {
		return fmt.Sprintf(`{"self":"https://acme.example/rest/api/2/user?accountId=5b10ac8d82e05b22cc7d4e%02d","accountId":"5b10ac8d82e05b22cc7d4e%02d","emailAddress":"p%d@acme.example","avatarUrls":{"48x48":"https://acme.example/48.png","24x24":"https://acme.example/24.png"},"displayName":"Person %d","active":true,"timeZone":"Europe/Berlin","accountType":"atlassian"}`, n, n, n, n)
	}
	var custom strings.Builder
	for i := range 30 {
		fmt.Fprintf(&custom, `,"customfield_%d":%s`, 10000+i, []string{`null`, `"some text"`, `{"self":"https://acme.example/rest/api/2/customFieldOption/1","value":"High","id":"1"}`, `3.5`, `["a","b"]`}[i%5])
	}
	return `{"expand":"operations","id":"10001","self":"https://acme.example/rest/api/2/issue/10001","key":"ACME-1","fields":{"summary":"Printer is out of paper","description":"` + strings.Repeat(`A line of text.\r\n`, 20) +
		`","updated":"2023-11-14T22:13:20.000+0000","created":"2023-11-14T22:00:00.000+0000","project":{"id":"10000","key":"ACME","name":"Acme","projectTypeKey":"software"},"issuetype":{"id":"10002","name":"Task","subtask":false},"status":{"id":"1","name":"To Do","statusCategory":{"id":2,"key":"new"}},"priority":{"id":"3","name":"Medium"},"resolution":null,"labels":["one","two"],"components":[{"id":"1","name":"Office"}],"votes":{"votes":0},"watches":{"watchCount":1},"timetracking":{},"attachment":[],"issuelinks":[],"subtasks":[],"reporter":` +
		user(1) + `,"creator":` + user(1) + `,"assignee":` + user(2) + custom.String() + `,"comment":{"total":2,"comments":[` + comment(1, user(1)) + `,` + comment(2, user(2)) + `]}},"changelog":{"total":2,"histories":[` +
		history(10100, user(1)) + `,` + history(10101, user(2)) + `]}}`
}

func comment(n int, user string) string {
	return fmt.Sprintf(`{"id":"%d","author":%s,"updateAuthor":%s,"body":"A comment.","created":"2023-11-14T22:13:20.000+0000","updated":"2023-11-14T22:13:20.000+0000","jsdPublic":true}`, n, user, user)
}

func history(n int, user string) string {
	return fmt.Sprintf(`{"id":"%d","author":%s,"created":"2023-11-14T22:13:20.000+0000","items":[{"field":"summary","fieldtype":"jira","fieldId":"summary","from":null,"fromString":"Printer","to":null,"toString":"Printer is out of paper"}]}`, n, user)
}

func BenchmarkReadSearch(b *testing.B) {
	page := []byte(`{"isLast":true,"issues":[` + strings.Repeat(largeIssue()+",", 49) + largeIssue() + `]}`)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		if err := walk.Check(page); err != nil {
			b.Fatal(err)
		}
		if got, err := readSearch(page, 40); err != nil || len(got.issues) != 50 {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	body := []byte(`{"timestamp":1700000000000,"webhookEvent":"jira:issue_updated","issue":` + largeIssue() + `,"changelog":{"id":"10100","items":[{"field":"summary","fieldId":"summary","toString":"n"}]}}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEvent(body, http.Header{}); err != nil {
			b.Fatal(err)
		}
	}
}
