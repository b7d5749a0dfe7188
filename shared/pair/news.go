package pair

import (
	"context"

	"drawbridge/shared/store"
)

// News is the revision of what an exchange has to tell besides pairs: the connection, the number of its rules, a rejoin,
// questions, issues asked for again. Whoever writes one of these adds [Book.Tell] to the write, so that a hub which
// remembers them need read one small document to know that they are still true. 0: nothing was told yet.
func (b *Book) News(ctx context.Context, connection string) (int64, error) {
	docs, err := b.Store.Get(ctx, newsKey(connection))
	if err != nil || docs[0] == nil {
		return 0, err
	}
	return docs[0].Rev, nil
}

// Tell makes the news of a connection new.
func (b *Book) Tell(connection string) store.Op {
	return store.Put(store.Doc{Key: newsKey(connection), Body: []byte("{}")})
}

func newsKey(connection string) store.Key { return store.Key{Part: "news/" + connection, Sort: "news"} }
