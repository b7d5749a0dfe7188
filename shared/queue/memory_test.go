package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/queue/queuetest"
)

func TestMemoryConformance(t *testing.T) {
	queuetest.Conformance(t, queuetest.Options{MaxAttempts: 3}, func(*testing.T) queue.Queue {
		q := queue.NewMemory(queue.Faults{})
		q.MaxAttempts = 3
		return q
	})
}

func nth(n int, f queue.Fault) func(int) queue.Fault {
	return func(i int) queue.Fault {
		if i == n {
			return f
		}
		return queue.FaultNone
	}
}

func message(group string) queue.Message {
	return queue.Message{Group: group, Lane: bridge.Live, Body: []byte("b")}
}

func TestMemorySendFaults(t *testing.T) {
	for f, want := range map[queue.Fault]int{queue.FaultLost: 0, queue.FaultAfter: 1} {
		q := queue.NewMemory(queue.Faults{Send: nth(1, f)})
		if err := q.Send(t.Context(), message("g")); !errors.Is(err, queue.ErrInjected) || !bridge.IsTemporary(err) {
			t.Errorf("fault %d: %v", f, err)
		}
		if d, _ := q.Depth(t.Context()); d.Waiting != want {
			t.Errorf("fault %d leaves %d waiting, want %d", f, d.Waiting, want)
		}
	}
}

func TestMemoryRepeatsDeletedMessagesOnce(t *testing.T) {
	q := queue.NewMemory(queue.Faults{Repeat: 1})
	q.Send(t.Context(), message("g"))
	for i, want := range []int{1, 1, 0} {
		ds, err := q.Receive(t.Context(), 10, time.Minute)
		if err != nil || len(ds) != want {
			t.Fatalf("receive %d: %d messages, %v; want %d", i+1, len(ds), err, want)
		}
		q.Delete(t.Context(), ds...)
	}
}

func TestMemoryWaitInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.NewMemory(queue.Faults{})
		start := time.Now()
		q.Send(t.Context(), message("g"))
		q.Receive(t.Context(), 1, 30*time.Second)
		if err := q.Wait(t.Context()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("Wait returned %v after %v, want when the visibility ends", err, time.Since(start))
		}
		ds, _ := q.Receive(t.Context(), 1, time.Minute)
		q.Delete(t.Context(), ds...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait on an empty queue: %v", err)
		}
	})
}

func TestMemoryForgetsDedupAfterItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue.NewMemory(queue.Faults{})
		m := message("g")
		m.Dedup = "d"
		q.Send(t.Context(), m)
		time.Sleep(queue.DedupWindow - time.Second)
		q.Send(t.Context(), m)
		if d, _ := q.Depth(t.Context()); d.Waiting != 1 {
			t.Errorf("%d messages inside the window", d.Waiting)
		}
		time.Sleep(2 * time.Second)
		q.Send(t.Context(), m)
		if d, _ := q.Depth(t.Context()); d.Waiting != 2 || d.OldestAge != queue.DedupWindow+time.Second {
			t.Errorf("after the window: %+v", d)
		}
	})
}
