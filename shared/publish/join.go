package publish

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Pair joins an issue of ours with one that exists on the remote site, because a person asked: the change that offers
// ours names theirs. Whether they can be a pair the remote site says.
func (f *Flow) Pair(ctx context.Context, t site.Task) error {
	c, err := f.Site.Book.Connection(ctx, t.Connection)
	if err != nil || c == nil || t.Join == nil {
		return err
	}
	is, err := f.whole(ctx, t.Issue)
	if err != nil {
		return err
	}
	defer f.Site.Lock(is.ID)()
	if p, err := f.Site.Book.Load(ctx, c.ID, is.ID); err != nil || p != nil && p.Unread() {
		if err == nil {
			err = f.rebase(ctx, c, is)
		}
		return err
	}
	v, why, err := f.mayBegin(ctx, c, is, bridge.Bulk)
	if err == nil && why != "" {
		err = bridge.Permanent("pair-refused", "%s cannot be joined with %s: %s", is.Key, t.Join.Remote, why)
	}
	if err != nil {
		return err
	}
	join := &pair.Joining{Remote: t.Join.Remote, Values: t.Join.Values, By: t.By}
	p, err := f.joining(ctx, v, is, join)
	if err != nil {
		return err
	}
	err = f.Site.Book.Create(ctx, p)
	if isConflict(err) {
		return f.rejoin(ctx, c, is, join)
	}
	if err != nil {
		return err
	}
	f.Site.Ring()
	return f.await(ctx, v, is, nil, true)
}

// joining is the pair of an issue that is to be joined: every field's latest edit with its own time.
func (f *Flow) joining(ctx context.Context, v *observe.View, is *jira.Issue, join *pair.Joining) (*pair.Pair, error) {
	p := f.fresh(v.Connection, is)
	ms, err := f.members(ctx, v, p, is, false)
	if err != nil {
		return nil, err
	}
	cause := "joined by " + join.By
	p.Head.Updated = is.Updated().UnixMilli()
	p.State.Join, p.State.Joined = join, true
	p.Note(pair.Event{What: "under sync", Cause: cause, Note: "to be joined with " + join.Remote})
	if !observe.Fold(p, v, entire(is, cause)) {
		p.Mark(v.Now, v.Lane)
	}
	return p, takeAll(ctx, p, v, ms, cause)
}

// entire is the first observation of an issue with its whole changelog.
func entire(is *jira.Issue, cause string) observe.Seen {
	return observe.Seen{Issue: is, Histories: is.Histories, All: true, Base: true, Cause: cause}
}

// rejoin asks again for a pair that the remote site refused, or has not answered.
func (f *Flow) rejoin(ctx context.Context, c *bridge.Connection, is *jira.Issue, join *pair.Joining) error {
	return f.update(ctx, c, is.ID, func(p *pair.Pair) error {
		switch {
		case p.Head.Remote.ID == "" && (p.State.Join != nil || p.Head.Status == pair.Stopped):
		case join.Means(p.Head.Remote):
			return nil // they are a pair
		case p.Head.Remote.ID == "":
			return bridge.Permanent("pair-refused", "%s is under sync and its twin is being made: stop it first", is.Key)
		default:
			return bridge.Permanent("pair-refused", "%s is in a pair with %s already", is.Key, p.Head.Remote.Key)
		}
		p.Head.Status, p.Head.Gone, p.Head.Answer = pair.Waiting, "", nil
		p.State.Join, p.State.Joined = join, true
		return p.Resend(ctx, f.Site.Now(), bridge.Bulk)
	})
}

// Meet reads our issue, which the remote site joins with one of its own, before any change is applied to it: what both
// sites have already is paired, the rest is offered.
func (f *Flow) Meet(ctx context.Context, t site.Task) error {
	c, err := f.Site.Book.Connection(ctx, t.Connection)
	if err != nil || c == nil {
		return err
	}
	p, err := f.Site.Book.Load(ctx, c.ID, t.Issue)
	if err != nil || p == nil {
		return err
	}
	if p.Meeting() {
		if err := f.meet(ctx, c, p); err != nil {
			return err
		}
	}
	if t.Change == nil {
		return nil
	}
	t.Kind = site.ChangeTask
	return f.Site.Send(ctx, t, t.Change.Lane, "")
}

func (f *Flow) meet(ctx context.Context, c *bridge.Connection, p *pair.Pair) error {
	is, err := f.whole(ctx, p.Head.Local.ID)
	if err != nil {
		return err
	}
	defer f.Site.Lock(is.ID)()
	v, err := observe.Load(ctx, f.Site, c, is, bridge.Bulk)
	if err != nil {
		return err
	}
	ms, err := f.members(ctx, v, p, is, true)
	if err != nil {
		return err
	}
	ours, err := f.sketches(ctx, is, ms, p.State.Join.Members)
	if err != nil {
		return err
	}
	err = f.update(ctx, c, is.ID, func(p *pair.Pair) error {
		if !p.Meeting() {
			return nil
		}
		p.Head.Updated = is.Updated().UnixMilli()
		p.State.Project, p.State.Type = is.Project(), is.Type()
		if !observe.Fold(p, v, entire(is, "joined with "+p.Head.Remote.Key)) {
			p.Mark(v.Now, v.Lane)
		}
		originals := p.Pairs(pair.Matches(ours, p.State.Join.Members), v.Role)
		p.State.Join.Meets, p.State.Join.Members = false, nil
		if err := p.Tell(ctx, originals); err != nil {
			return err
		}
		return takeAll(ctx, p, v, unpaired(ctx, p, ms, originals), "joined with "+p.Head.Remote.Key)
	})
	if err != nil {
		return err
	}
	return f.await(ctx, v, is, ms, true)
}

// unpaired are the sights to be offered: not what is the copy of a member over there; what is the original of one says
// so.
func unpaired(ctx context.Context, p *pair.Pair, ms []sight, originals map[string]string) []sight {
	var out []sight
	for _, s := range ms {
		if of, err := p.CopyOf(ctx, s.offer.Kind, s.offer.ID); err == nil && of != "" {
			continue
		}
		s.offer.Copied = originals[pair.MemberKey(s.offer.Kind, s.offer.ID)]
		out = append(out, s)
	}
	return out
}

// sketches are of everything that stands on our issue, let out or not: nothing is copied to where it stands. A file is
// read only where one of theirs has its name and size and its content is not known.
func (f *Flow) sketches(ctx context.Context, is *jira.Issue, ms []sight, theirs []bridge.Sketch) ([]bridge.Sketch, error) {
	var out []bridge.Sketch
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
		s := bridge.Sketch{Kind: bridge.Attachment, ID: a.ID, Created: a.Created.UnixMilli(), Name: a.Name, Size: a.Size}
		for _, m := range ms {
			if m.offer.Kind == bridge.Attachment && m.offer.ID == a.ID {
				s.SHA256 = m.offer.SHA256
			}
		}
		for _, t := range theirs {
			if s.SHA256 == "" && t.SHA256 != "" && pair.Alike(s, t) {
				var err error
				if s.SHA256, err = f.digest(ctx, a); err != nil {
					return nil, err
				}
			}
		}
		out = append(out, s)
	}
	return out, nil
}
