package queuetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

func empty(s *suite) {
	s.nothing()
	s.send()
	s.delete()
	if ms := s.dead(0); len(ms) != 0 {
		s.Errorf("dead letters of an empty queue: %v", ms)
	}
	if n, err := s.q.Redrive(s.ctx); n != 0 || err != nil {
		s.Errorf("redrive of an empty queue: %d, %v", n, err)
	}
}

func sendReceive(s *suite) {
	before := time.Now().Add(-2 * time.Second)
	s.send(live("site/10001", "a"))
	d := s.gets(sight, "a")[0]
	if d.Group != "site/10001" || d.Lane != bridge.Live || d.Attempt != 1 || d.ID == "" || d.Receipt == "" {
		s.Errorf("received %+v", d)
	}
	if d.Sent.Before(before) || d.Sent.After(time.Now().Add(2*time.Second)) {
		s.Errorf("sent at %v", d.Sent)
	}
	s.delete(d)
	s.delete(d)
	s.nothing()
}

func bodies(s *suite) {
	all := strings.Builder{}
	for b := range 256 {
		all.WriteByte(byte(b))
	}
	for i, b := range []string{
		`{"a":"ä\u0000"}`, "\x00", "\xff\xfe", all.String(), "]]>&amp;<x>\r\n\t ", "\uffff\u2028\U0001F600",
		strings.Repeat("x", 150<<10), strings.Repeat("é", 600<<10),
	} {
		s.send(live(fmt.Sprint("g", i), b))
		ds := s.gather(1, sight)
		if len(ds) != 1 || string(ds[0].Body) != b {
			s.Fatalf("body %d of %d bytes came back changed, or %d times", i, len(b), len(ds))
		}
		s.delete(ds[0])
	}
}

func refused(s *suite) {
	for name, m := range map[string]queue.Message{
		"no group":     live("", "a"),
		"long group":   live(strings.Repeat("g", queue.MaxGroup+1), "a"),
		"space":        live("a b", "a"),
		"not ASCII":    live("é", "a"),
		"no lane":      {Group: "g", Body: []byte("a")},
		"other lane":   {Group: "g", Lane: "fast", Body: []byte("a")},
		"no body":      {Group: "g", Lane: bridge.Live},
		"long dedup":   {Group: "g", Lane: bridge.Live, Body: []byte("a"), Dedup: strings.Repeat("d", queue.MaxDedup+1)},
		"long body":    live("g", strings.Repeat("x", queue.MaxBody+1)),
		"control char": live("a\x00", "a"),
	} {
		if err := s.q.Send(s.ctx, live("good", "good"), m); err == nil || bridge.IsTemporary(err) {
			s.Errorf("%s: got %v, want a permanent error", name, err)
		}
	}
	s.nothing()
	s.send(live(strings.Repeat("~", queue.MaxGroup), "a"), live("!\"#$%&'()*+,-./:;<=>?@[]^_`{|}", "b"))
	if got := s.gather(2, sight); len(got) != 2 {
		s.Errorf("%d of 2 unusual groups came through", len(got))
	}
}

func groupOrder(s *suite) {
	var want []string
	for i := range 23 {
		want = append(want, fmt.Sprint(i))
		s.send(live("g", fmt.Sprint(i)))
	}
	var got []string
	for len(got) < len(want) {
		ds := s.gather(1, sight)
		if len(ds) == 0 {
			break
		}
		for _, d := range ds {
			got = append(got, string(d.Body))
		}
		s.delete(ds...)
	}
	if !slices.Equal(got, want) {
		s.Errorf("received %q", got)
	}
}

func oneGroup(s *suite) {
	s.send(live("g", "a"), live("g", "b"), live("h", "c"))
	first := s.receive(1, sight)
	if len(first) != 1 {
		s.Fatalf("received %q", texts(first))
	}
	rest := s.gather(3, sight)
	busy := first[0].Group
	for _, d := range rest {
		if d.Group == busy {
			s.Errorf("%q received while %q of its group is in flight", d.Body, first[0].Body)
		}
	}
	s.delete(first...)
	s.delete(rest...)
	left := s.gather(2, sight)
	if got := texts(append(append(first, rest...), left...)); len(got) != 5 {
		s.Errorf("received in all %q", got)
	}
}

func parallel(s *suite) {
	for i := range 12 {
		s.send(live(fmt.Sprint("g", i), fmt.Sprint(i)))
	}
	if ds := s.gather(12, sight); len(ds) != 12 {
		s.Errorf("%d of 12 groups can be in flight at once", len(ds))
	}
}

func batchLimit(s *suite) {
	for i := range 25 {
		s.send(live(fmt.Sprint("g", i), fmt.Sprint(i)))
	}
	if ds := s.receive(4, sight); len(ds) > 4 || len(ds) == 0 {
		s.Errorf("received %d messages, at most 4 asked", len(ds))
	}
	if ds := s.receive(100, sight); len(ds) > queue.MaxReceive || len(ds) == 0 {
		s.Errorf("received %d messages, at most %d", len(ds), queue.MaxReceive)
	}
}

func dedup(s *suite) {
	m := live("g", "a")
	m.Dedup = "event 1/" + strings.Repeat("é", 400)
	s.send(m)
	m.Body = []byte("other")
	s.send(m)
	other := m
	other.Group, other.Body = "h", []byte("b")
	s.send(other)
	slow := m
	slow.Lane, slow.Body = bridge.Bulk, []byte("c")
	s.send(slow)
	got := map[string]bool{}
	for range 3 {
		ds := s.gather(1, sight)
		for _, d := range ds {
			got[string(d.Body)] = true
		}
		s.delete(ds...)
	}
	if !got["a"] || !got["b"] || !got["c"] || got["other"] {
		s.Errorf("received %v, want a, b of another group, c of the other lane", got)
	}
	s.send(m)
	s.nothing()
	none := live("g", "same")
	s.send(none, none)
	s.delete(s.gets(sight, "same", "same")...)
}

func lanes(s *suite) {
	for i := range 5 {
		s.send(bulk(fmt.Sprint("b", i), "bulk"))
	}
	s.send(live("l", "live"))
	ds := s.receive(10, sight)
	if texts(ds) != "live" {
		s.Errorf("received %q first, want live alone", texts(ds))
	}
	ds = s.gather(5, sight)
	for _, d := range ds {
		if d.Lane != bridge.Bulk {
			s.Errorf("lane came back as %q", d.Lane)
		}
	}
	if len(ds) != 5 {
		s.Errorf("received %d of 5 bulk messages while live is empty", len(ds))
	}
}

func laneGroups(s *suite) {
	if s.o.Lanes {
		s.Skip("lanes are queues of their own here")
	}
	s.send(bulk("g", "b"))
	b := s.gets(sight, "b")
	s.send(live("g", "l"))
	s.nothing()
	s.delete(b...)
	s.gets(sight, "l")
}

func visibility(s *suite) {
	s.send(live("g", "a"), live("g", "b"))
	first := s.receive(1, time.Second)
	if texts(first) != "a" {
		s.Fatalf("received %q", texts(first))
	}
	s.nothing()
	time.Sleep(1300 * time.Millisecond)
	again := s.gather(1, sight)
	if texts(again) != "a" || again[0].Attempt != 2 {
		s.Errorf("after the visibility: %q, %+v", texts(again), again)
	}
}

// stale: a delivery that came too late does not take the message from its new owner.
func stale(s *suite) {
	s.send(live("g", "a"))
	old := s.receive(1, time.Second)
	time.Sleep(1300 * time.Millisecond)
	current := s.gets(sight, "a")
	s.release(old[0], 0)
	s.delete(queue.Delivery{Message: old[0].Message, Receipt: old[0].Receipt})
	s.nothing()
	s.release(current[0], 0)
	s.delete(s.gets(sight, "a")...)
	s.nothing()
}

func release(s *suite) {
	s.send(live("g", "a"))
	d := s.gets(sight, "a")[0]
	s.release(d, 0)
	d = s.gets(sight, "a")[0]
	if d.Attempt != 2 {
		s.Errorf("attempt %d after one release", d.Attempt)
	}
	s.delete(d)
	s.release(d, 0)
	s.nothing()
}

func releaseDelay(s *suite) {
	s.send(live("g", "a"), live("h", "x"))
	for _, d := range s.gather(2, sight) {
		if d.Group == "g" {
			s.release(d, time.Second)
		} else {
			s.delete(d)
		}
	}
	s.send(live("g", "b"))
	s.nothing()
	time.Sleep(1300 * time.Millisecond)
	if ds := s.gather(1, sight); texts(ds[:min(1, len(ds))]) != "a" {
		s.Errorf("after the delay: %q", texts(ds))
	}
}

func deadLetter(s *suite) {
	s.send(live("g", "bad"))
	s.kill("bad")
	s.send(live("g", "good"))
	s.delete(s.gets(sight, "good")...)
	ms := s.dead(0)
	if len(ms) != 1 || string(ms[0].Body) != "bad" || ms[0].Group != "g" || ms[0].Lane != bridge.Live || ms[0].ID == "" {
		s.Errorf("dead letters: %v", ms)
	}
	if again := s.dead(0); len(again) != 1 || again[0].ID != ms[0].ID {
		s.Errorf("reading dead letters changed them: %v", again)
	}
}

func redrive(s *suite) {
	s.send(live("g1", "one"))
	s.kill("one")
	s.send(bulk("g2", "two"))
	s.kill("two")
	ms := s.dead(0)
	if len(ms) != 2 || len(s.dead(1)) != 1 {
		s.Fatalf("dead letters: %v", ms)
	}
	two := ms[slices.IndexFunc(ms, func(m queue.Message) bool { return string(m.Body) == "two" })]
	for i, want := range []int{1, 0} {
		n, err := s.q.Redrive(s.ctx, two.ID, "unknown")
		if n != want || err != nil {
			s.Errorf("redrive %d of one: %d, %v", i+1, n, err)
		}
	}
	d := s.gets(sight, "two")[0]
	if d.Attempt != 1 || d.Lane != bridge.Bulk || d.Group != "g2" {
		s.Errorf("redriven: %+v", d)
	}
	s.delete(d)
	if n, err := s.q.Redrive(s.ctx); n != 1 || err != nil {
		s.Errorf("redrive of the rest: %d, %v", n, err)
	}
	s.kill("one")
	if ms := s.dead(0); len(ms) != 1 {
		s.Errorf("dead again: %v", ms)
	}
}

func depth(s *suite) {
	is := func(waiting, flight, dead int) {
		s.Helper()
		s.eventually(func() error {
			d, err := s.q.Depth(s.ctx)
			if err != nil || d.Waiting != waiting || d.InFlight != flight || d.Dead != dead {
				return fmt.Errorf("depth %+v (%v), want %d waiting, %d in flight, %d dead", d, err, waiting, flight, dead)
			}
			return nil
		})
	}
	is(0, 0, 0)
	s.send(live("d", "bad"))
	s.kill("bad")
	s.send(live("a", "1"), live("b", "2"), bulk("c", "3"))
	is(3, 0, 1)
	s.gather(2, sight)
	is(1, 2, 1)
	time.Sleep(20 * time.Millisecond)
	d, _ := s.q.Depth(s.ctx)
	if !s.o.NoAge && (d.OldestAge < 20*time.Millisecond || d.OldestAge > time.Minute) {
		s.Errorf("oldest age %v", d.OldestAge)
	}
}

func wait(s *suite) {
	w, ok := s.q.(queue.Waiter)
	if !ok {
		s.Skip("the driver waits in Receive")
	}
	ctx, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
	defer cancel()
	if err := w.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("Wait on an empty queue: %v", err)
	}
	var sent time.Time
	go func() {
		time.Sleep(50 * time.Millisecond)
		sent = time.Now()
		s.q.Send(s.ctx, live("g", "a"))
	}()
	if err := w.Wait(s.ctx); err != nil {
		s.Fatalf("Wait: %v", err)
	}
	d := s.gets(time.Second, "a")
	if took := time.Since(sent); took > 100*time.Millisecond {
		s.Errorf("a waiting worker has the message after %v", took)
	}
	if err := w.Wait(s.ctx); err != nil { // until the visibility ends
		s.Fatalf("Wait: %v", err)
	}
	s.delete(s.gets(sight, string(d[0].Body))...)
}

// workers: many workers on few groups see every message, each group in order
// and never in two hands.
func workers(s *suite) {
	const groups, each = 6, 8
	for i := range each {
		for g := range groups {
			s.send(live(fmt.Sprint("g", g), fmt.Sprint(i)))
		}
	}
	var mu sync.Mutex
	seen, busy := map[string][]string{}, map[string]bool{}
	left := groups * each
	work := func() {
		for {
			ds := s.receive(2, sight)
			mu.Lock()
			mine := map[string]bool{}
			for _, d := range ds {
				if busy[d.Group] && !mine[d.Group] {
					s.Errorf("group %s in two hands", d.Group)
				}
				busy[d.Group], mine[d.Group] = true, true
				seen[d.Group] = append(seen[d.Group], string(d.Body))
				left--
			}
			over := left <= 0
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			for g := range mine {
				busy[g] = false
			}
			mu.Unlock()
			s.delete(ds...)
			if over || s.ctx.Err() != nil || s.Failed() {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(work)
	}
	wg.Wait()
	for g, got := range seen {
		if strings.Join(got, "") != "01234567" {
			s.Errorf("group %s: received %q", g, got)
		}
	}
}

func cancelled(s *suite) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	errs := map[string]error{"Send": s.q.Send(ctx, live("g", "a"))}
	_, errs["Receive"] = s.q.Receive(ctx, 1, sight)
	_, errs["Dead"] = s.q.Dead(ctx, 1)
	_, errs["Redrive"] = s.q.Redrive(ctx)
	_, errs["Depth"] = s.q.Depth(ctx)
	for name, err := range errs {
		if !errors.Is(err, context.Canceled) || !bridge.IsTemporary(err) {
			s.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	s.nothing()
}
