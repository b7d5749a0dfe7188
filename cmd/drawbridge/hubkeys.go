package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

// hubKeys keeps the hub's signing keys and the name of its state. It owns the stored keys
//
//	hub   keys    the signing keys, the one in force first: the state file is for its owner only
//	hub   state   random id of this state, and how often the hub was started from it
//
// (On AWS the keys are a secret of their own.)
type hubKeys struct{ store store.Store }

var (
	keysKey  = store.Key{Part: "hub", Sort: "keys"}
	stateKey = store.Key{Part: "hub", Sort: "state"}
)

// all returns the signing keys, making the first one if there is none.
func (k hubKeys) all(ctx context.Context) ([]sign.Key, error) {
	for {
		docs, err := k.store.Get(ctx, keysKey)
		if err != nil {
			return nil, err
		}
		var kept struct{ Keys []sign.Key }
		if docs[0] != nil {
			if err := json.Unmarshal(docs[0].Body, &kept); err != nil {
				return nil, bridge.Permanent("state-damaged", "the hub's signing keys cannot be read: %w", err)
			}
			return kept.Keys, nil
		}
		first, err := sign.NewKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(map[string]any{"keys": []sign.Key{first}})
		if err != nil {
			return nil, err
		}
		if err := k.store.Apply(ctx, store.Create(store.Doc{Key: keysKey, Body: body})); err != nil && !errors.Is(err, store.ErrConflict) {
			return nil, err
		}
	}
}

// start raises the generation of the state, so that pollers notice a restored one.
func (k hubKeys) start(ctx context.Context) (exchange.Generation, error) {
	for {
		docs, err := k.store.Get(ctx, stateKey)
		if err != nil {
			return exchange.Generation{}, err
		}
		g, d := exchange.Generation{State: rand.Text()}, store.Doc{Key: stateKey}
		if docs[0] != nil {
			d.Rev = docs[0].Rev
			if err := json.Unmarshal(docs[0].Body, &g); err != nil {
				return g, bridge.Permanent("state-damaged", "which state this is cannot be read: %w", err)
			}
		}
		g.Number++
		if d.Body, err = json.Marshal(g); err != nil {
			return g, err
		}
		op := store.Replace(d)
		if d.Rev == 0 {
			op = store.Create(d)
		}
		if err = k.store.Apply(ctx, op); !errors.Is(err, store.ErrConflict) {
			return g, err
		}
	}
}

// change replaces the signing keys by what is made of them.
func (k hubKeys) change(ctx context.Context, change func([]sign.Key) ([]sign.Key, error)) error {
	for {
		is, err := k.all(ctx)
		if err != nil {
			return err
		}
		docs, err := k.store.Get(ctx, keysKey)
		if err != nil {
			return err
		}
		if is, err = change(is); err != nil {
			return err
		}
		d := *docs[0]
		if d.Body, err = json.Marshal(map[string]any{"keys": is}); err != nil {
			return err
		}
		if err := k.store.Apply(ctx, store.Replace(d)); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
