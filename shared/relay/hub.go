package relay

import (
	"context"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// Hub is the hub's part of an exchange. It implements exchange.Backend.
type Hub struct {
	Relay
	Self  exchange.Site // the public site, as the private one may know it
	State exchange.Generation
	// Kept remembers what hardly ever changes from one exchange to the next; nil: it is read each time.
	Kept *Kept
	// Dismiss forgets the poller of a connection that has ended, once it knows; nil: its keys stay good for nothing.
	Dismiss func(ctx context.Context, connection string) error
	// Hold is the longest time an answer is held until there is something to send; 0 where time is paid for (Lambda).
	Hold time.Duration
	// Rejoin offers everything of a connection again, on this side; request names why, so that asking twice is asking once. Rules
	// is the highest revision of this side's rules that the other one knows of.
	Rejoin func(ctx context.Context, connection string, request, rules int64) error
	// Cheap lets an idle poller sleep for 20 s instead of 5.
	Cheap bool
}

// Pace of polling, where answers are not held.
const (
	pollActive = time.Second // while something flowed in the last activeTime
	pollIdle   = 5 * time.Second
	pollCheap  = 20 * time.Second
	activeTime = 10 * time.Minute
	crowd      = 16          // changes and acks in a round: more are better gathered than hurried
	recheck    = time.Second // while an answer is held: what another process changed rings no bell here
)

var _ exchange.Backend = (*Hub)(nil)

// Accepted makes the connection active.
func (h *Hub) Accepted(ctx context.Context, connection string, s exchange.Site) (bridge.Connection, exchange.Site, error) {
	var out bridge.Connection
	err := h.Site.Watched(ctx, "the private side", "invitation accepted by site "+s.Name, connection, func() error {
		return h.Site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
			if c.State == bridge.Pending || c.State == "" {
				c.State = bridge.Active
			}
			out = *c
			return nil
		})
	})
	out.Project = "" // each site has its own
	return out, h.Self, err
}

// Rotated implements exchange.Backend.
func (h *Hub) Rotated(ctx context.Context, connection, old, next string) error {
	return h.Site.Record(ctx, site.Act{
		Who: "the private side", What: "poller's key rotated", Connection: connection,
		Before: map[string]string{"poller's key": old}, After: map[string]string{"poller's key": next},
	})
}

// Exchange implements exchange.Backend.
func (h *Hub) Exchange(ctx context.Context, s exchange.Session, in *exchange.Request) (exchange.Response, error) {
	rung := h.Site.Rung() // before anything is read: what changes from here on rings
	v, err := h.view(ctx, s.Connection)
	if err != nil {
		return exchange.Response{}, err
	}
	if v, err = h.takeHold(ctx, s.Connection, v, in); err != nil {
		return exchange.Response{}, err
	}
	if out, wait, err := h.rejoin(ctx, s, in, v); wait || err != nil {
		return out, err
	}
	if v, err = h.takeContracts(ctx, s.Connection, v, in); err != nil {
		return exchange.Response{}, err
	}
	if err := h.TakeAgain(ctx, s.Connection, in.Again); err != nil {
		return exchange.Response{}, err
	}
	if err := h.TakeAcks(ctx, in.Acks); err != nil {
		return exchange.Response{}, err
	}
	if err := h.TakeChanges(ctx, in.Changes); err != nil {
		return exchange.Response{}, err
	}
	if err := h.TakeTold(ctx, in.Told); err != nil {
		return exchange.Response{}, err
	}
	if err := h.TakeAsks(ctx, in.Asks); err != nil {
		return exchange.Response{}, err
	}
	deadline := time.Now().Add(min(h.Hold, time.Duration(in.WaitMS)*time.Millisecond))
	for {
		out, err := h.answer(ctx, s.Connection, v, in)
		left := time.Until(deadline)
		if err != nil || left <= 0 || len(out.Changes)+len(out.Acks)+len(out.Asks)+len(out.Told) > 0 || out.Connection != nil || out.Contracts != nil {
			out.NextPollMS = h.pace(in, &out).Milliseconds()
			return out, err
		}
		select {
		case <-rung:
		case <-time.After(min(left, recheck)):
		case <-ctx.Done():
			return out, ctx.Err()
		}
		rung = h.Site.Rung()
		if v, err = h.view(ctx, s.Connection); err != nil {
			return out, err
		}
	}
}

// rejoin holds everything back until both sides have marked all their pairs to be offered again. The poller keeps what it
// sent, and sends it again.
func (h *Hub) rejoin(ctx context.Context, s exchange.Session, in *exchange.Request, v view) (out exchange.Response, wait bool, err error) {
	if h.Rejoin == nil {
		return out, false, nil
	}
	if s.Rejoin != 0 {
		if err := h.Rejoin(ctx, s.Connection, s.Rejoin, in.Knows.Rules); err != nil {
			return out, true, err
		}
		if v, err = h.view(ctx, s.Connection); err != nil {
			return out, true, err
		}
	}
	if v.marked && s.Rejoin == 0 {
		return out, false, nil
	}
	out.Hub, out.Rejoin, out.NextPollMS = h.State, v.request, rejoinPoll.Milliseconds()
	return out, true, nil
}

// rejoinPoll is how soon a poller comes again while one of the two sides is not ready.
const rejoinPoll = 200 * time.Millisecond

// answer is what there is to send now.
func (h *Hub) answer(ctx context.Context, connection string, v view, in *exchange.Request) (out exchange.Response, err error) {
	out.Hub, out.Version = h.State, h.Self.Version
	c := v.connection
	if c == nil {
		return out, nil
	}
	if c.State != in.Knows.State || c.Revision() != in.Knows.Policy || c.Name != in.Knows.Name || !sameHold(c.HoldOf(bridge.Public), in.Knows.Hold) {
		out.Connection = told(c)
	}
	for _, m := range in.Awaits {
		a, err := h.Answer(ctx, connection, m.Issue, m.Revision)
		if err != nil {
			return out, err
		}
		if a != nil {
			out.Acks = append(out.Acks, *a)
			h.done("in", *a, a.Twin.Key, 0)
		}
	}
	if v.rules != in.Knows.Rules {
		out.Rules = &exchange.RuleSet{Revision: v.rules}
	}
	out.Contracts = contracts(v, in)
	if err := h.answers(ctx, connection, in, &out); err != nil {
		return out, err
	}
	if !v.quiet {
		if err := h.asks(ctx, connection, in, &out); err != nil {
			return out, err
		}
	}
	if c.State != bridge.Active {
		return out, nil
	}
	if !v.quiet {
		if out.Again, err = h.Site.Book.Again(ctx, connection, MaxAgain); err != nil {
			return out, err
		}
	}
	held := map[string]int64{}
	for _, m := range in.Holds {
		held[m.Issue] = m.Revision
	}
	out.Changes, out.More, err = h.Next(ctx, connection, len(in.Holds), func(issue string, revision int64) bool {
		return held[issue] >= revision
	})
	return out, err
}

// pace says when the poller is to come again.
func (h *Hub) pace(in *exchange.Request, out *exchange.Response) time.Duration {
	flows := len(out.Changes)+len(out.Acks)+len(in.Asks)+len(in.Asked)+len(in.Told)+len(out.Asks)+len(in.Changes)+len(in.Acks)+len(in.Awaits) > 0
	switch {
	case h.Hold > 0 && len(out.Changes)+len(out.Acks)+len(in.Changes)+len(in.Acks) > crowd:
		return 20 * time.Millisecond // so that the next round carries as many
	case h.Hold > 0 && flows:
		return 2 * time.Millisecond
	case h.Hold > 0:
		return 0
	case flows || in.IdleMS < activeTime.Milliseconds():
		return pollActive
	case h.Cheap:
		return pollCheap
	}
	return pollIdle
}
