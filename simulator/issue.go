package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (c *call) reader(p *Project) *reader {
	return &reader{s: c.s, project: p, caller: c.user, adf: c.api == "3"}
}

// createIssue is POST /issue.
func (c *call) createIssue() (answer, error) {
	b, err := c.readBody()
	if err != nil {
		return answer{}, err
	}
	p, err := c.projectFor(b)
	if err != nil {
		return answer{}, err
	}
	if err := c.need("CREATE_ISSUES"); err != nil {
		return answer{}, err
	}
	delete(b.Fields, "project")
	d, err := c.readNew(b, p)
	if err != nil {
		return answer{}, err
	}
	is := c.s.create(p, d, c.user, b)
	v := c.view()
	return created(obj{"id": is.idString(), "key": is.Key, "self": v.rest("issue", is.ID)})
}

// readBody reads an editing body; an empty one is refused as Jira words it.
func (c *call) readBody() (*editBody, error) {
	if len(strings.TrimSpace(string(c.body))) == 0 {
		return nil, refuse(http.StatusBadRequest, "No Issue Create payload supplied")
	}
	var b editBody
	if err := c.decode(&b); err != nil {
		return nil, err
	}
	for _, p := range b.Properties {
		if err := checkProperty(p); err != nil {
			return nil, err
		}
	}
	if isNull(b.HistoryMetadata) {
		b.HistoryMetadata = nil
	}
	return &b, nil
}

func (c *call) projectFor(b *editBody) (*Project, error) {
	m := member(b.Fields["project"], "id", "key")
	said := m["id"]
	if said == "" {
		said = m["key"]
	}
	if p := c.s.project(said); p != nil && said != "" {
		return p, nil
	}
	if c.s.cloud() {
		return nil, refuseField("project", "Specify a valid project ID or key")
	}
	if said == "" {
		return nil, refuseField("project", "project is required")
	}
	return nil, refuseField("project", "valid project is required")
}

// readNew reads the fields of an issue to be created and fills in what Jira
// would.
func (c *call) readNew(b *editBody, p *Project) (*draft, error) {
	if isNull(b.Fields["issuetype"]) {
		if c.s.cloud() {
			return nil, refuseField("issuetype", "Specify an issue type")
		}
		return nil, refuseField("issuetype", "issue type is required")
	}
	id, _ := c.s.typeNamed(p, b.Fields["issuetype"])
	t := c.s.issueType(id)
	allowed := onScreen(append([]string{"issuetype"}, c.s.parentScreen(p.CreateScreen, t != nil && t.Subtask)...))
	d, err := c.reader(p).readDraft(b, nil, allowed)
	errs := fieldErrors{}
	if r, isRefusal := err.(*refusal); isRefusal {
		maps.Copy(errs, r.errors)
	}
	if err := c.s.requiredEmpty(p, d.values, true); err != nil {
		for k, v := range err.(*refusal).errors {
			errs.add(k, "%s", v)
		}
	}
	if errs["parent"] == "" {
		c.s.checkParent(errs, p, nil, d.values)
	}
	return d, errs.err()
}

func word(v Value) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

// create makes the issue, announces it and lets automation react.
func (s *Site) create(p *Project, d *draft, by *User, b *editBody) *Issue {
	now := s.now()
	p.LastNumber++
	is := &Issue{ID: s.next("issue"), Project: p.ID, Number: p.LastNumber, Creator: by.ID, Created: now, Updated: now,
		Values: map[string]Value{}, Properties: map[string]json.RawMessage{}}
	is.Key = keyOf(p, is.Number)
	s.st.Issues[is.ID] = is
	s.ix.keys[is.Key] = is

	values := maps.Clone(d.values)
	s.defaults(p, values, by)
	ch := &change{s: s, is: is, by: by, at: now}
	ch.apply(values)
	if b != nil {
		for _, pr := range b.Properties {
			is.Properties[pr.Key] = pr.Value
		}
		ch.meta = b.HistoryMetadata
	}
	s.note(is)
	s.sendCreated(is, by, ch)
	ch.finish(d)
	s.react("created", is, by)
	return is
}

// defaults fills in status, priority, reporter.
func (s *Site) defaults(p *Project, values map[string]Value, by *User) {
	wf := pick(s.st.Workflows, func(w *Workflow) bool { return w.ID == p.Workflow })
	values["project"] = Value{p.ID}
	values["status"] = Value{wf.Initial}
	if id := s.defaultPriority(); len(values["priority"]) == 0 && id != "" {
		values["priority"] = Value{id}
	}
	if len(values["reporter"]) == 0 {
		values["reporter"] = Value{by.ID}
	}
}

// defaultPriority is the one in the middle.
func (s *Site) defaultPriority() string {
	if len(s.st.Priorities) == 0 {
		return ""
	}
	return s.st.Priorities[len(s.st.Priorities)/2].ID
}

// getIssue is GET /issue/{key}.
func (c *call) getIssue() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	w := wantFields(c.queryList("fields"), "*all")
	return ok(c.expanded(is, w, c.queryList("expand"), c.queryList("properties"), false))
}

// expanded is an issue with the expansions and properties asked for.
func (c *call) expanded(is *Issue, w wanted, expand, props []string, inSearch bool) obj {
	v := c.view()
	out := v.issue(is, w)
	out["expand"] = "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations"
	for _, e := range expand {
		switch e {
		case "changelog":
			out["changelog"] = v.changelog(is, inSearch)
		case "names":
			out["names"] = c.s.fieldNames(w)
		case "schema":
			out["schema"] = c.s.fieldSchemas(w)
		case "transitions":
			out["transitions"] = c.transitions(is, false)
		case "editmeta":
			out["editmeta"] = obj{"fields": c.editFields(is)}
		}
	}
	if len(props) > 0 && !(inSearch && !c.s.cloud()) {
		out["properties"] = pickProperties(is.Properties, props)
	}
	return out
}

func pickProperties(all map[string]json.RawMessage, keys []string) obj {
	out := obj{}
	for k, val := range all {
		if slices.Contains(keys, "*all") || slices.Contains(keys, k) {
			out[k] = val
		}
	}
	return out
}

// editIssue is PUT /issue/{key}.
func (c *call) editIssue() (answer, error) {
	is, err := c.issueFor("EDIT_ISSUES")
	if err != nil {
		return answer{}, err
	}
	b, err := c.readBody()
	if err != nil {
		return answer{}, err
	}
	if err := c.mayMute(); err != nil {
		return answer{}, err
	}
	if err := c.busy(); err != nil {
		return answer{}, err
	}
	p := c.s.projectOf(is)
	d, err := c.reader(p).readDraft(b, is, onScreen(c.s.parentScreen(p.EditScreen, false)))
	if err != nil {
		return answer{}, err
	}
	if err := c.s.requiredEmpty(p, d.values, false); err != nil {
		return answer{}, err
	}
	errs := fieldErrors{}
	if c.s.checkParent(errs, p, is.Values, d.values); len(errs) > 0 {
		return answer{}, errs.err()
	}
	c.s.edit(is, d, c.user, b)
	if c.s.cloud() && c.query("returnIssue") == "true" {
		return ok(c.expanded(is, wantFields(nil, "*all"), c.queryList("expand"), nil, false))
	}
	return noContent()
}

// edit applies a draft as one change.
func (s *Site) edit(is *Issue, d *draft, by *User, b *editBody) {
	ch := s.change(is, by)
	if b != nil {
		ch.meta = b.HistoryMetadata
		for _, pr := range b.Properties {
			is.Properties[pr.Key] = pr.Value
		}
	}
	ch.apply(d.values)
	ch.commit(eventFor(ch.items), nil)
	ch.finish(d)
}

// mayMute checks notifyUsers=false: without the right Cloud ignores it, Data
// Center refuses.
func (c *call) mayMute() error {
	if c.query("notifyUsers") != "false" || c.s.cloud() || c.user.may("ADMINISTER") || c.user.may("ADMINISTER_PROJECTS") && slices.Contains(c.user.Roles, "Administrators") {
		return nil
	}
	return refuse(http.StatusForbidden, "To discard the user notification either admin or project admin permissions are required.")
}

// busy is the 409 of an edit that meets another.
func (c *call) busy() error {
	if c.s.rng.happens(c.s.settings.ConflictRate) {
		return refuse(http.StatusConflict, "The issue is being changed by another request. Try again.")
	}
	return nil
}

// deleteIssue is DELETE /issue/{key}.
func (c *call) deleteIssue() (answer, error) {
	is, err := c.issueFor("DELETE_ISSUES")
	if err != nil {
		return answer{}, err
	}
	subtasks := c.s.subtasks(is)
	if len(subtasks) > 0 && c.query("deleteSubtasks") != "true" {
		return answer{}, refuse(http.StatusBadRequest, "The issue '%s' has subtasks.  You must specify the 'deleteSubtasks' parameter to delete this issue and all its subtasks.", is.Key)
	}
	for _, sub := range subtasks {
		c.s.remove(sub, c.user)
	}
	c.s.remove(is, c.user)
	return noContent()
}

// remove deletes an issue and everything that belongs to it.
func (s *Site) remove(is *Issue, by *User) {
	s.sendDeleted(is, by)
	s.ix.searches = nil
	for _, l := range slices.Clone(s.ix.links[is.ID]) {
		delete(s.st.Links, l.ID)
		s.ix.dropLink(l)
	}
	for _, c := range is.Comments {
		delete(s.ix.comments, c.ID)
	}
	for _, w := range is.Worklogs {
		delete(s.ix.worklogs, w.ID)
		s.st.GoneLogs = append(s.st.GoneLogs, &GoneWorklog{w.ID, s.now()})
	}
	for _, a := range is.Attachments {
		delete(s.ix.attachments, a.ID)
	}
	s.ix.moveChild(is.ID, is.parent(), 0)
	for _, id := range slices.Clone(s.ix.children[is.ID]) {
		s.put(s.st.Issues[id], "parent", nil, s.now())
	}
	delete(s.st.Issues, is.ID)
	delete(s.ix.keys, is.Key)
	delete(s.ix.frozen, is.ID)
}

// assign is PUT /issue/{key}/assignee.
func (c *call) assign() (answer, error) {
	is, err := c.issueFor("ASSIGN_ISSUES")
	if err != nil {
		return answer{}, err
	}
	f := c.s.ix.fields["assignee"]
	v, err := c.reader(c.s.projectOf(is)).readValue(f, c.body)
	if err != nil {
		return answer{}, refuseField("assignee", "%s", err)
	}
	c.s.edit(is, &draft{values: map[string]Value{"assignee": v}}, c.user, nil)
	return noContent()
}

// archive and restore are Data Center's PUT /issue/{key}/archive and /restore.
func (c *call) archive() (answer, error) { return c.setArchived(true) }
func (c *call) restore() (answer, error) { return c.setArchived(false) }

func (c *call) setArchived(on bool) (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	if err := c.need("ADMINISTER"); err != nil {
		return answer{}, err
	}
	is.Archived = on
	c.s.note(is)
	return noContent()
}

// bulkFetch is POST /issue/bulkfetch: issues by id or key, in ascending id
// order.
func (c *call) bulkFetch() (answer, error) {
	var in struct {
		IssueIDsOrKeys []string `json:"issueIdsOrKeys"`
		Fields         []string `json:"fields"`
		Expand         []string `json:"expand"`
		Properties     []string `json:"properties"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if n := len(in.IssueIDsOrKeys); n == 0 || n > 100 {
		return answer{}, refuse(http.StatusBadRequest, "The number of issues has to be between 1 and 100.")
	}
	if len(in.Properties) > 5 {
		return answer{}, refuse(http.StatusBadRequest, "The maximum number of properties is 5.")
	}
	found := map[int64]*Issue{}
	missing := []any{}
	for _, k := range in.IssueIDsOrKeys {
		is, err := c.issueNamed(k)
		if err != nil {
			missing = append(missing, obj{"id": k, "errorMessage": "Issue does not exist or you do not have permission to see it."})
			continue
		}
		found[is.ID] = is
	}
	issues := []any{}
	w := wantFields(in.Fields, "*navigable")
	for _, id := range slices.Sorted(maps.Keys(found)) {
		issues = append(issues, c.expanded(found[id], w, in.Expand, in.Properties, true))
	}
	return ok(obj{"issues": issues, "issueErrors": missing})
}

func parseID(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
