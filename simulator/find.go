package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/simulator/jql"
)

// operands lets JQL look at an issue.
func (s *Site) operands(is *Issue) jql.Issue { return &operands{s, is} }

type operands struct {
	s  *Site
	is *Issue
}

// jqlFields are the fields JQL calls otherwise than by their id.
var jqlFields = map[string]string{"component": "components", "fixversion": "fixVersions", "affectedversion": "versions", "level": "security",
	"originalestimate": "timeoriginalestimate", "remainingestimate": "timeestimate"}

// Get gives the values of a field by its JQL name.
func (o *operands) Get(name string) []jql.Operand {
	is := o.is
	switch name {
	case "key", "issuekey", "issue":
		return []jql.Operand{{Names: append([]string{is.Key}, o.s.formerKeys(is)...), Num: float64(is.Number)}}
	case "id":
		return []jql.Operand{{Names: []string{is.idString(), is.Key}, Num: float64(is.ID)}}
	case "created":
		return moment(is.Created)
	case "updated":
		return moment(is.Updated)
	case "resolutiondate", "resolved":
		return moment(is.Resolved)
	case "creator":
		return []jql.Operand{seekUser(o.s, nil, is.Creator)}
	case "statuscategory":
		cat := o.s.status(is.word("status")).Category
		c := categories[cat]
		return []jql.Operand{{Names: []string{c.name, cat, fmt.Sprint(c.id)}, Num: float64(c.id)}}
	case "comment":
		return o.comments()
	case "text":
		return append(append(o.Get("summary"), o.Get("description")...), o.Get("comment")...)
	}
	f := o.s.jqlField(name)
	if f == nil {
		return nil
	}
	var list []jql.Operand
	for _, w := range is.Values[f.ID] {
		list = append(list, f.kind().seek(o.s, f, w))
	}
	return list
}

func (o *operands) comments() []jql.Operand {
	var list []jql.Operand
	for _, c := range o.is.Comments {
		list = append(list, jql.Operand{Text: c.Body})
	}
	return list
}

func moment(t time.Time) []jql.Operand {
	if t.IsZero() {
		return nil
	}
	return []jql.Operand{{Time: t}}
}

func (s *Site) formerKeys(is *Issue) []string {
	if len(s.st.OldKeys) == 0 {
		return nil
	}
	var keys []string
	for k, id := range s.st.OldKeys {
		if id == is.ID {
			keys = append(keys, k)
		}
	}
	return keys
}

// jqlField finds a field by the name JQL uses for it.
func (s *Site) jqlField(name string) *Field {
	if s.ix.jql == nil {
		s.ix.jql = map[string]*Field{}
		for _, f := range s.st.Fields {
			s.ix.jql[strings.ToLower(f.Name)] = f
			s.ix.jql[strings.ToLower(f.ID)] = f
			if n, custom := strings.CutPrefix(f.ID, "customfield_"); custom {
				s.ix.jql["cf["+n+"]"] = f
			}
		}
		for name, id := range jqlFields {
			s.ix.jql[name] = s.ix.fields[id]
		}
	}
	return s.ix.jql[name]
}

// builtIn are the names Get answers itself.
var builtIn = map[string]bool{"key": true, "issuekey": true, "issue": true, "id": true, "created": true, "updated": true, "resolutiondate": true,
	"resolved": true, "creator": true, "statuscategory": true, "comment": true, "text": true}

func (s *Site) env(u *User) jql.Env {
	e := jql.Env{Now: s.now(), Zone: zoneOf(u), Flavour: s.opt.Flavour,
		KnownField: func(name string) bool { return builtIn[name] || s.jqlField(name) != nil }}
	if u != nil {
		e.User = u.ID
	}
	return e
}

// jql parses and checks a search.
func (c *call) jql(src string) (*jql.Query, error) {
	q, err := c.s.parse(src)
	if err == nil {
		err = q.Check(c.s.env(c.user))
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%s", err)
	}
	return q, c.checkValues(q)
}

// checkValues refuses names of projects, types, statuses and the like that do
// not exist, as Jira does.
func (c *call) checkValues(q *jql.Query) error {
	for _, field := range []string{"project", "status", "priority", "resolution", "issuetype"} {
		for _, val := range q.Values(field) {
			if !c.s.valueExists(field, val) {
				return refuse(http.StatusBadRequest, "The value '%s' does not exist for the field '%s'.", val, field)
			}
		}
	}
	return nil
}

func (s *Site) valueExists(field, val string) bool {
	is := func(id, name string) bool { return id == val || strings.EqualFold(name, val) }
	switch field {
	case "project":
		return pick(s.st.Projects, func(p *Project) bool { return is(p.ID, p.Key) || is("", p.Name) }) != nil
	case "status":
		return pick(s.st.Statuses, func(x *Status) bool { return is(x.ID, x.Name) }) != nil
	case "issuetype":
		return pick(s.st.Types, func(x *IssueType) bool { return is(x.ID, x.Name) }) != nil || val == "standardIssueTypes" || val == "subTaskIssueTypes"
	case "priority":
		return pick(s.st.Priorities, func(x *Named) bool { return is(x.ID, x.Name) }) != nil
	}
	return pick(s.st.Resolutions, func(x *Named) bool { return is(x.ID, x.Name) }) != nil || strings.EqualFold(val, "Unresolved")
}

// found gives the issues a caller sees that match, in the query's order. The
// index decides what matches; a deleted issue never shows. fresh are issues to
// look at past the index.
func (c *call) found(q *jql.Query, src string, fresh map[int64]bool) ([]*Issue, error) {
	if hits, known := c.remembered(src); known {
		return hits, nil
	}
	env := c.s.env(c.user)
	var hits []*operands
	for _, is := range c.s.st.Issues {
		doc := c.s.indexed(is)
		if fresh[is.ID] {
			doc = is
		}
		if doc == nil || doc.Archived || !c.s.sees(c.user, is) {
			continue
		}
		o := &operands{c.s, doc}
		hit, err := q.Match(env, o)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "%s", err)
		}
		if hit {
			hits = append(hits, o)
		}
	}
	arrange(hits, q, env)
	list := make([]*Issue, len(hits))
	for i, o := range hits {
		list[i] = c.s.st.Issues[o.is.ID] // shown as it is now, found as it was indexed
	}
	c.remember(src, list)
	return list, nil
}

// arrange sorts by the query's order, the newest first where it says nothing.
func arrange(hits []*operands, q *jql.Query, env jql.Env) {
	slices.SortFunc(hits, func(a, b *operands) int {
		switch {
		case q.Less(env, a, b):
			return -1
		case q.Less(env, b, a):
			return 1
		}
		return int(b.is.ID - a.is.ID)
	})
}

// lastSearch is the latest search of a caller, kept so that walking through the
// pages of a long result does not repeat it. Any change of any issue ends it.
type lastSearch struct {
	src  string
	hits []*Issue
	at   time.Time
}

const searchKept = time.Second

func (c *call) remembered(src string) ([]*Issue, bool) {
	l := c.s.ix.searches[c.who()]
	if l == nil || l.src != src || c.now.Sub(l.at) > searchKept || c.s.settings.SearchLag > 0 {
		return nil, false
	}
	return l.hits, true
}

func (c *call) remember(src string, hits []*Issue) {
	if c.s.ix.searches == nil {
		c.s.ix.searches = map[string]*lastSearch{}
	}
	c.s.ix.searches[c.who()] = &lastSearch{src, hits, c.now}
}
