package sign

import (
	"sync"
	"time"
)

// maxRoundTrip bounds what a Clock learns from: a time that took longer to get
// here could be wrong by half of this, half the skew a hub allows.
const maxRoundTrip = DefaultSkew

// Clock is the hub's time as a poller knows it: its own clock and an offset
// learnt from responses the hub signed. A poller signs and stamps by it, so a
// wrong clock inside locks nobody out. The zero Clock has no offset. It is safe
// for concurrent use.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	known  bool
}

// ClockAhead is a clock of a hub that was last known to be that much ahead of ours; nil: nothing is known.
func ClockAhead(by *time.Duration) *Clock {
	if by == nil {
		return new(Clock)
	}
	return &Clock{offset: *by, known: true}
}

// At returns the hub's time at the given moment of the local clock.
func (c *Clock) At(local time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return local.Add(c.offset)
}

// Offset returns how far the hub is ahead of the local clock, and whether that
// was ever learnt.
func (c *Clock) Offset() (offset time.Duration, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset, c.known
}

// Learn takes the hub's time from a verified response: hub is the time in it,
// sent and received are local times around the call. It assumes the middle; the
// error is at most half the round trip. It says whether it learnt anything: a
// round trip over 30 s, or one that ended before it began, teaches nothing.
func (c *Clock) Learn(hub, sent, received time.Time) bool {
	trip := received.Sub(sent)
	if trip < 0 || trip > maxRoundTrip {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = hub.Sub(received.Add(-trip / 2).Round(0))
	c.known = true
	return true
}
