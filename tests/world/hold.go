package world

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/relay"
)

// tell lets the two sides tell each other what they have against carrying changes, and their contracts, as every exchange does.
func (w *World) tell() {
	w.T.Helper()
	ctx := context.Background()
	c := w.Private.connection()
	hub := relay.Hub{Relay: w.Public.Relay, Kept: w.Public.Kept}
	again, err := w.Private.Site.Book.Again(ctx, Connection, relay.MaxAgain)
	w.must(err)
	known, err := w.Private.Site.Contracts(ctx, Connection)
	w.must(err)
	contracts := relay.Contracts(known, known.Ours.Has)
	contracts.Knows = exchange.Heard{Has: known.Ours.Has, Approved: known.Ours.Approved}
	out, err := hub.Exchange(ctx, exchange.Session{Connection: Connection}, &exchange.Request{
		Again: again, Contracts: contracts, Hold: c.HoldOf(bridge.Private), Name: c.Name,
		Knows: exchange.Knows{State: c.State, Policy: c.Revision(), Name: c.Theirs, Hold: c.HoldOf(bridge.Public)},
	})
	w.must(err)
	w.must(w.Private.Relay.TakeAgain(ctx, Connection, out.Again))
	_, err = w.Private.Relay.TakeContracts(ctx, Connection, known, out.Contracts)
	w.must(err)
	if out.Connection != nil {
		w.must(w.Private.Relay.Configure(ctx, out.Connection))
	}
}

func (h *Half) connection() *bridge.Connection {
	h.T.Helper()
	c, err := h.Site.Book.Connection(context.Background(), Connection)
	h.must(err)
	return c
}
