package apply

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/observe"
	"drawbridge/shared/site"
)

// shadowed is the answer to a change while the connection only shows what it would do. The sender is asked for the issue
// anew when rules without it are published.
const shadowed = "shadow: it was worked out and nothing was written"

// shadow works out what a change would do here, keeps that for the report, and does none of it.
func (f *Flow) shadow(ctx context.Context, v *observe.View, c *bridge.Change) error {
	a, err := f.preview(ctx, v.Connection, c)
	if err != nil && bridge.IsTemporary(err) {
		return err
	}
	if err != nil {
		a.Outcome, a.Reason = bridge.Refused, err.Error()
	}
	a.Rules = v.Revision
	if err := f.Site.Shadow(ctx, c.Connection, site.Shadow{Issue: c.Issue, Preview: &a}); err != nil {
		return err
	}
	if a.Twin.ID != "" {
		return nil // a pair: its change waits with the sender
	}
	t, again, err := f.claim(ctx, v, c)
	if err != nil || t == nil || t.Local != "" || again {
		return err // answered already, or somebody is making the twin
	}
	return f.refuseTwin(ctx, c, t, bridge.Refused, shadowed)
}
