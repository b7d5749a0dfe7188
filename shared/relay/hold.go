package relay

import (
	"context"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// takeHold takes over what the private side has against carrying changes, what it calls the connection, and the policies that
// this side told it and has lost by a restore. It returns the view after that.
func (h *Hub) takeHold(ctx context.Context, connection string, v view, in *exchange.Request) (view, error) {
	c := v.connection
	if c == nil {
		return v, nil
	}
	if c.State == bridge.Ended {
		if in.Knows.State == bridge.Ended && h.Dismiss != nil {
			return v, h.Dismiss(ctx, connection)
		}
		return v, nil
	}
	if sameHold(c.HoldOf(bridge.Private), in.Hold) && (in.Name == "" || in.Name == c.Theirs) && !lost(c, in.Knows.Policies) {
		return v, nil
	}
	err := h.Site.Watched(ctx, "the private side", "told by the other side", connection, func() error {
		return h.Site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
			c.Hold(bridge.Private, in.Hold)
			if in.Name != "" {
				c.Theirs = in.Name
			}
			for revision, p := range in.Knows.Policies {
				if _, known := c.Policy(revision); !known {
					c.Policies[revision] = p
				}
			}
			return nil
		})
	})
	if err != nil {
		return v, err
	}
	if in.Hold != nil && in.Hold.State == bridge.Ended {
		if h.Dismiss != nil {
			err = h.Dismiss(ctx, connection)
		}
		if err = errors.Join(err, h.ended(ctx, connection)); err != nil {
			return v, err
		}
	}
	return h.view(ctx, connection)
}

// lost reports whether a policy is not known here: policies outlive the state, or two sites would decide one conflict differently.
func lost(c *bridge.Connection, policies map[int64]bridge.Policy) bool {
	for revision := range policies {
		if _, known := c.Policy(revision); !known {
			return true
		}
	}
	return false
}

// ended sends for an ended connection to be taken apart.
func (r *Relay) ended(ctx context.Context, connection string) error {
	t := site.Task{Kind: site.EndTask, Connection: connection, Issue: "end-" + connection, By: "ended by the other side"}
	return r.Site.Send(ctx, t, bridge.Bulk, "end/"+connection)
}

func sameHold(a, b *bridge.Hold) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// told is what the private side hears of the connection: no more than concerns it.
func told(c *bridge.Connection) *bridge.Connection {
	out := *c
	out.Project, out.Description, out.Theirs = "", "", ""
	return &out
}

// Configure takes over what the hub told of a connection; the private side keeps its own name, description and hold.
func (r *Relay) Configure(ctx context.Context, told *bridge.Connection) error {
	over := false
	err := r.Site.Watched(ctx, "the public side", "told by the other side", told.ID, func() error { return r.configure(ctx, told, &over) })
	if err == nil && over {
		err = r.ended(ctx, told.ID)
	}
	return err
}

func (r *Relay) configure(ctx context.Context, told *bridge.Connection, over *bool) error {
	return r.Site.Book.UpdateConnection(ctx, told.ID, func(c *bridge.Connection) error {
		was := c.State
		for revision, p := range told.Policies {
			c.Policies[revision] = p
		}
		if c.Name == "" {
			c.Name = told.Name
		}
		c.Theirs = told.Name
		switch {
		case told.State == bridge.Ended:
			c.Hold(bridge.Public, &bridge.Hold{State: bridge.Ended, Why: told.Why})
		case told.HoldOf(bridge.Public) == nil && told.State != bridge.Active && told.HoldOf(bridge.Private) == nil:
			c.Hold(bridge.Public, &bridge.Hold{State: told.State, Why: told.Why}) // a hub that knows no holds
		default:
			c.Hold(bridge.Public, told.HoldOf(bridge.Public))
		}
		*over = was != bridge.Ended && c.State == bridge.Ended
		return nil
	})
}
