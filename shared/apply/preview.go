package apply

import (
	"context"
	"regexp"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Preview answers what a change would do here, by this site's own rules, and does none of it. The answer holds names and
// values, never rules.
func (f *Flow) Preview(ctx context.Context, t site.Task) error {
	q := t.Question
	if q == nil {
		return nil
	}
	c, err := f.Site.Book.Connection(ctx, q.Connection)
	if err != nil || c == nil {
		return err
	}
	a, err := f.preview(ctx, c, &q.Change)
	if err != nil && bridge.IsTemporary(err) {
		return err
	}
	if err != nil {
		a.Outcome, a.Reason = bridge.Refused, withoutRule(err.Error())
	}
	a.Connection, a.ID = q.Connection, q.ID
	return f.Site.Answer(ctx, a)
}

func (f *Flow) preview(ctx context.Context, connection *bridge.Connection, c *bridge.Change) (a bridge.Preview, err error) {
	a.Outcome = bridge.Applied
	if connection.State != bridge.Active {
		a.Outcome, a.Reason = bridge.Refused, "the connection is "+string(connection.State)+" there"
		return a, nil
	}
	v, err := observe.Load(ctx, f.Site, connection, nil, bridge.Live)
	if err != nil {
		return a, err
	}
	a.Rules = v.Revision
	p, err := f.Site.Book.Find(ctx, c.Connection, c.Issue.ID)
	if err != nil {
		return a, err
	}
	if err := f.resolve(ctx, v, p, c, true); err != nil {
		return a, err
	}
	switch {
	case p != nil:
		return a, f.previewPair(ctx, v, p, c, &a)
	case c.Join != nil:
		return a, f.previewJoin(ctx, v, c, &a)
	}
	return a, f.previewNew(ctx, v, c, &a)
}

// previewPair plans on a copy of the pair that nobody stores.
func (f *Flow) previewPair(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change, a *bridge.Preview) error {
	a.Twin = p.Head.Local
	p.State.Intents = nil
	if _, err := receive(ctx, p, v, c, true); err != nil {
		return err
	}
	pl := &plan{issue: p.Head.Local.ID, dry: true, problems: map[string]string{}}
	if err := f.decide(ctx, v, p, pl); err != nil {
		return err
	}
	a.Transition = len(pl.transition.Writes) > 0
	for _, writes := range []map[string]pair.IntendedWrite{pl.edit.Writes, pl.transition.Writes} {
		for key, w := range writes {
			a.Fields = append(a.Fields, previewField(v, p, key, w))
		}
	}
	previewProblems(v, pl.problems, a)
	for _, m := range pl.members {
		a.Members = append(a.Members, previewMember(m))
	}
	return nil
}

func previewField(v *observe.View, p *pair.Pair, key string, w pair.IntendedWrite) bridge.PreviewField {
	out := bridge.PreviewField{Field: fieldName(v, key, w.Field), New: keyOf(v, w.Value)}
	base, _, _ := merge.SplitKey(key)
	if row, ok := v.Rules.Row(base); ok && row.Out {
		out.Old = p.State.Field(key).Shown // what this site lets out anyway
	}
	return out
}

// fieldName is the name of a field here, with the element of a set.
func fieldName(v *observe.View, key, id string) string {
	_, elem, isElem := merge.SplitKey(key)
	name := id
	if field, ok := v.Schema.ByID(id); ok {
		name = field.Name
	}
	if isElem {
		name += ": " + elem
	}
	return name
}

func previewProblems(v *observe.View, problems map[string]string, a *bridge.Preview) {
	for key, why := range problems {
		base, _, _ := merge.SplitKey(key)
		row, _ := v.Rules.Row(base)
		a.Fields = append(a.Fields, bridge.PreviewField{Field: fieldName(v, key, row.Target), Note: withoutRule(why)})
	}
}

func previewMember(m *deed) bridge.PreviewMember {
	out := bridge.PreviewMember{Member: m.key, What: string(m.what)}
	switch {
	case m.err != nil:
		out.What, out.Note = "refused", withoutRule(m.err.Error())
	case m.skip != "":
		out.What, out.Note = "not taken", withoutRule(m.skip)
	}
	return out
}

// previewNew is the issue that would be made.
func (f *Flow) previewNew(ctx context.Context, v *observe.View, c *bridge.Change, a *bridge.Preview) error {
	m, why, err := f.newTwin(v, c)
	if err != nil || why != "" {
		a.Outcome, a.Reason = bridge.Unwanted, why
		return err
	}
	if o, why, err := f.underParent(v, c, m); err != nil || why != "" {
		a.Outcome, a.Reason = o, why
		return err
	}
	a.Project, a.Type = m.target.Project, m.target.Type
	incoming, err := v.Rules.Incoming(observe.Env(m.pair, v, nil))
	if err != nil {
		return err
	}
	d := &decider{f: f, v: v, p: m.pair, pl: &plan{problems: map[string]string{}}, incoming: incoming}
	for _, key := range m.pair.State.Keys() {
		base, elem, isElem := merge.SplitKey(key)
		row, ok := v.Rules.Row(base)
		w := m.pair.State.Field(key).Theirs
		if !ok || !row.In || w == nil || d.leavesParent(row, w, m.target.Type) || m.problems[key] != "" {
			continue
		}
		if value, problem := d.local(row, base, elem, isElem, w); problem == "" && !value.Empty() {
			a.Fields = append(a.Fields, bridge.PreviewField{Field: fieldName(v, key, row.Target), New: keyOf(v, value)})
			if row.Target == "status" {
				if a.Transition, err = f.begun(ctx, value); err != nil {
					return err
				}
			}
		}
	}
	previewProblems(v, m.problems, a)
	for _, member := range c.Members {
		d := &deed{key: pair.MemberKey(member.Kind, member.ID), want: member, what: merge.Create}
		f.ruleMember(v, m.pair, d)
		if waits, err := f.ruleLink(ctx, v, m.pair, d, true); err != nil {
			return err
		} else if waits {
			d.skip = "it waits: the issue at the other end has no twin here yet"
		}
		a.Members = append(a.Members, previewMember(d))
	}
	return nil
}

// begun reports whether a status is past where issues begin.
func (f *Flow) begun(ctx context.Context, status bridge.Value) (bool, error) {
	names, err := f.Site.Jira.Names(ctx)
	return slices.ContainsFunc(names.Statuses, func(s jira.Status) bool { return s.Name == status.Text() && s.Category != "new" }), err
}

// previewJoin is the joining of two existing issues, worked out as it would be done.
func (f *Flow) previewJoin(ctx context.Context, v *observe.View, c *bridge.Change, a *bridge.Preview) error {
	is, err := f.Site.Jira.Issue(ctx, c.Twin, jira.IssueOptions{Histories: true, Comments: true})
	if jira.StatusOf(err) == 404 {
		a.Outcome, a.Reason = bridge.Unmatched, notHere(c)
		return nil
	}
	if err != nil {
		return err
	}
	known, err := f.Site.Book.Load(ctx, c.Connection, is.ID)
	if err != nil {
		return err
	}
	if known == nil || !known.State.Join.Means(c.Issue) {
		if ok, err := f.adoptable(ctx, v, c, nil, is); err != nil || !ok {
			a.Outcome, a.Reason = bridge.Unmatched, notHere(c)
			return err
		}
	}
	if known != nil && !known.State.Join.Means(c.Issue) {
		a.Outcome, a.Reason = bridge.Refused, is.Key+" is in a pair with another issue already"
		return nil
	}
	return f.previewMeeting(ctx, v, c, is, a)
}

func (f *Flow) previewMeeting(ctx context.Context, v *observe.View, c *bridge.Change, is *jira.Issue, a *bridge.Preview) error {
	with, err := observe.Load(ctx, f.Site, v.Connection, is, bridge.Live)
	if err != nil {
		return err
	}
	p := f.Site.Book.New(c.Connection, bridge.Ref{ID: is.ID, Key: is.Key}, f.Site.Role)
	p.Head.Remote, p.Head.Status = c.Issue, pair.Synced
	p.State.Join = &pair.Joining{Remote: c.Issue.ID, Values: c.Join.Values}
	observe.Fold(p, with, observe.Seen{Issue: is, Histories: is.Histories, All: true, Base: true, Cause: "preview"})
	same := map[string]bool{}
	for _, m := range pair.Matches(sketchesOf(is), c.Join.Members) {
		same[pair.MemberKey(m.Theirs.Kind, m.Theirs.ID)] = true
	}
	members := c.Members
	c.Members = nil
	if err := f.previewPair(ctx, with, p, c, a); err != nil {
		return err
	}
	c.Members = members
	stands(with, p, a)
	for _, s := range c.Join.Members {
		key := pair.MemberKey(s.Kind, s.ID)
		what := "create"
		if same[key] {
			what = "paired"
		}
		a.Members = append(a.Members, bridge.PreviewMember{Member: key, What: what})
	}
	return nil
}

// stands lists the fields in which this site's value would stand and be written to the other's issue.
func stands(v *observe.View, p *pair.Pair, a *bridge.Preview) {
	for _, key := range p.State.Keys() {
		base, _, _ := merge.SplitKey(key)
		f := p.State.Field(key)
		row, ok := v.Rules.Row(base)
		if ok && row.Out && f.Mine != nil && f.Theirs != nil && f.Mine.Saw >= f.Theirs.Seq && f.Mine.Value != f.Theirs.Value {
			a.Fields = append(a.Fields, bridge.PreviewField{Field: fieldName(v, key, row.Source), New: f.Mine.Value, Note: "stands, and would be written to yours"})
		}
	}
}

func sketchesOf(is *jira.Issue) (out []bridge.Sketch) {
	for _, c := range is.Comments {
		out = append(out, pair.Sketch(bridge.Member{
			Kind: bridge.Comment, ID: c.ID, Created: c.Created.UnixMilli(), Author: c.Author.Person(), Body: c.Body,
		}))
	}
	for _, w := range is.Worklogs {
		out = append(out, pair.Sketch(bridge.Member{
			Kind: bridge.Worklog, ID: w.ID, Created: w.Created.UnixMilli(), Author: w.Author.Person(), Body: w.Comment,
			Started: w.Started.UnixMilli(), Seconds: w.Seconds,
		}))
	}
	for _, a := range is.Attachments {
		out = append(out, bridge.Sketch{Kind: bridge.Attachment, ID: a.ID, Created: a.Created.UnixMilli(), Name: a.Name, Size: a.Size})
	}
	return out
}

// wherePlace is the file and line of a row, with which the text of a rule's error begins.
var wherePlace = regexp.MustCompile(`(?m)^[^\s:]+:\d+(:\d+)?: `)

// withoutRule takes out of a text where in our rules it comes from.
func withoutRule(text string) string { return wherePlace.ReplaceAllString(text, "") }
