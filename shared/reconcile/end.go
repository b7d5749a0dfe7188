package reconcile

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// End takes a connection that has ended apart, a page of pairs at a time: nothing of it waits any more, content on its way
// is dropped, and where a person asked for it the links and markers we put on issues are removed.
type End struct {
	Site *site.Site
}

const endPage = 50

// Page does one page and sends the task for the next.
func (w *End) Page(ctx context.Context, t site.Task) error {
	c, err := w.Site.Book.Connection(ctx, t.Connection)
	if err != nil || c == nil || c.State != bridge.Ended {
		return err
	}
	lines, err := w.Site.Book.List(ctx, t.Connection, t.After, endPage)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := w.one(ctx, t, l.Issue); err != nil {
			return err
		}
		t.After = l.Issue
	}
	if len(lines) < endPage {
		return nil
	}
	return w.Site.Send(ctx, t, bridge.Bulk, "")
}

func (w *End) one(ctx context.Context, t site.Task, issue string) error {
	p, err := w.Site.Book.Load(ctx, t.Connection, issue)
	if err != nil || p == nil {
		return err
	}
	if err := w.drop(ctx, p); err != nil {
		return err
	}
	if t.All {
		if err := w.unmark(ctx, p); err != nil {
			return err
		}
	}
	_, err = w.Site.Book.Update(ctx, t.Connection, issue, func(p *pair.Pair) error {
		if p.Head.Status != pair.Stopped {
			p.Note(pair.Event{What: "stopped", Cause: t.By, Note: "the connection has ended"})
		}
		p.Finish()
		return nil
	})
	return err
}

// unmark removes the remote link and the marker. An issue that is gone, or not ours to edit any more, stays as it is.
func (w *End) unmark(ctx context.Context, p *pair.Pair) error {
	for _, err := range []error{
		w.Site.Jira.DeleteRemoteLink(ctx, p.Head.Local.ID, site.LinkID(p.Head.Connection, p.Head.Remote.ID)),
		w.Site.Jira.DeleteProperty(ctx, p.Head.Local.ID, site.MarkerKey),
	} {
		if s := jira.StatusOf(err); err != nil && s != 404 && s != 403 {
			return err
		}
	}
	return nil
}

// drop removes the content of the pair's attachments from where it waits, if this half keeps it.
func (w *End) drop(ctx context.Context, p *pair.Pair) error {
	keeper, ok := w.Site.Content.(site.Keeper)
	if !ok {
		return nil
	}
	owns, err := p.Owns(ctx)
	if err != nil {
		return err
	}
	for _, o := range owns {
		if o.Offer.Kind == bridge.Attachment {
			if err := keeper.Drop(ctx, p.Head.Connection, o.Offer.ID, true); err != nil {
				return err
			}
		}
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return err
	}
	for _, c := range copies {
		if c.Want.Kind == bridge.Attachment {
			if err := keeper.Drop(ctx, p.Head.Connection, c.Want.ID, false); err != nil {
				return err
			}
		}
	}
	return nil
}
