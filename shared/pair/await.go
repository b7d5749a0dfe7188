package pair

import (
	"context"
	"strings"

	"drawbridge/shared/store"
)

func awaitKey(connection, what, issue string) store.Key {
	return store.Key{Part: "await/" + connection, Sort: what + "/" + issue}
}

// InSync reports whether a local issue is in a pair, so that the remote site may learn of it.
func (b *Book) InSync(ctx context.Context, connection, issue string) (bool, error) {
	p, err := b.Load(ctx, connection, issue)
	return err == nil && p != nil && p.Head.Status != Stopped && p.Head.Gone == "", err
}

// Await notes that something of a local issue waits until another one, named as the caller likes, is in a pair. It is noted before
// anybody looks whether it is, so that no pair comes unnoticed in between.
func (b *Book) Await(ctx context.Context, connection, what, issue string) error {
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: awaitKey(connection, what, issue), Body: []byte("{}")}))
}

// Awaiting lists the local issues of which something waits for that one. Every change asks, and hardly anything ever waits: whether
// anything does is the same question for all issues, which a store may have the answer to.
func (b *Book) Awaiting(ctx context.Context, connection, what string) (out []string, err error) {
	docs, err := b.Store.List(ctx, "await/"+connection, store.Range{Limit: 1})
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	docs, err = b.Store.List(ctx, "await/"+connection, store.Range{Prefix: what + "/"})
	for _, d := range docs {
		out = append(out, strings.TrimPrefix(d.Key.Sort, what+"/"))
	}
	return out, err
}

// Awaited forgets that an issue waits for that one.
func (b *Book) Awaited(ctx context.Context, connection, what, issue string) error {
	return b.Store.Apply(ctx, store.Delete(awaitKey(connection, what, issue)))
}
