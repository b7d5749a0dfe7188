package pair

import (
	"context"

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
