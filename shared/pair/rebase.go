package pair

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Former is a pair that is taken apart because one of its two issues has another id now: its Jira was rebuilt elsewhere,
// with the same keys. It is kept until the pair is made anew.
type Former struct {
	Issue  string      `json:"-"` // the local id it had
	Local  bridge.Ref  `json:"local"`
	Remote bridge.Ref  `json:"remote"`
	Status Status      `json:"status"`
	Left   bridge.Gone `json:"left,omitempty"`
	Origin bridge.Role `json:"origin"`
}

func formerPart(connection string) string { return "rebase/" + connection }

// Retire takes a pair apart: who the two issues were is kept, and its history; everything else is forgotten.
func (b *Book) Retire(ctx context.Context, connection, issue string) error {
	p, err := b.Load(ctx, connection, issue)
	if err != nil || p == nil {
		return err
	}
	if err := b.keepHistory(ctx, p); err != nil {
		return err
	}
	if was, err := b.Former(ctx, connection, issue); err != nil || was != nil && p.Head.Remote.ID == "" {
		if err == nil {
			err = b.forget(ctx, p) // it only stood by; what it was is kept already
		}
		return err
	}
	if p.Head.Gone != "" {
		p.Head.Status = Stopped
	}
	body, err := json.Marshal(Former{Local: p.Head.Local, Remote: p.Head.Remote, Status: p.Head.Status, Left: p.Head.Left, Origin: p.Head.Origin})
	if err != nil {
		return err
	}
	if err := b.Store.Apply(ctx, store.Put(store.Doc{Key: store.Key{Part: formerPart(connection), Sort: issue}, Body: body})); err != nil {
		return err
	}
	return b.forget(ctx, p)
}

// Displace takes a pair apart whose remote issue has an id that belongs to another one now. Our issue stands by, out of sync,
// until the remote site says which id its twin has.
func (b *Book) Displace(ctx context.Context, p *Pair) error {
	now, err := b.Load(ctx, p.Head.Connection, p.Head.Local.ID)
	if err != nil || now == nil || now.Head.Remote.ID != p.Head.Remote.ID {
		return err // made anew meanwhile
	}
	if err := b.Retire(ctx, p.Head.Connection, p.Head.Local.ID); err != nil {
		return err
	}
	n := b.New(p.Head.Connection, p.Head.Local, p.Head.Origin)
	n.Head.Status, n.Head.Revision = Stopped, b.Now()
	if err := b.Inherit(ctx, n, n.Head.Local.ID); err != nil {
		return err
	}
	n.Note(Event{What: "displaced", Note: p.Head.Remote.Key + " has another id over there than " + p.Head.Remote.ID})
	if err := b.Create(ctx, n); err != nil {
		return err
	}
	return b.dropHistory(ctx, n.Head.Connection, n.Head.Local.ID)
}

func formerHistory(connection, issue string) string { return formerPart(connection) + "/" + issue }

// keepHistory puts the history of a pair that is taken apart where the pair that it becomes finds it.
func (b *Book) keepHistory(ctx context.Context, p *Pair) error {
	docs, err := b.historyDocs(ctx, p.part(), 0)
	if err != nil {
		return err
	}
	docs = slices.DeleteFunc(docs, func(d store.Doc) bool { return firstOf(d) >= p.told })
	if pending := p.kept.carried.Events; len(pending) > 0 {
		d, err := p.historyDoc(p.told, pending, b.Now())
		if err != nil {
			return err
		}
		docs = append(docs, d)
	}
	return b.putAt(ctx, formerHistory(p.Head.Connection, p.Head.Local.ID), docs)
}

// Inherit gives a new pair the history that the pair of that issue had before it was taken apart.
func (b *Book) Inherit(ctx context.Context, p *Pair, issue string) error {
	docs, err := b.Store.List(ctx, formerHistory(p.Head.Connection, issue), store.Range{})
	if err != nil {
		return err
	}
	for _, d := range docs {
		lines, err := eventsIn(d)
		if err != nil {
			return err
		}
		p.told = max(p.told, firstOf(d)+len(lines))
	}
	return b.putAt(ctx, p.part(), docs)
}

func (b *Book) putAt(ctx context.Context, part string, docs []store.Doc) error {
	for _, d := range docs {
		d.Key.Part = part
		if err := b.Store.Apply(ctx, store.Put(d)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) dropHistory(ctx context.Context, connection, issue string) error {
	docs, err := b.Store.List(ctx, formerHistory(connection, issue), store.Range{})
	for _, d := range docs {
		err = errors.Join(err, b.Store.Apply(ctx, store.Delete(d.Key)))
	}
	return err
}

// RetireAll takes every pair of a connection apart, once: what is there after it was done was made anew.
func (b *Book) RetireAll(ctx context.Context, connection string) error {
	docs, err := b.Store.Get(ctx, apartKey(connection))
	if err != nil || docs[0] != nil {
		return err
	}
	var issues []string
	if err := b.Each(ctx, connection, func(l Line) error { issues = append(issues, l.Issue); return nil }); err != nil {
		return err
	}
	for _, issue := range issues {
		if err := b.Retire(ctx, connection, issue); err != nil {
			return err
		}
	}
	return b.Store.Apply(ctx, store.Put(store.Doc{Key: apartKey(connection), Body: []byte("{}")}))
}

func apartKey(connection string) store.Key {
	return store.Key{Part: "rebased/" + connection, Sort: "apart"}
}

// AllRebased says that every pair was made anew: the next time, all are taken apart again.
func (b *Book) AllRebased(ctx context.Context, connection string) error {
	return b.Store.Apply(ctx, store.Delete(apartKey(connection)))
}

// forget deletes all documents of a pair, those that make it one last and together.
func (b *Book) forget(ctx context.Context, p *Pair) error {
	connection, issue := p.Head.Connection, p.Head.Local.ID
	docs, err := b.Store.List(ctx, part(connection, issue), store.Range{})
	if err != nil {
		return err
	}
	last := []store.Op{
		store.DeleteRev(p.key("head"), p.headRev), store.Delete(p.key("state")), store.Delete(store.Key{Part: "pairs/" + connection, Sort: issue}),
		store.Delete(store.Key{Part: "due/" + b.Site, Sort: connection + "/" + issue}),
	}
	if p.Head.Remote.ID != "" {
		last = append(last, store.Delete(twinKey(connection, p.Head.Remote.ID)))
	}
	for _, d := range docs {
		switch d.Key.Sort {
		case "head", "state":
		default:
			if err := b.Store.Apply(ctx, store.Delete(d.Key)); err != nil {
				return err
			}
		}
	}
	return b.Store.Apply(ctx, last...)
}

// Formers lists the pairs that were taken apart and not made anew yet.
func (b *Book) Formers(ctx context.Context, connection string) ([]Former, error) {
	docs, err := b.Store.List(ctx, formerPart(connection), store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]Former, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, damaged(d.Key, err)
		}
		out[i].Issue = d.Key.Sort
	}
	return out, nil
}

// Former is what the pair of a local issue was before it was taken apart; nil if it was not.
func (b *Book) Former(ctx context.Context, connection, issue string) (*Former, error) {
	docs, err := b.Store.Get(ctx, store.Key{Part: formerPart(connection), Sort: issue})
	if err != nil || docs[0] == nil {
		return nil, err
	}
	f := &Former{Issue: issue}
	if err := json.Unmarshal(docs[0].Body, f); err != nil {
		return nil, damaged(docs[0].Key, err)
	}
	return f, nil
}

// Anew makes the pair that a former one was, of the issue under the id it has now: out of sync, so that no trigger makes a
// second twin, and to be joined with the twin it had, if that is known.
func (b *Book) Anew(ctx context.Context, connection string, was Former, now bridge.Ref, values bridge.Values, by string) error {
	p := b.New(connection, now, was.Origin)
	p.Head.Status = Stopped
	p.Head.Revision = b.Now() // higher than that of the pair it was
	if was.Remote.ID != "" {
		p.State.Join, p.State.Joined = &Joining{Remote: was.Remote.ID, Values: values, By: by, Was: was.Issue}, true
	}
	if err := b.Inherit(ctx, p, was.Issue); err != nil {
		return err
	}
	p.Note(Event{What: "rebased", Cause: by, Note: "its id was " + was.Issue + "; it was " + string(was.Status)})
	if was.Remote.ID == "" {
		return b.Create(ctx, p)
	}
	body, err := json.Marshal(Twin{Local: now.ID})
	if err != nil {
		return err
	}
	return b.Create(ctx, p, store.Put(store.Doc{Key: twinKey(connection, was.Remote.ID), Body: body}))
}

// Moving reports that the remote site has not taken our issue's new id yet: what it sends is about the old one, and comes
// again.
func (p *Pair) Moving() bool {
	return p.Head.Remote.ID == "" && p.State.Join != nil && p.State.Join.Was != ""
}

// Unread reports that the pair was made by [Book.Anew] and nothing of the issue was read since.
func (p *Pair) Unread() bool {
	j := p.State.Join
	return p.Head.Status == Stopped && j != nil && j.Was != "" && len(p.State.Fields) == 0
}

// Rebased forgets a former pair: it has been made anew.
func (b *Book) Rebased(ctx context.Context, connection, issue string) error {
	if err := b.dropHistory(ctx, connection, issue); err != nil {
		return err
	}
	return b.Store.Apply(ctx, store.Delete(store.Key{Part: formerPart(connection), Sort: issue}))
}
