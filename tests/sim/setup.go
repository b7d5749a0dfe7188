package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"drawbridge/shared/exchange"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/sign"
	"drawbridge/simulator"
)

func (w *world) bookInvite(ctx context.Context, inv sign.Invitation) error {
	return exchange.Book{Store: w.public.disk}.Invite(ctx, inv)
}

func siteOf(h *half) exchange.Site { return exchange.Site{Name: string(h.role), URL: baseURL[h.role]} }

func (w *world) due(h *half) {
	w.survive(h, func() {
		if _, err := reconcile.Due(context.Background(), h.site); err != nil {
			w.say("  %s: due: %v", h.role, err)
		}
	})
}

// call does one REST call as a user of the simulated Jira, past every fault, and decodes the answer.
func (h *half) call(user, method, path string, body, into any) int {
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		must(err)
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, baseURL[h.role]+path, r)
	must(err)
	req.Header.Set("Content-Type", "application/json")
	return h.send(user, req, into)
}

func (h *half) send(user string, req *http.Request, into any) int {
	if h.jira.Flavour() == simulator.Cloud {
		req.SetBasicAuth(user+"@example.com", user+"-token")
	} else {
		req.Header.Set("Authorization", "Bearer "+user+"-token")
	}
	res, err := serve(h.wire.handler, req, h.jiraNow())
	must(err)
	raw, err := io.ReadAll(res.Body)
	must(err)
	if into != nil && res.StatusCode < 300 {
		must(json.Unmarshal(raw, into))
	}
	if res.StatusCode >= 300 {
		h.w.say("  (%s %s as %s: %d %s)", req.Method, req.URL.Path, user, res.StatusCode, strings.TrimSpace(string(raw)))
	}
	return res.StatusCode
}

// upload attaches a file as a user.
func (h *half) upload(user, issue, name, content string) bool {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	p, err := m.CreateFormFile("file", name)
	must(err)
	_, err = io.WriteString(p, content)
	must(err)
	must(m.Close())
	req, err := http.NewRequest("POST", baseURL[h.role]+"/rest/api/2/issue/"+issue+"/attachments", &b)
	must(err)
	req.Header.Set("Content-Type", m.FormDataContentType())
	req.Header.Set("X-Atlassian-Token", "no-check")
	return h.send(user, req, nil) < 300
}

func (h *half) download(a attachment) string {
	req, err := http.NewRequest("GET", a.Content, nil)
	must(err)
	if h.jira.Flavour() == simulator.Cloud {
		req.SetBasicAuth("admin@example.com", "admin-token")
		req.URL.RawQuery = "redirect=false"
	} else {
		req.Header.Set("Authorization", "Bearer admin-token")
	}
	res, err := serve(h.wire.handler, req, h.jiraNow())
	must(err)
	raw, err := io.ReadAll(res.Body)
	must(err)
	return string(raw)
}

// userID is what the simulator calls a user by that name inside.
func (h *half) userID(name string) string {
	id := ""
	must(h.jira.ChangeUser(name, func(u *simulator.User) error { id = u.ID; return nil }))
	return id
}

// issue is an issue as an administrator sees it.
type issue struct {
	ID, Key string
	Fields  fields
	raw     string
}

type named struct{ Name string }

type fields struct {
	Summary     string
	Description *string
	Duedate     *string
	Labels      []string
	Status      named
	IssueType   named
	Project     struct{ Key string }
	Priority    *named
	Resolution  *named
	Components  []named
	FixVersions []named
	Assignee    *struct{ DisplayName string }
	Parent      *struct{ ID string }
	Creator     person
	Comment     struct{ Comments []comment }
	Worklog     struct{ Worklogs []worklog }
	Attachment  []attachment
	IssueLinks  []struct {
		ID           string
		Type         named
		OutwardIssue *struct{ ID string }
	}
}

type person struct {
	AccountID, Key, DisplayName string
}

func (p person) ours() bool { return p.DisplayName == "Drawbridge Sync" }

type comment struct {
	ID         string
	Body       string
	Author     person
	Visibility *struct{ Type, Value string }
	JSDPublic  *bool
}

func (c comment) restricted() bool { return c.Visibility != nil || c.JSDPublic != nil && !*c.JSDPublic }

type worklog struct {
	ID, Comment, Started string
	TimeSpentSeconds     int
	Author               person
	Visibility           *struct{ Type, Value string }
}

// logs are the worklogs as comments: what each says, from when on and how long.
func (f fields) logs() (out []comment) {
	for _, l := range f.Worklog.Worklogs {
		at, err := time.Parse("2006-01-02T15:04:05.000-0700", l.Started)
		must(err)
		body := fmt.Sprintf("%s %s %d s", l.Comment, at.UTC().Format(time.RFC3339), l.TimeSpentSeconds)
		out = append(out, comment{ID: l.ID, Body: body, Author: l.Author, Visibility: l.Visibility})
	}
	return out
}

type attachment struct {
	ID, Filename, Content string
	Size                  int
	Author                person
}

// look reads one issue; nil if it is not there.
func (h *half) look(id string) *issue {
	var raw json.RawMessage
	if h.call("admin", "GET", "/rest/api/2/issue/"+id+"?fields=*all", nil, &raw) >= 300 {
		return nil
	}
	is := &issue{raw: string(raw)}
	must(json.Unmarshal(raw, is))
	return is
}
