package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

func message(group, body string) queue.Message {
	return queue.Message{Group: group, Lane: bridge.Live, Body: []byte(body)}
}

func sends(t *testing.T, db *DB, ms ...queue.Message) {
	t.Helper()
	must(t, db.Queue().Send(t.Context(), ms...))
}

// next receives one message: an empty body if there is none.
func next(t *testing.T, db *DB) (d queue.Delivery) {
	t.Helper()
	ds, err := db.Queue().Receive(t.Context(), 1, time.Minute)
	must(t, err)
	if len(ds) > 0 {
		d = ds[0]
	}
	return d
}

// died opens the state that a process would find that began after the one that holds it was killed.
func died(t *testing.T, p string) string {
	t.Helper()
	left := path(t)
	for _, end := range []string{"", "-wal"} {
		raw, err := os.ReadFile(p + end)
		must(t, err)
		must(t, os.WriteFile(left+end, raw, 0o600))
	}
	return left
}

func TestOnlyTheOwnerReceives(t *testing.T) {
	p := path(t)
	guest := open(t, p, Options{})
	_, err := guest.Queue().Receive(t.Context(), 1, time.Minute)
	refused(t, err, p, "owns the file")
}

// TestOrderAcrossProcesses: messages of a group come in the order sent, whoever sent them, and live ones first.
func TestOrderAcrossProcesses(t *testing.T) {
	p := path(t)
	owner := open(t, p, Options{Exclusive: true})
	next(t, owner) // it knows that there is nothing
	var want []string
	for i := range 30 {
		sender := owner
		if i%3 > 0 {
			guest, err := Open(p, Options{})
			must(t, err)
			defer guest.Close()
			sender = guest
		}
		m := message("g", fmt.Sprint("live ", i))
		want = append(want, string(m.Body))
		slow := message("h", fmt.Sprint("bulk ", i))
		slow.Lane = bridge.Bulk
		sends(t, sender, slow, m)
	}
	for i := range 30 {
		want = append(want, fmt.Sprint("bulk ", i))
	}
	for _, w := range want {
		d := next(t, owner)
		if string(d.Body) != w {
			t.Fatalf("received %q, want %q", d.Body, w)
		}
		must(t, owner.Queue().Delete(t.Context(), d))
	}
}

// TestMoreThanIsHeld: of a long queue, each message is received once and in its turn, whatever is in memory of it.
func TestMoreThanIsHeld(t *testing.T) {
	p := path(t)
	owner := open(t, p, Options{Exclusive: true})
	guest := open(t, p, Options{})
	const groups, each = 500, 20 // more than twice of what is held
	for i := range each {
		var ms []queue.Message
		for g := range groups {
			ms = append(ms, message(fmt.Sprint(g), fmt.Sprint(i)))
		}
		sender := owner
		if i%7 == 3 {
			sender = guest
		}
		sends(t, sender, ms...)
	}
	var mu sync.Mutex
	seen, left := map[string]int{}, groups*each
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				ds, err := owner.Queue().Receive(t.Context(), 3, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, d := range ds {
					if want := fmt.Sprint(seen[d.Group]); string(d.Body) != want || d.Attempt != 1 {
						t.Errorf("group %s: received %q as attempt %d, want %q", d.Group, d.Body, d.Attempt, want)
					}
					seen[d.Group]++
				}
				left -= len(ds)
				over := left <= 0 || t.Failed()
				mu.Unlock()
				if err := owner.Queue().Delete(t.Context(), ds...); err != nil {
					t.Error(err)
				}
				if over {
					return
				}
			}
		})
	}
	workers.Wait()
	if d, err := owner.Queue().Depth(t.Context()); err != nil || d != (queue.Depth{}) {
		t.Errorf("left: %+v (%v)", d, err)
	}
}

// TestAPoisonousMessageDies: one that kills the process comes to an end, and what waits behind it goes on. The first delivery
// of a message is in the memory of the process alone.
func TestAPoisonousMessageDies(t *testing.T) {
	const attempts = 3
	p := path(t)
	owner := open(t, p, Options{Exclusive: true, MaxAttempts: attempts})
	sends(t, owner, message("g", "poison"), message("g", "good"))
	for i, want := range []int{1, 1, 2, 3} {
		d := next(t, owner)
		if string(d.Body) != "poison" || d.Attempt != want {
			t.Fatalf("delivery %d: %q, attempt %d; want attempt %d", i+1, d.Body, d.Attempt, want)
		}
		p = died(t, p)
		owner = open(t, p, Options{Exclusive: true, MaxAttempts: attempts})
	}
	if d := next(t, owner); string(d.Body) != "good" {
		t.Errorf("received %q, attempt %d", d.Body, d.Attempt)
	}
	if dead, err := owner.Queue().Dead(t.Context(), 0); err != nil || len(dead) != 1 || string(dead[0].Body) != "poison" {
		t.Errorf("dead letters: %v (%v)", dead, err)
	}
}

// TestAttemptsOutliveTheProcess: what was given back keeps its attempts and its delay, however the process ended.
func TestAttemptsOutliveTheProcess(t *testing.T) {
	p := path(t)
	owner := open(t, p, Options{Exclusive: true})
	sends(t, owner, message("g", "at once"), message("h", "later"))
	must(t, owner.Queue().Release(t.Context(), next(t, owner), 0))
	must(t, owner.Queue().Release(t.Context(), func() queue.Delivery { // "at once" is in sight again, and the older one
		next(t, owner)
		return next(t, owner)
	}(), time.Hour))
	owner = open(t, died(t, p), Options{Exclusive: true})
	if d := next(t, owner); string(d.Body) != "at once" || d.Attempt != 3 {
		t.Errorf("received %q, attempt %d", d.Body, d.Attempt)
	}
	if d := next(t, owner); d.Body != nil {
		t.Errorf("received %q, attempt %d, before its time", d.Body, d.Attempt)
	}
}

// TestDeletionsReachTheFile: before long, though nobody writes anything else; or when it is closed.
func TestDeletionsReachTheFile(t *testing.T) {
	p := path(t)
	owner, err := Open(p, Options{Exclusive: true})
	must(t, err)
	defer owner.Close()
	reader := open(t, p, Options{ReadOnly: true})
	left := func() int {
		d, err := reader.Queue().Depth(t.Context())
		must(t, err)
		return d.Waiting + d.InFlight
	}
	for range 2 {
		sends(t, owner, message("g", "a"))
		must(t, owner.Queue().Delete(t.Context(), next(t, owner)))
		for end := time.Now().Add(10 * time.Second); left() > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("still there")
			}
		}
	}
	sends(t, owner, message("g", "a"))
	must(t, owner.Queue().Delete(t.Context(), next(t, owner)))
	must(t, owner.Close())
	if n := left(); n > 0 {
		t.Errorf("%d left when it was closed", n)
	}
}

// TestAFailedCommitLosesNoDeletion: what shares the transaction with a write that is taken back is deleted with the next.
func TestAFailedCommitLosesNoDeletion(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"), Options{Exclusive: true})
	sends(t, db, message("g", "a"))
	must(t, db.Queue().Delete(t.Context(), next(t, db)))
	if err := write(t.Context(), db, "fail", func(*tx) error { return errClosed }); err == nil {
		t.Fatal("a write that failed did not")
	}
	if d, err := db.Queue().Depth(t.Context()); err != nil || d.Waiting != 0 || d.InFlight != 0 {
		t.Errorf("left: %+v (%v)", d, err)
	}
}

// TestWorkersThatWaitTogetherMissNothing: several look into the file at once, and find that there is nothing; what another
// process sends after that is received, in either lane.
func TestWorkersThatWaitTogetherMissNothing(t *testing.T) {
	p := path(t)
	owner := open(t, p, Options{Exclusive: true})
	for i := range 10 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { must(t, owner.load(t.Context(), i%2)) })
		}
		wg.Wait()
		m := message("g", fmt.Sprint("message ", i))
		if i%2 == 1 {
			m.Lane = bridge.Bulk
		}
		guest, err := Open(p, Options{})
		must(t, err)
		sends(t, guest, m)
		must(t, guest.Close())
		d := next(t, owner)
		if string(d.Body) != string(m.Body) {
			t.Fatalf("received %q, want %q", d.Body, m.Body)
		}
		must(t, owner.Queue().Delete(t.Context(), d))
	}
}
