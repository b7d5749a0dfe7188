package reconcile

import (
	"errors"
	"sync"
)

// hits takes in several issues at the same time; an attachment that has to be fetched does not hold up the others.
type hits struct {
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

func newHits(workers int) *hits { return &hits{slots: make(chan struct{}, workers)} }

// do runs f as soon as a worker is free. It returns an earlier failure, which ends the search; the mark then stays.
func (h *hits) do(f func() error) error {
	h.slots <- struct{}{}
	h.wg.Go(func() {
		defer func() { <-h.slots }()
		if err := f(); err != nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.errs = append(h.errs, err)
		}
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.errs...)
}

// wait returns when all are done.
func (h *hits) wait() error {
	h.wg.Wait()
	return errors.Join(h.errs...)
}
