package pair

import (
	"context"
	"errors"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// telling is a store whose index tells revisions, as that of a file does; it counts the heads that are read.
type telling struct {
	store.Store
	reads int
}

func (s *telling) Indexed(ctx context.Context, name string, r store.IndexRange) ([]store.IndexHit, error) {
	hits, err := s.Store.Indexed(ctx, name, r)
	for i := range hits {
		docs, e := s.Store.Get(ctx, hits[i].Key)
		if e != nil || docs[0] == nil {
			return nil, e
		}
		hits[i].Rev = docs[0].Rev
	}
	return hits, err
}

func (s *telling) Get(ctx context.Context, keys ...store.Key) ([]*store.Doc, error) {
	s.reads += len(keys)
	return s.Store.Get(ctx, keys...)
}

func TestAPairInHandIsReadOnceForEachOfItsRevisions(t *testing.T) {
	s, now := &telling{Store: store.NewMemory(store.Faults{})}, int64(1000)
	b := &Book{Store: s, Site: "public", Now: func() int64 { return now }}
	begin := func(revision int) {
		p := b.New("c", bridge.Ref{ID: "10001", Key: "PUB-1"}, bridge.Public)
		for range revision {
			p.Mark(now, bridge.Live)
		}
		if err := b.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(why string, held int64, reads, changes int) {
		t.Helper()
		before := s.reads
		out, _, err := b.Outgoing(t.Context(), "c", 10, func(_ string, revision int64) bool { return revision <= held })
		if err != nil {
			t.Fatal(err)
		}
		if s.reads-before != reads || len(out) != changes {
			t.Errorf("%s: %d reads and %d changes, want %d and %d", why, s.reads-before, len(out), reads, changes)
		}
	}
	begin(1)
	ask("in hand", 1, 1, 0)
	ask("still in hand", 1, 0, 0)
	edit := func(p *Pair) error { p.Mark(now, bridge.Live); return nil }
	if _, err := b.Update(t.Context(), "c", "10001", edit); err != nil {
		t.Fatal(err)
	}
	ask("edited meanwhile", 1, 3, 1) // the glance, the head and the state
	ask("the edit in hand as well", 2, 0, 0)
	docs, err := s.List(t.Context(), part("c", "10001"), store.Range{})
	for _, d := range docs {
		err = errors.Join(err, s.Apply(t.Context(), store.Delete(d.Key)))
	}
	if err != nil {
		t.Fatal(err)
	}
	now++
	begin(2)
	if _, err := b.Update(t.Context(), "c", "10001", edit); err != nil {
		t.Fatal(err)
	}
	ask("the pair was erased and begun anew, its head was written as often", 2, 3, 1)
}
