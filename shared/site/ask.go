package site

import (
	"context"
	"encoding/json"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Questions to the other site and their answers wait under these partitions, at most an hour each:
//
//	ask/C      <id>   a question of ours that is not answered yet
//	told/C     <id>   the other site's answer to it
//	answer/C   <id>   our answer to a question of the other site
const askKept = time.Hour

func (s *Site) keep(ctx context.Context, part, id string, v any, also ...store.Op) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := store.Doc{Key: store.Key{Part: part, Sort: id}, Body: body, Expires: time.UnixMilli(s.Now()).Add(askKept)}
	return s.Book.Store.Apply(ctx, append(also, store.Put(d))...)
}

// Ask keeps a question to the other site until it is answered, and wakes whoever exchanges.
func (s *Site) Ask(ctx context.Context, q bridge.Question) error {
	if err := s.keep(ctx, "ask/"+q.Connection, q.ID, q, s.Book.Tell(q.Connection)); err != nil {
		return err
	}
	return s.Send(ctx, Task{Kind: RingTask, Connection: q.Connection, Issue: "ask-" + q.ID}, bridge.Live, "")
}

// Asks lists our questions that are not answered, at most limit.
func (s *Site) Asks(ctx context.Context, connection string, limit int) ([]bridge.Question, error) {
	docs, err := s.Book.Store.List(ctx, "ask/"+connection, store.Range{Limit: limit})
	if err != nil {
		return nil, err
	}
	var out []bridge.Question
	for _, d := range docs {
		var q bridge.Question
		if json.Unmarshal(d.Body, &q) == nil && (d.Expires.IsZero() || d.Expires.After(time.UnixMilli(s.Now()))) {
			out = append(out, q)
		}
	}
	return out, nil
}

// Told keeps the other site's answer for whoever asked. An answer to nothing we asked is dropped.
func (s *Site) Told(ctx context.Context, a bridge.Preview) error {
	key := store.Key{Part: "ask/" + a.Connection, Sort: a.ID}
	docs, err := s.Book.Store.Get(ctx, key)
	if err != nil || docs[0] == nil {
		return err
	}
	return s.keep(ctx, "told/"+a.Connection, a.ID, a, store.Delete(key))
}

// Heard returns the answer to a question of ours, nil while there is none.
func (s *Site) Heard(ctx context.Context, connection, id string) (*bridge.Preview, error) {
	return s.preview(ctx, "told/"+connection, id)
}

// Answer keeps our answer to a question of the other site.
func (s *Site) Answer(ctx context.Context, a bridge.Preview) error {
	if err := s.keep(ctx, "answer/"+a.Connection, a.ID, a); err != nil {
		return err
	}
	s.Ring()
	return nil
}

// Answered returns our answer to a question of the other site, nil while there is none.
func (s *Site) Answered(ctx context.Context, connection, id string) (*bridge.Preview, error) {
	return s.preview(ctx, "answer/"+connection, id)
}

func (s *Site) preview(ctx context.Context, part, id string) (*bridge.Preview, error) {
	docs, err := s.Book.Store.Get(ctx, store.Key{Part: part, Sort: id})
	if err != nil || docs[0] == nil {
		return nil, err
	}
	a := new(bridge.Preview)
	return a, json.Unmarshal(docs[0].Body, a)
}
