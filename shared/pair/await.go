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

// Awaiting lists the local issues of which something waits for that one.
func (b *Book) Awaiting(ctx context.Context, connection, what string) ([]string, error) {
	docs, err := b.Store.List(ctx, "await/"+connection, store.Range{Prefix: what + "/"})
	var out []string
	for _, d := range docs {
		out = append(out, strings.TrimPrefix(d.Key.Sort, what+"/"))
	}
	return out, err
}

// Awaited forgets that an issue waits for that one.
func (b *Book) Awaited(ctx context.Context, connection, what, issue string) error {
	return b.Store.Apply(ctx, store.Delete(awaitKey(connection, what, issue)))
}
