// Package queuetest is the conformance suite of the queue port: every driver
// runs it, the AWS driver against a real engine. Times are real and short; a
// driver on AWS counts visibility in whole seconds, so none is shorter.
package queuetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// Options says what the driver under test is configured to.
type Options struct {
	MaxAttempts int           // receives before a message is dead
	Lanes       bool          // lanes are queues of their own: a group may be in flight in both
	NoAge       bool          // the driver does not know the age of messages
	Settle      time.Duration // how long a figure or a message may take to appear
}

// Conformance runs the suite. open returns an empty queue that is released by
// t.Cleanup; it is called once for each test.
func Conformance(t *testing.T, o Options, open func(t *testing.T) queue.Queue) {
	tests := []struct {
		name string
		run  func(*suite)
	}{
		{"empty", empty},
		{"send and receive", sendReceive},
		{"bodies", bodies},
		{"refused requests", refused},
		{"order within a group", groupOrder},
		{"one group in flight", oneGroup},
		{"groups in parallel", parallel},
		{"batch limit", batchLimit},
		{"dedup", dedup},
		{"live overtakes bulk", lanes},
		{"lanes share groups", laneGroups},
		{"visibility ends", visibility},
		{"stale delivery", stale},
		{"release", release},
		{"release with delay", releaseDelay},
		{"dead letter", deadLetter},
		{"redrive", redrive},
		{"depth", depth},
		{"wait", wait},
		{"every message once among many workers", workers},
		{"cancelled context", cancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tt.run(&suite{t, ctx, open(t), o})
		})
	}
}

type suite struct {
	*testing.T
	ctx context.Context
	q   queue.Queue
	o   Options
}

const sight = 30 * time.Second // a visibility that does not end during a test

func live(group, body string) queue.Message {
	return queue.Message{Group: group, Lane: bridge.Live, Body: []byte(body)}
}

func bulk(group, body string) queue.Message {
	return queue.Message{Group: group, Lane: bridge.Bulk, Body: []byte(body)}
}

func (s *suite) send(ms ...queue.Message) {
	s.Helper()
	if err := s.q.Send(s.ctx, ms...); err != nil {
		s.Fatalf("Send: %v", err)
	}
}

func (s *suite) receive(max int, visibility time.Duration) []queue.Delivery {
	s.Helper()
	ds, err := s.q.Receive(s.ctx, max, visibility)
	if err != nil {
		s.Fatalf("Receive: %v", err)
	}
	return ds
}

// gather receives until there were n messages or nothing comes any more.
func (s *suite) gather(n int, visibility time.Duration) []queue.Delivery {
	s.Helper()
	var out []queue.Delivery
	deadline := time.Now().Add(s.o.Settle)
	for len(out) < n {
		ds := s.receive(min(n-len(out), queue.MaxReceive), visibility)
		out = append(out, ds...)
		if len(ds) == 0 && time.Now().After(deadline) {
			break
		}
		if len(ds) == 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
	return out
}

func texts(ds []queue.Delivery) string {
	var out []string
	for _, d := range ds {
		out = append(out, string(d.Body))
	}
	return strings.Join(out, " ")
}

// gets demands these bodies, in this order.
func (s *suite) gets(visibility time.Duration, want ...string) []queue.Delivery {
	s.Helper()
	ds := s.gather(max(1, len(want)), visibility)
	if texts(ds) != strings.Join(want, " ") {
		s.Fatalf("received %q, want %q", texts(ds), want)
	}
	return ds
}

func (s *suite) nothing() {
	s.Helper()
	if ds := s.receive(10, sight); len(ds) != 0 {
		s.Fatalf("received %q, want nothing", texts(ds))
	}
}

func (s *suite) delete(ds ...queue.Delivery) {
	s.Helper()
	if err := s.q.Delete(s.ctx, ds...); err != nil {
		s.Fatalf("Delete: %v", err)
	}
}

func (s *suite) release(d queue.Delivery, delay time.Duration) {
	s.Helper()
	if err := s.q.Release(s.ctx, d, delay); err != nil {
		s.Fatalf("Release: %v", err)
	}
}

func (s *suite) dead(limit int) []queue.Message {
	s.Helper()
	ms, err := s.q.Dead(s.ctx, limit)
	if err != nil {
		s.Fatalf("Dead: %v", err)
	}
	return ms
}

// eventually retries f for as long as a figure may take to settle.
func (s *suite) eventually(f func() error) {
	s.Helper()
	deadline := time.Now().Add(s.o.Settle)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// kill receives the message until it is a dead letter.
func (s *suite) kill(body string) {
	s.Helper()
	for range s.o.MaxAttempts {
		ds := s.gets(sight, body)
		s.release(ds[0], 0)
	}
	if ds := s.receive(1, sight); len(ds) != 0 && string(ds[0].Body) == body {
		s.Fatalf("%q was received more than %d times", body, s.o.MaxAttempts)
	} else if len(ds) != 0 {
		s.Fatalf("kill needs the message alone, got %q", texts(ds))
	}
	s.eventually(func() error {
		for _, m := range s.dead(0) {
			if string(m.Body) == body {
				return nil
			}
		}
		return fmt.Errorf("%q is no dead letter after %d attempts", body, s.o.MaxAttempts)
	})
}
