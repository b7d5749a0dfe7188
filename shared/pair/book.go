package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Book is where one site keeps its pairs.
type Book struct {
	Store store.Store
	Site  string        // name of the site as its state knows it: part of keys, and not changed by calling it otherwise
	Now   func() int64  // hub ms
	Keep  time.Duration // how long the history holds values; 0: [ValuesKept]
	// Only leaves out connections that whoever uses the book has no business with; nil: none.
	Only func(bridge.Connection) bool
	// Wary, in tests, has every pair that is remembered decoded all the same, and panics if it is another one.
	Wary bool

	glances glances
	memory  memory
}

// Line is a pair in a listing.
type Line struct {
	Issue  string `json:"-"`
	Key    string `json:"key"`
	Remote string `json:"remote,omitempty"`
}

// Load reads a pair; nil if there is none.
func (b *Book) Load(ctx context.Context, connection, issue string) (*Pair, error) {
	for try := 0; ; try++ {
		p, later, err := b.load(ctx, connection, issue)
		if err != nil || !later || try == maxRetries {
			return p, err
		} // else the head is later than the state that was read before it
	}
}

func (b *Book) load(ctx context.Context, connection, issue string) (p *Pair, later bool, err error) {
	pt := part(connection, issue)
	docs, err := b.Store.Get(ctx, store.Key{Part: pt, Sort: "head"}, store.Key{Part: pt, Sort: "state"})
	if err != nil || docs[0] == nil {
		return nil, false, err
	}
	head, state := docs[0], docs[1]
	if state == nil {
		state = &store.Doc{Key: store.Key{Part: pt, Sort: "state"}, Body: []byte("{}")}
	}
	k, later, err := read(connection, issue, head, state, b.memory.get(pt))
	if err != nil {
		return nil, false, err
	}
	if b.Wary && !later {
		if anew, _, err := read(connection, issue, head, state, nil); !reflect.DeepEqual(k, anew) {
			panic(fmt.Sprintf("pair: %s and %s are remembered as\n%+v %+v %+v, read as\n%+v %+v %+v (%v)",
				head.Body, state.Body, k.head, k.carried, k.state, anew.head, anew.carried, anew.state, err))
		}
	}
	if !later {
		b.memory.put(pt, k)
	}
	p = k.pair(b, head.Rev, state.Rev)
	return p, later, p.restore(ctx)
}

func (b *Book) empty() *Pair {
	return &Pair{book: b, kept: &kept{}, State: State{Fields: map[string]*Field{}}, docs: map[string]*doc{}, values: map[string]bool{}}
}

// restore reads the values that are stored outside of the state, and puts them back.
func (p *Pair) restore(ctx context.Context) error {
	if len(p.kept.outside) == 0 {
		return nil
	}
	values := map[string]bridge.Value{}
	for ids := p.kept.outside; len(ids) > 0; {
		keys := make([]store.Key, len(ids))
		for i, id := range ids {
			keys[i] = p.valueKey(id)
		}
		docs, err := p.book.Store.Get(ctx, keys...)
		if err != nil {
			return err
		}
		var more []string // the pieces of large ones
		for i, d := range docs {
			if d == nil {
				return damaged(keys[i], errors.New("it is missing"))
			}
			var v struct{ Value bridge.Value }
			if err := json.Unmarshal(d.Body, &v); err != nil {
				return damaged(keys[i], err)
			}
			values[ids[i]], p.values[ids[i]] = v.Value, true
			more = append(more, piecesOf(v.Value)...)
		}
		ids = more
	}
	p.State.restore(values)
	return nil
}

// New makes a pair that is not stored yet; [Book.Create] stores it.
func (b *Book) New(connection string, local bridge.Ref, origin bridge.Role) *Pair {
	p := b.empty()
	p.Head = Head{Connection: connection, Local: local, Status: Waiting, Origin: origin, Bare: true}
	return p
}

// Create stores a new pair; ErrConflict if there is one already.
func (b *Book) Create(ctx context.Context, p *Pair, extra ...store.Op) error {
	w, err := p.writes(b.Now())
	if err != nil {
		return err
	}
	w.commit = append(extra, w.commit...)
	return b.commit(ctx, p, w)
}

// ErrNone is what Update returns where there is no such pair.
var ErrNone = errors.New("pair: no such pair")

// maxRetries bounds how often an update is done again because somebody else changed the pair meanwhile.
const maxRetries = 20

// Update loads the pair, lets change alter it and stores the result under the condition that nobody else did meanwhile;
// otherwise it does all of that again. So change must be a function of the pair it is given: it may read members, but it
// must not call Jira. An error of change's is returned as it is and nothing is stored.
func (b *Book) Update(ctx context.Context, connection, issue string, change func(*Pair) error) (*Pair, error) {
	p, err := b.Load(ctx, connection, issue)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ErrNone
	}
	return b.Change(ctx, p, change)
}

// Change is [Book.Update] of a pair that was loaded a moment ago and is as it was loaded: it is not read again unless
// somebody else changed it since.
func (b *Book) Change(ctx context.Context, p *Pair, change func(*Pair) error) (*Pair, error) {
	connection, issue := p.Head.Connection, p.Head.Local.ID
	for try := 0; ; try++ {
		if err := change(p); err != nil {
			return p, err
		}
		err := b.save(ctx, p)
		if !isConflict(err) || try == maxRetries {
			return p, err
		}
		if p, err = b.Load(ctx, connection, issue); err != nil {
			return nil, err
		}
		if p == nil {
			return nil, ErrNone
		}
	}
}

func (b *Book) save(ctx context.Context, p *Pair) error {
	if err := p.settleAcked(ctx); err != nil {
		return err
	}
	w, err := p.writes(b.Now())
	if err != nil {
		return err
	}
	return b.commit(ctx, p, w)
}

// commit writes, and remembers what was written.
func (b *Book) commit(ctx context.Context, p *Pair, w writes) error {
	err := b.write(ctx, w)
	if err == nil && w.next != nil && w.next.faithful() {
		b.memory.put(p.part(), w.next)
	}
	return err
}

// write does the moves one by one, then the commit: a plain write where the head is all there is. A commit larger than a
// batch is written in several; the last one holds the head.
func (b *Book) write(ctx context.Context, w writes) error {
	ops := w.commit
	switch {
	case len(ops) == 0:
		return nil
	case len(ops) == 1:
		return b.Store.Sequence(ctx, append(w.moves, ops...)...)
	case len(w.moves) > 0:
		if err := b.Store.Sequence(ctx, w.moves...); err != nil {
			return err
		}
	}
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
