package relay

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
)

// takeHold takes over what the private side has against carrying changes, and what it calls the connection.
func (h *Hub) takeHold(ctx context.Context, connection string, in *exchange.Request) error {
	c, err := h.Site.Book.Connection(ctx, connection)
	if err != nil || c == nil {
		return err
	}
	if c.State == bridge.Ended || sameHold(c.HoldOf(bridge.Private), in.Hold) && (in.Name == "" || in.Name == c.Theirs) {
		return nil
	}
	return h.Site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
		c.Hold(bridge.Private, in.Hold)
		if in.Name != "" {
			c.Theirs = in.Name
		}
		return nil
	})
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

// Configure takes over what the hub told of a connection; the private side keeps its own name, description and hold. It
// reports whether changes may be carried again that could not before.
func (r *Relay) Configure(ctx context.Context, told *bridge.Connection) (again bool, err error) {
	err = r.Site.Book.UpdateConnection(ctx, told.ID, func(c *bridge.Connection) error {
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
		again = was != bridge.Active && c.State == bridge.Active
		return nil
	})
	return again, err
}
