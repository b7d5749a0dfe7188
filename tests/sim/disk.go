package sim

import (
	"context"
	"errors"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/store"
)

// errInjected is what an injected fault looks like to the product.
var errInjected = errors.New("injected fault")

// A crash ends one half's process in the middle of something: it is thrown as a panic and caught where the simulation
// called the half.
type crash struct {
	half *half
	at   string
}

func (c crash) String() string { return "crash " + c.at }

// gun counts the inputs and outputs of one half down to a crash. After the crash nothing of the process works any more,
// so that nobody's recover brings it back to life.
type gun struct {
	half *half
	left int // points until the crash; 0: none is coming
	seen int // points passed since the start of the run
	dead bool
	at   string
}

// point is an instruction at which a process may die: just before or just after it wrote something somewhere.
func (g *gun) point(at string) {
	g.seen++
	if g.dead {
		panic(crash{g.half, g.at})
	}
	if g.left == 0 {
		return
	}
	if g.left--; g.left == 0 {
		g.dead, g.at = true, at
		panic(crash{g.half, at})
	}
}

// disk is a half's store. What it holds survives a crash.
type disk struct {
	*store.Memory
	gun   *gun
	fails []failure
}

// failure makes one coming call fail.
type failure struct {
	in   int // calls to let pass
	kind store.Fault
}

// take counts down the failures and returns the one that is due.
func take(list *[]failure) store.Fault {
	due := store.FaultNone
	rest := (*list)[:0]
	for _, f := range *list {
		if f.in == 0 && due == store.FaultNone {
			due = f.kind
			continue
		}
		f.in--
		rest = append(rest, f)
	}
	*list = rest
	return due
}

// where is a key as a story tells it: without the word that a record of the audit has from chance.
func where(k store.Key) string {
	if strings.HasPrefix(k.Part, "audit/") {
		k.Sort, _, _ = strings.Cut(k.Sort, "-")
	}
	return k.String()
}

// Apply is store.Store's, with a crash point on either side.
func (d *disk) Apply(ctx context.Context, ops ...store.Op) error {
	last := where(ops[len(ops)-1].Key())
	d.gun.point("before writing " + last)
	fault := take(&d.fails)
	if fault == store.FaultLost {
		return bridge.Temporary("store-unavailable", "store: %w", errInjected)
	}
	err := d.Memory.Apply(ctx, ops...)
	d.gun.point("after writing " + last)
	if err == nil && fault == store.FaultAfter {
		return bridge.Temporary("store-unavailable", "store: %w", errInjected)
	}
	return err
}

// Sequence is store.Store's: a process may die between any two of its writes.
func (d *disk) Sequence(ctx context.Context, ops ...store.Op) error {
	return store.OneByOne(ctx, d.Apply, ops)
}

// line is a half's queue.
type line struct {
	*queue.Memory
	gun   *gun
	fails []failure
}

// Send is queue.Queue's.
func (l *line) Send(ctx context.Context, ms ...queue.Message) error {
	l.gun.point("before sending to the queue")
	fault := take(&l.fails)
	if fault == store.FaultLost {
		return queue.Unavailable("send", errInjected)
	}
	err := l.Memory.Send(ctx, ms...)
	l.gun.point("after sending to the queue")
	if err == nil && fault == store.FaultAfter {
		return queue.Unavailable("send", errInjected)
	}
	return err
}

// Delete is queue.Queue's.
func (l *line) Delete(ctx context.Context, ds ...queue.Delivery) error {
	l.gun.point("before deleting from the queue")
	err := l.Memory.Delete(ctx, ds...)
	l.gun.point("after deleting from the queue")
	return err
}

// Release is queue.Queue's.
func (l *line) Release(ctx context.Context, d queue.Delivery, delay time.Duration) error {
	l.gun.point("before releasing a task")
	return l.Memory.Release(ctx, d, delay)
}
