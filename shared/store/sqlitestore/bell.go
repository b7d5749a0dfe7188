package sqlitestore

import (
	"slices"
	"sync"
)

// bell wakes workers who wait for messages: as many as there may be work for, not all of them, because each that wakes
// looks into the file.
type bell struct {
	mu      sync.Mutex
	waiting []chan struct{}
}

// ring wakes n of those who wait.
func (b *bell) ring(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.waiting))
	for _, ch := range b.waiting[:n] {
		close(ch)
	}
	b.waiting = slices.Delete(b.waiting, 0, n)
}

// listen returns a channel that a ring closes. Whoever stops listening before that says so with leave.
func (b *bell) listen() chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	ch := make(chan struct{})
	b.waiting = append(b.waiting, ch)
	return ch
}

// leave stops listening. A ring that was meant for who leaves wakes another.
func (b *bell) leave(ch chan struct{}) {
	b.mu.Lock()
	i := slices.Index(b.waiting, ch)
	if i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
	b.mu.Unlock()
	if i < 0 {
		b.ring(1)
	}
}
