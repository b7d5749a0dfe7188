package jira

import (
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// recorded is where recorded Jira bodies lie, beside the project; the tests that read them are skipped where they are not.
const recorded = "../../../shared/data"

// recordings reads every JSON file below a folder of the recordings.
func recordings(t testing.TB, folder string) map[string][]byte {
	found := map[string][]byte{}
	_ = filepath.WalkDir(filepath.Join(recorded, folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".json") {
			if raw, err := os.ReadFile(path); err == nil {
				found[path] = raw
			}
		}
		return nil
	})
	if t, ok := t.(*testing.T); ok && len(found) == 0 {
		t.Skip("no recordings beside the project")
	}
	return found
}

func TestRecordedWebhooks(t *testing.T) {
	for path, body := range recordings(t, "webhooks") {
		e, err := DecodeEvent(body, http.Header{})
		if err != nil || e.Kind == Ignored || e.At.IsZero() {
			t.Errorf("%s: %+v, %v", path, e, err)
			continue
		}
		if e.IssueID == "" {
			t.Errorf("%s: no issue", path)
		}
		if strings.HasPrefix(e.Name, "comment_") && (e.Comment == nil || e.Comment.Author.DisplayName == "" || e.Comment.Created.IsZero() || e.User.DisplayName == "") {
			t.Errorf("%s: comment %+v", path, e.Comment)
		}
		if e.Issue != nil && !e.Issue.Partial && (e.Issue.Updated().IsZero() || e.Issue.Project() == "" || e.Issue.Type() == "" || e.Issue.Status() == "") {
			t.Errorf("%s: issue without its basics", path)
		}
		if strings.Contains(path, "cloud") && strings.HasPrefix(e.Name, "comment_") && e.Issue != nil && !e.Issue.Partial {
			t.Errorf("%s: a Cloud comment event carries few fields", path)
		}
		if e.Kind == IssueUpdated && e.History != nil && !e.Trust {
			t.Errorf("%s: changelog %d is not trusted", path, e.History.ID)
		}
		if e.Kind == IssueCreated && e.Trust {
			t.Errorf("%s: a creation's changelog is trusted", path)
		}
	}
}

func TestRecordedIssues(t *testing.T) {
	n := 0
	for path, body := range recordings(t, "rest") {
		if strings.HasSuffix(path, ".request.json") || strings.Contains(path, "php-jira") {
			continue // what a client sent; a body made by hand
		}
		for _, raw := range issuesIn(body) {
			i, err := readIssue(raw, 0, true)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			n++
			if i.Knows("created") && i.Created().IsZero() || i.Knows("updated") && i.Updated().IsZero() {
				t.Errorf("%s: times of %s unread", path, i.Key)
			}
			for _, m := range i.Comments {
				if m.ID == "" && !strings.Contains(path, "without-id") || m.Created.IsZero() {
					t.Errorf("%s: comment %+v", path, m)
				}
			}
			neutralizable(t, path, i)
		}
	}
	if n < 40 {
		t.Errorf("only %d issues recognised", n)
	}
}

// issuesIn finds the issues of an answer: itself, or its list.
func issuesIn(body []byte) []json.RawMessage {
	var w struct {
		Key    string                     `json:"key"`
		Fields map[string]json.RawMessage `json:"fields"`
		Issues []json.RawMessage          `json:"issues"`
	}
	if json.Unmarshal(body, &w) != nil {
		return nil
	}
	if w.Key != "" && w.Fields != nil && !oldShape(w.Fields) {
		return []json.RawMessage{body}
	}
	return w.Issues
}

// oldShape is how Jira 4 wrote fields: {"name", "type", "value"}.
func oldShape(fields map[string]json.RawMessage) bool {
	return strings.Contains(string(fields["summary"]), `"type"`)
}

// neutralizable checks that the system fields of real issues have the shapes their kinds expect.
func neutralizable(t *testing.T, path string, i *Issue) {
	t.Helper()
	for id := range systemTypes {
		f := wireField{ID: text(id)}.field()
		if v, _, ok := i.Neutral(f); i.Knows(id) && !ok && !strings.HasPrefix(string(i.Fields[id]), `{"type":"doc"`) && !strings.Contains(string(i.Fields[id]), `"type": "doc"`) {
			t.Errorf("%s: %s %s of %s is unread (%s)", path, f.Kind, id, i.Key, clip(string(i.Fields[id]), 80)+string(v))
		}
	}
}

func TestRecordedFields(t *testing.T) {
	for path, body := range recordings(t, "rest") {
		var list []wireField
		if !strings.Contains(strings.ToLower(filepath.Base(path)), "field") || json.Unmarshal(body, &list) != nil {
			continue
		}
		for _, w := range list {
			f := w.field()
			switch {
			case f.ID == "summary" && f.Kind != bridge.Text, f.ID == "description" && f.Kind != bridge.RichText, f.ID == "labels" && f.Kind != bridge.Names,
				f.ID == "fixVersions" && f.Kind != bridge.Names, f.ID == "duedate" && f.Kind != bridge.Date, f.ID == "assignee" && f.Kind != bridge.User:
				t.Errorf("%s: %s is %s", path, f.ID, f.Kind)
			}
			if f.Kind == "" {
				t.Errorf("%s: %s has no kind", path, f.ID)
			}
		}
	}
}

func TestRecordedHistories(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(recorded, "rest/cloud-devlake/changelog-histories-60.json"))
	if err != nil {
		t.Skip("no recordings beside the project")
	}
	var list []History
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	for _, h := range list {
		if h.ID == 0 || h.Created.IsZero() || len(h.Items) == 0 || h.Author.DisplayName == "" {
			t.Errorf("%+v", h)
		}
	}
}

func TestRecordedRows(t *testing.T) {
	file, err := os.Open(filepath.Join(recorded, "rest/cloud-devlake/_raw_jira_api_issues.csv"))
	if err != nil {
		t.Skip("no recordings beside the project")
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		i, err := readIssue([]byte(row[2]), 0, true)
		if err != nil {
			t.Fatal(err)
		}
		if i.ID == "" || i.Updated().IsZero() {
			t.Errorf("%s: %v", i.Key, i.Updated())
		}
		neutralizable(t, "row "+row[0], i)
		for _, m := range i.Comments {
			if m.Internal == nil {
				t.Errorf("%s: comment %s says nothing about being internal", i.Key, m.ID)
			}
		}
	}
}

func TestRecordedRefusals(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(recorded, "rest/cloud-observed-errors/observed-2026-10-08.transcribed.json"))
	if err != nil {
		t.Skip("no recordings beside the project")
	}
	var w struct {
		Answers []struct {
			File        string          `json:"file"`
			Status      int             `json:"status"`
			ContentType string          `json:"content_type"`
			Body        json.RawMessage `json:"body"`
		} `json:"answers"`
	}
	if err := json.Unmarshal(raw, &w); err != nil || len(w.Answers) == 0 {
		t.Fatal(err)
	}
	for _, a := range w.Answers {
		if a.Status < 300 {
			continue
		}
		res := &http.Response{StatusCode: a.Status, Header: http.Header{"Content-Type": {a.ContentType}}}
		e := refusal("ask", true, res, a.Body, noon)
		if StatusOf(e) != a.Status || e.Temporary || e.Name == "html-answer" || strings.Contains(e.Message, "no reason given") {
			t.Errorf("%s: %s: %v", a.File, e.Name, e)
		}
	}
}
