package simulator

import (
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/simulator/jql"
)

// Kinds whose words are ids of something the site defines.

// byIDOrName reads {"id":…} or {"name":…} and finds the element meant.
func byIDOrName[T any](raw json.RawMessage, label string, list []*T, id, name func(*T) string) (string, error) {
	m := member(raw, "id", "name")
	if m == nil {
		return "", say("Specify the %s in the format {\"name\": …} or {\"id\": …}", strings.ToLower(label))
	}
	if want, given := m["id"]; given {
		if x := pick(list, func(x *T) bool { return id(x) == want }); x != nil {
			return want, nil
		}
		return "", say("%s id '%s' is not valid", label, want)
	}
	want := m["name"]
	if x := pick(list, func(x *T) bool { return strings.EqualFold(name(x), want) }); x != nil {
		return id(x), nil
	}
	return "", say("%s name '%s' is not valid", label, want)
}

// ---- options

func (f *Field) option(id string) *Option {
	return pick(f.Options, func(o *Option) bool { return o.ID == id })
}

func readOption(_ *reader, f *Field, raw json.RawMessage) (string, error) {
	m := member(raw, "id", "value")
	if id, given := m["id"]; given {
		if f.option(id) == nil {
			return "", say("Option id '%s' is not valid", id)
		}
		return id, nil
	}
	value, given := m["value"]
	if !given {
		return "", say("Specify a valid 'id' or 'name' for %s", f.Name)
	}
	o := pick(f.Options, func(o *Option) bool { return o.Value == value && !o.Disabled })
	if o == nil {
		return "", say("Option value '%s' is not valid", value)
	}
	return o.ID, nil
}

func showOption(v *view, f *Field, word string) any {
	o := f.option(word)
	if o == nil {
		return nil
	}
	out := obj{"self": v.rest("customFieldOption", word), "value": o.Value, "id": o.ID}
	if !v.s.cloud() {
		out["disabled"] = o.Disabled
	}
	return out
}

func nameOption(_ *Site, f *Field, word string) string {
	if o := f.option(word); o != nil {
		return o.Value
	}
	return word
}

func seekOption(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameOption(s, f, word), word}}
}

func allOptions(v *view, f *Field, _ *Project) []any {
	var list []any
	for _, o := range f.Options {
		list = append(list, showOption(v, f, o.ID))
	}
	return list
}

// ---- users

func readUser(p *reader, f *Field, raw json.RawMessage) (string, error) {
	m := member(raw, "accountId", "name", "key")
	var u *User
	var said string
	if p.s.cloud() {
		said = m["accountId"]
		if _, given := m["accountId"]; !given {
			if m != nil && len(m) == 0 {
				return "", nil // {"accountId": null} clears
			}
			return "", say("Specify a valid value for %s", f.Name)
		}
		u = p.s.user(said)
	} else {
		said = m["name"]
		if said == "" && m["key"] != "" {
			said = m["key"]
			u = p.s.user(said)
		} else {
			u = p.s.userNamed(said)
		}
	}
	if said == "-1" || said == "" && m != nil {
		return "", nil
	}
	if u == nil || !u.Active {
		if p.s.cloud() && f.ID == "reporter" {
			return "", say("The reporter specified is not a user.")
		}
		return "", say("User '%s' does not exist.", said)
	}
	if f.ID == "assignee" && !u.may("ASSIGNABLE_USER") {
		return "", say("User '%s' cannot be assigned issues.", said)
	}
	return u.ID, nil
}

func (s *Site) userNamed(name string) *User {
	return pick(s.st.Users, func(u *User) bool { return strings.EqualFold(u.Name, name) })
}

func showUser(v *view, _ *Field, word string) any { return v.user(word) }

func nameUser(s *Site, _ *Field, word string) string {
	if u := s.user(word); u != nil {
		return u.Display
	}
	return word
}

func seekUser(s *Site, _ *Field, word string) jql.Operand {
	u := s.user(word)
	if u == nil {
		return jql.Operand{Names: []string{word}}
	}
	names := []string{u.ID, u.Display}
	if u.Email != "" {
		names = append(names, u.Email)
	}
	if !s.cloud() {
		names = append([]string{u.Name}, names...)
	}
	return jql.Operand{Names: names}
}

// ---- priority, resolution, security, status, type, project

func nameID(n *Named) string   { return n.ID }
func nameName(n *Named) string { return n.Name }

func readPriority(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	return byIDOrName(raw, "Priority", p.s.st.Priorities, nameID, nameName)
}

func readResolution(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	return byIDOrName(raw, "Resolution", p.s.st.Resolutions, nameID, nameName)
}

func readSecurity(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	return byIDOrName(raw, "Security level", p.s.st.Security,
		func(l *SecurityLevel) string { return l.ID }, func(l *SecurityLevel) string { return l.Name })
}

// typeNamed is the id of the issue type that a body names, of those that the project has (nil: any).
func (s *Site) typeNamed(p *Project, raw json.RawMessage) (id string, err error) {
	var mine []*IssueType
	for _, t := range s.st.Types {
		if p == nil || slices.Contains(p.Types, t.ID) {
			mine = append(mine, t)
		}
	}
	return byIDOrName(raw, "Issue type", mine, func(t *IssueType) string { return t.ID }, func(t *IssueType) string { return t.Name })
}

func readType(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	id, err := p.s.typeNamed(p.project, raw)
	if err != nil && p.s.cloud() {
		return "", say("Specify a valid issue type")
	}
	if err != nil {
		return "", say("valid issue type is required")
	}
	return id, nil
}

func showPriority(v *view, _ *Field, word string) any {
	return v.named("priority", named(v.s.st.Priorities, word))
}
func showResolution(v *view, _ *Field, word string) any {
	return v.named("resolution", named(v.s.st.Resolutions, word))
}
func showStatus(v *view, _ *Field, word string) any  { return v.status(word) }
func showType(v *view, _ *Field, word string) any    { return v.issueType(word) }
func showProject(v *view, _ *Field, word string) any { return v.projectShort(word) }
func showSecurity(v *view, _ *Field, word string) any {
	l := pick(v.s.st.Security, func(l *SecurityLevel) bool { return l.ID == word })
	if l == nil {
		return nil
	}
	return obj{"self": v.rest("securitylevel", l.ID), "id": l.ID, "name": l.Name, "description": ""}
}

func namePriority(s *Site, _ *Field, word string) string {
	return namedName(named(s.st.Priorities, word), word)
}
func nameResolution(s *Site, _ *Field, word string) string {
	return namedName(named(s.st.Resolutions, word), word)
}

func namedName(n *Named, word string) string {
	if n == nil {
		return word
	}
	return n.Name
}

func nameSecurity(s *Site, _ *Field, word string) string {
	if l := pick(s.st.Security, func(l *SecurityLevel) bool { return l.ID == word }); l != nil {
		return l.Name
	}
	return word
}

func nameStatus(s *Site, _ *Field, word string) string {
	if st := s.status(word); st != nil {
		return st.Name
	}
	return word
}

func nameType(s *Site, _ *Field, word string) string {
	if t := s.issueType(word); t != nil {
		return t.Name
	}
	return word
}

func nameProject(s *Site, _ *Field, word string) string {
	if p := s.project(word); p != nil {
		return p.Name
	}
	return word
}

// seekNamed serves priority and resolution; Num orders priorities as listed.
func seekNamed(s *Site, f *Field, word string) jql.Operand {
	list := s.st.Priorities
	if f.ID == "resolution" {
		list = s.st.Resolutions
	}
	at := slices.IndexFunc(list, func(n *Named) bool { return n.ID == word })
	if at < 0 {
		return jql.Operand{Names: []string{word}}
	}
	return jql.Operand{Names: []string{list[at].Name, word}, Num: float64(at)}
}

func seekStatus(s *Site, f *Field, word string) jql.Operand {
	at := slices.IndexFunc(s.st.Statuses, func(x *Status) bool { return x.ID == word })
	return jql.Operand{Names: []string{nameStatus(s, f, word), word}, Num: float64(at)}
}

func seekType(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameType(s, f, word), word}}
}

func seekSecurity(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameSecurity(s, f, word), word}}
}

func seekProject(s *Site, _ *Field, word string) jql.Operand {
	p := s.project(word)
	return jql.Operand{Names: []string{p.Key, p.ID, p.Name}}
}

func allPriorities(v *view, _ *Field, _ *Project) []any {
	var list []any
	for _, n := range v.s.st.Priorities {
		list = append(list, v.named("priority", n))
	}
	return list
}

func allResolutions(v *view, _ *Field, _ *Project) []any {
	var list []any
	for _, n := range v.s.st.Resolutions {
		list = append(list, v.named("resolution", n))
	}
	return list
}

func allSecurity(v *view, f *Field, _ *Project) []any {
	var list []any
	for _, l := range v.s.st.Security {
		list = append(list, showSecurity(v, f, l.ID))
	}
	return list
}

func allTypes(v *view, _ *Field, p *Project) []any {
	var list []any
	for _, id := range p.Types {
		list = append(list, v.issueType(id))
	}
	return list
}

func ownProject(v *view, _ *Field, p *Project) []any { return []any{v.projectShort(p.ID)} }

// ---- components and versions: found in the issue's project

func componentID(c *Component) string   { return c.ID }
func componentName(c *Component) string { return c.Name }
func versionID(v *Version) string       { return v.ID }
func versionName(v *Version) string     { return v.Name }

func readComponent(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	return byIDOrName(raw, "Component", p.project.Components, componentID, componentName)
}

func readVersion(p *reader, _ *Field, raw json.RawMessage) (string, error) {
	return byIDOrName(raw, "Version", p.project.Versions, versionID, versionName)
}

func (s *Site) component(id string) *Component {
	for _, p := range s.st.Projects {
		if c := pick(p.Components, func(c *Component) bool { return c.ID == id }); c != nil {
			return c
		}
	}
	return nil
}

func (s *Site) version(id string) (*Version, *Project) {
	for _, p := range s.st.Projects {
		if v := pick(p.Versions, func(v *Version) bool { return v.ID == id }); v != nil {
			return v, p
		}
	}
	return nil, nil
}

func showComponent(v *view, _ *Field, word string) any { return v.component(v.s.component(word)) }
func showVersion(v *view, _ *Field, word string) any {
	ver, p := v.s.version(word)
	return v.version(ver, p, false)
}

func nameComponent(s *Site, _ *Field, word string) string {
	if c := s.component(word); c != nil {
		return c.Name
	}
	return word
}

func nameVersion(s *Site, _ *Field, word string) string {
	if v, _ := s.version(word); v != nil {
		return v.Name
	}
	return word
}

func seekComponent(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameComponent(s, f, word), word}}
}

func seekVersion(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameVersion(s, f, word), word}}
}

func allComponents(v *view, _ *Field, p *Project) []any {
	var list []any
	for _, c := range p.Components {
		list = append(list, v.component(c))
	}
	return list
}

func allVersions(v *view, _ *Field, p *Project) []any {
	var list []any
	for _, ver := range p.Versions {
		list = append(list, v.version(ver, p, false))
	}
	return list
}

// ---- request type

func (s *Site) requestType(id string) (*RequestType, *Project) {
	for _, p := range s.st.Projects {
		if t := pick(p.RequestTypes, func(t *RequestType) bool { return t.ID == id || p.portalKey(t) == id }); t != nil {
			return t, p
		}
	}
	return nil, nil
}

// portalKey is the stored form Data Center shows: portal/key.
func (p *Project) portalKey(t *RequestType) string { return strings.ToLower(p.Key) + "/" + t.Key }

func readRequestType(p *reader, f *Field, raw json.RawMessage) (string, error) {
	said, isString := plainString(raw)
	if !isString {
		said = strings.Trim(string(raw), `"`)
		if m := member(raw, "id"); m != nil {
			said = m["id"]
		}
	}
	t, _ := p.s.requestType(said)
	if t == nil {
		return "", say("The request type '%s' does not exist.", said)
	}
	return t.ID, nil
}

func showRequestType(v *view, _ *Field, word string) any {
	t, p := v.s.requestType(word)
	if t == nil {
		return nil
	}
	return obj{"requestType": v.requestType(t, p), "_links": obj{}}
}

func nameRequestType(s *Site, _ *Field, word string) string {
	if t, _ := s.requestType(word); t != nil {
		return t.Name
	}
	return word
}

func seekRequestType(s *Site, f *Field, word string) jql.Operand {
	return jql.Operand{Names: []string{nameRequestType(s, f, word), word}}
}
