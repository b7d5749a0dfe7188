package publish

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// logged takes a worklog event. Its body has no issue, and does not prove who may see the worklog: one read of the issue says
// both.
func (f *Flow) logged(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string) error {
	rules, _, err := f.Site.Rules(ctx, c.ID)
	if err != nil {
		return err
	}
	if ev.Worklog == nil || ev.Kind == jira.WorklogDeleted {
		return f.unlogged(ctx, c, p, ev, cause, concerned(rules, p))
	}
	if original, err := p.CopyOf(ctx, bridge.Worklog, ev.Worklog.ID); err != nil || original != "" || !concerned(rules, p) {
		return err
	}
	fields := append([]string{"summary", "project", "issuetype", "status", "security", "updated", "worklog"}, rules.Guards()...)
	is, err := f.Site.Jira.Issue(ctx, ev.IssueID, jira.IssueOptions{Fields: fields})
	if err != nil {
		return err
	}
	v, kept, whole, err := f.viewed(ctx, c, p, is, cause)
	if err != nil {
		return err
	}
	if whole {
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	w := *ev.Worklog
	if i := slices.IndexFunc(is.Worklogs, func(x jira.Worklog) bool { return x.ID == w.ID }); i >= 0 {
		w = is.Worklogs[i]
	}
	s, err := f.worklog(ctx, v, p, ev.IssueID, w)
	if err != nil || s == nil {
		return err
	}
	return f.change(f.Site.Book.Change(ctx, p, func(p *pair.Pair) error {
		keep(p, kept, cause)
		return takeAll(ctx, p, v, []sight{*s}, cause)
	}))
}

// unlogged takes the event of a deleted worklog, or one that does not say which worklog it is about.
func (f *Flow) unlogged(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string, concerned bool) error {
	switch {
	case ev.Worklog == nil && concerned:
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	case ev.Worklog == nil:
		return nil
	}
	s, err := deleted(ctx, p, bridge.Worklog, ev.Worklog.ID, ev.At)
	if err != nil || !s.lost && !concerned {
		return err
	}
	return f.takeDeleted(ctx, c, p, s, cause)
}

// worklogs sees the worklogs that the issue shows, and what is missing from a complete list. Jira shows twenty with an issue;
// where there are more, all are read.
func (f *Flow) worklogs(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, now bool) ([]sight, error) {
	if !concerned(v.Rules, p) {
		return nil, nil
	}
	if len(is.Worklogs) > 0 && !is.AllWorklogs {
		list, err := f.Site.Jira.ListWorklogs(ctx, is.ID)
		if err != nil {
			return nil, err
		}
		is.Worklogs, is.AllWorklogs = list, true
	}
	var out []sight
	for _, w := range is.Worklogs {
		s, err := f.worklog(ctx, v, p, is.ID, w)
		if err != nil {
			return nil, err
		}
		if s != nil {
			s.Now = now
			out = append(out, *s)
		}
	}
	if !is.AllWorklogs {
		return out, nil
	}
	gone, err := missing(ctx, p, bridge.Worklog, listedAt(is, now), func(id string) bool {
		return slices.ContainsFunc(is.Worklogs, func(w jira.Worklog) bool { return w.ID == id })
	})
	return append(out, gone...), err
}

// concerned reports whether any worklog of ours may leave, or has left.
func concerned(rules *rule.Rules, p *pair.Pair) bool { return rules.SendsWorklogs() || p.State.Logged }

// worklog proves whether a worklog may leave: by what is at hand, else by one read. Nil: it is a copy of ours, it was seen
// before, or the rules let none out.
func (f *Flow) worklog(ctx context.Context, v *observe.View, p *pair.Pair, issue string, w jira.Worklog) (*sight, error) {
	if !concerned(v.Rules, p) {
		return nil, nil
	}
	if original, err := p.CopyOf(ctx, bridge.Worklog, w.ID); err != nil || original != "" {
		return nil, err
	}
	own, err := p.Own(ctx, bridge.Worklog, w.ID)
	if err != nil || own == nil && !v.Rules.SendsWorklogs() {
		return nil, err
	}
	if own != nil && own.Member.Updated == w.Updated.UnixMilli() && own.Rules == v.Revision && !w.Complete {
		return nil, nil
	}
	mine := own == nil && w.Author.Is(v.Account)
	if !w.Complete || mine && w.Properties == nil && f.Site.Jira.Flavour() == bridge.Cloud {
		seen := w
		if w, err = f.Site.Jira.GetWorklog(ctx, issue, w.ID); jira.StatusOf(err) == 404 {
			return unseen(v, seen), nil
		}
		if err != nil {
			return nil, err
		}
	}
	if mine {
		if copied, is, err := f.copiedLog(ctx, v, p, w); err != nil || is {
			return copied, err
		}
	}
	if p.State.Kept != "" {
		return nil, nil
	}
	return ruledLog(v, p, w), nil
}

// unseen is a worklog that our account cannot read: deleted since, or not for everybody any more. It counts as restricted.
func unseen(v *observe.View, w jira.Worklog) *sight {
	return &sight{
		Sight: merge.Sight{Seq: w.Updated.UnixMilli(), Rules: v.Revision, Unproven: true}, offer: bridge.Member{Kind: bridge.Worklog, ID: w.ID},
		why: "this account cannot read it",
	}
}

// copiedLog recognises a worklog that we wrote, whose event came before its record: by its marker, on Data Center by what an
// open intent wrote. Where copies may have been forgotten, the remote site says which are its own.
func (f *Flow) copiedLog(ctx context.Context, v *observe.View, p *pair.Pair, w jira.Worklog) (s *sight, is bool, err error) {
	shows := pair.LogHash(w.Comment, w.Started, w.Seconds)
	if original := markerOf(w.Properties, v.Connection.ID); original != "" {
		if s, err = f.adoptable(ctx, p, bridge.Worklog, w.ID, original); s != nil {
			s.shows = shows
		}
		return s, true, err
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, c := range copies {
		if _, wrote := c.Wrote[shows]; wrote && c.LocalID == "" {
			return &sight{adopt: c.Want.ID, shows: shows, offer: bridge.Member{Kind: bridge.Worklog, ID: w.ID}}, true, nil
		}
	}
	return nil, p.State.Look != 0, nil
}

// ruledLog asks the outgoing rule.
func ruledLog(v *observe.View, p *pair.Pair, w jira.Worklog) *sight {
	in := rule.Worklog{
		Author: w.Author.Person(), Body: w.Comment, Created: w.Created.UnixMilli(), Started: w.Started.UnixMilli(), Seconds: w.Seconds,
		Restricted: w.Visibility != nil,
	}
	send, out, why, err := v.Rules.WorklogOut(observe.Env(p, v, v.Issue), in)
	if err != nil {
		send, why = false, err.Error()
	}
	out.Kind, out.ID = bridge.Worklog, w.ID
	out.Updated, out.Seq = w.Updated.UnixMilli(), w.Updated.UnixMilli()
	return &sight{
		Sight: merge.Sight{Seq: out.Seq, Rules: v.Revision, Hash: pair.Hash(out), Kept: !send},
		offer: out, why: why, ours: w.Author.Is(v.Account),
	}
}
