package pair

import (
	"context"
	"encoding/json"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// A rejoin is one side's part of offering everything of a connection again, kept under
//
//	rejoin   C   the last request, and whether all pairs are marked
//
// Until both sides have marked all their pairs nothing flows between them.
type rejoin struct {
	Request int64 `json:"request"` // hub ms
	Done    bool  `json:"done,omitempty"`
}

func rejoinKey(connection string) store.Key { return store.Key{Part: "rejoin", Sort: connection} }

// Rejoining returns the last request to offer everything again, 0 if there was none, and whether all pairs are marked.
func (b *Book) Rejoining(ctx context.Context, connection string) (request int64, done bool, err error) {
	docs, err := b.Store.Get(ctx, rejoinKey(connection))
	if err != nil || docs[0] == nil {
		return 0, true, err
	}
	var r rejoin
	if err := json.Unmarshal(docs[0].Body, &r); err != nil {
		return 0, true, damaged(docs[0].Key, err)
	}
	return r.Request, r.Done, nil
}

// SetRejoin notes a request, and whether all pairs are marked.
func (b *Book) SetRejoin(ctx context.Context, connection string, request int64, done bool) error {
	body, err := json.Marshal(rejoin{request, done})
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: rejoinKey(connection), Body: body}), b.Tell(connection))
}

// RejoinPair offers everything of one pair anew, and makes this site look before it creates anything of it. What was
// written with our own login and never acknowledged is most likely a copy that a restored state has forgotten: it stays.
func (b *Book) RejoinPair(ctx context.Context, connection, issue string, request int64) error {
	_, err := b.Update(ctx, connection, issue, func(p *Pair) error {
		if p.State.Look == request {
			return nil
		}
		p.State.Look = request
		p.Head.Revision = max(p.Head.Revision, b.Now(), request) // the remote site may have seen higher ones
		p.Note(Event{What: "rejoin", Note: "one side's state was lost or restored: everything is offered again"})
		if err := p.doubt(ctx); err != nil {
			return err
		}
		err := p.Resend(ctx, b.Now(), bridge.Bulk)
		p.State.Lists = p.Head.Revision
		return err
	})
	if errors.Is(err, ErrNone) {
		return nil
	}
	return err
}

// doubt keeps back what may be copies that were forgotten.
func (p *Pair) doubt(ctx context.Context) error {
	owns, err := p.Owns(ctx)
	if err != nil {
		return err
	}
	for _, o := range owns {
		if !o.Ours || o.RemoteID != "" || o.Kept || o.Gone {
			continue
		}
		o.Kept, o.Why = true, "written with Drawbridge's own login, most likely a copy of which this site has forgotten that it made it"
		p.SetOwn(o, false)
		delete(p.Head.Dirty, MemberKey(o.Offer.Kind, o.Offer.ID))
	}
	return nil
}

// Rejoin offers everything of every pair of a connection anew.
func (b *Book) Rejoin(ctx context.Context, connection string) error {
	request, after := b.Now(), ""
	for {
		lines, err := b.List(ctx, connection, after, 200)
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			after = l.Issue
			if err := b.RejoinPair(ctx, connection, l.Issue, request); err != nil {
				return err
			}
		}
	}
}
