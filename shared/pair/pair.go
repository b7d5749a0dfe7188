package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
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
	kept     *kept           // as it was loaded; empty: it is not stored yet
	headRev  int64           // of the stored head; 0: not stored yet
	stateRev int64           // of the stored state document
	told     int             // lines of the history that are in documents
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
	if p.Head.Bare && member(sort) {
		return nil, nil
	}
	got, err := p.book.Store.Get(ctx, p.key(sort))
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
	var stored []store.Doc
	if !p.Head.Bare || !member(prefix) {
		var err error
		if stored, err = p.book.Store.List(ctx, p.part(), store.Range{Prefix: prefix}); err != nil {
			return nil, err
		}
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
	p.Head.Bare = p.Head.Bare && !member(sort)
}

// member reports whether that is the key, or the beginning of the keys, of documents about members.
func member(sort string) bool {
	return strings.HasPrefix(sort, "own/") || strings.HasPrefix(sort, "copy")
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

// writes are what brings the store to what the pair is now.
type writes struct {
	moves  []store.Op // change nothing that is known, each by itself and in this order
	commit []store.Op // all or none; the head is the last
	next   *kept      // what the documents say after that; nil: nothing is written
}

// headMax is how many bytes the body of a head may have, so that the item of it is one write unit of DynamoDB.
const headMax = 1024 - 134

// eventsMax is how many bytes of history one update may leave in the head.
const eventsMax = 600

// writes works out what to write: nothing where nothing changed.
func (p *Pair) writes(now int64) (w writes, err error) {
	if w.commit, err = p.memberOps(); err != nil {
		return w, err
	}
	w.commit = append(append(w.commit, p.twinOp()...), p.lineOp()...)
	if p.due != nil {
		w.commit = append(w.commit, p.dueOp())
	}
	is, values, err := p.apart()
	if err != nil {
		return w, err
	}
	w.commit = append(w.commit, p.valueOps(values)...)
	p.date(now)
	if p.headRev == 0 {
		return w, p.first(&w, is)
	}
	if len(w.commit)+len(p.history) == 0 && is.now.equal(p.kept.now) && reflect.DeepEqual(is.head, p.kept.head) {
		return w, nil
	}
	return w, p.next(&w, is, now)
}

// first writes a new pair: everything in one step.
func (p *Pair) first(w *writes, is *kept) (err error) {
	is.carried = carried{Base: 1, Told: p.told}
	if is.carried.Events, err = linesOf(p.history); err != nil {
		return err
	}
	is.stateBody = nested(is.now).text(nil)
	head, err := is.head.body()
	if err != nil {
		return err
	}
	is.headBody = is.carried.in(head)
	w.next = is
	w.commit = append(w.commit, store.Create(store.Doc{Key: p.key("state"), Body: is.stateBody}), store.Create(store.Doc{Key: p.key("head"), Body: is.headBody, Index: p.index()}))
	return nil
}

// next writes a changed pair. What the head holds of state and history is moved out when it grows too large: first of the
// two that which gives more room for what its document costs.
func (p *Pair) next(w *writes, is *kept, now int64) error {
	was := p.kept
	is.stateBody = was.stateBody
	fresh, err := linesOf(p.history)
	if err != nil {
		return err
	}
	is.carried = carried{p.stateRev, nested(is.now.since(was.now, parts(was.carried.Fresh))), p.told, slices.Concat(was.carried.Events, fresh)}
	head, err := is.head.body()
	if err != nil {
		return err
	}
	if is.headBody = is.carried.in(head); len(is.headBody) > headMax {
		err = p.move(w, is, head, fresh, now)
	}
	w.next = is
	w.commit = append(w.commit, store.Replace(store.Doc{Key: p.key("head"), Body: is.headBody, Rev: p.headRev, Index: p.index()}))
	return err
}

// move moves out what makes the head too large.
func (p *Pair) move(w *writes, is *kept, head []byte, fresh lines, now int64) error {
	for _, move := range p.order() {
		if err := move(p, w, is, fresh, now); err != nil {
			return err
		}
		if is.headBody = is.carried.in(head); len(is.headBody) <= headMax {
			return nil
		}
	}
	if fresh.size() <= eventsMax {
		return nil
	}
	c := &is.carried
	op, err := p.historyOp(c.Told, fresh, now)
	w.commit = append(w.commit, op)
	c.Told, c.Events = c.Told+len(fresh), nil
	is.headBody = c.in(head)
	return err
}

type moveFunc func(p *Pair, w *writes, is *kept, fresh lines, now int64) error

// order says what is moved first.
func (p *Pair) order() []moveFunc {
	fresh, pending := parts(p.kept.carried.Fresh), p.kept.carried.Events
	state, history := p.kept.now.size()/1024+1, pending.size()/1024+1
	if fresh.size()*history > pending.size()*state {
		return []moveFunc{(*Pair).moveState, (*Pair).moveHistory}
	}
	return []moveFunc{(*Pair).moveHistory, (*Pair).moveState}
}

func (p *Pair) moveHistory(w *writes, is *kept, fresh lines, now int64) error {
	pending := p.kept.carried.Events
	if len(pending) == 0 {
		return nil
	}
	op, err := p.historyOp(is.carried.Told, pending, now)
	w.moves = append(w.moves, op)
	is.carried.Told, is.carried.Events = is.carried.Told+len(pending), fresh
	return err
}

// moveState writes what is known already into the state document.
func (p *Pair) moveState(w *writes, is *kept, _ lines, _ int64) error {
	if len(p.kept.carried.Fresh) == 0 {
		return nil
	}
	is.stateBody = nested(p.kept.now).text(nil)
	d := store.Doc{Key: p.key("state"), Body: is.stateBody, Rev: p.stateRev}
	if p.stateRev == 0 {
		w.moves = append(w.moves, store.Create(d))
	} else {
		w.moves = append(w.moves, store.Replace(d))
	}
	is.carried.Base, is.carried.Fresh = is.carried.Base+1, nested(is.now.since(p.kept.now, nil))
	return nil
}

// size is about how many bytes they take.
func (ps parts) size() (n int) {
	for name, raw := range ps {
		n += len(name) + len(raw)
	}
	return n
}

func (p *Pair) memberOps() ([]store.Op, error) {
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
		ops = append(ops, store.Put(store.Doc{Key: p.key(sort), Body: body}))
	}
	return ops, nil
}

// valueOps write the large values that are new and delete those that nothing refers to any more.
func (p *Pair) valueOps(values map[string]bridge.Value) []store.Op {
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
	return ops
}

func (p *Pair) key(sort string) store.Key { return store.Key{Part: p.part(), Sort: sort} }

func (p *Pair) valueKey(id string) store.Key { return p.key("value/" + id) }

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
