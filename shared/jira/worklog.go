package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"drawbridge/shared/walk"
)

// A Worklog is time spent on an issue, as one answer or webhook body shows it.
type Worklog struct {
	ID, IssueID               string
	Author, UpdateAuthor      User
	Comment                   string
	Created, Updated, Started time.Time
	Seconds                   int64
	Visibility                *Visibility                // nil: none shown, see Complete
	Properties                map[string]json.RawMessage // Cloud, where they were asked for
	Complete                  bool                       // read from the API: no Visibility means that there is none. A webhook may leave it out
}

// WorklogRequest is a worklog to write. The remaining estimate is left alone: it is a field of its own.
type WorklogRequest struct {
	Comment    string
	Started    time.Time
	Seconds    int64
	Visibility *Visibility
	Properties map[string]any // Cloud only
}

// UnmarshalJSON reads a worklog of either flavour. Complete stays false: the caller knows where the body comes from.
func (l *Worklog) UnmarshalJSON(raw []byte) error {
	*l = Worklog{}
	return walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "id":
			l.ID = word(value)
		case "issueId":
			l.IssueID = word(value)
		case "author":
			err = readUser(&l.Author, value)
		case "updateAuthor":
			err = readUser(&l.UpdateAuthor, value)
		case "comment":
			l.Comment = lineEnds(word(value))
		case "created":
			l.Created = timeOf(value)
		case "updated":
			l.Updated = timeOf(value)
		case "started":
			l.Started = timeOf(value)
		case "timeSpentSeconds":
			l.Seconds = integer(value)
		case "visibility":
			l.Visibility, err = readVisibility(value)
		case "properties":
			l.Properties, _ = readProperties(value)
		}
		return err
	})
}

type worklogBody struct {
	Comment    string      `json:"comment"`
	Started    string      `json:"started,omitempty"`
	Seconds    int64       `json:"timeSpentSeconds"`
	Visibility *Visibility `json:"visibility,omitempty"`
	Properties []property  `json:"properties,omitempty"`
}

func (c *Client) worklogBody(r WorklogRequest) worklogBody {
	b := worklogBody{Comment: r.Comment, Seconds: r.Seconds, Visibility: r.Visibility}
	if !r.Started.IsZero() {
		b.Started = FormatTime(r.Started)
	}
	if c.cloud() {
		b.Properties = propertyList(r.Properties)
	}
	return b
}

func worklogPath(issueID, id string) string {
	p := "rest/api/2/issue/" + url.PathEscape(issueID) + "/worklog"
	if id != "" {
		p += "/" + url.PathEscape(id)
	}
	return p + "?adjustEstimate=leave"
}

// AddWorklog enters time spent.
func (c *Client) AddWorklog(ctx context.Context, issueID string, r WorklogRequest) (Worklog, error) {
	var l Worklog
	err := c.do(ctx, call{what: "log work on issue " + issueID, method: http.MethodPost, route: "issue/{issue}/worklog", issue: issueID,
		path: worklogPath(issueID, ""), body: c.worklogBody(r), decode: needs(&l, func() bool { return l.ID != "" })})
	return l, err
}

// EditWorklog changes time spent.
func (c *Client) EditWorklog(ctx context.Context, issueID, id string, r WorklogRequest) (Worklog, error) {
	var l Worklog
	err := c.do(ctx, call{what: "edit worklog " + id + " of issue " + issueID, method: http.MethodPut, route: "issue/{issue}/worklog/{worklog}",
		issue: issueID, path: worklogPath(issueID, id), body: c.worklogBody(r), decode: needs(&l, func() bool { return l.ID != "" })})
	return l, err
}

// DeleteWorklog deletes time spent.
func (c *Client) DeleteWorklog(ctx context.Context, issueID, id string) error {
	return c.do(ctx, call{what: "delete worklog " + id + " of issue " + issueID, method: http.MethodDelete,
		route: "issue/{issue}/worklog/{worklog}", issue: issueID, path: worklogPath(issueID, id)})
}

// GetWorklog reads one worklog, with its properties on Cloud.
func (c *Client) GetWorklog(ctx context.Context, issueID, id string) (Worklog, error) {
	var l Worklog
	path := "rest/api/2/issue/" + url.PathEscape(issueID) + "/worklog/" + url.PathEscape(id)
	if q := c.worklogQuery(); q != nil {
		path += "?" + q.Encode()
	}
	what := "read worklog " + id + " of issue " + issueID
	err := c.get(ctx, what, "issue/{issue}/worklog/{worklog}", path, needs(&l, func() bool { return l.ID != "" }))
	l.Complete = err == nil
	return l, err
}

// worklogQuery asks for the properties, which Data Center does not have.
func (c *Client) worklogQuery() url.Values {
	if c.cloud() {
		return url.Values{"expand": {"properties"}}
	}
	return nil
}

// ListWorklogs reads all worklogs of an issue that our account may see, with their properties on Cloud. Data Center has them
// in one answer; Cloud in pages.
func (c *Client) ListWorklogs(ctx context.Context, issueID string) ([]Worklog, error) {
	list := []Worklog{}
	p := pager{"list the worklogs of issue " + issueID, "issue/{issue}/worklog", "rest/api/2/issue/" + url.PathEscape(issueID) + "/worklog", c.worklogQuery(), 1000}
	err := pages(ctx, c, p, func(l Worklog) error {
		l.Complete = true
		list = append(list, l)
		return nil
	})
	return list, err
}
