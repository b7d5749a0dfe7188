package pair

import (
	"context"

	"drawbridge/shared/bridge"
)

// Answer is what this site says of the remote site's change of that issue and revision: nil while it is not done. It is
// read from the pair, so it can be given at any time and any number of times.
func (b *Book) Answer(ctx context.Context, connection, remoteIssue string, revision int64) (*bridge.Ack, error) {
	t, err := b.Twin(ctx, connection, remoteIssue)
	if err != nil || t == nil {
		return nil, err
	}
	if t.Local == "" {
		if t.Answer == nil || t.Answer.Revision < revision {
			return nil, nil
		}
		return t.Answer, nil
	}
	g, err := b.glance(ctx, connection, t.Local)
	if err != nil || g != nil && g.Applied < revision {
		return nil, err
	}
	p, err := b.Load(ctx, connection, t.Local)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return &bridge.Ack{Connection: connection, Issue: remoteIssue, Revision: revision, Outcome: bridge.Unmatched}, nil
	}
	if p.Head.Applied < revision {
		return nil, nil
	}
	a := &bridge.Ack{
		Connection: connection, Issue: remoteIssue, Twin: p.Head.Local, Revision: revision, Outcome: bridge.Applied,
		Members: p.State.Answered,
	}
	if o := p.Head.Outcome; o != nil {
		a.Outcome, a.Reason, a.Refused = o.Outcome, o.Reason, o.Refused
	}
	return a, nil
}
