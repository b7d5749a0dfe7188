package pair

import (
	"context"
	"encoding/json"

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
	docs, err := b.Store.Get(ctx, store.Key{Part: part(connection, issue), Sort: "head"})
	if err != nil || docs[0] == nil {
		return nil, err
	}
	var g glance
	if err := json.Unmarshal(docs[0].Body, &g); err != nil {
		return nil, damaged(docs[0].Key, err)
	}
	return &g, nil
}

func (g *glance) waits() bool {
	h := Head{Status: g.Status, Since: g.Since, Gone: g.Gone}
	return h.Waits()
}
