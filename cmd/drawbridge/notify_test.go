package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

func TestExpiringCredentials(t *testing.T) {
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for days, want := range map[int]string{40: "", 30: "/30", 8: "/30", 7: "/7", 2: "/7", 1: "/1", 0: "/0", -5: "/0"} {
		got := ""
		for _, n := range expiring("inside", now.AddDate(0, 0, days), now) {
			got = n.Key[strings.LastIndex(n.Key, "/"):]
		}
		if got != want {
			t.Errorf("%d days ahead: %q, want %q", days, got, want)
		}
	}
}

// TestPeopleAreTold: a broken connection, a parked pair and a silent other half are told to a program, once.
func TestPeopleAreTold(t *testing.T) {
	out := filepath.Join(t.TempDir(), "told")
	now := func() int64 { return time.Now().UnixMilli() }
	book := &pair.Book{Store: store.NewMemory(store.Faults{}), Site: "cloud", Now: now}
	must(t, book.UpdateConnection(t.Context(), "c1", func(c *bridge.Connection) error {
		c.Name, c.State, c.Policies[1] = "support", bridge.Active, bridge.Newest
		return nil
	}))
	for _, p := range pairsOfTest(book, now()) {
		must(t, book.Create(t.Context(), p))
	}
	e := &engine{site: &site.Site{Name: "inside", Role: bridge.Private, Book: book, Now: now, Log: slog.New(slog.DiscardHandler)}, log: slog.New(slog.DiscardHandler)}
	settings := config.Notify{Command: []string{"/bin/sh", "-c", "cat >> " + out + "; echo >> " + out}, HubSilent: config.Duration(time.Minute), Digest: config.Duration(time.Hour)}
	h, err := newHerald(e, settings, time.Time{}, false)
	must(t, err)
	h.silent = func(context.Context) map[string]silence {
		return map[string]silence{"c1": {time.Now().Add(-time.Hour), "no route"}}
	}
	h.look(t.Context())
	h.look(t.Context())
	must(t, e.site.Hold(t.Context(), "c1", &bridge.Hold{State: bridge.Broken, Why: "a rule fails"}))
	h.look(t.Context())
	raw, err := os.ReadFile(out)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for _, want := range []string{`"name":"parked"`, "SUP-2: field-refused", `"name":"hub-unreachable"`, "no route", `"name":"connection-broken"`, "a rule fails", `"name":"over"`} {
		if n := strings.Count(string(raw), want); n != 1 {
			t.Errorf("%q was told %d times:\n%s", want, n, raw)
		}
	}
	if len(lines) != 4 {
		t.Errorf("told %d times:\n%s", len(lines), raw)
	}
}
