package pair

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"drawbridge/shared/bridge"
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
