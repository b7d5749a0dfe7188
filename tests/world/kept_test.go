package world

import (
	"context"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/relay"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// TestAnIdleExchangeReadsLittle: the news, and what is pending in each lane.
func TestAnIdleExchangeReadsLittle(t *testing.T) {
	w := New(t, Options{})
	pairUp(t, w, w.Public, nil)
	hub := &relay.Hub{Relay: w.Public.Relay, Kept: new(relay.Kept)}
	idle := func() (reads int) {
		w.Public.Store.SetFaults(store.Faults{Read: func(n int) bool { reads = n; return false }})
		w.meet(hub)
		return reads
	}
	idle()
	if reads, writes := idle(), w.Public.Store.Applies(); reads != 3 || writes != 0 {
		t.Errorf("%d reads, %d writes", reads, writes)
	}
	now := w.Public.Site.Now
	w.Public.Site.Now = func() int64 { return now() + 2*time.Minute.Milliseconds() }
	if reads := idle(); reads != 9 {
		t.Errorf("after two minutes: %d reads", reads)
	}
}

// meet is one exchange of a poller that knows the connection as it was made.
func (w *World) meet(hub *relay.Hub) exchange.Response {
	w.T.Helper()
	out, err := hub.Exchange(context.Background(), exchange.Session{Connection: Connection}, &exchange.Request{
		Knows: exchange.Knows{Policy: 1, State: bridge.Active, Rules: 1},
	})
	w.must(err)
	return out
}

// TestWhatIsKeptIsNoLongerBelievedWhenItChanged: whoever writes what an exchange tells, in whatever process, the next
// exchange tells it.
func TestWhatIsKeptIsNoLongerBelievedWhenItChanged(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Half) error
		told   func(exchange.Response) bool
	}{
		"the connection is paused": {func(h *Half) error {
			return h.Site.Book.UpdateConnection(context.Background(), Connection, func(c *bridge.Connection) error {
				c.Hold(bridge.Public, &bridge.Hold{State: bridge.Paused})
				return nil
			})
		}, func(r exchange.Response) bool {
			return r.Connection != nil && r.Connection.State == bridge.Paused && len(r.Changes) == 0
		}},
		"rules are published": {func(h *Half) error {
			_, err := site.Publish(context.Background(), h.Site, Connection, site.Revision{File: "x.yaml", Source: Everything(PublicProject)})
			return err
		}, func(r exchange.Response) bool { return r.Rules != nil && r.Rules.Revision == 2 }},
		"a question is asked": {func(h *Half) error {
			return h.Site.Ask(context.Background(), bridge.Question{Connection: Connection, ID: "q1"})
		}, func(r exchange.Response) bool { return len(r.Asks) == 1 }},
		"issues are asked for again": {func(h *Half) error {
			ctx, book := context.Background(), h.Site.Book
			t, err := book.Claim(ctx, Connection, "77", "marker")
			h.must(err)
			h.must(book.Refuse(ctx, Connection, "77", t, bridge.Ack{Outcome: bridge.Refused}))
			_, err = book.AskAgain(ctx, Connection, bridge.Refused)
			return err
		}, func(r exchange.Response) bool { return len(r.Again) == 1 }},
		"everything is offered again": {func(h *Half) error {
			return h.Site.Book.SetRejoin(context.Background(), Connection, 5, false)
		}, func(r exchange.Response) bool { return r.Rejoin == 5 && len(r.Changes) == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(t, Options{})
			key, _ := pairUp(t, w, w.Public, nil)
			hub := &relay.Hub{Relay: w.Public.Relay, Kept: new(relay.Kept), Rejoin: func(context.Context, string, int64, int64) error { return nil }}
			for range 2 {
				if c.told(w.meet(hub)) {
					t.Fatal("told before it happened")
				}
			}
			w.Public.Edit(key, map[string]any{"summary": "waits"})
			w.Public.Drain()
			w.must(c.change(w.Public))
			if out := w.meet(hub); !c.told(out) {
				t.Errorf("not told: %+v", out)
			}
		})
	}
}
