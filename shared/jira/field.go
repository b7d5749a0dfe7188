package jira

import (
	"context"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
)

// A Field is a field of a site, system or custom.
type Field struct {
	ID, Name                        string
	Custom                          bool
	Kind                            bridge.Kind
	Items, SchemaType, SchemaCustom string // Jira's own description: "array", "option", "…customfieldtypes:multiselect"
}

// A Schema is the set of fields of a site. It does not change; Refresh makes a new one.
type Schema struct {
	all    []Field
	byID   map[string]int
	byName map[string][]int
}

// NewSchema makes a schema of fields; tests and stored copies use it.
func NewSchema(fields []Field) *Schema {
	s := &Schema{all: slices.Clone(fields), byID: map[string]int{}, byName: map[string][]int{}}
	for i, f := range s.all {
		s.byID[f.ID] = i
		low := strings.ToLower(f.Name)
		s.byName[low] = append(s.byName[low], i)
	}
	return s
}

// ByID finds a field by its id: "summary", "customfield_10010".
func (s *Schema) ByID(id string) (Field, bool) {
	i, ok := s.byID[id]
	if !ok {
		return Field{}, false
	}
	return s.all[i], true
}

// ByName finds the fields of a name, whatever its case. Several means that the name is ambiguous.
func (s *Schema) ByName(name string) []Field {
	var found []Field
	for _, i := range s.byName[strings.ToLower(strings.TrimSpace(name))] {
		found = append(found, s.all[i])
	}
	return found
}

// All lists every field in the order Jira sent them.
func (s *Schema) All() []Field { return slices.Clone(s.all) }

// Fields reads the site's fields, once; see Refresh.
func (c *Client) Fields(ctx context.Context) (*Schema, error) {
	c.mu.Lock()
	known := c.schema
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	var w []wireField
	if err := c.get(ctx, "read the fields", "field", "rest/api/2/field", into(&w)); err != nil {
		return nil, err
	}
	fields := make([]Field, 0, len(w))
	for _, f := range w {
		if f.ID != "" {
			fields = append(fields, f.field())
		}
	}
	if !slices.ContainsFunc(fields, func(f Field) bool { return f.ID == "parent" }) { // every Jira has it, not every one says so
		fields = append(fields, Field{ID: "parent", Name: "Parent", Kind: bridge.Issue})
	}
	s := NewSchema(fields)
	c.mu.Lock()
	c.schema = s
	c.mu.Unlock()
	return s, nil
}

type wireField struct {
	ID     text  `json:"id"`
	Name   text  `json:"name"`
	Custom truth `json:"custom"`
	Schema struct {
		Type   text `json:"type"`
		Items  text `json:"items"`
		Custom text `json:"custom"`
	} `json:"schema"`
}

func (w wireField) field() Field {
	f := Field{ID: string(w.ID), Name: or(string(w.Name), string(w.ID)), Custom: bool(w.Custom), Items: string(w.Schema.Items),
		SchemaType: string(w.Schema.Type), SchemaCustom: string(w.Schema.Custom)}
	if f.SchemaType == "" && !f.Custom {
		f.SchemaType, f.Items = systemTypes[f.ID].kind, systemTypes[f.ID].items
	}
	f.Kind = f.kind()
	return f
}

// systemTypes are the schema of system fields, for a Jira that leaves it out.
var systemTypes = map[string]struct{ kind, items string }{
	"summary": {"string", ""}, "description": {"string", ""}, "environment": {"string", ""}, "priority": {"priority", ""},
	"status": {"status", ""}, "resolution": {"resolution", ""}, "issuetype": {"issuetype", ""}, "project": {"project", ""},
	"assignee": {"user", ""}, "reporter": {"user", ""}, "creator": {"user", ""}, "duedate": {"date", ""}, "created": {"datetime", ""},
	"updated": {"datetime", ""}, "resolutiondate": {"datetime", ""}, "security": {"securitylevel", ""}, "labels": {"array", "string"},
	"components": {"array", "component"}, "versions": {"array", "version"}, "fixVersions": {"array", "version"},
}

// customType is the last part of a custom field's type: "multiselect".
func (f Field) customType() string {
	return f.SchemaCustom[strings.LastIndexByte(f.SchemaCustom, ':')+1:]
}

// RequestType is the field that makes an issue a request of its service project; false where the site has none.
func (s *Schema) RequestType() (Field, bool) {
	for _, f := range s.All() {
		if f.customType() == "vp-origin" {
			return f, true
		}
	}
	return Field{}, false
}

// kind maps Jira's description to ours. What is in no table is opaque: it can be read, not written.
func (f Field) kind() bridge.Kind {
	switch f.ID {
	case "description", "environment":
		return bridge.RichText
	case "labels":
		return bridge.Names
	case "parent":
		return bridge.Issue
	case "issuekey", "thumbnail", "watches", "votes", "timetracking", "comment", "attachment", "worklog", "issuelinks", "subtasks":
		return bridge.Opaque
	}
	if k, ok := customKinds[f.customType()]; ok {
		return k
	}
	if f.SchemaType == "array" {
		if k, ok := itemKinds[f.Items]; ok {
			return k
		}
		return bridge.Opaque
	}
	if k, ok := typeKinds[f.SchemaType]; ok {
		return k
	}
	return bridge.Opaque
}

// customKinds are the types of custom fields whose schema alone would mislead. The names are those of Atlassian's page
// "Jira custom field types".
var customKinds = map[string]bridge.Kind{
	"textarea": bridge.RichText, "select": bridge.Name, "radiobuttons": bridge.Name, "multiselect": bridge.Names,
	"multicheckboxes": bridge.Names, "labels": bridge.Names, "cascadingselect": bridge.Opaque, "gh-sprint": bridge.Opaque,
	"gh-lexo-rank": bridge.Opaque, "gh-epic-link": bridge.Opaque, "multigrouppicker": bridge.Names, "grouppicker": bridge.Name,
}

var typeKinds = map[string]bridge.Kind{
	"string": bridge.Text, "number": bridge.Number, "date": bridge.Date, "datetime": bridge.DateTime, "user": bridge.User,
	"priority": bridge.Name, "status": bridge.Name, "resolution": bridge.Name, "issuetype": bridge.Name, "project": bridge.Name,
	"securitylevel": bridge.Name, "option": bridge.Name, "version": bridge.Name, "component": bridge.Name, "group": bridge.Name,
}

var itemKinds = map[string]bridge.Kind{
	"option": bridge.Names, "component": bridge.Names, "version": bridge.Names, "group": bridge.Names, "user": bridge.Users,
}

// ReadOnly reports whether Jira itself keeps the field: it can be read, and never written as a field. A status changes by
// transitions, a project by moving the issue.
func (f Field) ReadOnly() bool {
	if f.Custom {
		return f.Kind == bridge.Opaque || f.customType() == "readonlyfield"
	}
	switch {
	case f.Kind == bridge.Opaque, f.Kind == bridge.Number, f.Kind == bridge.DateTime:
		return true // Jira's own times and sums
	}
	switch f.ID {
	case "status", "statusCategory", "creator", "issuekey", "key", "lastViewed", "project":
		return true
	}
	return false
}

// oddNames are the names by which changelogs call system fields, where they are neither the id nor the display name.
var oddNames = map[string]string{
	"fix version": "fixVersions", "fix version/s": "fixVersions", "version": "versions", "affects version": "versions",
	"component": "components", "attachment": "attachment", "link": "issuelinks", "parent issue": "parent", "parent": "parent", "issueparentassociation": "parent",
	"issue type": "issuetype", "due date": "duedate", "security level": "security", "time spent": "timespent",
}

// noField are changelog names of things that are no fields.
var noField = map[string]bool{"workflow": true, "remoteissuelink": true, "worklogid": true, "comment": true, "key": true, "remoteworkitemlink": true}

// Resolve finds the id of the field a changelog item is about; "" if it is about none, or its name is carried by several fields. Cloud
// names the id in the item; Data Center's has only a name, in any case.
func (s *Schema) Resolve(it Item) string {
	if it.FieldID != "" {
		return it.FieldID
	}
	low := strings.ToLower(strings.TrimSpace(it.Field))
	if it.FieldType == "custom" {
		if id := s.only(low, true); id != "" {
			return id
		}
	}
	if noField[low] {
		return ""
	}
	for _, f := range s.all {
		if !f.Custom && strings.ToLower(f.ID) == low {
			return f.ID
		}
	}
	if id := oddNames[low]; id != "" {
		return id
	}
	if id := s.only(low, false); id != "" {
		return id
	}
	return s.only(low, it.FieldType != "jira")
}

// only is the one field of a name, among custom or system fields.
func (s *Schema) only(name string, custom bool) string {
	id := ""
	for _, i := range s.byName[name] {
		if s.all[i].Custom != custom {
			continue
		}
		if id != "" {
			return ""
		}
		id = s.all[i].ID
	}
	return id
}
