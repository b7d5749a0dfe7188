package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/rule"
	"drawbridge/shared/store"
)

// Revision is one published rule file of a connection at this site.
type Revision struct {
	Number  int64  `json:"number"`
	Source  string `json:"source"`
	File    string `json:"file,omitempty"`
	Author  string `json:"author,omitempty"`
	At      int64  `json:"at"` // hub ms
	Message string `json:"message,omitempty"`
}

// published is a revision bound against the site's fields.
type published struct {
	rules   *rule.Rules
	number  int64
	checked time.Time
	bound   time.Time
}

const (
	rulesCheckedEvery = time.Second
	rulesBoundFor     = time.Hour // then the site is asked again what it has: statuses, fields, projects come and go
)

// Rules returns the rules in force for a connection and their revision; the default rules, revision 0, where none were
// published. A new revision is noticed within a second.
func (s *Site) Rules(ctx context.Context, connection string) (*rule.Rules, int64, error) {
	s.mu.Lock()
	known := s.rules[connection]
	s.mu.Unlock()
	if known != nil && time.Since(known.checked) < rulesCheckedEvery {
		return known.rules, known.number, nil
	}
	rev, err := s.CurrentRevision(ctx, connection)
	if err != nil {
		return nil, 0, err
	}
	next, err := s.rebind(ctx, known, rev)
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules == nil {
		s.rules = map[string]*published{}
	}
	s.rules[connection] = next
	return next.rules, next.number, nil
}

// rebind is the revision bound to what the site has now. Rules in force stay in force where something they name has gone.
func (s *Site) rebind(ctx context.Context, known *published, rev Revision) (*published, error) {
	now := time.Now()
	same := known != nil && known.number == rev.Number
	if same && now.Sub(known.bound) < rulesBoundFor {
		return &published{known.rules, known.number, now, known.bound}, nil
	}
	if known != nil {
		if err := s.Jira.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	bound, err := s.Bind(ctx, rev)
	if known == nil && err != nil && !bridge.IsTemporary(err) && s.asksAgain(now) {
		// what the site has was asked for another connection's rules, perhaps long ago
		if err := s.Jira.Refresh(ctx); err != nil {
			return nil, err
		}
		bound, err = s.Bind(ctx, rev)
	}
	if err != nil && same && !bridge.IsTemporary(err) {
		s.Log.Warn("the rules in force name what this site has no more", "revision", rev.Number, "error", err)
		return &published{known.rules, known.number, now, now}, nil
	}
	if err != nil {
		return nil, err
	}
	return &published{bound, rev.Number, now, now}, nil
}

// asksAgain reports whether rules that name what the site seems not to have may make us ask it again: once a minute.
func (s *Site) asksAgain(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.renewed) < time.Minute {
		return false
	}
	s.renewed = now
	return true
}

// Bind parses a revision's source and binds it to what this site has.
func (s *Site) Bind(ctx context.Context, rev Revision) (*rule.Rules, error) {
	set, problems := rule.Parse(rev.File, []byte(rev.Source))
	if len(problems) > 0 {
		return nil, invalid(rev, problems)
	}
	schema, err := s.RuleSchema(ctx)
	if err != nil {
		return nil, err
	}
	bound, problems := set.Bind(schema)
	if len(problems) > 0 {
		return nil, invalid(rev, problems)
	}
	return bound, nil
}

func invalid(rev Revision, problems rule.Problems) error {
	return bridge.Permanent("rules-invalid", "rules revision %d: %w", rev.Number, problems).At(bridge.LevelConnection)
}

// RuleSchema is what the rules may name on this site.
func (s *Site) RuleSchema(ctx context.Context) (rule.Schema, error) {
	fields, err := s.Jira.Fields(ctx)
	if err != nil {
		return rule.Schema{}, err
	}
	names, err := s.Jira.Names(ctx)
	if err != nil {
		return rule.Schema{}, err
	}
	out := rule.Schema{Role: s.Role, Flavour: s.Jira.Flavour()}
	for _, f := range fields.All() {
		out.Fields = append(out.Fields, rule.Field{ID: f.ID, Name: f.Name, Kind: f.Kind, Custom: f.Custom})
	}
	for _, st := range names.Statuses {
		out.Statuses = append(out.Statuses, st.Name)
	}
	for _, n := range names.Priorities {
		out.Priorities = append(out.Priorities, n.Name)
	}
	for _, n := range names.Resolutions {
		out.Resolutions = append(out.Resolutions, n.Name)
	}
	for _, n := range names.IssueTypes {
		out.Types = append(out.Types, n.Name)
	}
	for _, p := range names.Projects {
		out.Projects = append(out.Projects, p.Key)
	}
	for _, t := range names.LinkTypes {
		out.LinkTypes = append(out.LinkTypes, t.Name)
	}
	return out, nil
}

// CheckSchema is RuleSchema with the users that a rule file names, each asked once, and the request types it may: for whoever saves it. Rules in force do
// not fail because somebody left.
func (s *Site) CheckSchema(ctx context.Context, set *rule.Set) (rule.Schema, error) {
	out, err := s.RuleSchema(ctx)
	out.Users = []string{}
	for _, name := range set.Users() {
		if err == nil {
			var known []string
			known, err = s.usersLike(ctx, name)
			out.Users = append(out.Users, known...)
		}
	}
	out.RequestTypes = map[string][]string{}
	for _, project := range set.Requests() {
		if _, known := out.RequestTypes[project]; err != nil || known || !slices.Contains(out.Projects, project) {
			continue
		}
		out.RequestTypes[project], err = s.Jira.RequestTypes(ctx, project)
		if !bridge.IsTemporary(err) {
			err = nil // no service desk, or none that we see: the list is not known
		}
	}
	return out, err
}

// usersLike is the user of that name or id, else those whose name has it in it. Where Jira does not let us ask, the user
// counts as known.
func (s *Site) usersLike(ctx context.Context, name string) ([]string, error) {
	_, err := s.Jira.User(ctx, name)
	switch {
	case err == nil:
		return []string{name}, nil
	case bridge.IsTemporary(err):
		return nil, err
	case jira.StatusOf(err) != http.StatusNotFound && jira.StatusOf(err) != http.StatusBadRequest:
		return []string{name}, nil
	}
	found, err := s.Jira.FindUser(ctx, name)
	if bridge.IsTemporary(err) {
		return nil, err
	}
	var ids []string
	for _, u := range found {
		id := u.ID()
		if s.Jira.Flavour() == bridge.Cloud {
			id += " (" + u.DisplayName + ")"
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func rulesKey(connection, sort string) store.Key {
	return store.Key{Part: "rules/" + connection, Sort: sort}
}

func revisionSort(n int64) string { return fmt.Sprintf("revision/%06d", n) }

// CurrentRevision is the revision in force; number 0 is the default rule set of the site's role.
func (s *Site) CurrentRevision(ctx context.Context, connection string) (Revision, error) {
	docs, err := s.Book.Store.Get(ctx, rulesKey(connection, "current"))
	if err != nil {
		return Revision{}, err
	}
	if docs[0] == nil {
		return Revision{File: "default rules", Source: string(rule.DefaultSource())}, nil
	}
	var current struct{ Number int64 }
	if err := json.Unmarshal(docs[0].Body, &current); err != nil {
		return Revision{}, err
	}
	return s.Revision(ctx, connection, current.Number)
}

// Revision returns one published revision.
func (s *Site) Revision(ctx context.Context, connection string, number int64) (Revision, error) {
	docs, err := s.Book.Store.Get(ctx, rulesKey(connection, revisionSort(number)))
	if err != nil {
		return Revision{}, err
	}
	if docs[0] == nil {
		return Revision{}, bridge.Permanent("rules-unknown", "connection %s has no rules revision %d: see its rules history", connection, number)
	}
	var r Revision
	return r, json.Unmarshal(docs[0].Body, &r)
}

// Revisions lists the published revisions, oldest first.
func (s *Site) Revisions(ctx context.Context, connection string) ([]Revision, error) {
	docs, err := s.Book.Store.List(ctx, "rules/"+connection, store.Range{Prefix: "revision/"})
	if err != nil {
		return nil, err
	}
	out := make([]Revision, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Publish checks a rule file against this site and our contract, and puts it in force as the next revision. It is a function so
// that functions of AWS, which never publish, need not carry it. ErrConflict:
// somebody else published meanwhile.
func Publish(ctx context.Context, s *Site, connection string, r Revision) (Revision, error) {
	bound, problems, err := rule.Read(r.File, []byte(r.Source), func(set *rule.Set) (rule.Schema, error) { return s.CheckSchema(ctx, set) })
	if len(problems) > 0 {
		return r, invalid(r, problems)
	}
	if err == nil {
		err = keeps(ctx, s, connection, bound)
	}
	if err != nil {
		return r, err
	}
	return s.putInForce(ctx, connection, r, 0)
}

// Outnumber puts the rules in force once more, where the remote site knows of a higher revision than this state has: it was lost, or
// restored from a backup. A number is never used again, and what rules made that are forgotten counts no more.
func (s *Site) Outnumber(ctx context.Context, connection string, known int64) error {
	r, err := s.CurrentRevision(ctx, connection)
	if err != nil || r.Number >= known {
		return err
	}
	r.Author, r.Message = "drawbridge", fmt.Sprintf("revision %d again: the state was restored, and the other side knows of revision %d", r.Number, known)
	if _, err = s.putInForce(ctx, connection, r, known); err == nil {
		s.Notice(connection)
	}
	return err
}

// putInForce stores a revision under the number after all others, and after one that is known to have been used.
func (s *Site) putInForce(ctx context.Context, connection string, r Revision, used int64) (Revision, error) {
	docs, err := s.Book.Store.Get(ctx, rulesKey(connection, "current"))
	if err != nil {
		return r, err
	}
	past, err := s.Revisions(ctx, connection)
	if err != nil {
		return r, err
	}
	if len(past) > 0 {
		used = max(used, past[len(past)-1].Number)
	}
	r.Number, r.At = used+1, s.Now()
	body, err := json.Marshal(r)
	if err != nil {
		return r, err
	}
	current := store.Doc{Key: rulesKey(connection, "current"), Body: fmt.Appendf(nil, `{"number":%d}`, r.Number)}
	op := store.Create(current)
	if docs[0] != nil {
		current.Rev = docs[0].Rev
		op = store.Replace(current)
	}
	revision := store.Doc{Key: rulesKey(connection, revisionSort(r.Number)), Body: body}
	return r, s.Book.Store.Apply(ctx, store.Create(revision), op, s.Book.Tell(connection))
}

// Notice has the revision in force looked up at the next use, however short ago that was done: somebody published.
func (s *Site) Notice(connection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.rules[connection]; known != nil {
		s.rules[connection] = &published{rules: known.rules, number: known.number, bound: known.bound}
	}
}

// Forget drops the rules that are kept for a second, so that the next use reads them.
func (s *Site) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = nil
}
