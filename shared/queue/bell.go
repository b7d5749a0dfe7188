package queue

import "sync"

// Bell wakes everybody who waits for it. Its zero value is ready. In-process
// drivers ring it when a message may have become receivable.
type Bell struct {
	mu sync.Mutex
	ch chan struct{}
}

// Ring wakes all who listen now.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}

// Listen returns a channel that the next Ring closes. Listen first, then look
// for work, then wait: nothing is missed.
func (b *Bell) Listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}
