package pair

import (
	"context"
	"encoding/json"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Book is where one site keeps its pairs.
type Book struct {
	Store store.Store
	Site  string       // name of the site, for the list of what is due
	Now   func() int64 // hub ms
}

// Line is a pair in a listing.
type Line struct {
	Issue  string `json:"-"`
	Key    string `json:"key"`
	Remote string `json:"remote,omitempty"`
}

// Load reads a pair; nil if there is none.
func (b *Book) Load(ctx context.Context, connection, issue string) (*Pair, error) {
	pt := part(connection, issue)
	docs, err := b.Store.Get(ctx, store.Key{Part: pt, Sort: "head"}, store.Key{Part: pt, Sort: "state"})
	if err != nil || docs[0] == nil {
		return nil, err
	}
	p := b.empty()
	if err := json.Unmarshal(docs[0].Body, &p.Head); err != nil {
		return nil, damaged(docs[0].Key, err)
	}
	p.headRev, p.headWas = docs[0].Rev, docs[0].Body
	p.lineWas, p.twinDone = Line{Key: p.Head.Local.Key, Remote: p.Head.Remote.ID}, p.Head.Remote.ID != ""
	if docs[1] != nil {
		if err := p.readState(ctx, *docs[1]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (b *Book) empty() *Pair {
	return &Pair{book: b, State: State{Fields: map[string]*Field{}}, docs: map[string]*doc{}, values: map[string]bool{}}
}

func (p *Pair) readState(ctx context.Context, d store.Doc) error {
	if err := json.Unmarshal(d.Body, &p.State); err != nil {
		return damaged(d.Key, err)
	}
	if p.State.Fields == nil {
		p.State.Fields = map[string]*Field{}
	}
	p.stateRev, p.stateWas = d.Rev, d.Body
	ids := p.State.outside()
	if len(ids) == 0 {
		return nil
	}
	keys := make([]store.Key, len(ids))
	for i, id := range ids {
		keys[i] = p.valueKey(id)
	}
	docs, err := p.book.Store.Get(ctx, keys...)
	if err != nil {
		return err
	}
	values := map[string]bridge.Value{}
	for i, d := range docs {
		if d == nil {
			return damaged(keys[i], errors.New("it is missing"))
		}
		var v struct{ Value bridge.Value }
		if err := json.Unmarshal(d.Body, &v); err != nil {
			return damaged(keys[i], err)
		}
		values[ids[i]], p.values[ids[i]] = v.Value, true
	}
	p.State.restore(values)
	return nil
}

// New makes a pair that is not stored yet; [Book.Create] stores it.
func (b *Book) New(connection string, local bridge.Ref, origin bridge.Role) *Pair {
	p := b.empty()
	p.Head = Head{Connection: connection, Local: local, Status: Waiting, Origin: origin}
	return p
}

// Create stores a new pair; ErrConflict if there is one already.
func (b *Book) Create(ctx context.Context, p *Pair, extra ...store.Op) error {
	ops, err := p.ops(b.Now())
	if err != nil {
		return err
	}
	return b.apply(ctx, append(extra, ops...))
}

// ErrNone is what Update returns where there is no such pair.
var ErrNone = errors.New("pair: no such pair")

// maxRetries bounds how often an update is done again because somebody else changed the pair meanwhile.
const maxRetries = 20

// Update loads the pair, lets change alter it and stores the result under the condition that nobody else did meanwhile;
// otherwise it does all of that again. So change must be a function of the pair it is given: it may read members, but it
// must not call Jira. An error of change's is returned as it is and nothing is stored.
func (b *Book) Update(ctx context.Context, connection, issue string, change func(*Pair) error) (*Pair, error) {
	for try := 0; ; try++ {
		p, err := b.Load(ctx, connection, issue)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, ErrNone
		}
		if err := change(p); err != nil {
			return p, err
		}
		err = b.save(ctx, p)
		if !isConflict(err) || try == maxRetries {
			return p, err
		}
	}
}

func (b *Book) save(ctx context.Context, p *Pair) error {
	if err := p.settleAcked(ctx); err != nil {
		return err
	}
	ops, err := p.ops(b.Now())
	if err != nil || len(ops) == 0 {
		return err
	}
	return b.apply(ctx, ops)
}

// apply writes in batches the store takes; the last one holds state and head, so it is the commit.
func (b *Book) apply(ctx context.Context, ops []store.Op) error {
	for len(ops) > store.MaxOps {
		if err := b.Store.Apply(ctx, ops[:store.MaxOps/2]...); err != nil {
			return err
		}
		ops = ops[store.MaxOps/2:]
	}
	return b.Store.Apply(ctx, ops...)
}

// settleAcked writes acknowledged members into their documents, and clears Many when none is left.
func (p *Pair) settleAcked(ctx context.Context) error {
	for _, a := range p.acked {
		kind, id := SplitMemberKey(a.key)
		own, err := p.Own(ctx, kind, id)
		if err != nil {
			return err
		}
		if own == nil {
			continue
		}
		if a.copyID != "" {
			own.RemoteID = a.copyID
		}
		if own.Rev <= a.revision {
			own.Rev = 0
		}
		p.put("own/"+a.key, own)
	}
	p.acked = nil
	if !p.Head.Many || len(p.Head.Dirty) > 0 {
		return nil
	}
	return p.refillDirty(ctx)
}

// refillDirty lists the next members that were not acknowledged, after the listed ones are done.
func (p *Pair) refillDirty(ctx context.Context) error {
	owns, err := p.Owns(ctx)
	if err != nil {
		return err
	}
	p.Head.Many = false
	for _, o := range owns {
		if o.Rev == 0 {
			continue
		}
		key := MemberKey(o.Offer.Kind, o.Offer.ID)
		if len(p.Head.Dirty) >= dirtyMax {
			p.Head.Many = true
			break
		}
		if p.Head.Dirty == nil {
			p.Head.Dirty = map[string]int64{}
		}
		p.Head.Dirty[key] = o.Rev
	}
	if len(p.Head.Dirty) == 0 && p.Head.Acked >= p.Head.Revision {
		p.Head.Since, p.Head.Lane = 0, ""
	}
	return nil
}

// List returns the pairs of a connection in order of issue id, after the given one.
func (b *Book) List(ctx context.Context, connection, after string, limit int) ([]Line, error) {
	docs, err := b.Store.List(ctx, "pairs/"+connection, store.Range{After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := make([]Line, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, damaged(d.Key, err)
		}
		out[i].Issue = d.Key.Sort
	}
	return out, nil
}

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }
