package site_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// TestWhatWasAllowedDoesNotStopLater: many issues are made while a person's word holds; the first one after it is one.
func TestWhatWasAllowedDoesNotStopLater(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	now := func() int64 { return at.UnixMilli() }
	st := store.NewMemory(store.Faults{})
	st.Now = func() time.Time { return at }
	s := &site.Site{Name: "public", Role: bridge.Public, Now: now, Log: slog.New(slog.DiscardHandler), Book: &pair.Book{Store: st, Site: "public", Now: now}}
	if err := s.Allow(t.Context(), "c", "somebody"); err != nil {
		t.Fatal(err)
	}
	at = at.Add(115 * time.Minute)
	for i := range 300 {
		if err := s.Guard(t.Context(), "c", fmt.Sprint(i), site.Harm{Created: true}); err != nil {
			t.Fatalf("issue %d, which was allowed: %v", i, err)
		}
	}
	at = at.Add(10 * time.Minute)
	if err := s.Guard(t.Context(), "c", "one more", site.Harm{Created: true}); err != nil {
		t.Error(err)
	}
}
