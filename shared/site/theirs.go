package site

import (
	"context"
	"encoding/json"
	"fmt"

	"drawbridge/shared/store"
)

// CurrentNumber is the number of the rules in force, 0 for the default rules, without reading them.
func (s *Site) CurrentNumber(ctx context.Context, connection string) (int64, error) {
	return s.number(ctx, rulesKey(connection, "current"))
}

// TheirNumber is the number of the remote site's rules in force, as it last told; its rules are not known here.
func (s *Site) TheirNumber(ctx context.Context, connection string) (int64, error) {
	return s.number(ctx, rulesKey(connection, "theirs"))
}

// LearnTheirNumber keeps what the remote site told.
func (s *Site) LearnTheirNumber(ctx context.Context, connection string, n int64) error {
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: rulesKey(connection, "theirs"), Body: fmt.Appendf(nil, `{"number":%d}`, n)}))
}

func (s *Site) number(ctx context.Context, key store.Key) (int64, error) {
	docs, err := s.Book.Store.Get(ctx, key)
	if err != nil || docs[0] == nil {
		return 0, err
	}
	var n struct{ Number int64 }
	err = json.Unmarshal(docs[0].Body, &n)
	return n.Number, err
}
