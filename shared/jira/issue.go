package jira

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"drawbridge/shared/walk"
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

// Texts are what the fields say that hold a text.
func (i *Issue) Texts() []string {
	var texts []string
	for _, raw := range i.Fields {
		if s := walk.Text(raw); s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}

// Reporter is the reporter; the zero User if there is none.
func (i *Issue) Reporter() User { return i.user("reporter") }

// Creator is who created the issue.
func (i *Issue) Creator() User { return i.user("creator") }

// Updated is the time of the last change.
func (i *Issue) Updated() time.Time { return i.time("updated") }

// Created is the time of creation.
func (i *Issue) Created() time.Time { return i.time("created") }

func (i *Issue) member(field, name string) string { return word(walk.Member(i.Fields[field], name)) }

func (i *Issue) user(field string) (u User) {
	_ = readUser(&u, i.Fields[field])
	return u
}

func (i *Issue) time(field string) time.Time { return timeOf(i.Fields[field]) }

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
	var i *Issue
	err := c.get(ctx, "read issue "+idOrKey, "issue/{issue}", "rest/api/2/issue/"+url.PathEscape(idOrKey)+"?"+q.Encode(), whole(func(raw []byte) (err error) {
		i, err = readIssue(raw, c.issueCap(), true)
		return err
	}))
	if err != nil {
		return nil, err
	}
	return i, nil
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

// readIssue reads an issue of a valid text, of which it keeps parts. capped is as for readChangelog; api says that the API sent it, not
// a webhook.
func readIssue(raw []byte, capped int, api bool) (*Issue, error) {
	i := &Issue{Fields: map[string]json.RawMessage{}}
	err := walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "fields":
			i.Fields, err = readMap(value)
		case "changelog":
			i.Histories, i.AllHistories, err = readChangelog(value, capped)
		case "properties":
			i.Properties, err = readMap(value)
		default:
			err = i.which(name, value)
		}
		return err
	})
	i.readComments(api)
	i.readWorklogs(api)
	if raw, ok := i.Fields["attachment"]; ok {
		if list, err := walk.List(raw, readAttachment); err == nil {
			i.Attachments, i.HasAttachments = list, true
		}
	}
	return i, err
}

// which reads a member of an issue that says which it is.
func (i *Issue) which(name, value []byte) error {
	switch string(name) {
	case "id":
		i.ID = word(value)
	case "key":
		i.Key = word(value)
	}
	return nil
}

// readMap reads an object whose members are read later.
func readMap(raw []byte) (map[string]json.RawMessage, error) {
	m := map[string]json.RawMessage{}
	return m, walk.Members(raw, func(name, value []byte) error {
		m[string(name)] = value
		return nil
	})
}

// readComments takes the comments out of the fields. complete says that they are read from the API.
func (i *Issue) readComments(complete bool) {
	list, all, ok := part(i, "comment", "comments", func(raw []byte) (m Comment, err error) {
		err = m.UnmarshalJSON(raw)
		m.Complete = complete
		return m, err
	})
	if ok {
		i.Comments, i.AllComments = list, all
	}
}

// readWorklogs takes the worklogs out of the fields, as readComments does.
func (i *Issue) readWorklogs(complete bool) {
	list, all, ok := part(i, "worklog", "worklogs", func(raw []byte) (l Worklog, err error) {
		err = l.UnmarshalJSON(raw)
		l.Complete = complete
		return l, err
	})
	if ok {
		i.Worklogs, i.AllWorklogs = list, all
	}
}

// part takes a list out of the fields; all says that it is complete.
func part[T any](i *Issue, field, name string, read func([]byte) (T, error)) (list []T, all, ok bool) {
	raw, there := i.Fields[field]
	if !there {
		return nil, false, false
	}
	total := int64(-1)
	err := walk.Members(raw, func(n, value []byte) (err error) {
		switch string(n) {
		case name:
			list, err = walk.List(value, read)
		case "total":
			if string(value) != "null" {
				total = integer(value)
			}
		}
		return err
	})
	if err != nil {
		return nil, false, false
	}
	delete(i.Fields, field)
	return list, total >= 0 && total <= int64(len(list)), true
}
