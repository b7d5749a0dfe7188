package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Pair is one pair as loaded. Change it inside [Book.Update] only.
type Pair struct {
	Head  Head
	State State

	book     *Book
	headRev  int64           // of the stored head; 0: not stored yet
	stateRev int64           // of the stored state
	stateWas []byte          // the stored state, to see whether it changed
	headWas  []byte          // likewise
	lineWas  Line            // the stored line of the listing
	values   map[string]bool // ids of the values stored outside the state
	docs     map[string]*doc // member documents read or changed, by sort key
	acked    []ackedMember   // to be written into the originals
	history  []Event
	due      *int64 // set: when to try again (0: no more)
	twinDone bool   // the twin's document says which pair it belongs to
}

type doc struct {
	rev     int64
	value   any
	changed bool
}

// Part is the partition of a pair's documents.
func part(connection, issue string) string { return "pair/" + connection + "/" + issue }

func (p *Pair) part() string { return part(p.Head.Connection, p.Head.Local.ID) }

// load reads one document of the pair into a T, once.
func load[T any](ctx context.Context, p *Pair, sort string) (*T, error) {
	if d, ok := p.docs[sort]; ok {
		v, _ := d.value.(*T)
		return v, nil
	}
	got, err := p.book.Store.Get(ctx, store.Key{Part: p.part(), Sort: sort})
	if err != nil {
		return nil, err
	}
	if got[0] == nil {
		p.docs[sort] = &doc{}
		return nil, nil
	}
	return keep[T](p, *got[0])
}

// list reads all documents of the pair whose sort key begins so; what was changed since loading counts.
func list[T any](ctx context.Context, p *Pair, prefix string) ([]*T, error) {
	stored, err := p.book.Store.List(ctx, p.part(), store.Range{Prefix: prefix})
	if err != nil {
		return nil, err
	}
	for _, d := range stored {
		if _, known := p.docs[d.Key.Sort]; !known {
			if _, err := keep[T](p, d); err != nil {
				return nil, err
			}
		}
	}
	var out []*T
	for _, sort := range sortedKeys(p.docs) {
		if v, ok := p.docs[sort].value.(*T); ok && v != nil && strings.HasPrefix(sort, prefix) {
			out = append(out, v)
		}
	}
	return out, nil
}

func keep[T any](p *Pair, d store.Doc) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(d.Body, v); err != nil {
		return nil, damaged(d.Key, err)
	}
	p.docs[d.Key.Sort] = &doc{rev: d.Rev, value: v}
	return v, nil
}

// put marks a document of the pair to be written at the end of the update.
func (p *Pair) put(sort string, value any) {
	d := p.docs[sort]
	if d == nil {
		d = &doc{rev: -1} // never read: written whatever is there
		p.docs[sort] = d
	}
	d.value, d.changed = value, true
}

func damaged(k store.Key, err error) error {
	return bridge.Permanent("state-damaged", "stored document %q cannot be read (%w): restore a backup, or run the repair command", k.String(), err)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// ops are the writes that bring the store to what the pair is now: members first, the head last.
func (p *Pair) ops(now int64) ([]store.Op, error) {
	var ops []store.Op
	for _, sort := range sortedKeys(p.docs) {
		d := p.docs[sort]
		if !d.changed {
			continue
		}
		body, err := json.Marshal(d.value)
		if err != nil {
			return nil, err
		}
		ops = append(ops, store.Put(store.Doc{Key: store.Key{Part: p.part(), Sort: sort}, Body: body}))
	}
	ops = append(ops, p.historyOps(now)...)
	ops = append(append(ops, p.twinOp()...), p.lineOp()...)
	if p.due != nil {
		ops = append(ops, p.dueOp())
	}
	stateOps, err := p.stateOps()
	if err != nil {
		return nil, err
	}
	headOps, err := p.headOps()
	return append(append(ops, stateOps...), headOps...), err
}

func (p *Pair) stateOps() ([]store.Op, error) {
	body, values, err := p.State.encode()
	if err != nil || string(body) == string(p.stateWas) {
		return nil, err
	}
	var ops []store.Op
	for _, id := range sortedKeys(values) {
		if !p.values[id] {
			ops = append(ops, store.Put(store.Doc{Key: p.valueKey(id), Body: fmt.Appendf(nil, `{"value":%s}`, values[id])}))
		}
	}
	for _, id := range sortedKeys(p.values) {
		if _, used := values[id]; !used {
			ops = append(ops, store.Delete(p.valueKey(id)))
		}
	}
	d := store.Doc{Key: store.Key{Part: p.part(), Sort: "state"}, Body: body, Rev: p.stateRev}
	if p.stateRev == 0 {
		return append(ops, store.Create(d)), nil
	}
	return append(ops, store.Replace(d)), nil
}

func (p *Pair) valueKey(id string) store.Key { return store.Key{Part: p.part(), Sort: "value/" + id} }

func (p *Pair) headOps() ([]store.Op, error) {
	body, err := json.Marshal(&p.Head)
	if err != nil || string(body) == string(p.headWas) {
		return nil, err
	}
	d := store.Doc{Key: store.Key{Part: p.part(), Sort: "head"}, Body: body, Rev: p.headRev, Index: p.index()}
	if p.headRev > 0 {
		return []store.Op{store.Replace(d)}, nil
	}
	return []store.Op{store.Create(d)}, nil
}

// lineOp lists the pair, with the keys a person knows it by, when those change.
func (p *Pair) lineOp() []store.Op {
	l := Line{Key: p.Head.Local.Key, Remote: p.Head.Remote.ID}
	if l == p.lineWas {
		return nil
	}
	body, err := json.Marshal(l)
	if err != nil {
		return nil
	}
	return []store.Op{store.Put(store.Doc{Key: store.Key{Part: "pairs/" + p.Head.Connection, Sort: p.Head.Local.ID}, Body: body})}
}

// index puts the head into the list of what waits for the remote site, in its lane, oldest first.
func (p *Pair) index() *store.Index {
	if !p.Head.Waits() {
		return nil
	}
	return &store.Index{Name: pendingIndex(p.Head.Connection, p.Head.Lane), At: p.Head.Since}
}

func pendingIndex(connection string, lane bridge.Lane) string {
	if lane == "" {
		lane = bridge.Live
	}
	return "pending/" + connection + "/" + string(lane)
}
