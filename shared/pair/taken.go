package pair

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
)

// A copy that the remote site took and of which this site does not know that it may be out is doubted, kept under
//
//	taken
//
// until the issue was read: then its original is let out, withdrawn or known to be deleted.
type doubted struct {
	Taken []bridge.Taken `json:"taken,omitempty"`
}

// taken is what this site says, after a state was lost or restored, that it has of the remote site's members.
func (p *Pair) taken(ctx context.Context) ([]bridge.Taken, error) {
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, err
	}
	var out []bridge.Taken
	for _, c := range copies {
		if w := c.Want; w.ID != "" && !w.Deleted && c.Original == "" {
			out = append(out, bridge.Taken{Kind: w.Kind, ID: w.ID, Seq: max(w.Seq, c.Member.Seq), Copy: c.LocalID})
		}
	}
	return out, nil
}

// Account takes in which of our members the remote site has, and doubts those that are not out as far as this site knows, or
// not as they were told last.
func (p *Pair) Account(ctx context.Context, taken []bridge.Taken) error {
	doubts, err := p.Doubts(ctx)
	if err != nil {
		return err
	}
	before := len(doubts)
	for _, t := range taken {
		own, err := p.Own(ctx, t.Kind, t.ID)
		if err != nil {
			return err
		}
		if own != nil && own.Ours && own.Kept && !own.Gone && !own.Offer.Deleted { // see doubt: it is no copy, they have one of it
			own.Kept, own.Why = false, ""
			p.Mark(p.book.Now(), bridge.Bulk)
			p.SetOwn(own, true)
		}
		switch {
		case own == nil || own.Tombstone() || own.Seq < t.Seq:
			if !slices.Contains(doubts, t) {
				doubts = append(doubts, t)
			}
		case own.RemoteID == "" && t.Copy != "":
			own.RemoteID = t.Copy
			p.SetOwn(own, false)
		}
	}
	if len(doubts) > before {
		p.setDoubts(doubts)
	}
	return nil
}

// Doubts are the copies at the remote site that are doubted.
func (p *Pair) Doubts(ctx context.Context) ([]bridge.Taken, error) {
	if !p.State.Doubts {
		return nil, nil
	}
	d, err := load[doubted](ctx, p, "taken")
	if err != nil || d == nil {
		return nil, err
	}
	return slices.Clone(d.Taken), nil
}

// Settle ends the doubt about those.
func (p *Pair) Settle(ctx context.Context, settled []bridge.Taken) error {
	doubts, err := p.Doubts(ctx)
	if err != nil {
		return err
	}
	p.setDoubts(slices.DeleteFunc(doubts, func(t bridge.Taken) bool { return slices.Contains(settled, t) }))
	return nil
}

func (p *Pair) setDoubts(doubts []bridge.Taken) {
	p.State.Doubts = len(doubts) > 0
	p.put("taken", &doubted{doubts})
}
