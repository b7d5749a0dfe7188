package poll

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Trouble is why the exchange of a connection does not work, as the poller keeps it for whoever asks.
type Trouble struct {
	Since int64  `json:"since"` // ms since 1970, by the clock of this machine
	Name  string `json:"name"`
	Why   string `json:"why"`
	Stays bool   `json:"stays,omitempty"` // trying again cures nothing
}

// Lasts reports whether somebody should look: what may pass is given some minutes.
func (t *Trouble) Lasts(now time.Time, patience time.Duration) bool {
	return t != nil && (t.Stays || now.Sub(time.UnixMilli(t.Since)) > patience)
}

func troubleKey(connection string) store.Key { return store.Key{Part: "trouble", Sort: connection} }

// Trouble is what keeps a connection's exchange from working, nil if nothing does.
func (b Book) Trouble(ctx context.Context, connection string) (*Trouble, error) {
	docs, err := b.Store.Get(ctx, troubleKey(connection))
	if err != nil || docs[0] == nil {
		return nil, err
	}
	t := new(Trouble)
	return t, json.Unmarshal(docs[0].Body, t)
}

// fails notes why a round failed, once for each kind of reason; well notes that one did not.
func (l *Loop) fails(ctx context.Context, err error, since time.Time) {
	name := bridge.NameOf(err)
	if l.noted == name {
		return
	}
	body, bad := json.Marshal(Trouble{Since: since.UnixMilli(), Name: name, Why: err.Error(), Stays: !bridge.IsTemporary(err)})
	if bad == nil {
		bad = l.Book.Store.Apply(ctx, store.Put(store.Doc{Key: troubleKey(l.Client.Connection), Body: body}))
	}
	l.note(name, bad)
}

func (l *Loop) well(ctx context.Context) {
	if l.noted != "nothing" { // not even in an earlier process
		l.note("nothing", l.Book.Store.Apply(ctx, store.Delete(troubleKey(l.Client.Connection))))
	}
}

func (l *Loop) note(what string, err error) {
	if err == nil {
		l.noted = what
	} else if !errors.Is(err, context.Canceled) {
		l.Log.Warn("how the exchange goes could not be stored", "connection", l.Client.Connection, "error", err)
	}
}
