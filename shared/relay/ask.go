package relay

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// TakeAsks puts the remote site's questions into the queue; one that is in work or answered already is there once.
func (r *Relay) TakeAsks(ctx context.Context, qs []bridge.Question) error {
	for i := range qs {
		q := &qs[i]
		a, err := r.Site.Answered(ctx, q.Connection, q.ID)
		if err != nil {
			return err
		}
		if a != nil {
			continue
		}
		t := site.Task{Kind: site.AskTask, Connection: q.Connection, Issue: "asked-" + q.ID, Question: q}
		if err := r.Site.Send(ctx, t, bridge.Live, "ask/"+q.Connection+"/"+q.ID); err != nil {
			return err
		}
	}
	return nil
}

// TakeTold keeps the remote site's answers to our questions.
func (r *Relay) TakeTold(ctx context.Context, as []bridge.Preview) error {
	for _, a := range as {
		if err := r.Site.Told(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// Wake is the task of another process that put something into the state for the remote site.
func (r *Relay) Wake(context.Context, site.Task) error {
	r.Site.Ring()
	return nil
}

// answers adds to an answer what the poller asked and was answered.
func (h *Hub) answers(ctx context.Context, connection string, in *exchange.Request, out *exchange.Response) error {
	for _, q := range in.Asks {
		a, err := h.Site.Answered(ctx, connection, q.ID)
		if err != nil {
			return err
		}
		if a != nil {
			out.Told = append(out.Told, *a)
		}
	}
	return nil
}

// asks adds to an answer what the hub asks and the poller does not know.
func (h *Hub) asks(ctx context.Context, connection string, in *exchange.Request, out *exchange.Response) error {
	ours, err := h.Site.Asks(ctx, connection, exchange.MaxAsks)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, id := range in.Asked {
		known[id] = true
	}
	for _, a := range in.Told {
		known[a.ID] = true
	}
	for _, q := range ours {
		if !known[q.ID] {
			out.Asks = append(out.Asks, q)
		}
	}
	return nil
}
