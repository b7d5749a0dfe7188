package publish

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// rebase reads an issue of ours that has another id since its Jira was rebuilt, and asks the remote site to take that for the
// one it knows. What stands on both sides is then paired like that of any two issues that are joined.
func (f *Flow) rebase(ctx context.Context, c *bridge.Connection, is *jira.Issue) error {
	v, err := observe.Load(ctx, f.Site, c, is, bridge.Bulk)
	if err != nil {
		return err
	}
	p, err := f.Site.Book.Load(ctx, c.ID, is.ID)
	if err != nil || p == nil {
		return err
	}
	ms, err := f.members(ctx, v, p, is, false)
	if err != nil {
		return err
	}
	copies, err := f.marked(ctx, v, is)
	if err != nil {
		return err
	}
	return f.update(ctx, c, is.ID, func(p *pair.Pair) error {
		if !p.Unread() {
			return nil
		}
		for local, original := range copies {
			p.CopyKnown(bridge.Member{Kind: bridge.Comment, ID: original}, local)
		}
		p.Head.Status, p.Head.Updated = pair.Waiting, is.Updated().UnixMilli()
		if !observe.Fold(p, v, entire(is, p.State.Join.By)) {
			p.Mark(v.Now, v.Lane)
		}
		return takeAll(ctx, p, v, ms, p.State.Join.By)
	})
}

// marked are the comments that carry our mark: copies of comments over there, by their ids.
func (f *Flow) marked(ctx context.Context, v *observe.View, is *jira.Issue) (map[string]string, error) {
	out := map[string]string{}
	for _, c := range is.Comments {
		if !c.Author.Is(v.Account) {
			continue
		}
		if !c.HasProperties {
			var err error
			if c, err = f.Site.Jira.GetComment(ctx, is.ID, c.ID); err != nil {
				return nil, err
			}
		}
		if original := markerOf(c.Properties, v.Connection.ID); original != "" {
			out[c.ID] = original
		}
	}
	return out, nil
}
