package several_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/several"
)

// TestSoManyAtATime: ten things of a second each take as long as they must with so many hands.
func TestSoManyAtATime(t *testing.T) {
	for hands, want := range map[int]time.Duration{0: 10 * time.Second, 1: 10 * time.Second, 4: 3 * time.Second, 32: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			began, crew := time.Now(), several.Hands(hands)
			var now, most atomic.Int32
			for range 10 {
				err := crew.Do(func() error {
					most.Store(max(most.Load(), now.Add(1)))
					time.Sleep(time.Second)
					now.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			if err := crew.Wait(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != want || int(most.Load()) > max(1, hands) {
				t.Errorf("%d hands: %v, %d at a time; want %v", hands, took, most.Load(), want)
			}
		})
	}
}

// TestWhatOnePairFailsWith does not stop the others, what all would fail with does; all of it is told in the end.
func TestWhatOnePairFailsWith(t *testing.T) {
	one := bridge.Permanent("value-refused", "this pair")
	all := bridge.Temporary("site-unreachable", "the site").At(bridge.LevelSite)
	for _, hands := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			crew := several.Hands(hands)
			do := func(what error) error {
				err := crew.Do(func() error { return what })
				synctest.Wait()
				return err
			}
			if err := do(one); err != nil {
				t.Errorf("%d hands: stopped by %v", hands, err)
			}
			do(all)
			if err := do(nil); !errors.Is(err, all) {
				t.Errorf("%d hands: went on after %v: %v", hands, all, err)
			}
			if err := crew.Wait(); !errors.Is(err, one) || !errors.Is(err, all) {
				t.Errorf("%d hands: told %v", hands, err)
			}
		})
	}
}

// TestAPanicIsTheCallers: what recovers there, as a server does for a request, recovers from it, and the others were done.
func TestAPanicIsTheCallers(t *testing.T) {
	for _, hands := range []int{1, 4} {
		done := atomic.Int32{}
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "a broken pair") {
					t.Errorf("%d hands: recovered %v", hands, r)
				}
			}()
			crew := several.Hands(hands)
			for i := range 3 {
				_ = crew.Do(func() error {
					if done.Add(1); i == 2 {
						panic("a broken pair")
					}
					return nil
				})
			}
			_ = crew.Wait()
			t.Errorf("%d hands: the panic is lost", hands)
		}()
		if done.Load() != 3 {
			t.Errorf("%d hands: %d of 3 were begun", hands, done.Load())
		}
	}
}
