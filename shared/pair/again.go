package pair

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

const againKept = 24 * time.Hour

func againKey(connection, remote string) store.Key {
	return store.Key{Part: "again/" + connection, Sort: remote}
}

// AskAgain asks the remote site to offer every issue anew of which no twin was made, with one of the outcomes: the cause may
// have gone. It returns how many.
func (b *Book) AskAgain(ctx context.Context, connection string, of ...bridge.Outcome) (n int, err error) {
	after := ""
	for {
		docs, err := b.Store.List(ctx, "twin/"+connection, store.Range{After: after, Limit: eachPage})
		if err != nil {
			return n, err
		}
		for _, d := range docs {
			after = d.Key.Sort
			var t Twin
			if err := json.Unmarshal(d.Body, &t); err != nil {
				return n, damaged(d.Key, err)
			}
			if t.Answer == nil || !slices.Contains(of, t.Answer.Outcome) {
				continue
			}
			n++
			if err := b.Store.Apply(ctx, b.again(connection, after)); err != nil {
				return n, err
			}
		}
		if len(docs) < eachPage {
			break
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, b.Store.Apply(ctx, b.Tell(connection))
}

// AskFor asks the remote site to offer one issue anew.
func (b *Book) AskFor(ctx context.Context, connection, remote string) error {
	return b.Store.Apply(ctx, b.again(connection, remote), b.Tell(connection))
}

func (b *Book) again(connection, remote string) store.Op {
	return store.Put(store.Doc{Key: againKey(connection, remote), Body: []byte("{}"), Expires: time.UnixMilli(b.Now()).Add(againKept)})
}

// Again are remote issues that the remote site is asked to offer anew, at most limit.
func (b *Book) Again(ctx context.Context, connection string, limit int) ([]string, error) {
	docs, err := b.Store.List(ctx, "again/"+connection, store.Range{Limit: limit})
	out := make([]string, len(docs))
	for i, d := range docs {
		out[i] = d.Key.Sort
	}
	return out, err
}

// Offered notes that the remote issue came anew.
func (b *Book) Offered(ctx context.Context, connection, remote string) error {
	return b.Store.Apply(ctx, store.Delete(againKey(connection, remote)))
}

// OfferAgain offers an issue anew whose twin was refused; one that waits already is left as it is.
func (b *Book) OfferAgain(ctx context.Context, connection, issue string) error {
	_, err := b.Update(ctx, connection, issue, func(p *Pair) error {
		if p.Head.Waits() || p.Head.Status != Waiting {
			return nil
		}
		p.Note(Event{What: "asked for again", Note: "the other side may be able to make the twin now"})
		return p.Resend(ctx, b.Now(), bridge.Bulk)
	})
	if err == ErrNone {
		return nil
	}
	return err
}
