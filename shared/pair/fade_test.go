package pair

import (
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// TestOldValuesBecomeHashes tells things for 200 days, and looks what of them is stored and shown then.
func TestOldValuesBecomeHashes(t *testing.T) {
	const day = int64(24 * time.Hour / time.Millisecond)
	at := day
	mem := store.NewMemory(store.Faults{})
	mem.Now = func() time.Time { return time.UnixMilli(at) }
	b := &Book{Store: mem, Site: "s", Now: func() int64 { return at }, Keep: 30 * 24 * time.Hour}
	if err := b.Create(t.Context(), b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)); err != nil {
		t.Fatal(err)
	}
	note := func(e Event) {
		t.Helper()
		if _, err := b.Update(t.Context(), "c1", "1", func(p *Pair) error { p.Note(e); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	fade := func() {
		t.Helper()
		if err := b.Fade(t.Context(), "c1", "1"); err != nil {
			t.Fatal(err)
		}
	}
	history := func(limit int) []Event {
		t.Helper()
		events, err := b.History(t.Context(), "c1", "1", limit)
		if err != nil {
			t.Fatal(err)
		}
		return events
	}
	for range 200 { // a sweep each day, and lines enough for documents of their own
		note(Event{What: "applied", Field: "summary", Old: bridge.ValueOf("hush " + time.UnixMilli(at).String()), New: bridge.ValueOf("hush"), Note: "Jira said hush"})
		fade()
		at += day
	}
	events := history(0)
	if len(events) != 200 {
		t.Fatalf("%d lines of 200 are left", len(events))
	}
	secret, faded := 0, 0
	for i, e := range events {
		if e.At != int64(i+1)*day {
			t.Fatalf("line %d is of day %d", i, e.At/day)
		}
		switch {
		case e.New == bridge.ValueOf("hush"):
			secret++
		case e.New == bridge.ValueOf("sha256:dc8331bcb2283e89") && e.Note == "" && strings.HasPrefix(e.Old.Text(), hashMark): // printf hush | sha256sum
			faded++
		default:
			t.Errorf("line of day %d is %+v", i, e)
		}
	}
	if secret < 30 || secret > 50 || faded+secret != 200 { // a document holds several days and goes as a whole
		t.Errorf("%d lines have values, %d have hashes, after 30 days", secret, faded)
	}
	if some := history(3); len(some) == 0 || some[len(some)-1].At != 200*day {
		t.Errorf("the newest lines are %+v", some)
	}

	at += 31 * day // nothing happens any more
	fade()
	fade()
	if all := everything(t, b); strings.Contains(all, "hush") {
		t.Errorf("after that there is still %s", all)
	}
	if left := len(history(0)); left != 200 {
		t.Errorf("%d lines of 200 are left", left)
	}
	if _, err := b.EraseWords(t.Context(), "c1", "1", []string{"hush"}); err != nil {
		t.Fatal(err)
	}
	if all := everything(t, b); strings.Contains(all, "dc8331bcb2283e89") {
		t.Error("erasing a word leaves its hash")
	}
	at += LinesKept.Milliseconds() + day
	if left := history(0); len(left) > 20 { // the head keeps its own
		t.Errorf("%d lines are left after two years", len(left))
	}
}

// TestFadingLeavesTheRest compares all but the history before and after, where a change waits.
func TestFadingLeavesTheRest(t *testing.T) {
	b := erasable(t)
	if _, err := b.Update(t.Context(), "c1", "1", func(p *Pair) error { p.Head.Status = Synced; p.Mark(1000, bridge.Live); return nil }); err != nil {
		t.Fatal(err)
	}
	before, err := b.Load(t.Context(), "c1", "1")
	if err != nil {
		t.Fatal(err)
	}
	b.Now = func() int64 { return 1000 + (ValuesKept + time.Hour).Milliseconds() }
	if err := b.Fade(t.Context(), "c1", "1"); err != nil {
		t.Fatal(err)
	}
	after, err := b.Load(t.Context(), "c1", "1")
	if err != nil || after.headRev == before.headRev || after.Head.Revision != before.Head.Revision || after.Head.Since != before.Head.Since || after.State.Fields["summary"].Mine.Value != bridge.ValueOf("secret two") {
		t.Errorf("%+v became %+v (%v)", before.Head, after.Head, err)
	}
	if hits, err := b.Store.Indexed(t.Context(), pendingIndex("c1", bridge.Live), store.IndexRange{}); err != nil || len(hits) != 1 {
		t.Errorf("the list of what waits has %v (%v)", hits, err)
	}
	if events, err := b.History(t.Context(), "c1", "1", 0); err != nil || len(events) != 4 || strings.Contains(string(events[2].New), "secret") {
		t.Errorf("the history is %+v (%v)", events, err)
	}
}
