package pair

import (
	"context"
	"encoding/json"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

const connectionsPart = "connections"

// Connections lists the connections of this site.
func (b *Book) Connections(ctx context.Context) ([]bridge.Connection, error) {
	docs, err := b.Store.List(ctx, connectionsPart, store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]bridge.Connection, 0, len(docs))
	for _, d := range docs {
		var c bridge.Connection
		if err := json.Unmarshal(d.Body, &c); err != nil {
			return nil, damaged(d.Key, err)
		}
		if b.Only == nil || b.Only(c) {
			out = append(out, c)
		}
	}
	return out, nil
}

// Connection returns one connection; nil if there is none of that id.
func (b *Book) Connection(ctx context.Context, id string) (*bridge.Connection, error) {
	c, _, err := b.connection(ctx, id)
	return c, err
}

func (b *Book) connection(ctx context.Context, id string) (*bridge.Connection, int64, error) {
	docs, err := b.Store.Get(ctx, store.Key{Part: connectionsPart, Sort: id})
	if err != nil || docs[0] == nil {
		return nil, 0, err
	}
	var c bridge.Connection
	if err := json.Unmarshal(docs[0].Body, &c); err != nil {
		return nil, 0, damaged(docs[0].Key, err)
	}
	return &c, docs[0].Rev, nil
}

// UpdateConnection changes a connection, making it if make says so; like [Book.Update], change may run more than once.
func (b *Book) UpdateConnection(ctx context.Context, id string, change func(*bridge.Connection) error) error {
	for try := 0; ; try++ {
		c, rev, err := b.connection(ctx, id)
		if err != nil {
			return err
		}
		if c == nil {
			c = &bridge.Connection{ID: id, Policies: map[int64]bridge.Policy{}, Created: b.Now()}
		}
		if err := change(c); err != nil {
			return err
		}
		body, err := json.Marshal(c)
		if err != nil {
			return err
		}
		d := store.Doc{Key: store.Key{Part: connectionsPart, Sort: id}, Body: body, Rev: rev}
		op := store.Create(d)
		if rev > 0 {
			op = store.Replace(d)
		}
		if err = b.Store.Apply(ctx, op, b.Tell(id)); !isConflict(err) || try == maxRetries {
			return err
		}
	}
}
