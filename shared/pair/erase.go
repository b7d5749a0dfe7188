package pair

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Erased is the word that stands where something was erased.
const Erased = "[erased]"

// EraseIssue forgets everything about an issue but its id and its twin's, so that it does not come under sync again. It
// returns how many documents were removed. Nothing is written to Jira.
func (b *Book) EraseIssue(ctx context.Context, connection, issue string) (int, error) {
	p, err := b.Load(ctx, connection, issue)
	if err != nil {
		return 0, err
	}
	docs, err := b.Store.List(ctx, part(connection, issue), store.Range{})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, d := range docs {
		op := store.Delete(d.Key)
		if d.Key.Sort == "head" && p != nil {
			h := p.Head
			h = Head{Connection: connection, Local: bridge.Ref{ID: h.Local.ID}, Remote: bridge.Ref{ID: h.Remote.ID}, Status: Stopped, Origin: h.Origin, Revision: h.Revision}
			body, err := json.Marshal(h)
			if err != nil {
				return n, err
			}
			op = store.Replace(store.Doc{Key: d.Key, Body: body, Rev: d.Rev})
		}
		if err := b.Store.Apply(ctx, op); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		return 0, ErrNone
	}
	line := store.Doc{Key: store.Key{Part: "pairs/" + connection, Sort: issue}, Body: []byte(`{"key":""}`)}
	due := store.Key{Part: "due/" + b.Site, Sort: connection + "/" + issue}
	return n, b.Store.Apply(ctx, store.Put(line), store.Delete(due))
}

// EraseMember forgets the content of one comment, attachment or worklog, and what the history says of it.
func (b *Book) EraseMember(ctx context.Context, connection, issue, key string) (int, error) {
	return b.rewrite(ctx, connection, issue, func(sort string, v any) any {
		doc, _ := v.(map[string]any)
		switch {
		case sort == "own/"+key || sort == "copy/"+key:
			for _, part := range []string{"offer", "want"} {
				if m, ok := doc[part].(map[string]any); ok {
					for _, name := range []string{"body", "name", "author", "note", "started", "seconds"} {
						delete(m, name)
					}
				}
			}
		case strings.HasPrefix(sort, "history/"), strings.HasPrefix(sort, "past/"), sort == "head":
			if events, ok := doc["events"].([]any); ok {
				doc["events"] = slices.DeleteFunc(events, func(e any) bool { return fieldOf(e) == key })
			}
		}
		return v
	})
}

// fieldOf is the field of a line of the history as it is stored, in a document of its own or in the head.
func fieldOf(e any) any {
	if list, ok := e.([]any); ok && len(list) > 2 {
		return list[2]
	}
	m, _ := e.(map[string]any)
	return m["field"]
}

// EraseWords replaces words that name a person (id, e-mail address, display name) wherever they stand in what is kept about
// an issue.
func (b *Book) EraseWords(ctx context.Context, connection, issue string, words []string) (int, error) {
	all := slices.Clone(words)
	for _, w := range words {
		all = append(all, hashed(bridge.ValueOf(w)).Text())
	}
	return b.rewrite(ctx, connection, issue, func(_ string, v any) any { return scrub(v, all) })
}

func scrub(v any, words []string) any {
	switch t := v.(type) {
	case string:
		for _, w := range words {
			t = strings.ReplaceAll(t, w, Erased)
		}
		return t
	case []any:
		for i := range t {
			t[i] = scrub(t[i], words)
		}
	case map[string]any:
		for k := range t {
			t[k] = scrub(t[k], words)
		}
	}
	return v
}

// rewrite changes every document of a pair; what somebody else changes meanwhile is done again.
func (b *Book) rewrite(ctx context.Context, connection, issue string, change func(sort string, v any) any) (n int, err error) {
	for try := 0; ; try++ {
		docs, err := b.Store.List(ctx, part(connection, issue), store.Range{})
		if err != nil {
			return n, err
		}
		for _, d := range docs {
			var v any
			dec := json.NewDecoder(bytes.NewReader(d.Body))
			dec.UseNumber()
			if err := dec.Decode(&v); err != nil {
				return n, damaged(d.Key, err)
			}
			before, _ := json.Marshal(v)
			after, err := json.Marshal(change(d.Key.Sort, v))
			if err != nil {
				return n, err
			}
			if bytes.Equal(before, after) {
				continue
			}
			d.Body = after
			if err = b.Store.Apply(ctx, store.Replace(d)); isConflict(err) && try < maxRetries {
				break
			} else if err != nil {
				return n, err
			}
			n++
		}
		if done, err := b.clean(ctx, connection, issue, change); err != nil || done {
			return n, err
		}
	}
}

// clean reports that there is nothing left to change.
func (b *Book) clean(ctx context.Context, connection, issue string, change func(string, any) any) (bool, error) {
	docs, err := b.Store.List(ctx, part(connection, issue), store.Range{})
	for _, d := range docs {
		var v any
		if json.Unmarshal(d.Body, &v) != nil {
			continue
		}
		before, _ := json.Marshal(v)
		if after, _ := json.Marshal(change(d.Key.Sort, v)); !bytes.Equal(before, after) {
			return false, nil
		}
	}
	return true, err
}
