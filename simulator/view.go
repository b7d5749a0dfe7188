package simulator

import (
	"fmt"
	"net/url"
	"sort"
	"strings"
	"sync"
	"time"

	"drawbridge/simulator/adf"
)

// view is from where something is looked at: by whom, in which time zone,
// through which version of the API.
type view struct {
	s      *Site
	viewer *User
	zone   *time.Location
	adf    bool
	api    string
}

func (c *call) view() *view {
	return &view{s: c.s, viewer: c.user, zone: zoneOf(c.user), adf: c.api == "3", api: c.api}
}

// hookView is how webhook bodies show things: version 2, in the zone of the
// user who acted.
func (s *Site) hookView(by *User) *view { return &view{s: s, zone: zoneOf(by), api: "2"} }

var zones sync.Map // name to *time.Location; loading one reads a file

func zoneOf(u *User) *time.Location {
	if u == nil || u.Zone == "" {
		return time.UTC
	}
	if z, found := zones.Load(u.Zone); found {
		return z.(*time.Location)
	}
	z, err := time.LoadLocation(u.Zone)
	if err != nil {
		z = time.UTC
	}
	zones.Store(u.Zone, z)
	return z
}

// rest is an address below this version of the API.
func (v *view) rest(parts ...any) string {
	var b strings.Builder
	b.WriteString(v.s.base + "/rest/api/" + v.api)
	for _, p := range parts {
		fmt.Fprintf(&b, "/%v", p)
	}
	return b.String()
}

func (v *view) stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(v.zone).Format(stampLayout)
}

func (v *view) rich(wiki string) any {
	if v.adf {
		return adf.FromWiki(wiki)
	}
	return wiki
}

func (v *view) user(id string) any {
	u := v.s.user(id)
	if u == nil {
		return nil
	}
	out := obj{
		"self": v.rest("user") + "?username=" + url.QueryEscape(u.Name), "displayName": u.Display, "active": u.Active,
		"timeZone": zoneOf(u).String(), "avatarUrls": v.avatars("useravatar?ownerId=" + url.QueryEscape(u.ID)),
	}
	if u.Zone != "" {
		out["timeZone"] = u.Zone
	}
	if !v.s.cloud() {
		out["name"], out["key"], out["emailAddress"] = u.Name, u.ID, u.Email
		return out
	}
	out["self"] = v.rest("user") + "?accountId=" + url.QueryEscape(u.ID)
	out["accountId"], out["accountType"] = u.ID, "atlassian"
	if v.viewer != nil && (u.ShowEmail || v.viewer == u) { // webhooks have no viewer and no addresses
		out["emailAddress"] = u.Email
	}
	return out
}

func (v *view) avatars(path string) obj {
	out := obj{}
	for size, name := range map[string]string{"48x48": "", "24x24": "&size=small", "16x16": "&size=xsmall", "32x32": "&size=medium"} {
		out[size] = v.s.base + "/secure/" + path + name
	}
	return out
}

func (v *view) named(what string, n *Named) any {
	if n == nil {
		return nil
	}
	out := obj{"self": v.rest(what, n.ID), "id": n.ID, "name": n.Name}
	if what == "priority" {
		out["iconUrl"] = v.s.base + "/images/icons/priorities/" + strings.ToLower(n.Name) + ".svg"
	} else {
		out["description"] = n.Description
	}
	return out
}

type category struct {
	id          int
	color, name string
}

// categories are the three every Jira has, by key.
var categories = map[string]category{
	"new":           {2, "blue-gray", "To Do"},
	"indeterminate": {4, "yellow", "In Progress"},
	"done":          {3, "green", "Done"},
}

func (v *view) category(key string) obj {
	c := categories[key]
	return obj{"self": v.rest("statuscategory", c.id), "id": c.id, "key": key, "colorName": c.color, "name": c.name}
}

func (v *view) status(id string) any {
	st := v.s.status(id)
	if st == nil {
		return nil
	}
	return obj{"self": v.rest("status", id), "description": "", "iconUrl": v.s.base + "/", "name": st.Name, "id": id, "statusCategory": v.category(st.Category)}
}

func (v *view) issueType(id string) any {
	t := v.s.issueType(id)
	if t == nil {
		return nil
	}
	out := obj{"self": v.rest("issuetype", id), "id": id, "description": t.Description, "name": t.Name, "subtask": t.Subtask, "avatarId": 10318,
		"iconUrl": v.s.base + "/secure/viewavatar?size=xsmall&avatarId=10318&avatarType=issuetype"}
	if v.s.cloud() {
		out["hierarchyLevel"] = t.level()
	}
	return out
}

func (v *view) projectShort(id string) any {
	p := v.s.project(id)
	if p == nil {
		return nil
	}
	out := obj{"self": v.rest("project", p.ID), "id": p.ID, "key": p.Key, "name": p.Name, "projectTypeKey": p.Type,
		"avatarUrls": v.avatars("projectavatar?avatarId=10324")}
	if v.s.cloud() {
		out["simplified"] = false
	}
	return out
}

func (v *view) component(c *Component) any {
	if c == nil {
		return nil
	}
	return obj{"self": v.rest("component", c.ID), "id": c.ID, "name": c.Name, "description": c.Description}
}

func (v *view) version(ver *Version, p *Project, full bool) any {
	if ver == nil {
		return nil
	}
	out := obj{"self": v.rest("version", ver.ID), "id": ver.ID, "name": ver.Name, "description": ver.Description,
		"archived": ver.Archived, "released": ver.Released}
	if ver.ReleaseDate != "" {
		out["releaseDate"] = ver.ReleaseDate
	}
	if full {
		out["projectId"] = jsonID(p.ID)
	}
	return out
}

// issueShort is an issue inside another: parent, subtask, link.
func (v *view) issueShort(is *Issue) obj {
	fields := obj{"summary": is.word("summary"), "status": v.status(is.word("status")), "issuetype": v.issueType(is.word("issuetype")),
		"priority": v.named("priority", named(v.s.st.Priorities, is.word("priority")))}
	return obj{"id": is.idString(), "key": is.Key, "self": v.rest("issue", is.ID), "fields": fields}
}

func (v *view) requestType(t *RequestType, p *Project) obj {
	return obj{"id": t.ID, "name": t.Name, "description": "", "issueTypeId": t.IssueType, "serviceDeskId": p.ID, "groupIds": []string{},
		"_links": obj{"self": v.s.base + "/rest/servicedeskapi/servicedesk/" + p.ID + "/requesttype/" + t.ID}}
}

// wanted says which fields of an issue an answer holds.
type wanted struct {
	all, navigable bool
	names          map[string]bool
	without        map[string]bool
}

// wantFields reads a `fields` list; nothing asked means the default.
func wantFields(list []string, byDefault ...string) wanted {
	if len(list) == 0 {
		list = byDefault
	}
	w := wanted{names: map[string]bool{}, without: map[string]bool{}}
	for _, f := range list {
		switch {
		case f == "*all":
			w.all = true
		case f == "*navigable":
			w.navigable = true
		case strings.HasPrefix(f, "-"):
			w.without[f[1:]] = true
		default:
			w.names[f] = true
		}
	}
	if len(w.names) == 0 && len(w.without) > 0 {
		w.all = true
	}
	return w
}

// notNavigable are the fields a list of issues does not show by default.
var notNavigable = map[string]bool{"comment": true, "worklog": true, "attachment": true, "timetracking": true, "issuerestriction": true}

func (w wanted) has(f string) bool {
	if w.without[f] {
		return false
	}
	return w.all || w.names[f] || w.navigable && !notNavigable[f]
}

// issue shows an issue with the wanted fields.
func (v *view) issue(is *Issue, w wanted) obj {
	return obj{"id": is.idString(), "key": is.Key, "self": v.rest("issue", is.ID), "fields": v.issueFields(is, w)}
}

func (v *view) issueFields(is *Issue, w wanted) obj {
	out := obj{}
	for _, f := range v.s.st.Fields {
		if f.ID == "parent" && is.parent() == 0 {
			continue // left out, not null
		}
		if f.Kind != "seconds" && w.has(f.ID) {
			out[f.ID] = v.value(f, is.Values[f.ID])
		}
	}
	for name, show := range computed {
		if w.has(name) {
			if x := show(v, is); x != absent {
				out[name] = x
			}
		}
	}
	return out
}

func (v *view) value(f *Field, val Value) any {
	k := f.kind()
	if k.list {
		if len(val) == 0 && f.Custom {
			return nil
		}
		list := make([]any, 0, len(val))
		for _, w := range val {
			if x := k.show(v, f, w); x != nil {
				list = append(list, x)
			}
		}
		return list
	}
	if len(val) == 0 {
		return nil
	}
	return k.show(v, f, val[0])
}

// absent is what a computed field returns where the flavour lacks it.
var absent = &struct{ _ int }{}

// computed are the fields that are not stored as values.
var computed map[string]func(*view, *Issue) any

func init() {
	zero := func(*view, *Issue) any { return obj{"progress": 0, "total": 0} }
	null := func(*view, *Issue) any { return nil }
	seconds := func(field string) func(*view, *Issue) any {
		return func(_ *view, is *Issue) any {
			if w := is.word(field); w != "" {
				return jsonID(w)
			}
			return nil
		}
	}
	computed = map[string]func(*view, *Issue) any{
		"created":                       func(v *view, is *Issue) any { return v.stamp(is.Created) },
		"updated":                       func(v *view, is *Issue) any { return v.stamp(is.Updated) },
		"resolutiondate":                func(v *view, is *Issue) any { return v.stamp(is.Resolved) },
		"creator":                       func(v *view, is *Issue) any { return v.user(is.Creator) },
		"attachment":                    (*view).attachments,
		"issuelinks":                    (*view).links,
		"subtasks":                      (*view).subtasks,
		"comment":                       (*view).commentField,
		"worklog":                       (*view).worklogField,
		"timetracking":                  func(_ *view, is *Issue) any { return tracking(is) },
		"timespent":                     seconds("timespent"),
		"timeestimate":                  seconds("timeestimate"),
		"timeoriginalestimate":          seconds("timeoriginalestimate"),
		"aggregatetimespent":            seconds("timespent"),
		"aggregatetimeestimate":         seconds("timeestimate"),
		"aggregatetimeoriginalestimate": seconds("timeoriginalestimate"),
		"progress":                      zero,
		"aggregateprogress":             zero,
		"workratio":                     func(*view, *Issue) any { return -1 },
		"lastViewed":                    null,
		"watches":                       (*view).watches,
		"votes": func(v *view, is *Issue) any {
			return obj{"self": v.rest("issue", is.Key, "votes"), "votes": 0, "hasVoted": false}
		},
		"statuscategorychangedate": func(v *view, is *Issue) any { return v.onlyCloud(v.stamp(is.CategoryChanged)) },
		"statusCategory": func(v *view, is *Issue) any {
			return v.onlyCloud(v.category(v.s.status(is.word("status")).Category))
		},
		"issuerestriction": func(v *view, _ *Issue) any {
			return v.onlyCloud(obj{"issuerestrictions": obj{}, "shouldDisplay": true})
		},
	}
}

func (v *view) onlyCloud(x any) any {
	if v.s.cloud() {
		return x
	}
	return absent
}

func (v *view) subtasks(is *Issue) any {
	list := []any{}
	for _, child := range v.s.subtasks(is) {
		list = append(list, v.issueShort(child))
	}
	return list
}

// subtasks are an issue's children of a sub-task type.
func (s *Site) subtasks(is *Issue) []*Issue {
	var list []*Issue
	for _, id := range s.ix.children[is.ID] {
		child := s.st.Issues[id]
		if s.isSubtask(child) {
			list = append(list, child)
		}
	}
	return list
}

func (v *view) watches(is *Issue) any {
	watching := v.viewer != nil && contains(is.Watchers, v.viewer.ID)
	return obj{"self": v.rest("issue", is.Key, "watchers"), "watchCount": len(is.Watchers), "isWatching": watching}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
