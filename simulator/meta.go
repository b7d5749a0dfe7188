package simulator

import (
	"fmt"
	"net/http"
	"strings"
)

func (c *call) serverInfo() (answer, error) {
	v, is := c.view(), c.s.release()
	out := obj{"baseUrl": c.s.base, "version": fmt.Sprintf("%d.%d.%d", is[0], is[1], is[2]), "versionNumbers": is[:], "deploymentType": "Server",
		"buildNumber": is[0]*1000000 + is[1]*10000 + is[2],
		"buildDate":   "2026-06-01T00:00:00.000+0000", "scmInfo": "0000000000000000000000000000000000000000", "serverTitle": c.s.opt.ServerTitle}
	if c.s.cloud() {
		out["version"], out["versionNumbers"], out["deploymentType"], out["buildNumber"] = "1001.0.0-SNAPSHOT", []int{1001, 0, 0}, "Cloud", 100283
		out["displayUrl"], out["displayUrlServicedeskHelpCenter"], out["displayUrlConfluence"] = c.s.base, c.s.base, c.s.base
		out["defaultLocale"], out["serverTimeZone"] = obj{"locale": "en_US"}, "Etc/UTC"
	}
	if c.user != nil || c.s.cloud() {
		out["serverTime"] = v.stamp(c.now)
	}
	return ok(out)
}

func (c *call) configuration() (answer, error) {
	return ok(obj{"votingEnabled": true, "watchingEnabled": true, "unassignedIssuesAllowed": true, "subTasksEnabled": true, "issueLinkingEnabled": true,
		"timeTrackingEnabled": true, "attachmentsEnabled": true,
		"timeTrackingConfiguration": obj{"workingHoursPerDay": 8, "workingDaysPerWeek": 5, "timeFormat": "pretty", "defaultUnit": "minute"}})
}

// permissionKeys are those mypermissions knows.
var permissionKeys = []string{"ADD_COMMENTS", "ADMINISTER", "ADMINISTER_PROJECTS", "ASSIGNABLE_USER", "ASSIGN_ISSUES", "BROWSE_PROJECTS", "CLOSE_ISSUES",
	"CREATE_ATTACHMENTS", "CREATE_ISSUES", "DELETE_ALL_ATTACHMENTS", "DELETE_ALL_COMMENTS", "DELETE_ALL_WORKLOGS", "DELETE_ISSUES", "DELETE_OWN_ATTACHMENTS",
	"DELETE_OWN_COMMENTS", "DELETE_OWN_WORKLOGS", "EDIT_ALL_COMMENTS", "EDIT_ALL_WORKLOGS", "EDIT_ISSUES", "EDIT_OWN_COMMENTS", "EDIT_OWN_WORKLOGS", "LINK_ISSUES",
	"MANAGE_WATCHERS", "MODIFY_REPORTER", "MOVE_ISSUES", "RESOLVE_ISSUES", "SCHEDULE_ISSUES", "SERVICEDESK_AGENT", "SET_ISSUE_SECURITY", "SYSTEM_ADMIN", "TRANSITION_ISSUES",
	"USER_PICKER", "VIEW_VOTERS_AND_WATCHERS", "WORK_ON_ISSUES"}

// myPermissions is GET /mypermissions; Cloud demands to be told which.
func (c *call) myPermissions() (answer, error) {
	asked := c.queryList("permissions")
	if len(asked) == 0 && c.s.cloud() {
		return answer{}, refuse(http.StatusBadRequest, "The 'permissions' query parameter is required.")
	}
	if len(asked) == 0 {
		asked = permissionKeys
	}
	out := obj{}
	for i, key := range asked {
		if !contains(permissionKeys, key) {
			return answer{}, refuse(http.StatusBadRequest, "Unrecognized permission: %s", key)
		}
		name := strings.ReplaceAll(strings.ToLower(key), "_", " ")
		out[key] = obj{"id": fmtInt(i + 1), "key": key, "name": strings.ToUpper(name[:1]) + name[1:], "type": "PROJECT",
			"description": "", "havePermission": c.user.may(key)}
	}
	return ok(obj{"permissions": out})
}

// ---- lists

func (c *call) listOf(n int, show func(v *view, i int) any) (answer, error) {
	v := c.view()
	list := make([]any, 0, n)
	for i := range n {
		list = append(list, show(v, i))
	}
	return ok(list)
}

func (c *call) listPriorities() (answer, error) {
	st := &c.s.st
	return c.listOf(len(st.Priorities), func(v *view, i int) any { return v.named("priority", st.Priorities[i]) })
}

func (c *call) listResolutions() (answer, error) {
	st := &c.s.st
	return c.listOf(len(st.Resolutions), func(v *view, i int) any { return v.named("resolution", st.Resolutions[i]) })
}

func (c *call) listStatuses() (answer, error) {
	st := &c.s.st
	return c.listOf(len(st.Statuses), func(v *view, i int) any { return v.status(st.Statuses[i].ID) })
}

func (c *call) listCategories() (answer, error) {
	keys := sortedKeys(categories)
	return c.listOf(len(keys), func(v *view, i int) any { return v.category(keys[i]) })
}

func (c *call) listTypes() (answer, error) {
	st := &c.s.st
	return c.listOf(len(st.Types), func(v *view, i int) any { return v.issueType(st.Types[i].ID) })
}

// oneOf gives the element of a list with the id in the path.
func oneOf(list handler) handler {
	return func(c *call) (answer, error) {
		a, err := list(c)
		if err != nil {
			return a, err
		}
		for _, x := range a.body.([]any) {
			if o, isObj := x.(obj); isObj && fmt.Sprint(o["id"]) == c.r.PathValue("id") {
				return ok(o)
			}
		}
		return answer{}, refuse(http.StatusNotFound, "The element with id '%s' does not exist", c.r.PathValue("id"))
	}
}

// getVersion and getComponent look through all projects.
func (c *call) getVersion() (answer, error) {
	if ver, p := c.s.version(c.r.PathValue("id")); ver != nil {
		return ok(c.view().version(ver, p, true))
	}
	return answer{}, refuse(http.StatusNotFound, "Could not find version for id '%s'", c.r.PathValue("id"))
}

func (c *call) getComponent() (answer, error) {
	if comp := c.s.component(c.r.PathValue("id")); comp != nil {
		return ok(c.view().component(comp))
	}
	return answer{}, refuse(http.StatusNotFound, "The component with id %s does not exist.", c.r.PathValue("id"))
}

func (c *call) listProjects() (answer, error) {
	st := &c.s.st
	return c.listOf(len(st.Projects), func(v *view, i int) any { return v.projectShort(st.Projects[i].ID) })
}

// searchProjects is Cloud's paged list.
func (c *call) searchProjects() (answer, error) {
	v := c.view()
	text := strings.ToLower(c.query("query"))
	keys := c.queryList("keys")
	list := []any{}
	for _, p := range c.s.st.Projects {
		fits := text == "" || strings.Contains(strings.ToLower(p.Name+" "+p.Key), text)
		if fits && (len(keys) == 0 || contains(keys, p.Key)) {
			list = append(list, v.projectShort(p.ID))
		}
	}
	return c.pageBean(list, 50)
}

// pageBean is the paged list most newer endpoints answer with.
func (c *call) pageBean(list []any, size int) (answer, error) {
	start, size := c.page(size)
	return ok(obj{"self": c.s.base + c.r.URL.RequestURI(), "startAt": start, "maxResults": size, "total": len(list),
		"isLast": start+size >= len(list), "values": cut(list, start, size)})
}

func (c *call) projectNamed(idOrKey string) (*Project, error) {
	if p := c.s.project(idOrKey); p != nil && c.user.may("BROWSE_PROJECTS") {
		return p, nil
	}
	return nil, refuse(http.StatusNotFound, "No project could be found with key '%s'.", idOrKey)
}

func (c *call) getProject() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	v := c.view()
	out := v.projectShort(p.ID).(obj)
	out["description"], out["assigneeType"], out["lead"] = "", "UNASSIGNED", v.user(p.Lead)
	out["components"] = orEmpty(allComponents(v, nil, p))
	out["versions"] = orEmpty(allVersions(v, nil, p))
	out["issueTypes"] = orEmpty(allTypes(v, nil, p))
	roles := obj{}
	for i, r := range c.s.roles() {
		roles[r] = v.rest("project", p.ID, "role", 10002+i)
	}
	out["roles"] = roles
	return ok(out)
}

// projectStatuses lists, for each type, the statuses of its workflow.
func (c *call) projectStatuses() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	wf := pick(c.s.st.Workflows, func(w *Workflow) bool { return w.ID == p.Workflow })
	ids := []string{wf.Initial}
	for _, t := range wf.Transitions {
		if !contains(ids, t.To) {
			ids = append(ids, t.To)
		}
	}
	v := c.view()
	return c.listOf(len(p.Types), func(_ *view, i int) any {
		statuses := []any{}
		for _, id := range ids {
			statuses = append(statuses, v.status(id))
		}
		t := c.s.issueType(p.Types[i])
		return obj{"self": v.rest("issuetype", t.ID), "id": t.ID, "name": t.Name, "subtask": t.Subtask, "statuses": statuses}
	})
}

func (c *call) projectComponents() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	return ok(orEmpty(allComponents(c.view(), nil, p)))
}

func (c *call) projectVersions() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	return c.listOf(len(p.Versions), func(v *view, i int) any { return v.version(p.Versions[i], p, true) })
}

// projectVersionPage is the paged list of versions.
func (c *call) projectVersionPage() (answer, error) {
	p, err := c.projectNamed(c.r.PathValue("project"))
	if err != nil {
		return answer{}, err
	}
	v, list := c.view(), []any{}
	for _, ver := range p.Versions {
		list = append(list, v.version(ver, p, true))
	}
	return c.pageBean(list, 50)
}

type namedInProject struct {
	Name, Description, Project, ReleaseDate string
	ProjectID                               int64 `json:"projectId"`
	Archived, Released                      bool
}

func (c *call) readNamed() (*namedInProject, *Project, error) {
	var in namedInProject
	if err := c.decode(&in); err != nil {
		return nil, nil, err
	}
	if err := c.need("ADMINISTER_PROJECTS"); err != nil {
		return nil, nil, err
	}
	said := in.Project
	if said == "" {
		said = fmtInt(int(in.ProjectID))
	}
	p, err := c.projectNamed(said)
	if err != nil {
		return nil, nil, err
	}
	if in.Name == "" {
		return nil, nil, refuseField("name", "You must specify a valid name")
	}
	return &in, p, nil
}

func (c *call) createVersion() (answer, error) {
	in, p, err := c.readNamed()
	if err != nil {
		return answer{}, err
	}
	if pick(p.Versions, func(v *Version) bool { return strings.EqualFold(v.Name, in.Name) }) != nil {
		return answer{}, refuseField("name", "A version with this name already exists in this project.")
	}
	ver := &Version{ID: c.s.nextID("version"), Name: in.Name, Description: in.Description, Archived: in.Archived, Released: in.Released, ReleaseDate: in.ReleaseDate}
	p.Versions = append(p.Versions, ver)
	out := c.view().version(ver, p, true)
	c.s.sendNamed("jira:version_created", "version", out)
	return created(out)
}

func (c *call) createComponent() (answer, error) {
	in, p, err := c.readNamed()
	if err != nil {
		return answer{}, err
	}
	if pick(p.Components, func(x *Component) bool { return strings.EqualFold(x.Name, in.Name) }) != nil {
		return answer{}, refuseField("name", "A component with the name %s already exists in this project.", in.Name)
	}
	comp := &Component{ID: c.s.nextID("component"), Name: in.Name, Description: in.Description}
	p.Components = append(p.Components, comp)
	return created(c.view().component(comp))
}
