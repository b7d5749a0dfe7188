package publish

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
)

// Put puts an issue under sync because a query of a person's found it, in the bulk lane. Why says what keeps it in; an
// issue that is in a pair already, or was taken out of sync, is left as it is.
func (f *Flow) Put(ctx context.Context, connection string, is *jira.Issue, by string) (why string, err error) {
	defer f.Site.Lock(is.ID)()
	c, err := f.Site.Book.Connection(ctx, connection)
	if err != nil || c == nil {
		return "the connection is gone", err
	}
	if p, err := f.Site.Book.Load(ctx, c.ID, is.ID); err != nil || p != nil {
		return "it is in a pair", err
	}
	b := Begin{Base: newest(is.Histories), Lane: bridge.Bulk, Cause: "bulk start by " + by}
	v, why, err := f.mayBegin(ctx, c, is, b.Lane)
	if err != nil || why != "" {
		return why, err
	}
	if !is.AllHistories {
		err := f.Site.Jira.Histories(ctx, is.ID, func(h jira.History) error {
			b.Base = max(b.Base, h.ID)
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return "", f.begin(ctx, v, is, b)
}

// mayBegin says why an issue that a person named cannot come under sync; "" if it can. No trigger is asked, but a stop
// trigger would take it out at its next event.
func (f *Flow) mayBegin(ctx context.Context, c *bridge.Connection, is *jira.Issue, lane bridge.Lane) (*observe.View, string, error) {
	own, err := f.ownCreation(ctx, c, is)
	if err != nil || own {
		return nil, "it is a twin that is being made", err
	}
	v, err := observe.Load(ctx, f.Site, c, is, lane)
	if err != nil {
		return nil, "", err
	}
	if why, err := f.Site.Kept(ctx, v.Rules, observe.Env(f.fresh(c, is), v, v.Issue), is.ID); err != nil || why != "" {
		return nil, why, err
	}
	if v.Rules.Method() == "off" {
		return nil, "the rules say method: off", nil
	}
	stop, err := f.stopped(ctx, v, is)
	if err != nil || stop {
		return nil, "a stop trigger matches it", err
	}
	return v, "", nil
}
