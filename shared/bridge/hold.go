package bridge

// A Hold is what one side has against carrying changes of a connection: it paused, broke or ended it. Each side sets and
// lifts its own, without the other's help, and tells it in every exchange; a connection is as active as both let it be.
type Hold struct {
	State ConnectionState `json:"state"`          // paused, broken or ended
	Name  string          `json:"name,omitempty"` // broken: catalogue name of the error
	Why   string          `json:"why,omitempty"`
	By    string          `json:"by,omitempty"`
	At    int64           `json:"at,omitempty"` // hub ms
}

// Valid reports whether h is a hold that a side may tell.
func (h Hold) Valid() bool { return h.State == Paused || h.State == Broken || h.State == Ended }

var weight = map[ConnectionState]int{Paused: 1, Broken: 2, Ended: 3}

// Hold sets the hold of one side (nil: lifts it) and brings State and Why to what both sides' holds make of it. What has
// ended stays so.
func (c *Connection) Hold(side Role, h *Hold) {
	if c.State == Ended {
		return
	}
	holds := map[Role]Hold{}
	for r, was := range c.Holds {
		if r != side {
			holds[r] = was
		}
	}
	if h != nil {
		holds[side] = *h
	}
	c.Holds = holds
	if c.State != Pending {
		c.State, c.Why = Active, ""
	}
	for _, r := range []Role{Public, Private} {
		if h, ok := holds[r]; ok && weight[h.State] > weight[c.State] {
			c.State, c.Why = h.State, h.Why
		}
	}
	if len(holds) == 0 {
		c.Holds = nil
	}
}

// HoldOf is the hold of one side, nil if it has none.
func (c *Connection) HoldOf(side Role) *Hold {
	h, ok := c.Holds[side]
	if !ok {
		return nil
	}
	return &h
}

// Holder is the side whose hold makes the state what it is; "" if none does.
func (c *Connection) Holder() Role {
	for _, r := range []Role{Public, Private} {
		if h, ok := c.Holds[r]; ok && h.State == c.State && h.Why == c.Why {
			return r
		}
	}
	return ""
}
