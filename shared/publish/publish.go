// Package publish turns what happens in the local Jira into changes for the remote site: event -> in a pair, or does a
// trigger match? -> observe -> outgoing rule -> outbox. An event is an observation: it may come late, twice, out of
// order or never, and nothing rests on it.
//
// Start reading at [Flow.Event]; begin.go puts an issue under sync, comment.go, attachment.go, worklog.go and link.go prove that a member may
// leave.
package publish

import (
	"context"
	"errors"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// Flow publishes for one site.
type Flow struct {
	Site *site.Site
}

// Event takes one webhook body. A body that cannot be read is refused for good: nothing in it can be relied on.
func (f *Flow) Event(ctx context.Context, t site.Task) error {
	ev, err := jira.DecodeEvent(t.Body, nil)
	if err != nil || ev.IssueID == "" || ev.Kind == jira.Ignored {
		return err
	}
	f.Site.Delivered(ctx, ev.Name)
	defer f.Site.Lock(ev.IssueID)()
	connections, err := f.Site.Connections(ctx)
	if err != nil || len(connections) == 0 {
		return err
	}
	if ev.History != nil && ev.Trust {
		if ev.Trust, err = f.Site.TrustsEvents(ctx, ev.IssueID, ev.History.ID); err != nil {
			return err
		}
	}
	var errs []error
	for i := range connections {
		if err := f.event(ctx, &connections[i], ev); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *Flow) event(ctx context.Context, c *bridge.Connection, ev jira.Event) error {
	p, err := f.Site.Book.Load(ctx, c.ID, ev.IssueID)
	switch {
	case err != nil:
		return err
	case p == nil:
		return f.unknown(ctx, c, ev)
	case p.Head.Status == pair.Stopped:
		return nil
	}
	cause := "event " + ev.Name
	switch ev.Kind {
	case jira.IssueUpdated:
		return f.updated(ctx, c, p, ev)
	case jira.IssueDeleted:
		return f.Gone(ctx, c, ev.IssueID, bridge.Deleted, cause)
	case jira.CommentCreated, jira.CommentUpdated, jira.CommentDeleted:
		return f.commented(ctx, c, p, ev, cause)
	case jira.WorklogCreated, jira.WorklogUpdated, jira.WorklogDeleted:
		return f.logged(ctx, c, p, ev, cause)
	case jira.AttachmentDeleted:
		return f.detached(ctx, c, p, ev, cause)
	case jira.AttachmentCreated:
		return f.attached(ctx, c, p, ev, cause)
	case jira.LinkCreated, jira.LinkDeleted:
		return f.related(ctx, c, p, ev, cause)
	}
	return nil
}

// updated folds an edit. Where the event's changelog id is not to be trusted, the changelog is read once.
func (f *Flow) updated(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event) error {
	if ev.Issue == nil || ev.Issue.Partial || ev.History != nil && !ev.Trust {
		return f.read(ctx, c, ev.IssueID, "event "+ev.Name, bridge.Live)
	}
	seen := observe.Seen{Issue: ev.Issue, Cause: "event " + ev.Name}
	if ev.History != nil {
		seen.Histories = []jira.History{*ev.History}
	}
	return f.fold(ctx, c, p, seen, bridge.Live)
}

// Hit takes a whole issue as a search or a read shows it: the changelog, comments, attachments and worklogs included.
func (f *Flow) Hit(ctx context.Context, is *jira.Issue, readAt int64, cause string) error {
	defer f.Site.Lock(is.ID)()
	connections, err := f.Site.Connections(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for i := range connections {
		errs = append(errs, f.hit(ctx, &connections[i], is, readAt, cause))
	}
	return errors.Join(errs...)
}

func (f *Flow) hit(ctx context.Context, c *bridge.Connection, is *jira.Issue, readAt int64, cause string) error {
	p, err := f.Site.Book.Load(ctx, c.ID, is.ID)
	switch {
	case err != nil:
		return err
	case p == nil:
		return f.consider(ctx, c, is, Begin{Base: newest(is.Histories), Cause: cause})
	case p.Head.Status == pair.Stopped:
		return nil
	}
	f.Site.Found(ctx, f.Site.HubTime(is.Updated()))
	// A search shows the issue as the index has it: all there is up to its "updated", and not what was written since.
	readAt = min(readAt, f.Site.HubTime(is.Updated())-indexSlack.Milliseconds())
	seen := observe.Seen{Issue: is, Histories: is.Histories, All: is.AllHistories, ReadAt: readAt, Cause: cause}
	if !is.AllHistories {
		if seen, err = f.complete(ctx, p, seen); err != nil {
			return err
		}
	}
	return f.fold(ctx, c, p, seen, bridge.Live)
}

// indexSlack is by how much Jira's clock may seem to differ from ours.
const indexSlack = 5 * time.Second

// complete reads the changelog where a search page showed only its newest part and none of that is known.
func (f *Flow) complete(ctx context.Context, p *pair.Pair, seen observe.Seen) (observe.Seen, error) {
	var known int64
	for _, field := range p.State.Fields {
		known = max(known, field.Item)
	}
	for _, h := range seen.Histories {
		if h.ID <= known {
			return seen, nil
		}
	}
	seen.Histories, seen.All, seen.ReadAt = nil, true, f.Site.Now()
	err := f.Site.Jira.Histories(ctx, seen.Issue.ID, func(h jira.History) error {
		seen.Histories = append(seen.Histories, h)
		return nil
	})
	return seen, err
}

// Read reads an issue and publishes what it shows.
func (f *Flow) Read(ctx context.Context, t site.Task) error {
	defer f.Site.Lock(t.Issue)()
	c, err := f.Site.Book.Connection(ctx, t.Connection)
	if err != nil || c == nil {
		return err
	}
	return f.read(ctx, c, t.Issue, t.By, bridge.Bulk)
}

func (f *Flow) read(ctx context.Context, c *bridge.Connection, issue, cause string, lane bridge.Lane) error {
	p, err := f.Site.Book.Load(ctx, c.ID, issue) // before Jira is read, so that what it shows is newer than all that is known
	if err != nil || p == nil || p.Head.Status == pair.Stopped {
		return err
	}
	readAt := f.Site.Now()
	is, err := f.Site.Jira.Issue(ctx, issue, jira.IssueOptions{Histories: true, Comments: true})
	if jira.StatusOf(err) == 404 {
		return f.Gone(ctx, c, issue, bridge.Deleted, cause)
	}
	if err != nil {
		return err
	}
	seen := observe.Seen{Issue: is, Histories: is.Histories, All: is.AllHistories, ReadAt: readAt, Now: true, Cause: cause}
	if !is.AllHistories {
		if seen, err = f.complete(ctx, p, seen); err != nil {
			return err
		}
	}
	return f.fold(ctx, c, p, seen, lane)
}

// fold proves what members may leave, then takes everything into the pair in one step. Where a member is missed that may
// have been there when the issue looked so, the issue is read: what was deleted can never come back.
func (f *Flow) fold(ctx context.Context, c *bridge.Connection, p *pair.Pair, seen observe.Seen, lane bridge.Lane) error {
	v, err := observe.Load(ctx, f.Site, c, seen.Issue, lane)
	if err != nil {
		return err
	}
	if stop, err := f.stopped(ctx, v, seen.Issue); err != nil || stop {
		if err == nil {
			err = f.Gone(ctx, c, seen.Issue.ID, bridge.Stopped, seen.Cause+", a stop trigger matches")
		}
		return err
	}
	kept, err := f.Site.Kept(ctx, v.Rules, observe.Env(p, v, v.Issue), seen.Issue.ID)
	if err != nil {
		return err
	}
	if kept == "" && p.State.Kept != "" && !(seen.All && seen.Issue.AllComments) {
		return f.catchUp(ctx, c, p, seen.Cause, lane)
	}
	seen.Out = kept == "" && p.State.Kept != ""
	keep(p, kept, seen.Cause)
	if err := f.remember(ctx, v, seen); err != nil {
		return err
	}
	ms, err := f.members(ctx, v, p, seen.Issue, seen.Now)
	if err != nil {
		return err
	}
	if !seen.Now && slices.ContainsFunc(ms, func(s sight) bool { return s.missed }) {
		return f.read(ctx, c, seen.Issue.ID, seen.Cause, lane)
	}
	var doubts []bridge.Taken
	if seen.Now && kept == "" {
		if doubts, err = p.Doubts(ctx); err != nil {
			return err
		}
	}
	redo := false
	err = f.change(f.Site.Book.Change(ctx, p, func(p *pair.Pair) error {
		keep(p, kept, seen.Cause)
		p.Head.Local.Key, p.Head.Local.URL = seen.Issue.Key, f.Site.Jira.Browse(seen.Issue.Key)
		if updated := seen.Issue.Updated().UnixMilli(); seen.Now || updated > p.Head.Updated {
			p.Head.Updated = updated
		}
		observe.Fold(p, v, seen)
		redo = p.State.Redo
		if err := takeAll(ctx, p, v, ms, seen.Cause); err != nil {
			return err
		}
		return account(ctx, p, v, seen, doubts)
	}))
	if err == nil {
		err = f.drop(ctx, c.ID, ms)
	}
	if err == nil {
		err = f.await(ctx, v, seen.Issue, ms, p.Head.Acked == 0)
	}
	if err != nil || !redo {
		return err
	}
	return f.Site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: c.ID, Issue: seen.Issue.ID, By: seen.Cause}, lane, "")
}

// remember reads the changelog up to what was seen where the rules read it and it is not at hand.
func (f *Flow) remember(ctx context.Context, v *observe.View, seen observe.Seen) error {
	if seen.All || !v.Rules.ReadsHistory() {
		return nil
	}
	var hs []jira.History
	last := newest(seen.Histories)
	err := f.Site.Jira.Histories(ctx, seen.Issue.ID, func(h jira.History) error {
		if last == 0 || h.ID <= last {
			hs = append(hs, h)
		}
		return nil
	})
	v.Remember(hs)
	return err
}

// keep notes whether anything of the issue may leave from now on.
func keep(p *pair.Pair, why, cause string) {
	switch {
	case p.State.Kept == why:
		return
	case why == "":
		p.Note(pair.Event{What: "let out", Cause: cause})
	case p.State.Kept == "":
		p.Note(pair.Event{What: "kept in", Cause: cause, Note: why})
	}
	p.State.Kept = why
}

// catchUp reads the whole issue: of what was edited while nothing of it could leave, the latest leaves now.
func (f *Flow) catchUp(ctx context.Context, c *bridge.Connection, p *pair.Pair, cause string, lane bridge.Lane) error {
	readAt := f.Site.Now()
	is, err := f.whole(ctx, p.Head.Local.ID)
	if err != nil {
		return err
	}
	return f.fold(ctx, c, p, observe.Seen{Issue: is, Histories: is.Histories, All: true, ReadAt: readAt, Now: true, Cause: cause}, lane)
}

// update changes a pair and rings for whoever waits for changes.
func (f *Flow) update(ctx context.Context, c *bridge.Connection, issue string, change func(*pair.Pair) error) error {
	return f.change(f.Site.Book.Update(ctx, c.ID, issue, change))
}

// change takes what a change of a pair came to.
func (f *Flow) change(p *pair.Pair, err error) error {
	if errors.Is(err, pair.ErrNone) {
		return nil
	}
	if err == nil && p.Head.Waits() {
		f.Site.Ring()
	}
	return err
}

// Gone tells the remote site that an issue of ours was deleted, or is no longer kept in sync. Where too many are at once,
// a person is asked first: it may be our account that sees them no more. The comparison after that finds them again.
func (f *Flow) Gone(ctx context.Context, c *bridge.Connection, issue string, why bridge.Gone, cause string) error {
	if p, err := f.Site.Book.Load(ctx, c.ID, issue); err != nil || p == nil || p.Head.Gone != "" {
		return err
	}
	err := f.Site.Guard(ctx, c.ID, issue, site.Harm{Gone: true})
	if errors.Is(err, site.ErrHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.update(ctx, c, issue, func(p *pair.Pair) error {
		p.Leave(why, f.Site.Now(), cause)
		return nil
	})
	if err != nil || why != bridge.Stopped {
		return err
	}
	return f.show(ctx, c.ID, issue)
}

func newest(hs []jira.History) int64 {
	var top int64
	for _, h := range hs {
		top = max(top, h.ID)
	}
	return top
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }
