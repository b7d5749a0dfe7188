package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
	"drawbridge/shared/store/storetest"
)

func TestMemoryConformance(t *testing.T) {
	storetest.Conformance(t, func(*testing.T) store.Store { return store.NewMemory(store.Faults{}) })
}

func doc(sort string, at int64) store.Doc {
	d := store.Doc{Key: store.Key{Part: "p", Sort: sort}, Body: []byte(`{}`)}
	if at > 0 {
		d.Index = &store.Index{Name: "list", At: at}
	}
	return d
}

func there(t *testing.T, m *store.Memory, sort string) bool {
	t.Helper()
	docs, err := m.Get(t.Context(), store.Key{Part: "p", Sort: sort})
	if err != nil {
		t.Fatal(err)
	}
	return docs[0] != nil
}

func TestMemoryFailsTheNthApply(t *testing.T) {
	for _, f := range []store.Fault{store.FaultLost, store.FaultAfter} {
		m := store.NewMemory(store.Faults{Apply: store.FailApply(2, f)})
		for i := 1; i <= 3; i++ {
			err := m.Apply(t.Context(), store.Create(doc(fmt.Sprint(i), 0)))
			if failed := i == 2; failed != errors.Is(err, store.ErrInjected) || failed && !bridge.IsTemporary(err) {
				t.Errorf("Apply %d with fault %d: %v", i, f, err)
			}
			want := i != 2 || f == store.FaultAfter
			if got := there(t, m, fmt.Sprint(i)); got != want {
				t.Errorf("after Apply %d with fault %d the document is there: %v", i, f, got)
			}
		}
		if m.Applies() != 3 {
			t.Errorf("counted %d calls", m.Applies())
		}
	}
}

func TestMemoryFaultDoesNotHideAConflict(t *testing.T) {
	m := store.NewMemory(store.Faults{Apply: func(int, []store.Op) store.Fault { return store.FaultAfter }})
	m.Apply(t.Context(), store.Create(doc("a", 0)))
	if err := m.Apply(t.Context(), store.Create(doc("a", 0))); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

func TestMemoryFailsReads(t *testing.T) {
	m := store.NewMemory(store.Faults{Read: func(n int) bool { return n == 2 }})
	ctx := context.Background()
	_, err1 := m.List(ctx, "p", store.Range{})
	_, err2 := m.Indexed(ctx, "list", store.IndexRange{})
	_, err3 := m.Get(ctx, store.Key{Part: "p", Sort: "a"})
	if err1 != nil || !errors.Is(err2, store.ErrInjected) || err3 != nil {
		t.Errorf("got %v, %v, %v", err1, err2, err3)
	}
}

func hits(t *testing.T, m *store.Memory) int {
	t.Helper()
	h, err := m.Indexed(t.Context(), "list", store.IndexRange{})
	if err != nil {
		t.Fatal(err)
	}
	return len(h)
}

func TestMemoryIndexLags(t *testing.T) {
	m := store.NewMemory(store.Faults{IndexLag: 2})
	m.Apply(t.Context(), store.Create(doc("a", 1)))
	for i, want := range []int{0, 0, 1, 1} {
		if got := hits(t, m); got != want {
			t.Errorf("look %d shows %d hits, want %d", i+1, got, want)
		}
	}
	m.Apply(t.Context(), store.Delete(doc("a", 0).Key))
	if got := hits(t, m); got != 1 {
		t.Errorf("a deletion shows at once: %d hits", got)
	}
}

func TestMemoryIndexRepeatsAndMissesBySeed(t *testing.T) {
	counts := func(seed uint64) (out []int) {
		m := store.NewMemory(store.Faults{Seed: seed, IndexRepeat: 0.3, IndexMiss: 0.3})
		for i := range 40 {
			m.Apply(t.Context(), store.Create(doc(fmt.Sprint(i), int64(i+1))))
		}
		for range 20 {
			out = append(out, hits(t, m))
		}
		return out
	}
	a, b, c := fmt.Sprint(counts(1)), fmt.Sprint(counts(1)), fmt.Sprint(counts(2))
	if a != b || a == c {
		t.Errorf("seed 1 gave %s and %s, seed 2 gave %s", a, b, c)
	}
}

func TestMemoryClock(t *testing.T) {
	now := time.Unix(1000, 0)
	m := store.NewMemory(store.Faults{})
	m.Now = func() time.Time { return now }
	d := doc("a", 0)
	d.Expires = now.Add(time.Second)
	m.Apply(t.Context(), store.Create(d))
	if !there(t, m, "a") {
		t.Error("expired too early")
	}
	now = now.Add(time.Second)
	if there(t, m, "a") {
		t.Error("did not expire")
	}
}
