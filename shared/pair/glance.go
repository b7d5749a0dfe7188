package pair

import (
	"context"
	"encoding/json"
	"sync"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// glance is the little of a head that says whether the pair need be loaded: every exchange asks that of all pairs in hand.
type glance struct {
	Status   Status      `json:"status"`
	Revision int64       `json:"revision"`
	Since    int64       `json:"since"`
	Applied  int64       `json:"applied"`
	Gone     bridge.Gone `json:"gone"`
}

// glance reads it; nil if there is no such pair.
func (b *Book) glance(ctx context.Context, connection, issue string) (*glance, error) {
	return b.glanceAt(ctx, store.IndexHit{Key: store.Key{Part: part(connection, issue), Sort: "head"}})
}

// glanceAt is glance of a pair in the index. Where the index tells the head's revision, each revision is read once.
func (b *Book) glanceAt(ctx context.Context, h store.IndexHit) (*glance, error) {
	if g := b.glances.get(h); g != nil {
		return g, nil
	}
	docs, err := b.Store.Get(ctx, h.Key)
	if err != nil || docs[0] == nil {
		return nil, err
	}
	g := new(glance)
	if err := json.Unmarshal(docs[0].Body, g); err != nil {
		return nil, damaged(docs[0].Key, err)
	}
	if ix := docs[0].Index; ix != nil && h.Rev > 0 {
		b.glances.put(store.IndexHit{Key: h.Key, At: ix.At, Rev: docs[0].Rev}, g)
	}
	return g, nil
}

func (g *glance) waits() bool {
	h := Head{Status: g.Status, Since: g.Since, Gone: g.Gone}
	return h.Waits()
}

// glances remembers them by key, revision and place in the index: an erased pair's revisions come again, its place does not.
type glances struct {
	mu  sync.Mutex
	all map[store.Key]seenGlance
}

type seenGlance struct {
	at, rev int64
	*glance
}

const maxGlances = 20000 // bounds the memory; more than that many pairs are hardly ever in hand

func (s *glances) get(h store.IndexHit) *glance {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.all[h.Key]; g.at == h.At && g.rev == h.Rev {
		return g.glance // nil if it is not there: no revision is 0
	}
	return nil
}

func (s *glances) put(h store.IndexHit, g *glance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= maxGlances {
		s.all = map[store.Key]seenGlance{}
	}
	s.all[h.Key] = seenGlance{h.At, h.Rev, g}
}
