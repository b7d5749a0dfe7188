// Package notify tells people what needs them: by mail, by a web request, or by a command of theirs. What is told is a
// list of what is wrong now; [Desk] remembers what was told, so that each thing is told once, and once more when it is over.
//
// Stored keys (partition, then sort key; S is a site):
//
//	notify/S   told    what was told and is not over yet, by key
//
// Start reading at [Desk.Tell].
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// A Notice is one thing that needs a person.
type Notice struct {
	Key     string   `json:"key"`             // what it is about: told once as long as it stays in the list
	Name    string   `json:"name"`            // parked, connection-broken, hub-unreachable, credential-expires, …; "over" when it is
	Subject string   `json:"subject"`         // one line
	Text    string   `json:"text,omitempty"`  // more, for a person
	Items   []string `json:"items,omitempty"` // of a digest: told again when one is new
	Site    string   `json:"site"`
	At      int64    `json:"at"` // hub ms
}

// A Sender tells one notice. Its String says to whom, and no secret.
type Sender interface {
	String() string
	Send(ctx context.Context, n Notice) error
}

// Desk keeps what was told.
type Desk struct {
	Store   store.Store
	Site    string // as people know it
	Home    string // as its state knows it
	Senders []Sender
	Now     func() int64
	Log     *slog.Logger
}

func (d *Desk) key() store.Key { return store.Key{Part: "notify/" + d.Home, Sort: "told"} }

// Tell takes all that is wrong now and tells what was not told, and what is over. What no sender could tell is told again
// the next time; one sender that works is enough.
func (d *Desk) Tell(ctx context.Context, now []Notice) error {
	told, rev, err := d.told(ctx)
	if err != nil {
		return err
	}
	next := map[string]Notice{}
	var errs []error
	for _, n := range now {
		was, known := told[n.Key]
		if known && !news(was.Items, n.Items) {
			next[n.Key] = n
			continue
		}
		if err := d.send(ctx, n); err != nil {
			errs = append(errs, err)
			if known {
				next[n.Key] = was
			}
			continue
		}
		next[n.Key] = n
	}
	for key, was := range told {
		if slices.ContainsFunc(now, func(n Notice) bool { return n.Key == key }) {
			continue
		}
		over := Notice{Key: key, Name: "over", Subject: "over: " + was.Subject}
		if err := d.send(ctx, over); err != nil {
			errs, next[key] = append(errs, err), was
		}
	}
	return errors.Join(append(errs, d.save(ctx, next, rev))...)
}

// news reports whether a digest has an item that was not told.
func news(told, now []string) bool {
	return slices.ContainsFunc(now, func(i string) bool { return !slices.Contains(told, i) })
}

func (d *Desk) send(ctx context.Context, n Notice) error {
	n.Site, n.At = d.Site, d.Now()
	n.Subject = bridge.OneLine(n.Subject)
	var errs []error
	for _, s := range d.Senders {
		if err := s.Send(ctx, n); err != nil {
			d.Log.Warn("notice not sent", "key", n.Key, "error_name", "notice-unsent", "error", err)
			errs = append(errs, err)
		}
	}
	if len(errs) < len(d.Senders) {
		return nil
	}
	return errors.Join(errs...)
}

func (d *Desk) told(ctx context.Context) (map[string]Notice, int64, error) {
	docs, err := d.Store.Get(ctx, d.key())
	if err != nil || docs[0] == nil {
		return nil, 0, err
	}
	var t struct{ Told map[string]Notice }
	return t.Told, docs[0].Rev, json.Unmarshal(docs[0].Body, &t)
}

func (d *Desk) save(ctx context.Context, told map[string]Notice, rev int64) error {
	body, err := json.Marshal(map[string]any{"told": told})
	if err != nil {
		return err
	}
	doc := store.Doc{Key: d.key(), Body: body, Rev: rev}
	if rev == 0 {
		return d.Store.Apply(ctx, store.Create(doc))
	}
	return d.Store.Apply(ctx, store.Replace(doc))
}
