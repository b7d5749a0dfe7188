package pair

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// Recall withdraws originals of this site whose copies should never have left: the remote site is told to delete its copies,
// and they stay in whatever the rules say. No keys: all that left. It returns the keys of what is withdrawn.
func (p *Pair) Recall(ctx context.Context, now int64, keys []string, by, why string) ([]string, error) {
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, o := range owns {
		key := MemberKey(o.Offer.Kind, o.Offer.ID)
		if len(keys) > 0 && !slices.Contains(keys, key) {
			continue
		}
		next, changed := merge.See(o.Member, merge.Sight{Seq: o.Member.Updated, Rules: o.Member.Rules, Kept: true})
		if !changed {
			continue
		}
		if len(done) == 0 {
			p.Mark(now, bridge.Live)
		}
		o.Member, o.Why, o.Recalled = next, "recalled by "+by, true
		o.Offer.Deleted, o.Offer.Seq, o.Offer.Body, o.Offer.Name, o.Offer.SHA256 = true, next.Seq, "", "", ""
		p.SetOwn(o, true)
		p.Note(Event{What: "recalled", Field: key, Cause: by, Note: why})
		done = append(done, key)
	}
	return done, nil
}
