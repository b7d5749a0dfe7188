package pair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// ValuesKept is how long the history holds values and remarks, where nobody says otherwise. Then it holds the hashes of the
// values: what happened, when and to which field stays; what it said is gone.
const ValuesKept = 90 * 24 * time.Hour

// LinesKept is how long lines without values are kept.
const LinesKept = 2 * 365 * 24 * time.Hour

// grace is how much later a document with values goes by itself, if nobody came to hash them.
const grace = 30 * 24 * time.Hour

// fadeMax is how many documents of a pair are hashed at a time; the next sweep goes on.
const fadeMax = 50

func (b *Book) valuesKept() time.Duration {
	if b.Keep == 0 {
		return ValuesKept
	}
	return b.Keep
}

// Fade hashes the values of a pair's history that are older than they may be. It costs one read where there are none.
func (b *Book) Fade(ctx context.Context, connection, issue string) error {
	before := b.Now() - b.valuesKept().Milliseconds()
	docs, err := b.Store.Get(ctx, store.Key{Part: part(connection, issue), Sort: "head"})
	if err != nil || docs[0] == nil {
		return err
	}
	if err := b.fadeHead(ctx, *docs[0], before); err != nil {
		return err
	}
	var c struct{ Told int }
	if err := json.Unmarshal(docs[0].Body, &c); err != nil {
		return damaged(docs[0].Key, err)
	}
	if c.Told == 0 {
		return nil
	}
	old, err := b.Store.List(ctx, part(connection, issue), store.Range{Prefix: "history/", Limit: fadeMax})
	for _, d := range old {
		if err != nil {
			break
		}
		err = b.fadeDoc(ctx, d, before)
	}
	return err
}

// fadeHead hashes what the head holds, and leaves everything else of it as it is. A head that changed meanwhile is left to
// the next sweep.
func (b *Book) fadeHead(ctx context.Context, d store.Doc, before int64) error {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(d.Body, &whole); err != nil {
		return damaged(d.Key, err)
	}
	raw := whole["events"]
	if len(raw) == 0 {
		return nil
	}
	var kept lines
	err := set(&kept, raw)
	var events []Event
	if err == nil {
		events, err = kept.events()
	}
	if err != nil {
		return damaged(d.Key, err)
	}
	faded := false
	for i := range events {
		faded = events[i].At <= before && events[i].fade() || faded
	}
	if !faded {
		return nil
	}
	if kept, err = linesOf(events); err != nil {
		return err
	}
	whole["events"] = kept.text(nil)
	if d.Body, err = json.Marshal(whole); err != nil {
		return err
	}
	return unlessChanged(b.Store.Apply(ctx, store.Replace(d)))
}

// fadeDoc moves a document whose lines are all old from history/ to past/, without values.
func (b *Book) fadeDoc(ctx context.Context, d store.Doc, before int64) error {
	lines, err := eventsIn(d)
	if err != nil {
		return err
	}
	for i := range lines {
		if lines[i].At > before {
			return nil
		}
		lines[i].fade()
	}
	body, err := json.Marshal(map[string]any{"events": lines})
	if err != nil {
		return err
	}
	past := store.Doc{Key: d.Key, Body: body, Expires: time.UnixMilli(b.Now()).Add(LinesKept)}
	past.Key.Sort = "past/" + strings.TrimPrefix(d.Key.Sort, "history/")
	return unlessChanged(b.Store.Apply(ctx, store.DeleteRev(d.Key, d.Rev), store.Put(past)))
}

func unlessChanged(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// fade replaces the values of a line by their hashes, and drops the remark, which may quote one. It reports whether there was
// anything to do.
func (e *Event) fade() bool {
	before := *e
	e.Old, e.New, e.Note = hashed(e.Old), hashed(e.New), ""
	return *e != before
}

// hashed is what stays of a value: enough to tell whether it was a given one, "sha256:" and the first 16 digits of the
// SHA-256 of its text (of its JSON, where it is no text).
func hashed(v bridge.Value) bridge.Value {
	text := v.Text()
	if v == "" || v == bridge.Cleared || strings.HasPrefix(text, hashMark) && len(text) == len(hashMark)+16 {
		return v
	}
	if text == "" {
		text = string(v)
	}
	sum := sha256.Sum256([]byte(text))
	return bridge.ValueOf(hashMark + hex.EncodeToString(sum[:8]))
}

const hashMark = "sha256:"
