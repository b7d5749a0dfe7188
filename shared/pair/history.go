package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// An Event is one line of a pair's history: which event, which rule, which field, old, new, when, outcome.
type Event struct {
	At      int64        `json:"at"`              // hub ms
	What    string       `json:"what"`            // observed, sent, applied, conflict, refused, parked, acknowledged, …
	Field   string       `json:"field,omitempty"` // replica key, or "comment/10001"
	Old     bridge.Value `json:"old,omitempty"`
	New     bridge.Value `json:"new,omitempty"`
	Edit    string       `json:"edit,omitempty"`  // the edit it is about: "private:10234"
	Rule    string       `json:"rule,omitempty"`  // file:line of the row
	Cause   string       `json:"cause,omitempty"` // the event or change that led here
	Outcome string       `json:"outcome,omitempty"`
	Note    string       `json:"note,omitempty"` // for a person
}

// HistoryKept is how long history is kept.
const HistoryKept = 90 * 24 * time.Hour

const historyValueMax = 2 << 10 // bytes of a value kept in the history

// Note adds a line to the pair's history. It is written with the update.
func (p *Pair) Note(e Event) {
	e.Old, e.New = shorten(e.Old), shorten(e.New)
	p.history = append(p.history, e)
}

func shorten(v bridge.Value) bridge.Value {
	if len(v) <= historyValueMax {
		return v
	}
	return bridge.ValueOf(string([]rune(v.Text() + " ")[:historyValueMax/4]) + "…")
}

// historyOps writes one document for all lines of one update.
func (p *Pair) historyOps(now int64) []store.Op {
	if len(p.history) == 0 {
		return nil
	}
	for i := range p.history {
		if p.history[i].At == 0 {
			p.history[i].At = now
		}
	}
	body, err := json.Marshal(map[string]any{"events": p.history})
	if err != nil {
		body = []byte(`{"events":[]}`)
	}
	key := store.Key{Part: p.part(), Sort: fmt.Sprintf("history/%013d-%06d-%d", now, p.Head.Revision, p.stateRev)}
	return []store.Op{store.Put(store.Doc{Key: key, Body: body, Expires: time.UnixMilli(now).Add(HistoryKept)})}
}

// History returns the newest lines of a pair's history, oldest first; limit counts updates, not lines (0: all).
func (b *Book) History(ctx context.Context, connection, issue string, limit int) ([]Event, error) {
	docs, err := b.Store.List(ctx, part(connection, issue), store.Range{Prefix: "history/", Reverse: true, Limit: limit})
	if err != nil {
		return nil, err
	}
	var out []Event
	for i := len(docs) - 1; i >= 0; i-- {
		var h struct{ Events []Event }
		if err := json.Unmarshal(docs[i].Body, &h); err != nil {
			return nil, damaged(docs[i].Key, err)
		}
		out = append(out, h.Events...)
	}
	return out, nil
}
