package work_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
	"drawbridge/shared/work"
)

// TestASiteThatComesBack: while a site is down nothing is received, it is asked from time to time, and once it answers
// whoever waits for it is told, once. One of the workers asks for all.
func TestASiteThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.NewMemory(queue.Faults{})
		var calls, probes, backs atomic.Int32
		pool := &work.Pool{Queue: q, Workers: 4, Log: slog.New(slog.DiscardHandler), Handlers: work.Handlers{
			site.RetryTask: func(context.Context, site.Task) error {
				if calls.Add(1) == 1 {
					return bridge.Temporary("site-unreachable", "down").At(bridge.LevelSite)
				}
				return nil
			},
		}}
		pool.Probe = func(context.Context) error {
			if probes.Add(1) < 3 {
				return errors.New("still down")
			}
			return nil
		}
		pool.Back = func(context.Context) error { backs.Add(1); return nil }
		if err := q.Send(t.Context(), queue.Message{Group: "a", Lane: bridge.Live, Body: []byte(`{"kind":"retry"}`)}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		pool.Run(ctx)
		if calls.Load() != 2 || probes.Load() != 3 || backs.Load() != 1 {
			t.Errorf("%d calls, %d probes, told %d times; want 2, 3, 1", calls.Load(), probes.Load(), backs.Load())
		}
	})
}

// TestABurstGoesFirst: while webhooks come by the crowd a task is begun every 10 ms and no more, by all workers together;
// afterwards nothing is waited for.
func TestABurstGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.NewMemory(queue.Faults{})
		began := time.Now()
		burst := func() bool { return time.Since(began) < time.Second }
		var during, after atomic.Int32
		pool := &work.Pool{Queue: q, Workers: 4, Log: slog.New(slog.DiscardHandler), Burst: burst, Handlers: work.Handlers{
			site.RetryTask: func(context.Context, site.Task) error {
				if burst() {
					during.Add(1)
				} else {
					after.Add(1)
				}
				return nil
			},
		}}
		for i := range 500 {
			if err := q.Send(t.Context(), queue.Message{Group: strconv.Itoa(i), Lane: bridge.Live, Body: []byte(`{"kind":"retry"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1100*time.Millisecond)
		defer cancel()
		pool.Run(ctx)
		if n := during.Load(); n < 95 || n > 100 {
			t.Errorf("%d tasks during a second of burst, want one every 10 ms", n)
		}
		if n := during.Load() + after.Load(); n != 500 {
			t.Errorf("%d tasks in all, want 500", n)
		}
	})
}

// TestTheLastTryWaits: a change whose outcome is decided later is tried at once a few times, and once more then.
func TestTheLastTryWaits(t *testing.T) {
	late := bridge.Temporary("creation-uncertain", "decided later")
	late.After = 10 * time.Minute
	for attempt, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, late.After, late.After} {
		if got := work.Pause(attempt, late); got != want {
			t.Errorf("after attempt %d it pauses %v, not %v", attempt, got, want)
		}
	}
	down := bridge.Temporary("site-unreachable", "down")
	for attempt, want := range map[int]time.Duration{0: time.Second, 1: time.Second, 3: 4 * time.Second, 9: 2 * time.Minute, 99: 2 * time.Minute} {
		if got := work.Pause(attempt, down); got != want {
			t.Errorf("after attempt %d it pauses %v, not %v", attempt, got, want)
		}
	}
}
