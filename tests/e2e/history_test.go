package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/store/sqlitestore"
	"drawbridge/tests/rig"
)

// TestOldHistoryFades puts a line of eight days ago into the history of a hub that keeps values for a week, and one of
// yesterday; the running half leaves the hash of the one and the other as it is.
func TestOldHistoryFades(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{HubYAML: "history_days: 7\n"})
	s := sideOf(w, true).with(t)
	key, _ := s.pair(t, "Has a past", nil)
	rig.Eventually(t, rig.Patience, "the pair is in sync", func() string { return lacks(w.Show(true, key), "synced") })
	w.Hub.Stop(t)
	for days, value := range map[int]string{8: "what was said last week", 1: "what was said yesterday"} {
		remember(t, w.Path("hub.db"), time.Now().AddDate(0, 0, -days), pair.Event{What: "applied", Field: "summary", New: bridge.ValueOf(value), Note: "remark on " + value})
	}
	w.StartHub()
	rig.Eventually(t, rig.Patience, "the old value is a hash", func() string {
		show := w.Show(true, key)
		if strings.Contains(show, "last week") {
			return show
		}
		return lacks(show, "sha256:f3152a13ab6218b4") // printf 'what was said last week' | sha256sum
	})
	if missing := lacks(w.Show(true, key), "what was said yesterday"); missing != "" {
		t.Error(missing)
	}
	says(t, rig.Exec(t, "", w.Dir, "config", "schema", "hub"), 0, "history_days")
}

// remember adds a line to the history of the only pair of a half that is stopped, as at another time.
func remember(t *testing.T, state string, at time.Time, e pair.Event) {
	t.Helper()
	db, err := sqlitestore.Open(state, sqlitestore.Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	book, ctx := pair.Book{Store: db.Store(), Site: "cloud", Now: func() int64 { return at.UnixMilli() }}, context.Background()
	all, err := book.Connections(ctx)
	if err != nil || len(all) != 1 {
		t.Fatalf("the connections are %v (%v)", all, err)
	}
	err = book.Each(ctx, all[0].ID, func(l pair.Line) error {
		_, err := book.Update(ctx, all[0].ID, l.Issue, func(p *pair.Pair) error { p.Note(e); return nil })
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
