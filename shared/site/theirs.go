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

func versionKey(connection string) store.Key {
	return store.Key{Part: rulesKey(connection, "").Part, Sort: "their-version"}
}

// TheirVersion is the version of Drawbridge that the remote half last said it is; "" if it has not.
func (s *Site) TheirVersion(ctx context.Context, connection string) (string, error) {
	docs, err := s.Book.Store.Get(ctx, versionKey(connection))
	if err != nil || docs[0] == nil {
		return "", err
	}
	var v struct{ Version string }
	err = json.Unmarshal(docs[0].Body, &v)
	return v.Version, err
}

// LearnTheirVersion keeps what the remote half said.
func (s *Site) LearnTheirVersion(ctx context.Context, connection, version string) error {
	body, err := json.Marshal(map[string]string{"version": brief(version)})
	if err != nil {
		return err
	}
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: versionKey(connection), Body: body}))
}
