package publish

import (
	"context"
	"encoding/json"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Begin says how an issue comes under sync.
type Begin struct {
	Base    int64 // id of the newest changelog item the body includes; 0: the creation
	Created bool  // it was just created: it has no comments and worklogs yet
	ByHand  bool  // a person asked: no trigger is needed
	Lane    bridge.Lane
	Cause   string
}

// unknown takes an event of an issue that is in no pair of the connection.
func (f *Flow) unknown(ctx context.Context, c *bridge.Connection, ev jira.Event) error {
	if ev.Kind != jira.IssueCreated && ev.Kind != jira.IssueUpdated || ev.Issue == nil || ev.Issue.Partial {
		return nil
	}
	b := Begin{Created: ev.Kind == jira.IssueCreated, Cause: "event " + ev.Name}
	if ev.Kind == jira.IssueUpdated && ev.History != nil {
		if !ev.Trust {
			return f.considerRead(ctx, c, ev.IssueID, b)
		}
		b.Base = ev.History.ID
	}
	return f.consider(ctx, c, ev.Issue, b)
}

func (f *Flow) considerRead(ctx context.Context, c *bridge.Connection, issue string, b Begin) error {
	is, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Histories: true, Comments: true})
	if err != nil {
		return err
	}
	b.Base = newest(is.Histories)
	return f.consider(ctx, c, is, b)
}

// Issue puts an issue under sync because a person asked, by id or key.
func (f *Flow) Issue(ctx context.Context, t site.Task) error {
	c, err := f.named(ctx, t)
	if err != nil || c == nil {
		return err
	}
	is, err := f.Site.Jira.Issue(ctx, t.Issue, jira.IssueOptions{Histories: true, Comments: true})
	if err != nil {
		return err
	}
	defer f.Site.Lock(is.ID)()
	b := Begin{Base: newest(is.Histories), ByHand: true, Cause: "asked by " + t.By}
	if t.Kind == site.ReadTask {
		b.Lane = bridge.Bulk
	}
	return f.consider(ctx, c, is, b)
}

// consider puts the issue under sync if it is not our own creation, the rules let it out and a trigger matches.
func (f *Flow) consider(ctx context.Context, c *bridge.Connection, is *jira.Issue, b Begin) error {
	own, err := f.ownCreation(ctx, c, is)
	if err != nil || own {
		return err
	}
	v, err := observe.Load(ctx, f.Site, c, is, b.Lane)
	if err != nil {
		return err
	}
	why, err := f.Site.Kept(ctx, v.Rules, observe.Env(f.fresh(c, is), v, v.Issue), is.ID)
	if err != nil {
		return err
	}
	if why != "" {
		f.Site.Log.Info("not sent", "connection", c.ID, "issue", is.Key, "why", why)
		if v.Rules.Method() == "shadow" {
			return f.Site.Shadow(ctx, c.ID, site.Shadow{Issue: bridge.Ref{ID: is.ID, Key: is.Key}, Kept: why})
		}
		return nil
	}
	if !b.ByHand {
		match, err := f.triggered(ctx, v, is)
		if err != nil || !match {
			return err
		}
	}
	return f.begin(ctx, v, is, b)
}

// fresh is a pair of an issue that is in none.
func (f *Flow) fresh(c *bridge.Connection, is *jira.Issue) *pair.Pair {
	return f.Site.Book.New(c.ID, bridge.Ref{ID: is.ID, Key: is.Key, URL: f.Site.Jira.Browse(is.Key)}, f.Site.Role)
}

// triggered reports whether a trigger puts the issue under sync, and no stop trigger keeps it out.
func (f *Flow) triggered(ctx context.Context, v *observe.View, is *jira.Issue) (bool, error) {
	if m := v.Rules.Method(); m != "automatic" && m != "shadow" {
		return false, nil
	}
	match, err := f.matches(ctx, v, is, false)
	if err != nil || !match {
		return false, err
	}
	stop, err := f.stopped(ctx, v, is)
	return !stop, err
}

// stopped reports whether a stop trigger takes the issue out.
func (f *Flow) stopped(ctx context.Context, v *observe.View, is *jira.Issue) (bool, error) {
	return f.matches(ctx, v, is, true)
}

// matches asks the triggers, or the stop triggers.
func (f *Flow) matches(ctx context.Context, v *observe.View, is *jira.Issue, stop bool) (bool, error) {
	return f.Site.Matches(ctx, v.Rules, v.Issue, is.ID, stop)
}

// begin stores the pair: every value shown is an entry, every member that may leave is offered.
func (f *Flow) begin(ctx context.Context, v *observe.View, is *jira.Issue, b Begin) error {
	if !b.Created && !is.AllComments {
		comments, err := f.Site.Jira.ListComments(ctx, is.ID)
		if err != nil {
			return err
		}
		is.Comments, is.AllComments = comments, true
	}
	if !b.Created && !is.AllWorklogs && v.Rules.SendsWorklogs() {
		logs, err := f.Site.Jira.ListWorklogs(ctx, is.ID)
		if err != nil {
			return err
		}
		is.Worklogs, is.AllWorklogs = logs, true
	}
	seen, lost, err := f.first(ctx, v, is, b)
	if err != nil || lost {
		return err
	}
	v.Remember(seen.Histories)
	p := f.fresh(v.Connection, is)
	p.Head.Revision = v.Now // higher than that of a pair of this issue that was lost
	if wroteHere(v, is) {
		p.State.Look = 1
	}
	ms, err := f.members(ctx, v, p, is, false)
	if err != nil {
		return err
	}
	p.Head.Updated = is.Updated().UnixMilli()
	p.Note(pair.Event{What: "under sync", Cause: b.Cause, Note: is.Key})
	if !observe.Fold(p, v, seen) {
		p.Mark(v.Now, v.Lane)
	}
	if err := takeAll(ctx, p, v, ms, b.Cause); err != nil {
		return err
	}
	err = f.Site.Book.Create(ctx, p)
	if isConflict(err) && b.ByHand {
		return f.again(ctx, v.Connection, is.ID, b.Cause)
	}
	if isConflict(err) {
		return nil // somebody else put it under sync meanwhile
	}
	if err != nil {
		return err
	}
	f.Site.Ring()
	return f.await(ctx, v, is, ms, true)
}

// wroteHere reports whether our account has written members of an issue that is in no pair: they may be copies of which we
// know nothing any more.
func wroteHere(v *observe.View, is *jira.Issue) bool {
	return slices.ContainsFunc(is.Comments, func(c jira.Comment) bool { return c.Author.Is(v.Account) }) ||
		slices.ContainsFunc(is.Attachments, func(a jira.Attachment) bool { return a.Author.Is(v.Account) }) ||
		slices.ContainsFunc(is.Worklogs, func(w jira.Worklog) bool { return w.Author.Is(v.Account) })
}

// first is the first observation of an issue, with its changelog: entries get the numbers they would have had if the issue
// had always been in its pair. So where the pair was lost with our state, they are the ones that the remote site knows. Lost
// says that the issue was written for this connection, so it is in a pair that the remote site will offer again; to begin
// another one would make edits of nobody's.
func (f *Flow) first(ctx context.Context, v *observe.View, is *jira.Issue, b Begin) (seen observe.Seen, lost bool, err error) {
	seen = observe.Seen{Issue: is, Base: true, All: true, Cause: b.Cause}
	if b.Created {
		return seen, false, nil
	}
	seen.Histories = is.Histories
	if !is.AllHistories {
		seen.Histories = nil
		err = f.Site.Jira.Histories(ctx, is.ID, func(h jira.History) error {
			if later := b.Base != 0 && h.ID > b.Base || h.Created.After(is.Updated()); !later { // than the body, which does not show it
				seen.Histories = append(seen.Histories, h)
			}
			return nil
		})
	}
	if err == nil && !b.ByHand && observe.Written(v, seen.Histories) {
		f.Site.Log.Warn("not begun: it was in a pair, which this site has lost; the other site offers it again", "connection", v.Connection.ID, "issue", is.Key)
		return seen, true, nil
	}
	return seen, false, err
}

// again puts a stopped pair under sync again: everything is offered anew.
func (f *Flow) again(ctx context.Context, c *bridge.Connection, issue, cause string) error {
	return f.update(ctx, c, issue, func(p *pair.Pair) error {
		if p.Head.Status != pair.Stopped && p.Head.Gone == "" {
			return nil
		}
		p.Head.Gone, p.Head.Status = "", pair.Synced
		if p.Head.Remote.ID == "" {
			p.Head.Status = pair.Waiting
		}
		p.Note(pair.Event{What: "under sync", Cause: cause})
		return p.Resend(ctx, f.Site.Now(), bridge.Live)
	})
}

// ownCreation reports whether the issue was created by one of our writes, whose event came before its record. A marker
// adopts the open intent that has no issue yet, also where the intent it was made under is forgotten; a marker whose issue
// is another one was cloned with it, and counts for nothing.
func (f *Flow) ownCreation(ctx context.Context, c *bridge.Connection, is *jira.Issue) (bool, error) {
	account, err := f.Site.Account(ctx)
	if err != nil || !is.Creator().Is(account) {
		return false, err
	}
	raw, known := is.Properties[site.MarkerKey]
	if !known {
		if raw, err = f.Site.Jira.Property(ctx, is.ID, site.MarkerKey); err != nil {
			return false, err
		}
	}
	var m site.Marker
	if len(raw) == 0 || json.Unmarshal(raw, &m) != nil || m.Connection != c.ID {
		return false, nil
	}
	t, err := f.Site.Book.Twin(ctx, c.ID, m.Remote)
	if err != nil || t == nil {
		return err == nil, err // what we knew of it is lost: the remote site offers it again
	}
	return t.Local == "" || t.Local == is.ID, nil
}
