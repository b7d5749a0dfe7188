package apply

import (
	"context"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// adopt takes an issue that the remote site names as its twin: our state was lost, or a person over there joins two
// existing issues. The remote site alone cannot make any issue of ours a twin: this site's own rules have to let it out.
func (f *Flow) adopt(ctx context.Context, v *observe.View, c *bridge.Change, t *pair.Twin) (*pair.Pair, error) {
	is, err := f.Site.Jira.Issue(ctx, c.Twin, jira.IssueOptions{})
	if jira.StatusOf(err) == 404 {
		f.Site.Log.Warn("not adopted", "connection", c.Connection, "remote", c.Issue.Key, "issue", c.Twin, "why", "there is no such issue")
		return nil, f.refuseTwin(ctx, c, t, bridge.Unmatched, notHere(c))
	}
	if err != nil {
		return nil, err
	}
	known, err := f.Site.Book.Load(ctx, c.Connection, is.ID)
	if err != nil {
		return nil, err
	}
	if moved, err := f.moved(ctx, c, known, is.ID); err != nil || moved {
		if err == nil {
			return f.adoptMoved(ctx, c, t, is)
		}
		return nil, err
	}
	if known != nil {
		return f.adoptKnown(ctx, c, t, known)
	}
	if ok, err := f.adoptable(ctx, v, c, t, is); err != nil || !ok {
		if err == nil {
			err = f.refuseTwin(ctx, c, t, bridge.Unmatched, notHere(c))
		}
		return nil, err
	}
	return f.adoptNew(ctx, c, t, is)
}

// moved reports whether the issue is, or was a moment ago, in a pair with the remote issue under the id that the remote site
// says it had before its Jira was rebuilt. That pair is taken apart.
func (f *Flow) moved(ctx context.Context, c *bridge.Change, known *pair.Pair, issue string) (bool, error) {
	if c.Join == nil || c.Join.Was == "" {
		return false, nil
	}
	if known != nil && known.Head.Remote.ID == c.Join.Was {
		return true, f.Site.Book.Retire(ctx, c.Connection, issue)
	}
	former, err := f.Site.Book.Former(ctx, c.Connection, issue)
	if err != nil || former == nil || former.Remote.ID != c.Join.Was || known != nil && known.Head.Remote.ID != "" {
		return false, err
	}
	return true, f.Site.Book.Retire(ctx, c.Connection, issue)
}

// adoptMoved makes the pair anew, with the id that the remote issue has now.
func (f *Flow) adoptMoved(ctx context.Context, c *bridge.Change, t *pair.Twin, is *jira.Issue) (*pair.Pair, error) {
	was := site.LinkID(c.Connection, c.Join.Was)
	if err := f.Site.Jira.DeleteRemoteLink(ctx, is.ID, was); err != nil && jira.StatusOf(err) != 404 && bridge.IsTemporary(err) {
		return nil, err
	}
	p, err := f.adoptNew(ctx, c, t, is)
	if err != nil {
		return nil, err
	}
	return p, f.Site.Book.Rebased(ctx, c.Connection, is.ID)
}

// notHere says the same of an issue that does not exist and of one that stays in: which of the two is nobody's business.
func notHere(c *bridge.Change) string {
	return "this site has no issue " + c.Twin + " that its rules let out for this connection"
}

// adoptGone: a remote issue that was never heard of is gone. It may be the twin of ours that waits for it, made and deleted
// before the ack that says so was brought; then it is adopted, to be told as gone.
func (f *Flow) adoptGone(ctx context.Context, c *bridge.Change, t *pair.Twin) (*pair.Pair, error) {
	if c.Twin != "" {
		known, err := f.Site.Book.Load(ctx, c.Connection, c.Twin)
		if err != nil {
			return nil, err
		}
		if known != nil && known.Head.Status == pair.Waiting && known.State.Join == nil {
			return f.adoptKnown(ctx, c, t, known)
		}
	}
	return nil, f.refuseTwin(ctx, c, t, bridge.Unwanted, "the issue was gone before its twin was made")
}

// adoptKnown: the issue is in a pair. It may be one that waits for just this one: ours was to be joined with theirs too,
// or theirs came before the ack.
func (f *Flow) adoptKnown(ctx context.Context, c *bridge.Change, t *pair.Twin, known *pair.Pair) (*pair.Pair, error) {
	waits := known.Head.Remote.ID == "" && known.State.Join.Means(c.Issue)
	switch {
	case known.Head.Remote.ID == c.Issue.ID:
		return f.Site.Book.Find(ctx, c.Connection, c.Issue.ID) // adopted meanwhile
	case known.Head.Remote.ID == "" && known.State.Join == nil && c.Join == nil:
		// ours waits for its twin, and they say that it is this one: as good as their ack
	case !waits && c.Join == nil:
		return nil, nil // its ack is on its way; the change comes again
	case !waits:
		return nil, f.refuseTwin(ctx, c, t, bridge.Refused, known.Head.Local.Key+" is in a pair with another issue already")
	}
	return f.Site.Book.Update(ctx, c.Connection, known.Head.Local.ID, func(p *pair.Pair) error {
		if p.Head.Remote.ID != "" {
			return nil
		}
		var join *pair.Joining
		if c.Join != nil {
			join = &pair.Joining{Remote: c.Issue.ID, Values: c.Join.Values, Members: c.Join.Members, Meets: true}
		}
		p.Met(c.Issue, join)
		return nil
	})
}

// adoptable says whether this site agrees: the issue is our own creation for just this twin, or the rules let it out and
// a trigger, or a scope they name, means it.
func (f *Flow) adoptable(ctx context.Context, v *observe.View, c *bridge.Change, t *pair.Twin, is *jira.Issue) (bool, error) {
	if made, err := f.madeFor(ctx, v, c, is); err != nil || made {
		return made, err
	}
	with, err := observe.Load(ctx, f.Site, v.Connection, is, c.Lane)
	if err != nil {
		return false, err
	}
	no := func(why string) (bool, error) {
		f.Site.Log.Warn("not adopted", "connection", c.Connection, "remote", c.Issue.Key, "issue", is.Key, "why", why)
		return false, nil
	}
	fresh := f.Site.Book.New(c.Connection, bridge.Ref{ID: is.ID, Key: is.Key}, f.Site.Role)
	if why, err := f.Site.Kept(ctx, with.Rules, observe.Env(fresh, with, with.Issue), is.ID); err != nil || why != "" {
		if err != nil {
			return false, err
		}
		return no(why)
	}
	if stop, err := f.Site.Matches(ctx, with.Rules, with.Issue, is.ID, true); err != nil || stop {
		if err != nil {
			return false, err
		}
		return no("a stop trigger matches it")
	}
	if len(with.Rules.Scope().Projects) > 0 {
		return true, nil // the rules name its project
	}
	meant, err := f.Site.Matches(ctx, with.Rules, with.Issue, is.ID, false)
	if err == nil && !meant {
		return no("no trigger matches it, and the rules name no scope; pair it from this side as well: drawbridge sync pair " + is.Key + " " + c.Issue.Key)
	}
	return meant, err
}

// madeFor says whether the issue carries our own mark that it was made as the twin of the remote one.
func (f *Flow) madeFor(ctx context.Context, v *observe.View, c *bridge.Change, is *jira.Issue) (bool, error) {
	if !is.Creator().Is(v.Account) {
		return false, nil
	}
	m, err := f.marker(ctx, is)
	return m.Connection == c.Connection && m.Remote == c.Issue.ID, err
}

func (f *Flow) adoptNew(ctx context.Context, c *bridge.Change, t *pair.Twin, is *jira.Issue) (*pair.Pair, error) {
	p := f.Site.Book.New(c.Connection, bridge.Ref{ID: is.ID, Key: is.Key, URL: f.Site.Jira.Browse(is.Key)}, f.Site.Role.Other())
	p.Head.Remote = c.Issue
	p.State.Project, p.State.Type = is.Project(), is.Type()
	if c.Join != nil {
		p.State.Joined = true
		p.State.Join = &pair.Joining{Remote: c.Issue.ID, Values: c.Join.Values, Members: c.Join.Members, Meets: true}
		p.Note(pair.Event{What: "paired", Cause: "change of " + c.Issue.Key, Note: is.Key + " with " + c.Issue.Key})
		if was, err := f.Site.Book.Former(ctx, c.Connection, is.ID); err == nil && was != nil {
			p.Head.Origin, p.Head.Revision = was.Origin, f.Site.Now() // higher than that of the pair it was
			if err := f.Site.Book.Inherit(ctx, p, is.ID); err != nil {
				return nil, err
			}
			p.Note(pair.Event{What: "rebased", Cause: "change of " + c.Issue.Key, Note: "over there its id was " + was.Remote.ID})
		}
	} else {
		p.State.Look = c.Revision
		p.Head.Revision = f.Site.Now() // higher than what was lost
		p.Note(pair.Event{What: "adopted", Cause: "change of " + c.Issue.Key, Note: "this site had lost what it knew of the pair"})
	}
	err := f.Site.Book.Join(ctx, p, t)
	if errors.Is(err, store.ErrConflict) {
		return f.Site.Book.Find(ctx, c.Connection, c.Issue.ID)
	}
	if err == nil && p.State.Look != 0 { // what was written here since is seen by nothing else
		err = f.Site.Send(ctx, site.Task{Kind: site.ReadTask, Connection: c.Connection, Issue: is.ID, By: "adopted"}, bridge.Bulk, "")
	}
	return p, err
}

// meet has our issue read before the change is applied; the change comes back from there.
func (f *Flow) meet(ctx context.Context, p *pair.Pair, c *bridge.Change) error {
	t := site.Task{Kind: site.MeetTask, Connection: c.Connection, Issue: p.Head.Local.ID, Change: c}
	return f.Site.Send(ctx, t, c.Lane, "")
}

// settle decides field by field whose value stands in two issues that were joined, once, when both sites' entries are
// known here.
func settle(p *pair.Pair, v *observe.View, c *bridge.Change) {
	j := p.State.Join
	if j == nil || j.Meets || p.Head.Remote.ID == "" {
		return
	}
	p.State.Join = nil
	if c.Join == nil {
		return // decided over there
	}
	var told []string
	for _, key := range p.State.Keys() {
		f := p.State.Field(key)
		if next := merge.Settle(f.Field, merge.Prefer(f.Field, j.Values)); next != f.Field {
			f.Field = next
			told = append(told, key)
		}
	}
	if len(told) == 0 {
		return
	}
	revision := p.Mark(v.Now, v.Lane)
	for _, key := range told {
		p.State.Field(key).Rev = revision
	}
}
