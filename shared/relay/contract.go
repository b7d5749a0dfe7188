package relay

import (
	"context"

	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
)

// Contracts is what a message says of contracts: ours where the other side has another, and what we have of theirs.
func Contracts(c site.Contracts, theyHave int64) *exchange.Contracts {
	out := &exchange.Contracts{Heard: exchange.Heard{Approved: c.Theirs.Approved}}
	if c.Theirs.Latest != nil {
		out.Has = c.Theirs.Latest.At
	}
	if c.Ours.Latest != nil && c.Ours.Latest.At != theyHave {
		out.Contract = c.Ours.Latest
	}
	return out
}

// TakeContracts takes in what the other side said; c is what is known here.
func (r *Relay) TakeContracts(ctx context.Context, connection string, c site.Contracts, in *exchange.Contracts) (changed bool, err error) {
	if in == nil {
		return false, nil
	}
	if in.Contract != nil && (c.Theirs.Latest == nil || c.Theirs.Latest.At != in.Contract.At) {
		changed = true
		if err := r.Site.LearnContract(ctx, connection, *in.Contract); err != nil {
			return changed, err
		}
	}
	if c.Ours.Latest != nil && (c.Ours.Has != in.Has || c.Ours.Approved != in.Approved) {
		changed = true
		err = r.Site.LearnHeard(ctx, connection, in.Has, in.Approved)
	}
	return changed, err
}

// takeContracts takes over what the private side said. It returns the view after that.
func (h *Hub) takeContracts(ctx context.Context, connection string, v view, in *exchange.Request) (view, error) {
	changed, err := h.TakeContracts(ctx, connection, v.contracts, in.Contracts)
	if err != nil || !changed {
		return v, err
	}
	return h.view(ctx, connection)
}

// contracts adds to an answer what the poller does not know; nothing for one that knows no contracts.
func contracts(v view, in *exchange.Request) *exchange.Contracts {
	if in.Contracts == nil {
		return nil
	}
	out := Contracts(v.contracts, in.Contracts.Has)
	if out.Contract == nil && out.Heard == in.Contracts.Knows {
		return nil
	}
	return out
}
