package jira

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Ref names an issue.
type Ref struct{ ID, Key string }

// An Issue is an issue as one answer or webhook body shows it.
type Issue struct {
	ID, Key string
	// Fields holds what Jira sent, by field id, except comments and worklogs. A field that is missing was not sent: nothing is known.
	Fields map[string]json.RawMessage
	// Histories are in order of id, where they were asked for.
	Histories    []History
	AllHistories bool // the list is complete
	// Comments are in the order Jira sent them, where they were asked for.
	Comments       []Comment
	AllComments    bool // the list is complete
	Worklogs       []Worklog
	AllWorklogs    bool // the list is complete: Jira shows the first 20
	Attachments    []Attachment
	HasAttachments bool // the body says which attachments there are
	Properties     map[string]json.RawMessage
	Partial        bool // a webhook body that carries few fields
}

// Project is the key of the issue's project; "" if the body does not say.
func (i *Issue) Project() string { return i.member("project", "key") }

// Type is the name of the issue type.
func (i *Issue) Type() string { return i.member("issuetype", "name") }

// Status is the name of the workflow status.
func (i *Issue) Status() string { return i.member("status", "name") }

// Parent is the id of the issue that this one is part of; "" if there is none or the body does not say.
func (i *Issue) Parent() string { return i.member("parent", "id") }

// Security is the name of the security level, "" if there is none or the body does not say (see Knows).
func (i *Issue) Security() string { return i.member("security", "name") }

// Knows reports whether the body carries the field, with or without a value.
func (i *Issue) Knows(fieldID string) bool { _, ok := i.Fields[fieldID]; return ok }

// Reporter is the reporter; the zero User if there is none.
func (i *Issue) Reporter() User { return i.user("reporter") }

// Creator is who created the issue.
func (i *Issue) Creator() User { return i.user("creator") }

// Updated is the time of the last change.
func (i *Issue) Updated() time.Time { return i.time("updated") }

// Created is the time of creation.
func (i *Issue) Created() time.Time { return i.time("created") }

func (i *Issue) member(field, name string) string {
	var w map[string]json.RawMessage
	if json.Unmarshal(i.Fields[field], &w) != nil || len(w[name]) == 0 {
		return ""
	}
	var s text
	_ = json.Unmarshal(w[name], &s)
	return string(s)
}

func (i *Issue) user(field string) User {
	var u User
	_ = json.Unmarshal(i.Fields[field], &u)
	return u
}

func (i *Issue) time(field string) time.Time {
	var m moment
	_ = json.Unmarshal(i.Fields[field], &m)
	return m.Time
}

// IssueOptions say what to read with an issue.
type IssueOptions struct {
	Fields     []string // ids; nil is all
	Histories  bool     // the changelog; on Cloud the newest part of a long one
	Comments   bool     // the first page of them
	Properties []string // keys, or "*all"
}

// Issue reads one issue.
func (c *Client) Issue(ctx context.Context, idOrKey string, o IssueOptions) (*Issue, error) {
	q := url.Values{"fields": {strings.Join(fieldList(o.Fields, o.Comments), ",")}}
	if o.Histories {
		q.Set("expand", "changelog")
	}
	if len(o.Properties) > 0 {
		q.Set("properties", strings.Join(o.Properties, ","))
	}
	var w wireIssue
	if err := c.get(ctx, "read issue "+idOrKey, "issue/{issue}", "rest/api/2/issue/"+url.PathEscape(idOrKey)+"?"+q.Encode(), into(&w)); err != nil {
		return nil, err
	}
	return w.issue(c.issueCap()), nil
}

// issueCap is from how many histories on one read of an issue may have left some out: Cloud gives the newest hundred.
func (c *Client) issueCap() int {
	if c.cloud() {
		return 100
	}
	return 0
}

// searchCap is the same for search, which gives forty there.
func (c *Client) searchCap() int {
	if c.cloud() {
		return 40
	}
	return 0
}

// fieldList is the value of "fields". Comments are a field to Jira, and the largest one.
func fieldList(fields []string, comments bool) []string {
	switch {
	case fields == nil && comments:
		return []string{"*all"}
	case fields == nil:
		return []string{"*all", "-comment"}
	case comments && !slices.Contains(fields, "comment"):
		return append(slices.Clone(fields), "comment")
	case len(fields) == 0:
		return []string{"id"}
	}
	return fields
}

type wireIssue struct {
	ID         text                       `json:"id"`
	Key        text                       `json:"key"`
	Fields     map[string]json.RawMessage `json:"fields"`
	Changelog  *wireChangelog             `json:"changelog"`
	Properties map[string]json.RawMessage `json:"properties"`
}

// issue makes ours of Jira's; capped is as for wireChangelog.histories.
func (w *wireIssue) issue(capped int) *Issue {
	i := &Issue{ID: string(w.ID), Key: string(w.Key), Fields: w.Fields, Properties: w.Properties}
	if i.Fields == nil {
		i.Fields = map[string]json.RawMessage{}
	}
	i.Histories, i.AllHistories = w.Changelog.histories(capped)
	i.readComments(true)
	i.readWorklogs(true)
	if raw, ok := i.Fields["attachment"]; ok {
		var list []Attachment
		if json.Unmarshal(raw, &list) == nil {
			i.Attachments, i.HasAttachments = list, true
		}
	}
	return i
}

// readComments takes the comments out of the fields. complete says that the API sent them, not a webhook.
func (i *Issue) readComments(complete bool) {
	raw, ok := i.Fields["comment"]
	if !ok {
		return
	}
	var w struct {
		Comments []Comment `json:"comments"`
		Total    *number   `json:"total"`
	}
	if json.Unmarshal(raw, &w) != nil {
		return
	}
	for n := range w.Comments {
		w.Comments[n].Complete = complete
	}
	i.Comments, i.AllComments = w.Comments, w.Total != nil && int(*w.Total) <= len(w.Comments)
	delete(i.Fields, "comment")
}

// readWorklogs takes the worklogs out of the fields, as readComments does.
func (i *Issue) readWorklogs(complete bool) {
	var w struct {
		Worklogs []Worklog `json:"worklogs"`
		Total    *number   `json:"total"`
	}
	raw, ok := i.Fields["worklog"]
	if !ok || json.Unmarshal(raw, &w) != nil {
		return
	}
	for n := range w.Worklogs {
		w.Worklogs[n].Complete = complete
	}
	i.Worklogs, i.AllWorklogs = w.Worklogs, w.Total != nil && int(*w.Total) <= len(w.Worklogs)
	delete(i.Fields, "worklog")
}
