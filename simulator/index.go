package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/simulator/jql"
)

// index finds things in the state quickly. It is derived: reindex rebuilds it.
type index struct {
	keys        map[string]*Issue
	users       map[string]*User
	fields      map[string]*Field
	comments    map[int64]*Issue
	worklogs    map[int64]*Issue
	attachments map[int64]*Issue
	children    map[int64][]int64
	links       map[int64][]*Link
	buckets     map[string]*bucket
	writes      map[int64][]time.Time
	queries     map[string]*jql.Query
	searches    map[string]*lastSearch
	jql         map[string]*Field
	frozen      map[int64]*frozenIssue // what searches see while the index lags
}

// frozenIssue is the search index's view of one issue: what it shows, and what
// it will show later.
type frozenIssue struct {
	shown *Issue // nil: not indexed yet
	later []laterIssue
}

type laterIssue struct {
	at    time.Time
	issue *Issue
}

func (s *Site) reindex() {
	ix := index{
		keys: map[string]*Issue{}, users: map[string]*User{}, fields: map[string]*Field{}, comments: map[int64]*Issue{},
		worklogs: map[int64]*Issue{}, attachments: map[int64]*Issue{}, children: map[int64][]int64{}, links: map[int64][]*Link{},
	}
	for _, u := range s.st.Users {
		ix.users[u.ID] = u
	}
	for _, f := range s.st.Fields {
		ix.fields[f.ID] = f
	}
	for _, is := range s.st.Issues {
		ix.add(is)
	}
	for _, l := range s.st.Links {
		ix.addLink(l)
	}
	for _, ids := range ix.children {
		slices.Sort(ids)
	}
	s.ix = ix
	if s.settings.SearchLag > 0 {
		s.ix.freezeAll(s.st.Issues)
	}
}

func (ix *index) add(is *Issue) {
	ix.keys[is.Key] = is
	for _, c := range is.Comments {
		ix.comments[c.ID] = is
	}
	for _, w := range is.Worklogs {
		ix.worklogs[w.ID] = is
	}
	for _, a := range is.Attachments {
		ix.attachments[a.ID] = is
	}
	if p := is.parent(); p != 0 {
		ix.children[p] = append(ix.children[p], is.ID)
	}
}

func (ix *index) addLink(l *Link) {
	ix.links[l.Source] = append(ix.links[l.Source], l)
	if l.Target != l.Source {
		ix.links[l.Target] = append(ix.links[l.Target], l)
	}
}

func (ix *index) dropLink(l *Link) {
	same := func(o *Link) bool { return o == l }
	ix.links[l.Source] = slices.DeleteFunc(ix.links[l.Source], same)
	ix.links[l.Target] = slices.DeleteFunc(ix.links[l.Target], same)
}

func (ix *index) moveChild(child, from, to int64) {
	if from != 0 {
		ix.children[from] = slices.DeleteFunc(ix.children[from], func(id int64) bool { return id == child })
	}
	if to != 0 {
		ix.children[to] = append(ix.children[to], child)
	}
}

// freezeAll starts a lagging index from what is true now.
func (ix *index) freezeAll(issues map[int64]*Issue) {
	ix.frozen = make(map[int64]*frozenIssue, len(issues))
	for id, is := range issues {
		ix.frozen[id] = &frozenIssue{shown: is.freeze()}
	}
}

// note records that an issue changed and when searches will see it.
func (s *Site) note(is *Issue) {
	s.ix.searches = nil
	if s.settings.SearchLag <= 0 {
		return
	}
	f := s.ix.frozen[is.ID]
	if f == nil {
		f = &frozenIssue{}
		s.ix.frozen[is.ID] = f
	}
	lag := s.settings.SearchLag
	if s.settings.SearchJitter {
		lag = s.rng.upTo(lag)
	}
	f.later = append(f.later, laterIssue{s.now().Add(lag), is.freeze()})
}

// indexed is the issue as searches see it now; nil while they do not.
func (s *Site) indexed(is *Issue) *Issue {
	if s.settings.SearchLag <= 0 {
		return is
	}
	f := s.ix.frozen[is.ID]
	if f == nil {
		return nil
	}
	now := s.now()
	for len(f.later) > 0 && !f.later[0].at.After(now) {
		f.shown, f.later = f.later[0].issue, f.later[1:]
	}
	return f.shown
}

// Reindex makes searches see everything at once, whatever the lag.
func (s *Site) Reindex() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings.SearchLag > 0 {
		s.ix.freezeAll(s.st.Issues)
	}
}

// freeze copies what a search looks at.
func (is *Issue) freeze() *Issue {
	c := *is
	c.Values = make(map[string]Value, len(is.Values))
	for k, v := range is.Values {
		c.Values[k] = v
	}
	c.Comments = make([]*Comment, len(is.Comments))
	for i, cm := range is.Comments {
		cc := *cm
		c.Comments[i] = &cc
	}
	return &c
}

// word is a field's only word, or "".
func (is *Issue) word(field string) string {
	if v := is.Values[field]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (is *Issue) parent() int64 {
	n, _ := strconv.ParseInt(is.word("parent"), 10, 64)
	return n
}

func (is *Issue) idString() string { return strconv.FormatInt(is.ID, 10) }

// find gives the issue with that id or key, present or former.
func (s *Site) find(idOrKey string) *Issue {
	if n, err := strconv.ParseInt(idOrKey, 10, 64); err == nil {
		return s.st.Issues[n]
	}
	key := strings.ToUpper(idOrKey)
	if is := s.ix.keys[key]; is != nil {
		return is
	}
	return s.st.Issues[s.st.OldKeys[key]]
}

func (s *Site) user(id string) *User { return s.ix.users[id] }

func (s *Site) project(idOrKey string) *Project {
	return pick(s.st.Projects, func(p *Project) bool { return p.ID == idOrKey || strings.EqualFold(p.Key, idOrKey) })
}

func (s *Site) projectOf(is *Issue) *Project { return s.project(is.Project) }

func (s *Site) status(id string) *Status {
	return pick(s.st.Statuses, func(x *Status) bool { return x.ID == id })
}

func (s *Site) issueType(id string) *IssueType {
	return pick(s.st.Types, func(x *IssueType) bool { return x.ID == id })
}

func (s *Site) workflow(is *Issue) *Workflow {
	p := s.projectOf(is)
	return pick(s.st.Workflows, func(w *Workflow) bool { return w.ID == p.Workflow })
}

// pick is the first element for which ok holds, or nil.
func pick[T any](list []*T, ok func(*T) bool) *T {
	for _, x := range list {
		if ok(x) {
			return x
		}
	}
	return nil
}

// named finds a priority or resolution by id.
func named(list []*Named, id string) *Named {
	return pick(list, func(n *Named) bool { return n.ID == id })
}

func keyOf(p *Project, number int) string { return fmt.Sprintf("%s-%d", p.Key, number) }
