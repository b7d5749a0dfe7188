package pair

import (
	"context"
	"encoding/json"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Twin says which local issue is the twin of a remote one, or that somebody is about to create it. Its conditional
// creation is what lets exactly one creator through.
type Twin struct {
	Local  string `json:"local,omitempty"`  // local issue id; empty: an intent to create it is open
	Intent string `json:"intent,omitempty"` // the marker of the creation
	Since  int64  `json:"since,omitempty"`  // hub ms of the intent: a retry looks for own creations since then
	// Answer is what the remote site is told where no twin is made: refused, or not wanted.
	Answer *bridge.Ack `json:"answer,omitempty"`

	rev int64
}

func twinKey(connection, remote string) store.Key {
	return store.Key{Part: "twin/" + connection, Sort: remote}
}

// Twin returns what is known of the twin of a remote issue; nil if nothing is.
func (b *Book) Twin(ctx context.Context, connection, remote string) (*Twin, error) {
	docs, err := b.Store.Get(ctx, twinKey(connection, remote))
	if err != nil || docs[0] == nil {
		return nil, err
	}
	var t Twin
	if err := json.Unmarshal(docs[0].Body, &t); err != nil {
		return nil, damaged(docs[0].Key, err)
	}
	t.rev = docs[0].Rev
	return &t, nil
}

// Claim stores the intent to create the twin of a remote issue; ErrConflict if somebody else has.
func (b *Book) Claim(ctx context.Context, connection, remote, intent string) (*Twin, error) {
	t := &Twin{Intent: intent, Since: b.Now()}
	body, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	t.rev = 1
	return t, b.Store.Apply(ctx, store.Create(store.Doc{Key: twinKey(connection, remote), Body: body}))
}

// Refuse gives up an intent of which it is certain that nothing was created, and keeps the answer. A later change of the
// remote issue may claim it again.
func (b *Book) Refuse(ctx context.Context, connection, remote string, t *Twin, answer bridge.Ack) error {
	body, err := json.Marshal(Twin{Answer: &answer})
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Replace(store.Doc{Key: twinKey(connection, remote), Body: body, Rev: t.rev}))
}

// Reclaim makes a refused twin an open intent again. ErrConflict: somebody else has.
func (b *Book) Reclaim(ctx context.Context, connection, remote string, t *Twin, intent string) (*Twin, error) {
	n := &Twin{Intent: intent, Since: b.Now(), rev: t.rev + 1}
	body, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	return n, b.Store.Apply(ctx, store.Replace(store.Doc{Key: twinKey(connection, remote), Body: body, Rev: t.rev}))
}

// Renew says that the creation is tried again now, after it was certain that the earlier try created nothing: whoever looks
// for the result looks for this try. ErrConflict: somebody else tries.
func (b *Book) Renew(ctx context.Context, connection, remote string, t *Twin) (*Twin, error) {
	return b.Reclaim(ctx, connection, remote, t, t.Intent)
}

// Join stores a new pair whose twin is known, in one step with the twin's document: t is the open intent, or nil where
// two existing issues are paired. ErrConflict: one of the two issues is in a pair already, or the intent is not open.
func (b *Book) Join(ctx context.Context, p *Pair, t *Twin) error {
	key := twinKey(p.Head.Connection, p.Head.Remote.ID)
	p.Head.Status = Synced
	p.twinDone = true
	body, err := json.Marshal(Twin{Local: p.Head.Local.ID})
	if err != nil {
		return err
	}
	op := store.Create(store.Doc{Key: key, Body: body})
	if t != nil {
		op = store.Replace(store.Doc{Key: key, Body: body, Rev: t.rev})
	}
	return b.Create(ctx, p, op)
}

// twinOp makes the remote issue findable once the remote site has told its id.
func (p *Pair) twinOp() []store.Op {
	if p.twinDone || p.Head.Remote.ID == "" {
		return nil
	}
	body, err := json.Marshal(Twin{Local: p.Head.Local.ID})
	if err != nil {
		return nil
	}
	return []store.Op{store.Put(store.Doc{Key: twinKey(p.Head.Connection, p.Head.Remote.ID), Body: body})}
}

// Find returns the pair of which the remote issue is the twin; nil if there is none.
func (b *Book) Find(ctx context.Context, connection, remote string) (*Pair, error) {
	t, err := b.Twin(ctx, connection, remote)
	if err != nil || t == nil || t.Local == "" {
		return nil, err
	}
	return b.Load(ctx, connection, t.Local)
}

// ByKey returns the pairs whose local issue has the key, in any connection.
func (b *Book) ByKey(ctx context.Context, connections []bridge.Connection, key string) ([]*Pair, error) {
	var out []*Pair
	for _, c := range connections {
		lines, err := b.List(ctx, c.ID, "", 0)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if l.Key != key && l.Issue != key {
				continue
			}
			p, err := b.Load(ctx, c.ID, l.Issue)
			if err != nil {
				return nil, err
			}
			if p != nil {
				out = append(out, p)
			}
		}
	}
	return out, nil
}
