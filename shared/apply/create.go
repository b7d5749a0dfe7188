package apply

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// create makes the twin of a remote issue, exactly once: the intent is stored first, by one creator only; the call
// carries a marker; a retry that finds an open intent looks before it creates. Nil without an error: no twin is made,
// and the answer is kept.
func (f *Flow) create(ctx context.Context, v *observe.View, c *bridge.Change) (*pair.Pair, error) {
	t, again, err := f.claim(ctx, v, c)
	if err != nil || t == nil {
		return nil, err
	}
	if t.Local != "" {
		return f.Site.Book.Load(ctx, c.Connection, t.Local)
	}
	if c.Gone != "" {
		return f.adoptGone(ctx, c, t)
	}
	if c.Twin != "" {
		return f.adopt(ctx, v, c, t)
	}
	if err := f.resolve(ctx, v, nil, c, false); err != nil {
		return nil, err
	}
	m, why, err := f.newTwin(v, c)
	outcome := bridge.Refused
	if err == nil && why == "" {
		outcome, why, err = f.underParent(v, c, m)
	}
	if err == nil && why == "" {
		err = f.asRequest(ctx, v, m)
	}
	if bridge.IsTemporary(err) {
		return nil, err
	}
	v.Says("create", c.Issue.ID, err)
	if err != nil || why != "" {
		if err != nil {
			outcome, why = bridge.Refused, err.Error()
		}
		return nil, f.refuseTwin(ctx, c, t, outcome, why)
	}
	if m.twin = t; again || c.Anew != 0 {
		ref, marker, err := f.look(ctx, v, c, t)
		if err != nil {
			return nil, err
		}
		if ref.ID != "" {
			m.writes, m.pair.State.Look = gave(m.writes, marker), c.Revision
			return f.join(ctx, v, c, m, ref)
		}
		if m.twin, err = f.Site.Book.Renew(ctx, c.Connection, c.Issue.ID, t); err != nil {
			return nil, err
		}
	}
	if err := f.mayCreate(ctx, v, c); err != nil {
		return nil, err
	}
	ref, err := f.post(ctx, v, c, m)
	switch {
	case err == nil:
		return f.join(ctx, v, c, m, ref)
	case bridge.IsTemporary(err) || jira.Uncertain(err) || bridge.LevelOf(err) != bridge.LevelPair:
		return nil, err
	}
	return nil, f.refuseTwin(ctx, c, m.twin, bridge.Parked, err.Error())
}

// claim stores the intent. Again says that an earlier try may have created the issue.
func (f *Flow) claim(ctx context.Context, v *observe.View, c *bridge.Change) (t *pair.Twin, again bool, err error) {
	book := f.Site.Book
	t, err = book.Claim(ctx, c.Connection, c.Issue.ID, rand.Text())
	if !errors.Is(err, store.ErrConflict) {
		return t, false, err
	}
	if t, err = book.Twin(ctx, c.Connection, c.Issue.ID); err != nil || t == nil {
		return nil, false, err
	}
	if t.Answer == nil {
		return t, true, nil
	}
	if t.Answer.Revision >= c.Revision && t.Answer.Outcome != bridge.Parked && t.Answer.Outcome != bridge.Awaits {
		return nil, false, nil // answered already
	}
	if err := book.Offered(ctx, c.Connection, c.Issue.ID); err != nil {
		return nil, false, err
	}
	t, err = book.Reclaim(ctx, c.Connection, c.Issue.ID, t, rand.Text())
	return t, false, err
}

func (f *Flow) refuseTwin(ctx context.Context, c *bridge.Change, t *pair.Twin, o bridge.Outcome, why string) error {
	level := slog.LevelWarn
	if o == bridge.Awaits {
		level = slog.LevelInfo
	}
	f.Site.Log.Log(ctx, level, "no twin made", "connection", c.Connection, "remote", c.Issue.Key, "outcome", string(o), "why", why)
	return f.Site.Book.Refuse(ctx, c.Connection, c.Issue.ID, t, bridge.Ack{
		Connection: c.Connection, Issue: c.Issue.ID, Revision: c.Revision, Outcome: o, Reason: why,
	})
}

// newborn is a twin about to be created.
type newborn struct {
	twin     *pair.Twin
	pair     *pair.Pair
	target   rule.Target
	fields   map[string]any
	writes   map[string]pair.IntendedWrite // by replica key
	problems map[string]string
	notes    map[string]string // of fields in which somebody stands in
}

// newTwin decides where the twin goes and with what.
func (f *Flow) newTwin(v *observe.View, c *bridge.Change) (*newborn, string, error) {
	m := &newborn{
		pair:   f.Site.Book.New(c.Connection, bridge.Ref{}, f.Site.Role.Other()),
		fields: map[string]any{}, writes: map[string]pair.IntendedWrite{}, problems: map[string]string{}, notes: map[string]string{},
	}
	m.pair.Head.Remote = c.Issue
	for key, in := range c.Fields {
		field := m.pair.State.Field(key)
		field.Field, _ = merge.Receive(field.Field, way(v, key), bridge.Entries{Mine: in.Mine})
	}
	env := observe.Env(m.pair, v, nil)
	env.First = true
	why, err := v.Rules.Refuses(env)
	if err != nil || why != "" {
		return nil, why, err
	}
	if m.target, err = v.Rules.Create(env); err != nil {
		return nil, "", err
	}
	if m.target.Project == "" {
		m.target.Project = v.Connection.Project
	}
	if m.target.Project == "" {
		return nil, "the incoming rule names no project for it", nil
	}
	if err := v.Rules.Admits(m.target.Project, m.target.Type); err != nil {
		return nil, "", err
	}
	incoming, err := v.Rules.Incoming(env)
	if err != nil {
		return nil, "", err
	}
	m.fields["project"] = map[string]any{"key": m.target.Project}
	m.fields["issuetype"] = map[string]any{"name": m.target.Type}
	f.fill(v, m, incoming)
	if _, ok := m.fields["summary"]; !ok {
		m.fields["summary"] = c.Issue.Key
	}
	return m, "", nil
}

// asRequest gives the new issue of a service project its request type: without one no customer sees it, so none is made where
// this site does not have it.
func (f *Flow) asRequest(ctx context.Context, v *observe.View, m *newborn) error {
	wanted := m.target.RequestType
	field, ok := v.Schema.RequestType()
	if wanted == "" || !ok || subtask(v, m.target.Type) || !observe.Service(v.Names, m.target.Project) {
		return nil
	}
	if !strings.Contains(wanted, "/") { // "portal/key" is how a Data Center calls it
		id, err := f.requestType(ctx, m.target.Project, wanted)
		if bridge.NameOf(err) == "not-found" {
			return noRequest(m.target, err.Error())
		}
		if err != nil {
			return err
		}
		wanted = id
	}
	m.fields[field.ID] = wanted
	return nil
}

func noRequest(t rule.Target, why string) error {
	return bridge.Permanent("request-type-unknown", "%s: create.requestType: %s", t.Where, why)
}

// requestType is the id of a request type, asked once.
func (f *Flow) requestType(ctx context.Context, project, name string) (string, error) {
	key := [2]string{project, name}
	f.mu.Lock()
	id, known := f.requests[key]
	f.mu.Unlock()
	if known {
		return id, nil
	}
	id, err := f.Site.Jira.RequestType(ctx, project, name)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests == nil {
		f.requests = map[[2]string]string{}
	}
	f.requests[key] = id
	return id, nil
}

// fill puts every value that can be given at creation into the call.
func (f *Flow) fill(v *observe.View, m *newborn, incoming map[string]rule.In) {
	d := &decider{f: f, v: v, p: m.pair, pl: &plan{problems: m.problems}, incoming: incoming}
	for _, key := range m.pair.State.Keys() {
		base, elem, isElem := merge.SplitKey(key)
		row, ok := v.Rules.Row(base)
		w := m.pair.State.Field(key).Theirs
		if !ok || !row.In || w == nil || d.leavesParent(row, w, m.target.Type) {
			continue
		}
		value, problem := d.local(row, base, elem, isElem, w)
		if problem != "" {
			refuse(m.pair, v, key, w.ID(), problem)
			m.problems[key] = problem
			continue
		}
		f.give(v, m, row, key, elem, isElem, value, w.ID())
		f.unknownUser(v.Rules, incoming[key], value, key, m.notes)
	}
	for _, in := range incoming {
		if field, ok := v.Schema.ByID(in.Field); ok && in.Constant && in.Err == nil && !in.Leave {
			if wire, err := field.Wire(in.Value, f.Site.Jira.Flavour()); err == nil {
				m.fields[field.ID] = wire
			}
		}
	}
}

func (f *Flow) give(v *observe.View, m *newborn, row rule.Row, key, elem string, isElem bool, value bridge.Value, e bridge.Edit) {
	field, ok := v.Schema.ByID(row.Target)
	w := pair.IntendedWrite{Field: row.Target, Edit: e, Value: value}
	switch {
	case row.Target == "issuetype":
		w.Value = bridge.ValueOf(m.target.Type)
		m.writes[key] = w
	case !ok || row.Target == "status" || row.Target == "resolution" || row.Target == "project":
		// not given at creation: the projection that follows sees to it
	case value.Empty() || isElem && value == bridge.False:
		m.writes[key] = w // a new issue shows just that
	case isElem:
		local, leave, err := f.element(v, row, elem)
		if err != nil || leave {
			return
		}
		if wire, err := field.WireElement(local, f.Site.Jira.Flavour()); err == nil {
			list, _ := m.fields[field.ID].([]any)
			m.fields[field.ID] = append(list, wire)
			w.Local = local
			m.writes[key] = w
		}
	default:
		if wire, err := field.Wire(value, f.Site.Jira.Flavour()); err == nil {
			m.fields[field.ID] = wire
			m.writes[key] = w
		}
	}
}

// post creates the issue. Fields that Jira refuses by name are left out and noted; the issue is created without them.
func (f *Flow) post(ctx context.Context, v *observe.View, c *bridge.Change, m *newborn) (jira.Ref, error) {
	in := pair.Intent{ID: m.twin.Intent, Writes: m.writes}
	for {
		ref, err := f.Site.Jira.Create(ctx, jira.CreateRequest{
			Fields: m.fields, Metadata: observe.Metadata(v.Connection.ID, c.Issue.ID, in, false),
			Properties: map[string]any{site.MarkerKey: site.Marker{Connection: v.Connection.ID, Remote: c.Issue.ID, Intent: m.twin.Intent, Edits: given(m.writes)}},
		})
		if err == nil {
			return ref, nil
		}
		if f.standIn(v, m.writes, m.fields, m.notes, err) {
			continue
		}
		essential := map[string]bool{"project": true, "issuetype": true, "summary": true}
		optional := false
		for id, why := range jira.FieldErrors(err) {
			if _, sent := m.fields[id]; sent && !essential[id] {
				optional = true
			}
			if field, ok := v.Schema.RequestType(); ok && field.ID == id {
				return jira.Ref{}, noRequest(m.target, why)
			}
		}
		if !optional || jira.Uncertain(err) {
			return jira.Ref{}, err
		}
		dropRefused(m.writes, m.problems, m.fields, nil, err)
	}
}

// join records the pair of the new issue. What the call gave is what stands there: item 0 carries it.
func (f *Flow) join(ctx context.Context, v *observe.View, c *bridge.Change, m *newborn, ref jira.Ref) (*pair.Pair, error) {
	p := m.pair
	p.Head.Local = bridge.Ref{ID: ref.ID, Key: ref.Key, URL: f.Site.Jira.Browse(ref.Key)}
	p.State.Project, p.State.Type, p.Head.Rules = m.target.Project, m.target.Type, v.Revision
	for key, w := range m.writes {
		field := p.State.Field(key)
		field.Field = merge.Wrote(field.Field, 0, w.Value, w.Edit)
		p.Note(pair.Event{What: "applied", Field: key, New: w.Value, Edit: w.Edit.String(), Outcome: "created"})
	}
	noteStandIns(p, m.notes)
	f.begins(ctx, v, m, p)
	for key, why := range m.problems {
		if field := p.State.Field(key); field.Theirs != nil {
			refuse(p, v, key, field.Theirs.ID(), why)
		}
	}
	p.Note(pair.Event{What: "created", Cause: "change of " + c.Issue.Key, Note: ref.Key})
	err := f.Site.Book.Join(ctx, p, m.twin)
	if errors.Is(err, store.ErrConflict) {
		return f.Site.Book.Find(ctx, c.Connection, c.Issue.ID) // adopted meanwhile
	}
	return p, err
}

// given are the edits that a creation gives, for its marker.
func given(writes map[string]pair.IntendedWrite) map[string]string {
	const most = 300 // a property holds 32 KB
	if len(writes) > most {
		return nil
	}
	out := map[string]string{}
	for key, w := range writes {
		out[key] = w.Edit.String()
	}
	return out
}

// gave are the writes of an earlier try, by its marker: it may have given older values than we would now.
func gave(writes map[string]pair.IntendedWrite, marker site.Marker) map[string]pair.IntendedWrite {
	out := map[string]pair.IntendedWrite{}
	for key, s := range marker.Edits {
		e, ok := bridge.ParseEdit(s)
		if !ok {
			continue
		}
		w := pair.IntendedWrite{Edit: e}
		if now := writes[key]; now.Edit == e {
			w = now
		}
		out[key] = w
	}
	return out
}

// begins notes the status that the new issue is in, so that a twin in the same one costs no call, and that it has no
// resolution. Of an issue found later, its changelog is read instead.
func (f *Flow) begins(ctx context.Context, v *observe.View, m *newborn, p *pair.Pair) {
	if p.State.Look != 0 {
		return
	}
	if row, ok := v.Rules.Row("resolution"); ok && row.In && row.Target == "resolution" {
		p.State.Field(row.Key).Shown = bridge.Cleared
	}
	row, ok := v.Rules.Row("status")
	if !ok || !row.In || row.Target != "status" {
		return
	}
	if status := f.initialStatus(ctx, workflow{m.target.Project, m.target.Type}, p.Head.Local.ID); status != "" {
		p.State.Field(row.Key).Shown = bridge.ValueOf(status)
	}
}

// look searches for an issue that an earlier try created, by its marker. An empty search counts only if it is evident
// that the search index has passed the time of that try; until then the outcome is uncertain and is looked for again.
func (f *Flow) look(ctx context.Context, v *observe.View, c *bridge.Change, t *pair.Twin) (found jira.Ref, marker site.Marker, err error) {
	since := t.Since
	if c.Anew != 0 {
		since = min(since, c.Anew)
	}
	since -= clockSlack.Milliseconds()
	jql := fmt.Sprintf("created >= %d ORDER BY created ASC, key ASC", f.jiraTime(since).Add(-time.Minute).UnixMilli())
	passed, decided := f.indexPassed(ctx, t) // asked before the search: what the index learns after it, the search did not show
	err = f.Site.Jira.Search(ctx, jql, jira.SearchOptions{Fields: []string{"created", "creator"}, Properties: []string{site.MarkerKey}}, func(is *jira.Issue) error {
		if f.Site.HubTime(is.Created()) > t.Since+callTime.Milliseconds() {
			passed = true
		}
		if found.ID != "" || !is.Creator().Is(v.Account) {
			return nil
		}
		m, err := f.marker(ctx, is)
		if err != nil || m.Connection != c.Connection || m.Remote != c.Issue.ID {
			return err
		}
		made := m.Intent == t.Intent
		if !made && c.Anew != 0 { // the intent may be forgotten: it is ours unless it is in a pair
			p, err := f.Site.Book.Load(ctx, c.Connection, is.ID)
			if err != nil {
				return err
			}
			made = p == nil
		}
		if made {
			found, marker = jira.Ref{ID: is.ID, Key: is.Key}, m
		}
		return nil
	})
	if err != nil || found.ID != "" || passed {
		return found, marker, err
	}
	uncertain := bridge.Temporary("creation-uncertain",
		"twin of %s: an earlier try may have created it, and the search index of this site does not show so recent issues yet; looked for again", c.Issue.Key)
	uncertain.After = decided
	return found, marker, uncertain
}

// callTime is the longest a creation may take.
const callTime = 2 * time.Minute

// indexPassed reports whether the search index shows everything that was created by the try, and if not, in how long it
// must. Data Center says how far its index is; Cloud's search is trusted when the lag it may have is over.
func (f *Flow) indexPassed(ctx context.Context, t *pair.Twin) (passed bool, in time.Duration) {
	over := t.Since + callTime.Milliseconds()
	if state, ok, err := f.Site.Jira.IndexLag(ctx); err == nil && ok {
		return f.Site.HubTime(state.Index) > over || f.Site.Now() > over && state.Lag() == 0, until(over, f.Site.Now())
	}
	over += cmp.Or(f.IndexLag, 8*time.Minute).Milliseconds()
	return f.Site.Now() > over, until(over, f.Site.Now())
}

// until is the time from now to just after then, both in milliseconds.
func until(then, now int64) time.Duration {
	return time.Duration(max(0, then-now)+1) * time.Millisecond
}

func (f *Flow) jiraTime(hub int64) time.Time {
	return time.UnixMilli(hub - (f.Site.HubTime(time.UnixMilli(hub)) - hub))
}

// marker is the mark on an issue of our making; the zero Marker if there is none that can be read.
func (f *Flow) marker(ctx context.Context, is *jira.Issue) (m site.Marker, err error) {
	raw, known := is.Properties[site.MarkerKey]
	if !known {
		if raw, err = f.Site.Jira.Property(ctx, is.ID, site.MarkerKey); err != nil {
			return m, err
		}
	}
	if json.Unmarshal(raw, &m) != nil {
		return site.Marker{}, nil
	}
	return m, nil
}
