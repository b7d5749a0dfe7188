package pair

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
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

// date gives the lines of this update their time.
func (p *Pair) date(now int64) {
	for i := range p.history {
		if p.history[i].At == 0 {
			p.history[i].At = now
		}
	}
}

// historyOp writes lines into a document of their own. Its key says which lines of the pair's history they are, counted
// from 0: whoever writes the same ones writes the same document.
func (p *Pair) historyOp(first int, ls lines, now int64) (store.Op, error) {
	d, err := p.historyDoc(first, ls, now)
	return store.Put(d), err
}

func (p *Pair) historyDoc(first int, ls lines, now int64) (store.Doc, error) {
	events, err := ls.events()
	if err != nil {
		return store.Doc{}, damaged(p.key("head"), err)
	}
	body, err := json.Marshal(map[string]any{"events": events})
	if err != nil {
		body = []byte(`{"events":[]}`)
	}
	key := p.key(fmt.Sprintf("history/%013d-e%06d-%d", events[0].At, first, len(events)))
	return store.Doc{Key: key, Body: body, Expires: time.UnixMilli(now).Add(p.book.valuesKept() + grace)}, nil
}

// History returns the newest lines of a pair's history, oldest first; limit counts documents, which hold one or more
// lines (0: all).
func (b *Book) History(ctx context.Context, connection, issue string, limit int) ([]Event, error) {
	p, err := b.Load(ctx, connection, issue)
	if err != nil || p == nil {
		return nil, err
	}
	docs, err := b.historyDocs(ctx, part(connection, issue), limit)
	if err != nil {
		return nil, err
	}
	var out []Event
	for i := len(docs) - 1; i >= 0; i-- {
		first := firstOf(docs[i])
		if first >= p.told || i > 0 && first == firstOf(docs[i-1]) {
			continue // on its way there when somebody crashed: the head, or the next document, has it and more
		}
		lines, err := eventsIn(docs[i])
		if err != nil {
			return nil, err
		}
		out = append(out, lines...)
	}
	pending, err := p.kept.carried.Events.events()
	if err != nil {
		return nil, damaged(p.key("head"), err)
	}
	return append(out, pending...), nil
}

// historyDocs are the newest documents of a pair's history, newest first; limit 0: all.
func (b *Book) historyDocs(ctx context.Context, part string, limit int) ([]store.Doc, error) {
	docs, err := b.Store.List(ctx, part, store.Range{Prefix: "history/", Reverse: true, Limit: limit})
	if err != nil || limit > 0 && len(docs) >= limit {
		return docs, err
	}
	past, err := b.Store.List(ctx, part, store.Range{Prefix: "past/", Reverse: true, Limit: max(0, limit-len(docs))})
	return append(docs, past...), err
}

// eventsIn are the lines that a document of the history holds.
func eventsIn(d store.Doc) ([]Event, error) {
	var h struct{ Events []Event }
	if err := json.Unmarshal(d.Body, &h); err != nil {
		return nil, damaged(d.Key, err)
	}
	return h.Events, nil
}

// firstOf says which line is the first of a document.
func firstOf(d store.Doc) int {
	_, lines, _ := strings.Cut(d.Key.Sort, "-e")
	first, _, _ := strings.Cut(lines, "-")
	n, _ := strconv.Atoi(first) // 0 where somebody put something else there
	return n
}
