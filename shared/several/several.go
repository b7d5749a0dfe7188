// Package several does several things at the same time, but not too many: one issue whose attachment has to be fetched does
// not hold up the others, and writes that wait together share a commit.
//
// Start reading at [Crew.Do].
package several

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"drawbridge/shared/bridge"
)

// Crew is so many hands.
type Crew struct {
	slots chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	errs  []error
	panic string // of the first hand that did
}

// Hands makes a crew; one of less than two hands is its caller, who does one thing after the other.
func Hands(n int) *Crew { return &Crew{slots: make(chan struct{}, max(1, n))} }

// Do runs f as soon as a hand is free. It returns an earlier failure that concerns more than one pair: then nothing more is
// to be begun.
func (c *Crew) Do(f func() error) error {
	if cap(c.slots) == 1 {
		c.failed(f())
		return c.over()
	}
	c.slots <- struct{}{}
	c.wg.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				c.panicked(fmt.Sprintf("%v\n%s", r, debug.Stack()))
			}
			<-c.slots
		}()
		c.failed(f())
	})
	return c.over()
}

func (c *Crew) failed(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

func (c *Crew) panicked(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.panic = cmp.Or(c.panic, what)
}

func (c *Crew) over() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.errs {
		if bridge.LevelOf(err) != bridge.LevelPair {
			return err
		}
	}
	return nil
}

// Wait returns when all is done, with all that went wrong. A panic of one hand is its caller's, who may know what to do about it:
// it does not end the process from behind.
func (c *Crew) Wait() error {
	c.wg.Wait()
	if c.panic != "" {
		panic(c.panic)
	}
	return errors.Join(c.errs...)
}
