package store

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
)

// Fault is how a call of the memory driver fails.
type Fault int

// The ways to fail.
const (
	FaultNone  Fault = iota
	FaultLost        // nothing was done, an error is returned
	FaultAfter       // it was done, an error is returned
)

// ErrInjected is the temporary error of an injected fault.
var ErrInjected = errors.New("injected fault")

// Faults says when and how a [Memory] fails. Its zero value never does. The
// index part makes the sparse index behave as badly as its contract allows;
// what it does is decided by Seed alone.
type Faults struct {
	Seed uint64

	Apply func(n int, ops []Op) Fault // asked at the n-th Apply, from 1
	Read  func(n int) bool            // asked at the n-th Get, List or Indexed, from 1; true: fail

	IndexLag    int     // the index shows a write only after so many further calls of Apply or Indexed
	IndexRepeat float64 // probability of a hit to come twice
	IndexMiss   float64 // probability of a hit to be left out
}

// FailApply returns an Apply hook that fails the n-th call in the given way.
// Running a flow with n = 1, 2, … until it succeeds untouched fails each of
// its writes once.
func FailApply(n int, f Fault) func(int, []Op) Fault {
	return func(i int, _ []Op) Fault {
		if i == n {
			return f
		}
		return FaultNone
	}
}

// Memory is the driver that keeps everything in memory, for tests. It is
// honest about failure: see [Faults].
type Memory struct {
	Now func() time.Time // the clock that decides about expiry; nil: time.Now

	mu      sync.Mutex
	faults  Faults
	rnd     *rand.Rand
	docs    map[string]map[string]Doc
	index   map[Key]Index // the view Indexed has
	late    []lateIndex   // changes the view does not show yet
	applies int
	reads   int
	ticks   int
}

type lateIndex struct {
	tick int
	key  Key
	to   *Index
}

// NewMemory returns an empty store.
func NewMemory(f Faults) *Memory {
	m := &Memory{docs: map[string]map[string]Doc{}, index: map[Key]Index{}}
	m.SetFaults(f)
	return m
}

// SetFaults replaces the faults and restarts their counts and random choices.
func (m *Memory) SetFaults(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults, m.applies, m.reads = f, 0, 0
	m.rnd = rand.New(rand.NewPCG(f.Seed, f.Seed))
}

// Applies returns how many calls of Apply there were since the faults were set.
func (m *Memory) Applies() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.applies
}

// All returns every document, in no order, for tests that look at everything.
func (m *Memory) All() (all []Doc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, part := range m.docs {
		for _, d := range part {
			all = append(all, d)
		}
	}
	return all
}

// Fill puts documents into an empty store as All returned them, as a backup does.
func (m *Memory) Fill(docs []Doc) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range docs {
		k := d.Key
		if m.docs[k.Part] == nil {
			m.docs[k.Part] = map[string]Doc{}
		}
		m.docs[k.Part][k.Sort] = d
		m.late = append(m.late, lateIndex{m.ticks, k, d.Index})
	}
}

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, keys ...Key) ([]*Doc, error) {
	if err := ValidKeys(keys); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.startRead(ctx); err != nil {
		return nil, err
	}
	out := make([]*Doc, len(keys))
	for i, k := range keys {
		if d, ok := m.live(k); ok {
			d = copyDoc(d)
			out[i] = &d
		}
	}
	return out, nil
}

// List implements [Store].
func (m *Memory) List(ctx context.Context, part string, r Range) ([]Doc, error) {
	if err := validName("partition", part); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.startRead(ctx); err != nil {
		return nil, err
	}
	var out []Doc
	for sort := range m.docs[part] {
		if d, ok := m.live(Key{part, sort}); ok && r.holds(sort) {
			out = append(out, copyDoc(d))
		}
	}
	slices.SortFunc(out, func(a, b Doc) int {
		if r.Reverse {
			a, b = b, a
		}
		return cmp.Compare(a.Key.Sort, b.Key.Sort)
	})
	return head(out, r.Limit), nil
}

func (r Range) holds(sort string) bool {
	if !strings.HasPrefix(sort, r.Prefix) {
		return false
	}
	if r.After == "" {
		return true
	}
	return sort > r.After != r.Reverse && sort != r.After
}

func head[T any](s []T, limit int) []T {
	if limit > 0 && len(s) > limit {
		return s[:limit]
	}
	return s
}

// Apply implements [Store].
func (m *Memory) Apply(ctx context.Context, ops ...Op) error {
	if err := ValidOps(ops); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.applies++
	m.ticks++
	fault := FaultNone
	if m.faults.Apply != nil {
		fault = m.faults.Apply(m.applies, ops)
	}
	if fault == FaultLost {
		return unavailable(ErrInjected)
	}
	if err := m.check(ops); err != nil {
		return err
	}
	for _, o := range ops {
		m.do(o)
	}
	if fault == FaultAfter {
		return unavailable(ErrInjected)
	}
	return nil
}

// Sequence implements [Store]: each operation is an Apply, which may fail by itself.
func (m *Memory) Sequence(ctx context.Context, ops ...Op) error {
	return OneByOne(ctx, m.Apply, ops)
}

func (m *Memory) check(ops []Op) error {
	for _, o := range ops {
		d, _ := m.live(o.Key())
		if !o.Holds(d.Rev) {
			return &Conflict{Key: o.Key(), Kind: o.Kind}
		}
	}
	return nil
}

func (m *Memory) do(o Op) {
	k := o.Key()
	switch {
	case o.Kind == OpCheck:
		return
	case o.Writes():
		old, _ := m.live(k)
		d := copyDoc(o.Doc)
		d.Rev = old.Rev + 1
		d.Expires = toMillis(d.Expires)
		if m.docs[k.Part] == nil {
			m.docs[k.Part] = map[string]Doc{}
		}
		m.docs[k.Part][k.Sort] = d
		m.late = append(m.late, lateIndex{m.ticks, k, d.Index})
	default:
		delete(m.docs[k.Part], k.Sort)
		m.late = append(m.late, lateIndex{m.ticks, k, nil})
	}
}

// Indexed implements [Store].
func (m *Memory) Indexed(ctx context.Context, name string, r IndexRange) ([]IndexHit, error) {
	if err := validName("index name", name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.startRead(ctx); err != nil {
		return nil, err
	}
	m.ticks++
	m.catchUp()
	var out []IndexHit
	for k, ix := range m.index {
		h := IndexHit{Key: k, At: ix.At}
		if ix.Name == name && (r.Until == 0 || ix.At <= r.Until) && compareHits(h, r.After) > 0 {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, compareHits)
	return head(m.distort(out), r.Limit), nil
}

// catchUp shows the index what is old enough. The tick of this very call is
// not counted, so that a lag of zero shows everything.
func (m *Memory) catchUp() {
	for len(m.late) > 0 && m.late[0].tick+m.faults.IndexLag < m.ticks {
		if l := m.late[0]; l.to != nil {
			m.index[l.key] = *l.to
		} else {
			delete(m.index, l.key)
		}
		m.late = m.late[1:]
	}
}

func (m *Memory) distort(hits []IndexHit) []IndexHit {
	var out []IndexHit
	for _, h := range hits {
		if m.rnd.Float64() < m.faults.IndexMiss {
			continue
		}
		out = append(out, h)
		if m.rnd.Float64() < m.faults.IndexRepeat {
			out = append(out, h)
		}
	}
	return out
}

func compareHits(a, b IndexHit) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Key.Part, b.Key.Part), cmp.Compare(a.Key.Sort, b.Key.Sort))
}

func (m *Memory) startRead(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	m.reads++
	if m.faults.Read != nil && m.faults.Read(m.reads) {
		return unavailable(ErrInjected)
	}
	return nil
}

func unavailable(err error) error {
	return bridge.Temporary("store-unavailable", "store: %w", err)
}

func (m *Memory) live(k Key) (Doc, bool) {
	d, ok := m.docs[k.Part][k.Sort]
	if !ok || !d.Expires.IsZero() && !m.now().Before(d.Expires) {
		return Doc{}, false
	}
	return d, true
}

func copyDoc(d Doc) Doc {
	d.Body = slices.Clone(d.Body)
	if d.Index != nil {
		ix := *d.Index
		d.Index = &ix
	}
	return d
}

func toMillis(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMilli(t.UnixMilli())
}
