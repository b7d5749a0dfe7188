package rule

import (
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
)

// A Schema is what a site has, as far as it was asked: rules are checked against it when they are bound. A nil list is
// not known and nothing is checked against it.
type Schema struct {
	Role    bridge.Role
	Flavour bridge.Flavour

	Fields      []Field // custom fields, and system fields where their names differ from the usual ones
	Statuses    []string
	Priorities  []string
	Resolutions []string
	Types       []string
	Projects    []string // keys
	LinkTypes   []string
	// RequestTypes are those of the service projects in which the rules may make issues, by key of the project.
	RequestTypes map[string][]string
	Users        []string // account ids or user names
	Secret       []string // names or ids of fields that no rule of this site may name
}

// A Field is one field of a site.
type Field struct {
	ID     string
	Name   string
	Kind   bridge.Kind
	Custom bool
}

// system is a field every Jira has: its id, replica key, kind, and the names people use for it.
type system struct {
	id    string
	key   string
	kind  bridge.Kind
	names []string
}

var systems = []system{
	{"summary", "summary", bridge.Text, nil},
	{"description", "description", bridge.RichText, nil},
	{"environment", "environment", bridge.RichText, nil},
	{"issuetype", "type", bridge.Name, []string{"issue type", "type"}},
	{"status", "status", bridge.Name, nil},
	{"resolution", "resolution", bridge.Name, nil},
	{"priority", "priority", bridge.Name, nil},
	{"labels", "labels", bridge.Names, nil},
	{"duedate", "duedate", bridge.Date, []string{"due date", "due"}},
	{"components", "components", bridge.Names, []string{"component/s", "component"}},
	{"fixVersions", "fixversions", bridge.Names, []string{"fix versions", "fix version/s", "fix version"}},
	{"versions", "versions", bridge.Names, []string{"affects versions", "affects version/s", "affects version"}},
	{"assignee", "assignee", bridge.User, nil},
	{"reporter", "reporter", bridge.User, nil},
	{"parent", "parent", bridge.Issue, nil},
}

// unruly are fields that no row may name, with what to write instead.
var unruly = map[string]string{
	"security":       `security levels are never sent; "security:" lists the levels whose issues may leave`,
	"security level": `security levels are never sent; "security:" lists the levels whose issues may leave`,
	"project":        `write "create: {project: KEY}"`,
	"comment":        `write the section "comments"`,
	"comments":       `write the section "comments"`,
	"attachment":     `write the section "attachments"`,
	"attachments":    `write the section "attachments"`,
	"issuelinks":     `write the section "links"`,
	"links":          `write the section "links"`,
	"worklog":        `write the section "worklogs"`,
	"worklogs":       `write the section "worklogs"`,
	"subtasks":       "sub-tasks are issues of their own: let a trigger match them",
}

// secretFields hold what must stay in: they cannot be named anywhere.
var secretFields = map[string]bool{"security": true, "security level": true}

func systemByName(name string) (system, bool) {
	name = fold(name)
	for _, s := range systems {
		if name == strings.ToLower(s.id) || contains(s.names, name) {
			return s, true
		}
	}
	return system{}, false
}

func systemByID(id string) (system, bool) {
	for _, s := range systems {
		if s.id == id {
			return s, true
		}
	}
	return system{}, false
}

// keyFor is the replica key of a field that names none: fixed for system fields, so that both flavours agree, and the
// lower-case name for custom fields.
func keyFor(name string) string {
	if s, ok := systemByName(name); ok {
		return s.key
	}
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '/' || r == '\t' }), " ")
}

// keyWord is the word of a row that decides its replica key.
func (r *rowSpec) keyWord() word {
	for _, w := range []word{r.key, r.field, r.from, r.to} {
		if w.set() {
			return w
		}
	}
	return word{at: r.at}
}

func (r *rowSpec) keyText() string {
	if r.key.set() {
		return r.key.text
	}
	return keyFor(r.keyWord().text)
}

var keyForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N} ._()&'+-]*$`)

// keyHint says what a replica key may be.
const keyHint = "small letters, digits, blanks, dots, dashes; at most 64"

func goodKey(k string) bool { return len(k) <= 64 && keyForm.MatchString(k) && k == strings.ToLower(k) }

// site is a schema made ready for look-ups.
type site struct {
	Schema
	fields []Field
	known  bool // custom fields are known
}

func newSite(sc Schema) *site {
	s := &site{Schema: sc, known: sc.Fields != nil}
	given := map[string]bool{}
	for _, f := range sc.Fields {
		given[f.ID] = true
		if sys, ok := systemByID(f.ID); ok {
			f.Kind = sys.kind
		}
		s.fields = append(s.fields, f)
	}
	for _, sys := range systems {
		if !given[sys.id] {
			s.fields = append(s.fields, Field{ID: sys.id, Name: sys.id, Kind: sys.kind})
		}
	}
	return s
}

// find returns the fields that carry a name or id; more than one for a name carried twice.
func (s *site) find(name string) []Field {
	name = strings.TrimSpace(name)
	for _, f := range s.fields {
		if f.ID == name {
			return []Field{f}
		}
	}
	if sys, ok := systemByName(name); ok {
		return s.find(sys.id)
	}
	var found []Field
	for _, f := range s.fields {
		if fold(f.Name) == fold(name) {
			found = append(found, f)
		}
	}
	if len(found) == 0 && !s.known && strings.HasPrefix(name, "customfield_") {
		found = []Field{{ID: name, Name: name, Kind: bridge.Text, Custom: true}}
	}
	return found
}

func (s *site) byID(id string) (Field, bool) {
	for _, f := range s.fields {
		if f.ID == id {
			return f, true
		}
	}
	return Field{}, false
}

func (s *site) fieldNames() []string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.Name)
	}
	return names
}

// allowed are the values a field of this site can hold, nil when that is not known.
func (s *site) allowed(fieldID string) []string {
	switch fieldID {
	case "status":
		return s.Statuses
	case "priority":
		return s.Priorities
	case "resolution":
		return s.Resolutions
	case "issuetype":
		return s.Types
	}
	return nil
}

func (s *site) secret(f Field, set []word) bool {
	if secretFields[fold(f.ID)] || secretFields[fold(f.Name)] {
		return true
	}
	names := append([]string(nil), s.Secret...)
	for _, w := range set {
		names = append(names, w.text)
	}
	for _, n := range names {
		if n == f.ID || fold(n) == fold(f.Name) {
			return true
		}
	}
	return false
}
