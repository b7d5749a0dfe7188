package reconcile

import (
	"errors"
	"sync"

	"drawbridge/shared/bridge"
)

// hits takes in several issues at the same time; an attachment that has to be fetched does not hold up the others.
type hits struct {
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	errs  []error
}

func newHits(workers int) *hits { return &hits{slots: make(chan struct{}, workers)} }

// do runs f as soon as a worker is free; a single worker is the caller. It returns an earlier failure that concerns more
// than one pair, which ends the search; the mark then stays.
func (h *hits) do(f func() error) error {
	if cap(h.slots) == 1 {
		h.failed(f())
		return h.ending()
	}
	h.slots <- struct{}{}
	h.wg.Go(func() {
		defer func() { <-h.slots }()
		h.failed(f())
	})
	return h.ending()
}

func (h *hits) failed(err error) {
	if err == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

func (h *hits) ending() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, err := range h.errs {
		if bridge.LevelOf(err) != bridge.LevelPair {
			return err
		}
	}
	return nil
}

// wait returns when all are done.
func (h *hits) wait() error {
	h.wg.Wait()
	return errors.Join(h.errs...)
}
