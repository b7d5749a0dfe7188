package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// A Jira is one simulated Jira as people use it: over plain REST, version 2, signed in as User.
type Jira struct {
	Base    string // its address
	Manage  string // of the management port
	Cloud   bool
	Project string // key of the project under sync
	Service string // key of the service project
	User    string // who acts: alice, unless As says otherwise

	t    testing.TB
	http *http.Client
}

// Open is a Jira that somebody else has started.
func Open(t testing.TB, cloud bool, base, manage, project string) *Jira {
	return &Jira{Base: base, Manage: manage, Cloud: cloud, Project: project, Service: project + "SD", User: "alice", t: t, http: Place("").client()}
}

// For is the same Jira, failing another test.
func (j *Jira) For(t testing.TB) *Jira {
	c := *j
	c.t = t
	return &c
}

// As is the same Jira, used by somebody else.
func (j *Jira) As(user string) *Jira {
	c := *j
	c.User = user
	return &c
}

// Do makes one call; the error is about the way there, not about the status.
func (j *Jira) Do(method, path string, body, into any) (status int, raw []byte, err error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(b)
	}
	return j.Send(method, path, "application/json", r, into)
}

// Send makes one call with a body of any kind.
func (j *Jira) Send(method, path, kind string, body io.Reader, into any) (int, []byte, error) {
	req, err := http.NewRequest(method, j.address(path), body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-Atlassian-Token", "no-check")
	j.sign(req)
	resp, err := j.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err == nil && into != nil && resp.StatusCode < 300 {
		if err = json.Unmarshal(raw, into); err != nil {
			err = fmt.Errorf("%s %s: %w in %.300s", method, path, err, raw)
		}
	}
	return resp.StatusCode, raw, err
}

func (j *Jira) address(path string) string {
	if strings.Contains(path, "://") {
		return path
	}
	return j.Base + path
}

func (j *Jira) sign(req *http.Request) {
	switch {
	case !strings.HasPrefix(req.URL.String(), j.Base):
	case j.Cloud:
		req.SetBasicAuth(j.User+"@example.com", j.User+"-token")
	default:
		req.Header.Set("Authorization", "Bearer "+j.User+"-token")
	}
}

// OK makes a call that must succeed. A rate limit is waited for, as a client does.
func (j *Jira) OK(method, path string, body, into any) {
	j.t.Helper()
	for range 20 {
		status, raw, err := j.Do(method, path, body, into)
		switch {
		case err != nil:
			j.t.Fatal(err)
		case status == http.StatusTooManyRequests || status == http.StatusConflict:
			time.Sleep(300 * time.Millisecond)
			continue
		case status >= 300:
			j.t.Fatalf("%s %s as %s: status %d: %.400s", method, path, j.User, status, raw)
		}
		return
	}
	j.t.Fatalf("%s %s as %s: still refused", method, path, j.User)
}

const issuePath = "/rest/api/2/issue/"

// Fields are what an issue holds, or is to hold.
type Fields map[string]any

// Create makes an issue in the project under sync (unless fields say otherwise) and returns its key.
func (j *Jira) Create(summary string, fields Fields) string {
	j.t.Helper()
	all := Fields{"project": Fields{"key": j.Project}, "issuetype": Fields{"name": "Task"}, "summary": summary}
	for k, v := range fields {
		all[k] = v
	}
	var out struct{ Key string }
	j.OK("POST", "/rest/api/2/issue", Fields{"fields": all}, &out)
	return out.Key
}

// Edit sets fields.
func (j *Jira) Edit(key string, fields Fields) {
	j.t.Helper()
	j.OK("PUT", issuePath+key, Fields{"fields": fields}, nil)
}

// Delete deletes an issue.
func (j *Jira) Delete(key string) {
	j.t.Helper()
	j.As("admin").OK("DELETE", issuePath+key+"?deleteSubtasks=true", nil, nil)
}

// Issue returns the fields of an issue, as an administrator sees it.
func (j *Jira) Issue(key string) Fields {
	j.t.Helper()
	var out struct{ Fields Fields }
	j.As("admin").OK("GET", issuePath+key, nil, &out)
	return out.Fields
}

// Text is what an issue shows in a field: its text, name, or the names in a list, sorted.
func (j *Jira) Text(key, field string) string {
	j.t.Helper()
	return Text(j.Issue(key)[field])
}

// Text is what a field of an issue shows: its text, name, or the names in a list, sorted.
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, Text(e))
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	case map[string]any:
		for _, k := range []string{"value", "name", "displayName", "emailAddress"} {
			if s, ok := v[k].(string); ok {
				return s
			}
		}
	}
	return fmt.Sprint(v)
}

// Transition moves an issue to a status, with fields of the transition's screen.
func (j *Jira) Transition(key, status string, fields Fields) {
	j.t.Helper()
	var out struct {
		Transitions []struct {
			ID string
			To struct{ Name string }
		}
	}
	j.OK("GET", issuePath+key+"/transitions", nil, &out)
	for _, t := range out.Transitions {
		if t.To.Name == status {
			j.OK("POST", issuePath+key+"/transitions", Fields{"transition": Fields{"id": t.ID}, "fields": fields}, nil)
			return
		}
	}
	j.t.Fatalf("%s cannot be moved to %s: %+v", key, status, out.Transitions)
}

// A Comment is one comment as shown.
type Comment struct {
	ID, Body   string
	Author     struct{ Name, DisplayName string }
	Visibility *struct{ Type, Value string }
	Public     *bool `json:"jsdPublic"`
}

// Comment adds a comment; more are other members of the call, such as its visibility.
func (j *Jira) Comment(key, body string, more Fields) (id string) {
	j.t.Helper()
	call := Fields{"body": body}
	for k, v := range more {
		call[k] = v
	}
	var out struct{ ID string }
	j.OK("POST", issuePath+key+"/comment", call, &out)
	return out.ID
}

// EditComment changes the text of a comment.
func (j *Jira) EditComment(key, id, body string) {
	j.t.Helper()
	j.OK("PUT", issuePath+key+"/comment/"+id, Fields{"body": body}, nil)
}

// DeleteComment deletes a comment.
func (j *Jira) DeleteComment(key, id string) {
	j.t.Helper()
	j.As("admin").OK("DELETE", issuePath+key+"/comment/"+id, nil, nil)
}

// Comments lists the comments of an issue, as an administrator sees them.
func (j *Jira) Comments(key string) []Comment {
	j.t.Helper()
	var out struct{ Comments []Comment }
	j.As("admin").OK("GET", issuePath+key+"/comment?maxResults=1000", nil, &out)
	return out.Comments
}

// Spent are the seconds of every worklog of an issue, the shortest first.
func (j *Jira) Spent(key string) (seconds []int) {
	j.t.Helper()
	var out struct {
		Worklogs []struct{ TimeSpentSeconds int }
	}
	j.As("admin").OK("GET", issuePath+key+"/worklog", nil, &out)
	for _, l := range out.Worklogs {
		seconds = append(seconds, l.TimeSpentSeconds)
	}
	slices.Sort(seconds)
	return seconds
}

// Commented are the comments of an issue whose text has a word in it.
func (j *Jira) Commented(key, word string) (found []Comment) {
	j.t.Helper()
	for _, c := range j.Comments(key) {
		if strings.Contains(c.Body, word) {
			found = append(found, c)
		}
	}
	return found
}

// An Attachment is one attachment as shown.
type Attachment struct {
	ID       string
	Filename string
	Size     int64
	Content  string // address
}

// Attach uploads a file.
func (j *Jira) Attach(key, name string, content []byte) (id string) {
	j.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		j.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		j.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		j.t.Fatal(err)
	}
	var out []Attachment
	body := b.Bytes()
	for range 20 {
		status, raw, err := j.Send("POST", issuePath+key+"/attachments", w.FormDataContentType(), bytes.NewReader(body), &out)
		switch {
		case err != nil:
			j.t.Fatal(err)
		case status == http.StatusTooManyRequests:
			time.Sleep(300 * time.Millisecond)
			continue
		case status >= 300 || len(out) != 1:
			j.t.Fatalf("attach %s: status %d: %.300s", name, status, raw)
		}
		return out[0].ID
	}
	j.t.Fatalf("attach %s: still refused", name)
	return ""
}

// Detach deletes an attachment.
func (j *Jira) Detach(id string) {
	j.t.Helper()
	j.As("admin").OK("DELETE", "/rest/api/2/attachment/"+id, nil, nil)
}

// Attachments lists the attachments of an issue.
func (j *Jira) Attachments(key string) []Attachment {
	j.t.Helper()
	var out struct {
		Fields struct{ Attachment []Attachment }
	}
	j.As("admin").OK("GET", issuePath+key+"?fields=attachment", nil, &out)
	return out.Fields.Attachment
}

// Content downloads an attachment.
func (j *Jira) Content(a Attachment) []byte {
	j.t.Helper()
	status, raw, err := j.As("admin").Send("GET", a.Content, "", nil, nil)
	if err != nil || status != http.StatusOK {
		j.t.Fatalf("content of %s: status %d, %v", a.Filename, status, err)
	}
	return raw
}

// A Found issue is one as a search shows it.
type Found struct {
	ID, Key string
	Fields  Fields
}

// Summary is the issue's summary.
func (f Found) Summary() string { return Text(f.Fields["summary"]) }

// All lists the issues of the project under sync, as an administrator sees them.
func (j *Jira) All() []Found {
	j.t.Helper()
	admin, out := j.As("admin"), []Found{}
	query := url.Values{"jql": {"project = " + j.Project + " ORDER BY key ASC"}, "maxResults": {"100"}, "fields": {"*all"}}
	path := "/rest/api/2/search"
	if j.Cloud {
		path = "/rest/api/2/search/jql"
	}
	for {
		var page struct {
			Issues        []Found
			Total         int
			NextPageToken string
		}
		admin.OK("GET", path+"?"+query.Encode(), nil, &page)
		out = append(out, page.Issues...)
		switch {
		case j.Cloud && page.NextPageToken != "":
			query.Set("nextPageToken", page.NextPageToken)
		case !j.Cloud && len(page.Issues) > 0 && len(out) < page.Total:
			query.Set("startAt", fmt.Sprint(len(out)))
		default:
			return out
		}
	}
}

// Find returns the keys of the issues with exactly that summary.
func (j *Jira) Find(summary string) (keys []string) {
	j.t.Helper()
	for _, f := range j.All() {
		if f.Summary() == summary {
			keys = append(keys, f.Key)
		}
	}
	return keys
}

// Twin waits until exactly one issue has the summary, and returns its key.
func (j *Jira) Twin(summary string) (key string) {
	j.t.Helper()
	Eventually(j.t, Patience, fmt.Sprintf("one issue %q in %s", summary, j.Project), func() string {
		keys := j.Find(summary)
		if len(keys) != 1 {
			return fmt.Sprintf("%d issues: %v", len(keys), keys)
		}
		key = keys[0]
		return ""
	})
	return key
}

// Shows waits until a field of an issue shows a text.
func (j *Jira) Shows(key, field, want string) {
	j.t.Helper()
	Eventually(j.t, Patience, fmt.Sprintf("%s shows %s = %.60q", key, field, want), func() string {
		if got := j.Text(key, field); got != want {
			return fmt.Sprintf("it shows %.200q", got)
		}
		return ""
	})
}

// Patience is how long something may take that takes about a second on a machine with nothing else to do.
const Patience = 20 * time.Second

// AccountOf is how the user is named where an issue is edited.
func (j *Jira) AccountOf(user string) Fields {
	j.t.Helper()
	if !j.Cloud {
		return Fields{"name": user}
	}
	var found []struct{ AccountID string }
	j.OK("GET", "/rest/api/2/user/search?query="+user, nil, &found)
	if len(found) != 1 {
		j.t.Fatalf("%d users %q", len(found), user)
	}
	return Fields{"accountId": found[0].AccountID}
}

// Editable are the fields of an issue that may be edited.
func (j *Jira) Editable(key string) (ids []string) {
	j.t.Helper()
	var meta struct{ Fields Fields }
	j.As("admin").OK("GET", issuePath+key+"/editmeta", nil, &meta)
	for id := range meta.Fields {
		ids = append(ids, id)
	}
	return ids
}
