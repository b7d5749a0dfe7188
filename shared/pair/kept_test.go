package pair

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/store"
)

// TestWhatIsRememberedIsBounded reads many more pairs than are remembered, small ones and large ones.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	b := &Book{Store: store.NewMemory(store.Faults{}), Now: func() int64 { return 1 }}
	r := rand.New(rand.NewPCG(1, 1))
	const pairs = 1200
	for i := range pairs {
		p := b.New("c1", bridge.Ref{ID: fmt.Sprint(i), Key: "A-1"}, bridge.Public)
		for n := range []int{1, 9, 30}[i%3] {
			p.State.Fields[fmt.Sprint("key", n)] = randomField(r)
		}
		if err := b.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	b.memory = memory{}
	before := heap()
	for i := range pairs {
		if _, err := b.Load(t.Context(), "c1", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	n := len(b.memory.young) + len(b.memory.old)
	if took := heap() - before; took > remembered*5/2 || took < remembered/2 || n > pairs/2 {
		t.Errorf("%d pairs take %d bytes", n, took)
	}
	runtime.KeepAlive(b)
}

// BenchmarkRead decodes a pair of which nothing is remembered: nine fields of either site, one of them changed since the state
// was written, with its lines of history.
func BenchmarkRead(b *testing.B) {
	m := store.NewMemory(store.Faults{})
	book := &Book{Store: m, Now: func() int64 { return 1790000000000 }}
	p := book.New("c1", bridge.Ref{ID: "10001", Key: "PUB-1"}, bridge.Public)
	p.Head.Remote, p.Head.Status, p.Head.Applied, p.State.Project, p.State.Type = bridge.Ref{ID: "20001", Key: "PRV-1"}, Synced, 3, "PUB", "10002"
	edit := func(p *Pair, key string, site bridge.Role, seq int64) {
		e := &bridge.Entry{Seq: seq, Saw: bridge.Unseen, Value: bridge.ValueOf("the value of " + key), Stamp: bridge.Stamp{At: 1790000000000 + seq, Site: site, Policy: 1}, Rules: 2}
		f, id := p.State.Field(key), e.ID()
		f.Item, f.Carries, f.Shown = seq, &id, e.Value
		if site == bridge.Public {
			f.Mine, f.Raw, f.Rev = e, e.Value, p.Head.Revision+1
		} else {
			f.Theirs, f.Placed, f.Turns = e, &merge.Placed{After: seq, Seq: seq}, FirstTurn(e)
		}
		p.Note(Event{What: "observed", Field: key, New: e.Value, Edit: fmt.Sprint(site, ":", seq), Cause: "webhook"})
	}
	for i, key := range []string{"summary", "description", "status", "issuetype", "priority", "duedate", "labels", "assignee", "resolution"} {
		edit(p, key, []bridge.Role{bridge.Public, bridge.Private}[i/6], 11000)
	}
	if err := book.Create(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	if _, err := book.Update(b.Context(), "c1", "10001", func(p *Pair) error {
		edit(p, "summary", bridge.Public, 11001)
		p.Mark(book.Now(), bridge.Live)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	docs, err := m.Get(b.Context(), p.key("head"), p.key("state"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(docs[0].Body) + len(docs[1].Body)))
	b.ReportAllocs()
	for b.Loop() {
		if k, _, err := read("c1", "10001", docs[0], docs[1], nil); err != nil || len(k.fields) != 9 {
			b.Fatal(err)
		}
	}
}
