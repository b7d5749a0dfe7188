package pair

import (
	"context"
	"errors"

	"drawbridge/shared/bridge"
)

// Resend offers everything anew: the remote site lost state, restored an older one, or the pair was stopped meanwhile.
// Entries and members are joined there, so what it has already changes nothing.
func (p *Pair) Resend(ctx context.Context, now int64, lane bridge.Lane) error {
	p.Head.Acked = 0
	p.Mark(now, lane)
	owns, err := p.Owns(ctx)
	if err != nil {
		return err
	}
	for _, o := range owns {
		if o.Tombstone() && o.RemoteID == "" {
			continue // it never left
		}
		p.SetOwn(o, true)
	}
	return nil
}

// RejoinPair offers everything of one pair anew, and makes this site look before it creates anything of it.
func (b *Book) RejoinPair(ctx context.Context, connection, issue string) error {
	_, err := b.Update(ctx, connection, issue, func(p *Pair) error {
		p.State.Look = true
		p.Head.Revision = max(p.Head.Revision, b.Now()) // the remote site may have seen higher ones
		p.Note(Event{What: "rejoin", Note: "one side's state was lost or restored: everything is offered again"})
		return p.Resend(ctx, b.Now(), bridge.Bulk)
	})
	if errors.Is(err, ErrNone) {
		return nil
	}
	return err
}

// Rejoin offers everything of every pair of a connection anew, and makes this site look before it creates anything.
func (b *Book) Rejoin(ctx context.Context, connection string) error {
	after := ""
	for {
		lines, err := b.List(ctx, connection, after, 200)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			after = l.Issue
			if err := b.RejoinPair(ctx, connection, l.Issue); err != nil {
				return err
			}
		}
	}
}
