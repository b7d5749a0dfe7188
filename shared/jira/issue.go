package jira

import (
	"encoding/json"
	"time"
)

// A Ref names an issue.
type Ref struct{ ID, Key string }

// An Issue is an issue as one answer or webhook body shows it.
type Issue struct {
	ID, Key string
	// Fields holds what Jira sent, by field id, except the comments. A field that is missing was not sent: nothing is known.
	Fields map[string]json.RawMessage
	// Histories are in order of id, where they were asked for.
	Histories    []History
	AllHistories bool // the list is complete
	// Comments are in the order Jira sent them, where they were asked for.
	Comments       []Comment
	AllComments    bool // the list is complete
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
