package apply

import (
	"context"
	"errors"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// guard lets a plan pass, or returns [site.ErrHeld] where too many pairs would undergo the same: nothing of the plan is
// stored then, and the change stays with its sender until a person resumes the connection.
func (f *Flow) guard(ctx context.Context, v *observe.View, p *pair.Pair, pl *plan) error {
	h := site.Harm{Gone: pl.gone != "" && p.Head.Status != pair.Stopped, Rewritten: pl.rewritten}
	for _, in := range []pair.Intent{pl.edit, pl.transition} {
		for key, w := range in.Writes {
			was := p.State.Field(key).Shown
			h.Cleared = h.Cleared || empty(w.Value) && was != "" && !empty(was)
		}
	}
	for _, m := range pl.members {
		h.Deleted = h.Deleted || m.what == merge.Delete
	}
	return f.Site.Guard(ctx, v.Connection.ID, pl.issue, h)
}

func empty(v bridge.Value) bool { return v.Empty() || v == "[]" || strings.Trim(string(v), `"`) == "" }

// mayCreate is the guard before a twin is made. A first sync that a person started comes in the bulk lane and is meant.
// How many the rules' own guard lets through in an hour counts for both lanes.
func (f *Flow) mayCreate(ctx context.Context, v *observe.View, c *bridge.Change) error {
	if err := f.Site.Creation(ctx, c.Connection, c.Issue.ID, v.Rules.CreationsPerHour()); err != nil {
		return err
	}
	if c.Lane == bridge.Bulk {
		return nil
	}
	return f.Site.Guard(ctx, c.Connection, "remote-"+c.Issue.ID, site.Harm{Created: true})
}

// held reports that the connection was stopped for safety: the change is neither done nor refused.
func held(err error) bool { return errors.Is(err, site.ErrHeld) }
