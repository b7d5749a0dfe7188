package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// The parent of an issue travels as the id of an issue of the remote site, and is written as its twin here. Where it has none yet,
// what needs it waits: a sub-task, of which Jira makes none without its parent, is asked for again; any other issue stands without.

// remoteTwin names, among those that wait for another issue, one of the remote site whose twin is still to be made.
func remoteTwin(id string) string { return "remote-" + id }

// findParents looks up the twins of the issues that the remote site calls parents. Who finds none is noted as waiting for it, unless
// nothing is to be done.
func (f *Flow) findParents(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change, dry bool) error {
	row, ok := parentRow(v.Rules)
	if !ok {
		return nil
	}
	var named []*bridge.Entry
	waits := ""
	if c != nil {
		named, waits = append(named, c.Fields[row.Key].Mine), remoteTwin(c.Issue.ID)
	}
	if p != nil {
		waits = p.Head.Local.ID
		if known := p.State.Fields[row.Key]; known != nil {
			named = append(named, known.Theirs)
		}
	}
	if dry {
		waits = ""
	}
	v.Twins = map[string]*pair.Pair{}
	for _, e := range named {
		if e == nil || e.Value.Empty() {
			continue
		}
		twin, err := f.twinOf(ctx, v, e.Value.Text(), waits)
		if err != nil {
			return err
		}
		v.Twins[e.Value.Text()] = twin
	}
	return nil
}

// twinOf is the pair of a remote issue, nil if it has no twin here; then it is noted first who waits for it ("": nobody), so that no
// pair comes unnoticed in between.
func (f *Flow) twinOf(ctx context.Context, v *observe.View, remote, waits string) (*pair.Pair, error) {
	book, connection := f.Site.Book, v.Connection.ID
	other, err := book.Find(ctx, connection, remote)
	if err != nil || other != nil || waits == "" {
		return other, err
	}
	if err := book.Await(ctx, connection, remote, waits); err != nil {
		return nil, err
	}
	return book.Find(ctx, connection, remote)
}

// parentRow is the row that writes the parent.
func parentRow(rules *rule.Rules) (rule.Row, bool) {
	rows := rules.Rows()
	i := slices.IndexFunc(rows, func(r rule.Row) bool { return r.In && r.TargetKind == bridge.Issue })
	if i < 0 {
		return rule.Row{}, false
	}
	return rows[i], true
}

// leavesParent reports that a parent which the remote site names is not written: it has no twin here yet, or an issue of that type has
// none here. On a Data Center only a sub-task has.
func (d *decider) leavesParent(row rule.Row, w *bridge.Entry, kind string) bool {
	if row.TargetKind != bridge.Issue || w.Stamp.Site == d.v.Role {
		return false
	}
	return d.f.Site.Jira.Flavour() == bridge.DataCenter && !subtask(d.v, kind) || !w.Value.Empty() && d.v.Twins[w.Value.Text()] == nil
}

// parent is the local value of an issue that the remote site names.
func (d *decider) parent(remote bridge.Value) bridge.Value {
	p := d.v.Twins[remote.Text()]
	if p == nil {
		return bridge.Cleared
	}
	return bridge.ValueOf(map[string]string{"id": p.Head.Local.ID})
}

// keyOf is what people call the issue that a value is; any other value as it is.
func keyOf(v *observe.View, local bridge.Value) bridge.Value {
	for _, p := range v.Twins {
		if p != nil && local == bridge.ValueOf(map[string]string{"id": p.Head.Local.ID}) {
			return bridge.ValueOf(p.Head.Local.Key)
		}
	}
	return local
}

// subtask reports whether an issue type is one of parts of another issue.
func subtask(v *observe.View, name string) bool {
	return slices.ContainsFunc(v.Names.Subtasks, func(s string) bool { return strings.EqualFold(s, name) })
}

// underParent puts a sub-task into the project of its parent. Where it has no parent here no twin is made, and why says so.
func (f *Flow) underParent(v *observe.View, c *bridge.Change, m *newborn) (o bridge.Outcome, why string, err error) {
	kind := m.target.Type
	if !subtask(v, kind) {
		return "", "", nil
	}
	row, takes := parentRow(v.Rules)
	said := c.Fields[row.Key].Mine
	switch {
	case !takes:
		return bridge.Parked, fmt.Sprintf(`a %s is part of another issue, and the rules take no parents: add the row "parent", or give the type another name`, kind), nil
	case said == nil || said.Value.Empty():
		return bridge.Parked, fmt.Sprintf("a %s is part of another issue, and none was named that is under sync: bring its parent under sync, or give the type another name", kind), nil
	}
	p := v.Twins[said.Value.Text()]
	if p == nil {
		return bridge.Awaits, "the twin of its parent comes first", nil
	}
	if p.State.Project != "" {
		m.target.Project = p.State.Project
		m.fields["project"] = map[string]any{"key": m.target.Project}
	}
	return "", "", v.Rules.Admits(m.target.Project, kind)
}

// wake has looked at again what waits for the twin that a remote issue has now.
func (f *Flow) wake(ctx context.Context, v *observe.View, p *pair.Pair) error {
	if !v.Rules.Takes("links") && !v.Rules.Takes("parent") || p.Head.Remote.ID == "" {
		return nil
	}
	book, connection := f.Site.Book, v.Connection.ID
	waiting, err := book.Awaiting(ctx, connection, p.Head.Remote.ID)
	if err != nil {
		return err
	}
	for _, issue := range waiting {
		if err := f.again(ctx, connection, issue, p.Head.Remote.Key); err != nil {
			return err
		}
		if err := book.Awaited(ctx, connection, p.Head.Remote.ID, issue); err != nil {
			return err
		}
	}
	return nil
}

// again looks at what waited for the twin of another issue: a pair, or a remote issue that is offered anew.
func (f *Flow) again(ctx context.Context, connection, issue, cause string) error {
	if remote, ok := strings.CutPrefix(issue, remoteTwin("")); ok {
		t, err := f.Site.Book.Twin(ctx, connection, remote)
		if err != nil {
			return err
		}
		if t == nil || t.Local == "" {
			return f.Site.Book.AskFor(ctx, connection, remote)
		}
		issue = t.Local
	}
	t := site.Task{Kind: site.RetryTask, Connection: connection, Issue: issue, By: "the twin of " + cause}
	return f.Site.Send(ctx, t, bridge.Live, "")
}
