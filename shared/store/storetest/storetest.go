// Package storetest is the conformance suite of the store port: every driver
// runs it, the memory driver included, the AWS driver against a real engine.
// A promise of package store that no test here can break is not a promise.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// Conformance runs the suite. open returns an empty store that is released by
// t.Cleanup; it is called once for each test.
func Conformance(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		run  func(*suite)
	}{
		{"absent", absent},
		{"put and get", putAndGet},
		{"get many", getMany},
		{"conditions", conditions},
		{"check", checks},
		{"conditions on expired", conditionsOnExpired},
		{"expiry", expiry},
		{"batch is atomic", allOrNone},
		{"batch commits together", together},
		{"sequence in order", inOrder},
		{"sequence stops", stops},
		{"hundred operations", hundred},
		{"list order", listOrder},
		{"list ranges", listRanges},
		{"list pages", listPages},
		{"list skips expired", listExpired},
		{"list big bodies", listBig},
		{"keys of any characters", anyKeys},
		{"long keys", longKeys},
		{"bodies", bodies},
		{"refused requests", refused},
		{"index order and cursor", indexOrder},
		{"index follows the document", indexFollows},
		{"index pages ties", indexTies},
		{"index in a batch", indexBatch},
		{"one creator wins", oneCreator},
		{"no update is lost", noLostUpdate},
		{"batches are isolated", isolated},
		{"cancelled context", cancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tt.run(&suite{t, ctx, open(t)})
		})
	}
}

// suite carries what a test needs.
type suite struct {
	*testing.T
	ctx context.Context
	s   store.Store
}

func key(sort string) store.Key { return store.Key{Part: "part", Sort: sort} }

func doc(sort string, v any) store.Doc { return store.Doc{Key: key(sort), Body: body(v)} }

func body(v any) []byte {
	b, err := json.Marshal(map[string]any{"v": v})
	if err != nil {
		panic(err)
	}
	return b
}

func at(d store.Doc, name string, ms int64) store.Doc {
	d.Index = &store.Index{Name: name, At: ms}
	return d
}

func rev(d store.Doc, r int64) store.Doc {
	d.Rev = r
	return d
}

func expires(d store.Doc, in time.Duration) store.Doc {
	d.Expires = time.Now().Add(in)
	return d
}

func (s *suite) apply(ops ...store.Op) {
	s.Helper()
	if err := s.s.Apply(s.ctx, ops...); err != nil {
		s.Fatalf("Apply: %v", err)
	}
}

func (s *suite) sequence(ops ...store.Op) {
	s.Helper()
	if err := s.s.Sequence(s.ctx, ops...); err != nil {
		s.Fatalf("Sequence: %v", err)
	}
}

// conflicts demands that the batch fails at the key with the given sort key.
func (s *suite) conflicts(sort string, ops ...store.Op) {
	s.Helper()
	err := s.s.Apply(s.ctx, ops...)
	var c *store.Conflict
	if !errors.Is(err, store.ErrConflict) || !errors.As(err, &c) {
		s.Fatalf("Apply: got %v, want a conflict", err)
	}
	if c.Key != key(sort) {
		s.Errorf("conflict names %q, want %q", c.Key, key(sort))
	}
}

func (s *suite) get(k store.Key) *store.Doc {
	s.Helper()
	docs, err := s.s.Get(s.ctx, k)
	if err != nil {
		s.Fatalf("Get %q: %v", k, err)
	}
	if len(docs) != 1 {
		s.Fatalf("Get of one key returned %d documents", len(docs))
	}
	return docs[0]
}

// holds demands a document with the value and revision.
func (s *suite) holds(sort string, v any, rev int64) {
	s.Helper()
	d := s.get(key(sort))
	if d == nil {
		s.Fatalf("%q is absent, want value %v at revision %d", sort, v, rev)
	}
	if d.Key != key(sort) || string(d.Body) != string(body(v)) || d.Rev != rev {
		s.Errorf("%q holds %.60s at revision %d, want %.60s at %d", d.Key, d.Body, d.Rev, body(v), rev)
	}
}

func (s *suite) lacks(sort string) {
	s.Helper()
	if d := s.get(key(sort)); d != nil {
		s.Errorf("%q holds %.60s, want it absent", sort, d.Body)
	}
}

func (s *suite) list(r store.Range) []string {
	s.Helper()
	docs, err := s.s.List(s.ctx, "part", r)
	if err != nil {
		s.Fatalf("List %+v: %v", r, err)
	}
	sorts := []string{}
	for _, d := range docs {
		if d.Key.Part != "part" {
			s.Errorf("List of %q returned %q", "part", d.Key)
		}
		sorts = append(sorts, d.Key.Sort)
	}
	return sorts
}

func (s *suite) listed(r store.Range, want ...string) {
	s.Helper()
	if got := s.list(r); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		s.Errorf("List %+v: got %q, want %q", r, got, want)
	}
}

// indexed demands the hits, in time: the index may lag.
func (s *suite) indexed(name string, r store.IndexRange, want ...string) {
	s.Helper()
	var got []string
	deadline := time.Now().Add(10 * time.Second)
	for {
		got = nil
		for _, h := range s.hits(name, r) {
			got = append(got, fmt.Sprintf("%s@%d", h.Key.Sort, h.At))
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("Indexed %q %+v: got %v, want %v", name, r, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *suite) hits(name string, r store.IndexRange) []store.IndexHit {
	s.Helper()
	hits, err := s.s.Indexed(s.ctx, name, r)
	if err != nil {
		s.Fatalf("Indexed %q: %v", name, err)
	}
	return hits
}

// permanent demands an error that no retry cures.
func (s *suite) permanent(what string, err error) {
	s.Helper()
	if err == nil || bridge.IsTemporary(err) {
		s.Errorf("%s: got %v, want a permanent error", what, err)
	}
}
