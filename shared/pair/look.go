package pair

import (
	"context"
	"encoding/json"
	"errors"

	"drawbridge/shared/store"
)

func lookIndex(site string) string { return "look/" + site }

// Look marks a pair for reconciliation: from at (hub ms) on its issue is to be read again, because an observation of it may
// be lost. It reports whether there is such a pair.
func (b *Book) Look(ctx context.Context, connection, issue string, at int64) (bool, error) {
	g, err := b.glance(ctx, connection, issue)
	if err != nil || g == nil || g.Status == Stopped {
		return false, err
	}
	body, err := json.Marshal(Due{connection, issue})
	if err != nil {
		return false, err
	}
	d := store.Doc{Key: store.Key{Part: lookIndex(b.Site), Sort: connection + "/" + issue}, Body: body, Index: &store.Index{Name: lookIndex(b.Site), At: at}}
	return true, b.Store.Apply(ctx, store.Put(d))
}

// Looks hands every pair that is marked, and whose time has come, to do, at most limit; then the mark is gone, unless it was
// set anew meanwhile.
func (b *Book) Looks(ctx context.Context, limit int, do func(Due) error) error {
	hits, err := b.Store.Indexed(ctx, lookIndex(b.Site), store.IndexRange{Until: b.Now(), Limit: limit})
	if err != nil {
		return err
	}
	for _, h := range hits {
		docs, err := b.Store.Get(ctx, h.Key)
		if err != nil {
			return err
		}
		if docs[0] == nil || docs[0].Index == nil || docs[0].Index.At > b.Now() {
			continue
		}
		var d Due
		if err := json.Unmarshal(docs[0].Body, &d); err != nil {
			return damaged(h.Key, err)
		}
		if err := do(d); err != nil {
			return err
		}
		if err := b.Store.Apply(ctx, store.DeleteRev(h.Key, docs[0].Rev)); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
