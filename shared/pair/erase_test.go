package pair

import (
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// everything is all that is stored, as text.
func everything(t *testing.T, b *Book) string {
	t.Helper()
	docs, err := b.Store.List(t.Context(), part("c1", "1"), store.Range{})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, d := range docs {
		all.WriteString(d.Key.Sort + " " + string(d.Body) + "\n")
	}
	return all.String()
}

func erasable(t *testing.T) *Book {
	t.Helper()
	mem := store.NewMemory(store.Faults{})
	mem.Now = func() time.Time { return time.UnixMilli(1000) }
	b := &Book{Store: mem, Site: "s", Now: func() int64 { return 1000 }}
	p := b.New("c1", bridge.Ref{ID: "1", Key: "A-1"}, bridge.Public)
	p.Head.Remote = bridge.Ref{ID: "2", Key: "B-2"}
	if err := b.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret one", "secret two"} { // the later one is in the head still
		_, err := b.Update(t.Context(), "c1", "1", func(p *Pair) error {
			p.State.Field("summary").Mine = &bridge.Entry{Value: bridge.ValueOf(secret)}
			p.Note(Event{What: "observed", Field: "summary", New: bridge.ValueOf(secret)})
			p.Note(Event{What: "applied", Field: "comment/7", Note: secret + " comment"})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestErasedIsErasedInTheHeadToo(t *testing.T) {
	b := erasable(t)
	if _, err := b.EraseMember(t.Context(), "c1", "1", "comment/7"); err != nil {
		t.Fatal(err)
	}
	if all := everything(t, b); strings.Contains(all, "comment") || !strings.Contains(all, "secret") {
		t.Errorf("erasing a member leaves %s", all)
	}
	if _, err := b.EraseWords(t.Context(), "c1", "1", []string{"secret"}); err != nil {
		t.Fatal(err)
	}
	if all := everything(t, b); strings.Contains(all, "secret") {
		t.Errorf("erasing a word leaves %s", all)
	}
	if p, err := b.Load(t.Context(), "c1", "1"); err != nil || p.State.Fields["summary"].Mine.Value != bridge.ValueOf(Erased+" two") {
		t.Errorf("then %+v, %v", p, err)
	}
	if _, err := b.EraseIssue(t.Context(), "c1", "1"); err != nil {
		t.Fatal(err)
	}
	p, err := b.Load(t.Context(), "c1", "1")
	if all := everything(t, b); err != nil || strings.Contains(all, "two") || p.Head.Local.ID != "1" || p.Head.Remote.ID != "2" || p.Head.Status != Stopped || p.Head.Local.Key != "" {
		t.Errorf("erasing the issue leaves %s: %+v, %v", all, p, err)
	}
}
