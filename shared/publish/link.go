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

// A link is a member of the issue at its source: what blocks, not what is blocked. It leaves when the issue at the other end
// is in a pair of the same connection.

// relates reports whether any link of ours may leave, or has left.
func relates(rules *rule.Rules, p *pair.Pair) bool { return rules.SendsLinks() || p.State.Related }

// related takes the event of a link. It says between which issues, and nothing else of them: where the link may leave, the
// issue is read.
func (f *Flow) related(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string) error {
	rules, _, err := f.Site.Rules(ctx, c.ID)
	if err != nil || !relates(rules, p) {
		return err
	}
	if ev.Link == nil || ev.Link.Source != p.Head.Local.ID {
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	ours, err := p.LinkCopy(ctx, pair.LinkID(ev.Link.Type.Name, ev.Link.Destination))
	switch {
	case err != nil:
		return err
	case ev.Kind == jira.LinkCreated && ours != nil:
		return nil
	case ev.Kind == jira.LinkCreated || ours != nil: // it may stand again by now
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	s, err := deleted(ctx, p, bridge.Link, ev.Link.ID, ev.At)
	if err != nil {
		return err
	}
	return f.takeDeleted(ctx, c, p, s, cause)
}

// links sees the links that lead from the issue, and what is missing.
func (f *Flow) links(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, now bool) ([]sight, error) {
	list, known := is.Links()
	if !known || !relates(v.Rules, p) {
		return nil, nil
	}
	list = slices.DeleteFunc(list, func(l jira.Link) bool { return !l.Outward })
	var out []sight
	for _, l := range list {
		s, err := f.link(ctx, v, p, is, l)
		if err != nil {
			return nil, err
		}
		if s != nil {
			s.Now = now
			out = append(out, *s)
		}
	}
	gone, err := missing(ctx, p, bridge.Link, listedAt(is, now), func(id string) bool {
		return slices.ContainsFunc(list, func(l jira.Link) bool { return l.ID == id || pair.LinkID(l.Type.Name, l.Other.ID) == id })
	})
	return append(out, gone...), err
}

// link decides whether a link leaves. Nil: it is a copy of ours, or nothing is to be said of it.
func (f *Flow) link(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, l jira.Link) (*sight, error) {
	id := pair.LinkID(l.Type.Name, l.Other.ID)
	if ours, err := p.LinkCopy(ctx, id); err != nil || ours != nil {
		return nil, err
	}
	own, err := p.Own(ctx, bridge.Link, l.ID)
	if err != nil || own == nil && !v.Rules.SendsLinks() {
		return nil, err
	}
	if own == nil {
		if copied, err := f.copiedLink(ctx, p, id); err != nil || copied != nil {
			return copied, err
		}
		if p.State.Look != 0 {
			return nil, nil // may be a copy that was forgotten: the remote site offers it again
		}
	}
	if p.State.Kept != "" {
		return nil, nil
	}
	m := bridge.Member{Kind: bridge.Link, ID: l.ID, Other: l.Other.ID, Seq: is.Updated().UnixMilli()}
	send, name, why, err := v.Rules.LinkOut(observe.Env(p, v, v.Issue), rule.Link{Type: l.Type.Name, Key: l.Other.Key})
	if err != nil {
		send, why = false, err.Error()
	}
	awaits := ""
	if send {
		if send, err = f.Site.Book.InSync(ctx, v.Connection.ID, l.Other.ID); err != nil {
			return nil, err
		}
		if !send {
			awaits, why = l.Other.ID, "the issue at the other end is not under sync in this connection"
		}
	}
	m.Name = name
	return &sight{Sight: merge.Sight{Seq: m.Seq, Rules: v.Revision, Hash: pair.Hash(m), Kept: !send}, offer: m, why: why, awaits: awaits}, nil
}

// copiedLink recognises a link that we made, seen before its making was recorded.
func (f *Flow) copiedLink(ctx context.Context, p *pair.Pair, id string) (*sight, error) {
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		if _, wrote := c.Wrote[id]; wrote && c.LocalID == "" {
			return &sight{adopt: c.Want.ID, shows: id, offer: bridge.Member{Kind: bridge.Link, ID: id}}, nil
		}
	}
	return nil, nil
}
