package publish

import (
	"context"
	"math"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// sight is one member of the local issue as seen, with what the outgoing rule says of it.
type sight struct {
	merge.Sight
	offer bridge.Member // what leaves, unless it is kept
	why   string        // why it is kept
	files []string      // a comment's: names of files it refers to
	// secret: a comment that not everybody who sees the issue sees, or an attachment that only such comments refer to
	secret bool
	parent string // a comment's: the one it replies to
	adopt  string // not an original: the copy of this remote member, which has no local id yet
	shows  string // of a worklog or link: see [pair.LogHash], [pair.LinkID]
	lost   bool   // not an original: a copy that is gone
	missed bool   // seen by its absence from a list
	ours   bool   // written with our own login
	awaits string // a link's: the issue that has to be in a pair before it leaves
}

// members proves what may leave of everything the issue shows, and sees what is missing from complete lists. It reads
// the pair as it was; takeAll decides on the pair as it is. Now says that the issue was read after the pair.
func (f *Flow) members(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, now bool) ([]sight, error) {
	var out []sight
	for _, c := range is.Comments {
		s, err := f.comment(ctx, v, p, is, c, now)
		if err != nil {
			return nil, err
		}
		if s != nil {
			out = append(out, *s)
		}
	}
	if is.AllComments {
		gone, err := missing(ctx, p, bridge.Comment, listedAt(is, now), func(id string) bool {
			return slices.ContainsFunc(is.Comments, func(c jira.Comment) bool { return c.ID == id })
		})
		if err != nil {
			return nil, err
		}
		out = append(out, gone...)
	}
	out, err := f.along(ctx, p, out)
	if err != nil {
		return nil, err
	}
	logs, err := f.worklogs(ctx, v, p, is, now)
	if out = append(out, logs...); err != nil {
		return out, err
	}
	links, err := f.links(ctx, v, p, is, now)
	if out = append(out, links...); err != nil || !is.HasAttachments {
		return out, err
	}
	files, err := f.attachments(ctx, v, p, is, out, now)
	return append(out, files...), err
}

// listedAt is the time up to which the lists of an issue are complete: those of one read now, for ever.
func listedAt(is *jira.Issue, now bool) int64 {
	if now {
		return math.MaxInt64
	}
	return is.Updated().UnixMilli()
}

// viewed loads the view that rules have of an issue whose member an event is about, and notes in p what keeps the issue in.
// Whole says that nothing does any more: the issue is to be read whole.
func (f *Flow) viewed(ctx context.Context, c *bridge.Connection, p *pair.Pair, is *jira.Issue, cause string) (v *observe.View, kept string, whole bool, err error) {
	if v, err = observe.Load(ctx, f.Site, c, is, bridge.Live); err != nil {
		return nil, "", false, err
	}
	if kept, err = f.Site.Kept(ctx, v.Rules, observe.Env(p, v, v.Issue), is.ID); err != nil {
		return nil, "", false, err
	}
	if kept == "" && p.State.Kept != "" {
		return v, "", true, nil
	}
	keep(p, kept, cause)
	return v, kept, false, nil
}

// deleted is what an event says of a member that was deleted: an original, or a copy that is lost.
func deleted(ctx context.Context, p *pair.Pair, kind bridge.MemberKind, id string, at time.Time) (sight, error) {
	original, err := p.CopyOf(ctx, kind, id)
	return sight{
		Sight: merge.Sight{Seq: at.UnixMilli(), Gone: true}, offer: bridge.Member{Kind: kind, ID: id}, adopt: original, lost: original != "",
	}, err
}

// takeDeleted takes a deletion into the pair.
func (f *Flow) takeDeleted(ctx context.Context, c *bridge.Connection, p *pair.Pair, s sight, cause string) error {
	v, err := observe.Load(ctx, f.Site, c, nil, bridge.Live)
	if err != nil {
		return err
	}
	return f.change(f.Site.Book.Change(ctx, p, func(p *pair.Pair) error { return takeAll(ctx, p, v, []sight{s}, cause) }))
}

// missing are the known members that a complete list no longer shows. A list that is older than the member says nothing
// of it.
func missing(ctx context.Context, p *pair.Pair, kind bridge.MemberKind, listedAt int64, listed func(id string) bool) ([]sight, error) {
	var out []sight
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range owns {
		if o.Offer.Kind == kind && !o.Gone && !listed(o.Offer.ID) && o.Member.Updated <= listedAt {
			out = append(out, sight{missed: true, Sight: merge.Sight{Gone: true}, offer: bridge.Member{Kind: kind, ID: o.Offer.ID}})
		}
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		if c.Want.Kind == kind && c.LocalID != "" && !c.Lost && !c.Member.Gone && !listed(c.LocalID) && c.Made < listedAt {
			out = append(out, sight{missed: true, lost: true, adopt: c.Want.ID, offer: bridge.Member{Kind: kind, ID: c.LocalID}})
		}
	}
	return out, nil
}

// takeAll takes the sights into the pair as it is now.
func takeAll(ctx context.Context, p *pair.Pair, v *observe.View, ms []sight, cause string) error {
	marked := false
	mark := func() {
		if !marked {
			p.Mark(v.Now, v.Lane)
			marked = true
		}
	}
	for _, s := range ms {
		if err := take(ctx, p, s, cause, mark); err != nil {
			return err
		}
	}
	return nil
}

func take(ctx context.Context, p *pair.Pair, s sight, cause string, mark func()) error {
	if s.adopt != "" {
		return takeCopy(ctx, p, s, cause)
	}
	own, err := p.Own(ctx, s.offer.Kind, s.offer.ID)
	if err != nil {
		return err
	}
	if own == nil {
		if s.Gone {
			return nil
		}
		own = &pair.Own{Offer: s.offer}
	}
	if own.Recalled {
		s.Kept, s.why = true, own.Why
	}
	before := own.Member
	next, changed := merge.See(own.Member, s.Sight)
	if p.State.Kept != "" {
		return nil // seen again when the issue may leave
	}
	if next == before && next.Kept && s.Kept && own.Why != s.why {
		own.Why = s.why
		p.SetOwn(own, false)
		return nil
	}
	if next == before && (own.Secret == s.secret || s.Seq < before.Updated) {
		return nil
	}
	own.Member, own.Why, own.Files, own.Ours, own.Secret, own.Parent = next, s.why, s.files, s.ours, s.secret, s.parent
	if own.LocalID = s.offer.ID; !next.Tombstone() {
		own.Offer = s.offer
	}
	own.Offer.Deleted, own.Offer.Seq = next.Tombstone(), next.Seq
	if own.Offer.Deleted {
		own.Offer.Body, own.Offer.Name, own.Offer.SHA256 = "", "", ""
	}
	if changed {
		p.State.Logged = p.State.Logged || own.Offer.Kind == bridge.Worklog && !next.Tombstone()
		p.State.Related = p.State.Related || own.Offer.Kind == bridge.Link && !next.Tombstone()
		mark()
		p.Note(pair.Event{What: memberWord(own), Field: pair.MemberKey(own.Offer.Kind, own.Offer.ID), Cause: cause, Note: s.why})
	}
	p.SetOwn(own, changed)
	return nil
}

func memberWord(o *pair.Own) string {
	switch {
	case o.Gone:
		return "deleted"
	case o.Kept:
		return "withdrawn"
	}
	return "observed"
}

// takeCopy notes what became of a copy: its id, which came by its event before the record, or that somebody deleted it.
func takeCopy(ctx context.Context, p *pair.Pair, s sight, cause string) error {
	c, err := p.Copy(ctx, s.offer.Kind, s.adopt)
	if err != nil || c == nil {
		return err
	}
	switch {
	case s.lost && c.LocalID == s.offer.ID && c.Since == 0: // else it may have been us
		c.Member = merge.Lose(c.Member)
		p.Note(pair.Event{What: "copy deleted here", Field: pair.MemberKey(s.offer.Kind, s.offer.ID), Cause: cause, Note: "the original stays; it is copied again once if it is edited"})
	case !s.lost && c.LocalID == "":
		c.Adopt(s.offer.ID, s.shows)
	default:
		return nil
	}
	p.SetCopy(c)
	return nil
}
