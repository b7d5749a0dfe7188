package poll

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

// Book keeps who this poller is and how it reaches its hubs. It holds private keys: the state file is for its owner only.
type Book struct {
	Store store.Store
}

// Link is how the hub of a connection is reached.
type Link struct {
	Connection string         `json:"-"`
	HubURL     string         `json:"hub_url"`
	HubKey     sign.PublicKey `json:"hub_key"`              // pinned
	Key        sign.Key       `json:"key"`                  // our own
	Hub        exchange.Site  `json:"site"`                 // the public site
	Invitation string         `json:"invitation,omitempty"` // the id of the one that was accepted with the key
	Next       *NextKey       `json:"next,omitempty"`       // of the one that is being accepted
	Ahead      *time.Duration `json:"-"`                    // of our clock, the hub; nil: not known
}

// NextKey is our key for an invitation that is being accepted; until it is, the one in force stays.
type NextKey struct {
	Invitation string   `json:"invitation"`
	Key        sign.Key `json:"key"`
}

// For is the link as it is to be once the invitation is accepted, and the link to store before that: a fresh key for every
// invitation, since whoever had the state may have the old one, and the same key for the same invitation, since the answer to
// an acceptance may be lost. l is the zero Link where there is none yet.
func (l Link) For(inv sign.Invitation, random io.Reader) (then, now Link, err error) {
	then = l
	then.Connection, then.HubURL, then.HubKey, then.Invitation, then.Next = inv.Connection, inv.HubURL, inv.HubKey, inv.ID, nil
	switch {
	case l.Invitation == inv.ID:
		return then, l, nil
	case l.Next != nil && l.Next.Invitation == inv.ID:
		then.Key = l.Next.Key
		return then, l, nil
	}
	if then.Key, err = sign.NewKey(random); err != nil {
		return Link{}, Link{}, err
	}
	if l.Key.IsZero() {
		return then, then, nil
	}
	l.Next = &NextKey{Invitation: inv.ID, Key: then.Key}
	return then, l, nil
}

const (
	hubsPart  = "hubs"
	clockPart = "clock"
)

// Links lists the hubs of all connections.
func (b Book) Links(ctx context.Context) ([]Link, error) {
	docs, err := b.Store.List(ctx, hubsPart, store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]Link, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, bridge.Permanent("state-damaged", "the key of connection %s cannot be read: %w", d.Key.Sort, err)
		}
		out[i].Connection = d.Key.Sort
		if out[i].Ahead, err = b.clock(ctx, d.Key.Sort); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type clock struct {
	AheadMS int64 `json:"ahead_ms"`
}

func clockKey(connection string) store.Key { return store.Key{Part: clockPart, Sort: connection} }

func (b Book) clock(ctx context.Context, connection string) (*time.Duration, error) {
	docs, err := b.Store.Get(ctx, clockKey(connection))
	if err != nil || docs[0] == nil {
		return nil, err
	}
	var c clock
	if err := json.Unmarshal(docs[0].Body, &c); err != nil {
		return nil, bridge.Permanent("state-damaged", "the hub's clock of connection %s cannot be read: %w", connection, err)
	}
	ahead := time.Duration(c.AheadMS) * time.Millisecond
	return &ahead, nil
}

func (b Book) keepClock(ctx context.Context, connection string, ahead time.Duration) error {
	body, err := json.Marshal(clock{ahead.Milliseconds()})
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: clockKey(connection), Body: body}))
}

// Save stores a link.
func (b Book) Save(ctx context.Context, l Link) error {
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: store.Key{Part: hubsPart, Sort: l.Connection}, Body: body}))
}

// PinHub replaces the pinned hub key after a verified rotation.
func (b Book) PinHub(ctx context.Context, connection string, k sign.PublicKey) error {
	return b.change(ctx, connection, func(l *Link) { l.HubKey = k })
}

// SetKey replaces our own key, once the hub has confirmed it.
func (b Book) SetKey(ctx context.Context, connection string, k sign.Key) error {
	return b.change(ctx, connection, func(l *Link) { l.Key = k })
}

func (b Book) change(ctx context.Context, connection string, change func(*Link)) error {
	for {
		docs, err := b.Store.Get(ctx, store.Key{Part: hubsPart, Sort: connection})
		if err != nil {
			return err
		}
		if docs[0] == nil {
			return bridgeMissing(nil, connection)
		}
		var l Link
		if err := json.Unmarshal(docs[0].Body, &l); err != nil {
			return bridge.Permanent("state-damaged", "the key of connection %s cannot be read: %w", connection, err)
		}
		change(&l)
		if docs[0].Body, err = json.Marshal(l); err != nil {
			return err
		}
		if err := b.Store.Apply(ctx, store.Replace(*docs[0])); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// Forget removes the link of a connection that ended.
func (b Book) Forget(ctx context.Context, connection string) error {
	return b.Store.Apply(ctx, store.Delete(store.Key{Part: hubsPart, Sort: connection}), store.Delete(clockKey(connection)))
}

// Client makes the client of a link.
func (l Link) Client(hc *http.Client) (*exchange.Client, error) {
	base, err := url.Parse(l.HubURL)
	if err != nil {
		return nil, bridge.Permanent("hub-url", "the hub URL %q is none: %w", l.HubURL, err)
	}
	return &exchange.Client{Base: base, HTTP: hc, Key: l.Key, HubKey: l.HubKey, Clock: sign.ClockAhead(l.Ahead), Connection: l.Connection}, nil
}

type identity struct {
	Poller     string `json:"poller"`
	State      string `json:"state"`
	Generation int64  `json:"generation"`
}

// Start raises the generation of this state and says who we are: a restart is told from a copy by it.
func (b Book) Start(ctx context.Context) (exchange.Identity, error) {
	me, err := b.become(ctx, func(me *identity) { me.Generation++ })
	return exchange.Identity{Poller: me.Poller, State: me.State, Generation: me.Generation, Instance: rand.Text()}, err
}

// Restored makes this another state than the hub knows, which then has both sides offer everything again: somebody says that it
// is an older one. Where exchanges tell so, nobody has to.
func (b Book) Restored(ctx context.Context) error {
	_, err := b.become(ctx, func(me *identity) { me.State = rand.Text() })
	return err
}

// become changes who we are.
func (b Book) become(ctx context.Context, change func(*identity)) (identity, error) {
	key := store.Key{Part: "poller", Sort: "state"}
	for {
		docs, err := b.Store.Get(ctx, key)
		if err != nil {
			return identity{}, err
		}
		me := identity{Poller: rand.Text(), State: rand.Text()}
		d := store.Doc{Key: key}
		if docs[0] != nil {
			d.Rev = docs[0].Rev
			if err := json.Unmarshal(docs[0].Body, &me); err != nil {
				return identity{}, bridge.Permanent("state-damaged", "who this poller is cannot be read: %w", err)
			}
		}
		change(&me)
		if d.Body, err = json.Marshal(me); err != nil {
			return identity{}, err
		}
		op := store.Replace(d)
		if d.Rev == 0 {
			op = store.Create(d)
		}
		if err = b.Store.Apply(ctx, op); !errors.Is(err, store.ErrConflict) {
			return me, err
		}
	}
}
