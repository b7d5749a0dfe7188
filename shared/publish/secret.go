package publish

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// inherit gives a reply the audience of the comment it replies to. What that is counts as restricted until it is proven: by
// what is at hand, by what was seen of it before, else by one read.
func (f *Flow) inherit(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, c *jira.Comment) error {
	own, err := p.Own(ctx, bridge.Comment, c.ParentID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(is.Comments, func(m jira.Comment) bool { return m.ID == c.ParentID && proven(m, v.Issue.Service) })
	var parent jira.Comment
	switch {
	case i >= 0:
		parent = is.Comments[i]
	case own != nil && !own.Secret && !own.Gone:
		return nil
	default:
		if parent, err = f.Site.Jira.GetComment(ctx, is.ID, c.ParentID); err != nil && jira.StatusOf(err) != 404 {
			return err
		}
		if err != nil { // deleted, or hidden from us
			parent = jira.Comment{Visibility: &jira.Visibility{}}
		}
	}
	if c.Visibility == nil {
		c.Visibility = parent.Visibility
	}
	if parent.Internal != nil && *parent.Internal {
		c.Internal = parent.Internal
	}
	return nil
}

// along adds what goes with comments that were just seen to be for some only: files that they alone refer to, and replies to
// them.
func (f *Flow) along(ctx context.Context, p *pair.Pair, seen []sight) ([]sight, error) {
	if !slices.ContainsFunc(seen, func(s sight) bool { return s.secret || s.Kept && len(s.files) > 0 }) {
		return seen, nil
	}
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	add := func(o *pair.Own, why string) {
		seen = append(seen, sight{
			Sight: merge.Sight{Seq: o.Member.Updated, Rules: o.Rules, Kept: true},
			offer: o.Offer, why: why, files: o.Files, secret: true, parent: o.Parent, ours: o.Ours,
		})
	}
	for _, o := range owns {
		if o.Parent != "" && !o.Tombstone() && !among(seen, o) && hides(seen, o.Parent) {
			add(o, "it replies to a restricted comment")
		}
	}
	texts := f.texts(p)
	for _, o := range owns {
		if o.Offer.Kind == bridge.Attachment && !o.Tombstone() && !among(seen, o) {
			if open, hidden := referred(o.Offer.Name, owns, seen, texts); hidden && !open {
				add(o, "only a restricted comment refers to it")
			}
		}
	}
	return seen, nil
}

// hides reports whether the comment of that id was just seen to be for some only.
func hides(seen []sight, id string) bool {
	return slices.ContainsFunc(seen, func(s sight) bool { return s.secret && s.offer.Kind == bridge.Comment && s.offer.ID == id })
}

// drop removes the content of attachments that stay in, or are no more, if it waits on this half.
func (f *Flow) drop(ctx context.Context, connection string, seen []sight) error {
	keeper, ok := f.Site.Content.(site.Keeper)
	if !ok {
		return nil
	}
	for _, s := range seen {
		if s.offer.Kind == bridge.Attachment && s.adopt == "" && (s.Kept || s.Gone) {
			if err := keeper.Drop(ctx, connection, s.offer.ID, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// opens reports whether a comment that was for some only is open now, and something came or stayed in with it: that is
// proven by reading the issue.
func opens(ctx context.Context, p *pair.Pair, seen []sight) (bool, error) {
	for _, s := range seen {
		if s.offer.Kind != bridge.Comment || s.secret || s.Gone {
			continue
		}
		own, err := p.Own(ctx, bridge.Comment, s.offer.ID)
		if err != nil {
			return false, err
		}
		if own == nil || !own.Secret {
			continue
		}
		if len(s.files) > 0 {
			return true, nil
		}
		owns, err := p.Owns(ctx)
		if err != nil || slices.ContainsFunc(owns, func(o *pair.Own) bool { return o.Parent == s.offer.ID }) {
			return err == nil, err
		}
	}
	return false, nil
}
