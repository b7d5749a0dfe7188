package publish

import (
	"context"
	"errors"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Stop takes a pair out of sync because a person said so, and tells the remote site; both issues stay. It reports whether
// there was anything to stop.
func (f *Flow) Stop(ctx context.Context, connection, issue, by string) (stopped bool, err error) {
	_, err = f.Site.Book.Update(ctx, connection, issue, func(p *pair.Pair) error {
		stopped = p.Head.Status != pair.Stopped && p.Head.Gone == ""
		if !stopped {
			return nil
		}
		p.Head.Gone = bridge.Stopped
		p.Mark(f.Site.Now(), bridge.Live)
		p.Note(pair.Event{What: "gone", Note: string(bridge.Stopped), Cause: "asked by " + by})
		return nil
	})
	if errors.Is(err, pair.ErrNone) {
		return false, nil
	}
	if err != nil || !stopped {
		return stopped, err
	}
	f.Site.Ring()
	return true, f.show(ctx, connection, issue)
}

// Stopping takes an issue out of sync because a button in Jira says so.
func (f *Flow) Stopping(ctx context.Context, t site.Task) error {
	c, err := f.named(ctx, t)
	if err != nil || c == nil {
		return err
	}
	is, err := f.Site.Jira.Issue(ctx, t.Issue, jira.IssueOptions{Fields: []string{"summary"}})
	if err != nil {
		return err
	}
	defer f.Site.Lock(is.ID)()
	_, err = f.Stop(ctx, c.ID, is.ID, t.By)
	return err
}

// named is the connection that a task means by its id, or a button by its name. A button that names none means the only one;
// one that means none in particular is not guessed at.
func (f *Flow) named(ctx context.Context, t site.Task) (*bridge.Connection, error) {
	if c, err := f.Site.Book.Connection(ctx, t.Connection); t.Connection != "" && (err != nil || c != nil) {
		return c, err
	}
	all, err := f.Site.Connections(ctx)
	if err != nil {
		return nil, err
	}
	var found []bridge.Connection
	for _, c := range all {
		if t.Connection == "" || strings.EqualFold(c.Name, t.Connection) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		f.Site.Log.Warn("a button names no connection, or one of several", "issue", t.Issue, "connection", t.Connection)
		return nil, nil
	}
	return &found[0], nil
}

// show has the issue show how it stands now.
func (f *Flow) show(ctx context.Context, connection, issue string) error {
	return f.Site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: connection, Issue: issue, By: "stopped"}, bridge.Live, "")
}
