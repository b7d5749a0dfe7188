package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func fmtInt(n int) string { return strconv.Itoa(n) }

// schema describes a field's type as every metadata answer does.
func (f *Field) schema() obj {
	k := f.kind()
	out := obj{"type": k.schema}
	if k.items != "" {
		out["items"] = k.items
	}
	if !f.Custom {
		out["system"] = f.ID
		return out
	}
	plugin := "com.atlassian.jira.plugin.system.customfieldtypes:"
	if f.Kind == "requesttype" {
		plugin = "com.atlassian.servicedesk:"
	}
	out["custom"] = plugin + k.custom
	out["customId"] = jsonID(strings.TrimPrefix(f.ID, "customfield_"))
	return out
}

// systemNames are the names of computed fields.
var systemNames = map[string]string{"created": "Created", "updated": "Updated", "resolutiondate": "Resolved", "creator": "Creator", "attachment": "Attachment",
	"issuelinks": "Linked Issues", "subtasks": "Sub-Tasks", "comment": "Comment", "worklog": "Log Work", "timetracking": "Time Tracking", "timespent": "Time Spent",
	"watches": "Watchers", "votes": "Votes", "progress": "Progress", "workratio": "Work Ratio", "lastViewed": "Last Viewed"}

var systemTypes = map[string]string{"created": "datetime", "updated": "datetime", "resolutiondate": "datetime", "creator": "user", "comment": "comments-page",
	"timetracking": "timetracking", "timespent": "number", "watches": "watches", "votes": "votes", "progress": "progress", "workratio": "number", "lastViewed": "datetime"}

// listFields is GET /field.
func (c *call) listFields() (answer, error) {
	list := []any{}
	for _, f := range c.s.st.Fields {
		if f.Kind == "seconds" {
			continue
		}
		names := []string{f.ID}
		if f.Custom {
			names = []string{"cf[" + strings.TrimPrefix(f.ID, "customfield_") + "]", f.Name}
		}
		out := obj{"id": f.ID, "name": f.Name, "custom": f.Custom, "orderable": true, "navigable": true, "searchable": true, "clauseNames": names, "schema": f.schema()}
		if c.s.cloud() {
			out["key"] = f.ID
		}
		list = append(list, out)
	}
	for _, id := range sortedKeys(systemNames) {
		typ := systemTypes[id]
		if typ == "" {
			typ = "array"
		}
		out := obj{"id": id, "name": systemNames[id], "custom": false, "orderable": false, "navigable": !notNavigable[id], "searchable": true,
			"clauseNames": []string{id}, "schema": obj{"type": typ, "system": id}}
		if c.s.cloud() {
			out["key"] = id
		}
		list = append(list, out)
	}
	return ok(list)
}

func (s *Site) fieldNames(w wanted) obj {
	out := obj{}
	for _, f := range s.st.Fields {
		if w.has(f.ID) {
			out[f.ID] = f.Name
		}
	}
	for id, name := range systemNames {
		if w.has(id) {
			out[id] = name
		}
	}
	return out
}

func (s *Site) fieldSchemas(w wanted) obj {
	out := obj{}
	for _, f := range s.st.Fields {
		if w.has(f.ID) {
			out[f.ID] = f.schema()
		}
	}
	return out
}

// fieldMeta is one field of createmeta, editmeta or a transition's screen.
func (c *call) fieldMeta(f *Field, p *Project, required bool) obj {
	k := f.kind()
	ops := []string{"set"}
	if k.list {
		ops = []string{"add", "set", "remove"}
	}
	out := obj{"required": required, "schema": f.schema(), "name": f.Name, "hasDefaultValue": f.ID == "priority" || f.ID == "reporter", "operations": ops}
	if c.s.cloud() {
		out["key"] = f.ID
	} else {
		out["fieldId"] = f.ID
	}
	if n := named(c.s.st.Priorities, c.s.defaultPriority()); f.ID == "priority" && n != nil {
		out["defaultValue"] = c.view().named("priority", n)
	}
	if k.choice != nil {
		out["allowedValues"] = orEmpty(k.choice(c.view(), f, p))
	}
	return out
}

// others are screen members that are no plain fields.
func (c *call) otherMeta(id string) obj {
	shapes := map[string]obj{
		"comment":      {"type": "comments-page", "system": "comment"},
		"attachment":   {"type": "array", "items": "attachment", "system": "attachment"},
		"issuelinks":   {"type": "array", "items": "issuelinks", "system": "issuelinks"},
		"timetracking": {"type": "timetracking", "system": "timetracking"},
		"worklog":      {"type": "array", "items": "worklog", "system": "worklog"},
	}
	schema, known := shapes[id]
	if !known {
		return nil
	}
	ops := map[string][]string{"comment": {"add", "edit", "remove"}, "attachment": {"set", "copy"}, "issuelinks": {"add", "copy"}, "timetracking": {"set", "edit"}, "worklog": {"add", "edit", "remove"}}[id]
	out := obj{"required": false, "schema": schema, "name": systemNames[id], "hasDefaultValue": false, "operations": ops}
	if c.s.cloud() {
		out["key"] = id
	} else {
		out["fieldId"] = id
	}
	return out
}

// screenMeta is the metadata of all fields on a screen.
func (c *call) screenMeta(p *Project, fields []string) obj {
	out := obj{}
	for _, id := range fields {
		required := id == "summary" || slices.Contains(p.Required, id)
		if f := c.s.ix.fields[id]; f != nil {
			out[id] = c.fieldMeta(f, p, required)
		} else if m := c.otherMeta(id); m != nil {
			out[id] = m
		}
	}
	return out
}

func (c *call) editFields(is *Issue) obj {
	p := c.s.projectOf(is)
	return c.screenMeta(p, append([]string{"comment"}, c.s.parentScreen(p.EditScreen, false)...))
}

func (c *call) editMeta() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	return ok(obj{"fields": c.editFields(is)})
}

// ---- creation

func (c *call) createFields(p *Project, t *IssueType) obj {
	fields := []string{"project"}
	fields = append(fields, c.s.parentScreen(p.CreateScreen, t.Subtask)...)
	out := c.screenMeta(p, fields)
	typ := c.fieldMeta(c.s.ix.fields["issuetype"], p, true)
	typ["allowedValues"] = []any{c.view().issueType(t.ID)}
	typ["operations"] = []string{}
	out["issuetype"] = typ
	out["project"].(obj)["required"] = true
	if t.Subtask && out["parent"] != nil {
		out["parent"].(obj)["required"] = true
	}
	return out
}

// createTypes is GET /issue/createmeta/{project}/issuetypes.
func (c *call) createTypes() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	list := allTypes(c.view(), nil, p)
	if !c.s.cloud() {
		return c.pageBean(list, 50)
	}
	start, size := c.page(200)
	return ok(obj{"startAt": start, "maxResults": size, "total": len(list), "issueTypes": cut(list, start, size)})
}

// createTypeFields is GET /issue/createmeta/{project}/issuetypes/{type}.
func (c *call) createTypeFields() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	t := c.s.issueType(c.r.PathValue("type"))
	if t == nil || !slices.Contains(p.Types, t.ID) {
		return answer{}, refuse(http.StatusNotFound, "The issue type '%s' does not exist in the project.", c.r.PathValue("type"))
	}
	fields := c.createFields(p, t)
	list := []any{}
	for _, id := range sortedKeys(fields) {
		m := fields[id].(obj)
		m["fieldId"] = id
		list = append(list, m)
	}
	if !c.s.cloud() {
		return c.pageBean(list, 50)
	}
	start, size := c.page(200)
	return ok(obj{"startAt": start, "maxResults": size, "total": len(list), "fields": cut(list, start, size)})
}

// oldCreateMeta is the endpoint Data Center has removed and Cloud deprecated.
func (c *call) oldCreateMeta() (answer, error) {
	v := c.view()
	keys, ids := c.queryList("projectKeys"), c.queryList("projectIds")
	typeNames, typeIDs := c.queryList("issuetypeNames"), c.queryList("issuetypeIds")
	withFields := strings.Contains(c.query("expand"), "projects.issuetypes.fields")
	projects := []any{}
	for _, p := range c.s.st.Projects {
		if len(keys)+len(ids) > 0 && !contains(keys, p.Key) && !contains(ids, p.ID) {
			continue
		}
		types := []any{}
		for _, id := range p.Types {
			t := c.s.issueType(id)
			if len(typeNames)+len(typeIDs) > 0 && !contains(typeNames, t.Name) && !contains(typeIDs, t.ID) {
				continue
			}
			out := v.issueType(id).(obj)
			if withFields {
				out["expand"], out["fields"] = "fields", c.createFields(p, t)
			}
			types = append(types, out)
		}
		out := v.projectShort(p.ID).(obj)
		out["expand"], out["issuetypes"] = "issuetypes", types
		delete(out, "projectTypeKey")
		delete(out, "simplified")
		projects = append(projects, out)
	}
	return answer{status: http.StatusOK, body: obj{"expand": "projects", "projects": projects},
		header: map[string]string{"Warning": `299 - "The issue create meta endpoint has been deprecated. Please use the new endpoints."`}}, nil
}
