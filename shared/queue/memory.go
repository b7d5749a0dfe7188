package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"drawbridge/shared/bridge"
)

// Fault is how a call of the memory driver fails.
type Fault int

// The ways to fail.
const (
	FaultNone  Fault = iota
	FaultLost        // nothing was done, an error is returned
	FaultAfter       // it was done, an error is returned
)

// ErrInjected is the cause of an injected fault.
var ErrInjected = errors.New("injected fault")

// Faults says when and how a [Memory] fails. Its zero value never does. The
// n-th call counts from 1.
type Faults struct {
	Seed    uint64
	Send    func(n int) Fault
	Receive func(n int) Fault // after: the messages are in flight and nobody has them
	Delete  func(n int) Fault
	Repeat  float64 // probability of a deleted message to come once more
}

// Memory is the driver that keeps everything in memory, for tests.
type Memory struct {
	MaxAttempts int // zero: MaxAttempts

	mu       sync.Mutex
	bell     Bell
	faults   Faults
	rnd      *rand.Rand
	sends    int
	receives int
	deletes  int
	seq      int
	messages []*memoryMessage // oldest first
	dead     []*memoryMessage
	dedup    map[dedupKey]time.Time
}

type memoryMessage struct {
	Message
	receipt string
	hidden  time.Time // in flight or delayed until then
	again   bool      // already repeated once
}

type dedupKey struct {
	group, dedup string
	lane         bridge.Lane
}

// NewMemory returns an empty queue.
func NewMemory(f Faults) *Memory {
	m := &Memory{dedup: map[dedupKey]time.Time{}}
	m.SetFaults(f)
	return m
}

// SetFaults replaces the faults and restarts their counts and random choices.
func (m *Memory) SetFaults(f Faults) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults, m.sends, m.receives, m.deletes = f, 0, 0, 0
	m.rnd = rand.New(rand.NewPCG(f.Seed, f.Seed))
}

// fault counts a call and says how it fails.
func fault(n *int, hook func(int) Fault) Fault {
	*n++
	if hook == nil {
		return FaultNone
	}
	return hook(*n)
}

// Send implements [Queue].
func (m *Memory) Send(ctx context.Context, ms ...Message) error {
	if err := Valid(ms); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Unavailable("send", err)
	}
	f := fault(&m.sends, m.faults.Send)
	if f == FaultLost {
		return Unavailable("send", ErrInjected)
	}
	for _, msg := range ms {
		m.send(msg, time.Now())
	}
	m.bell.Ring()
	if f == FaultAfter {
		return Unavailable("send", ErrInjected)
	}
	return nil
}

func (m *Memory) send(msg Message, now time.Time) {
	if msg.Dedup != "" {
		k := dedupKey{msg.Group, msg.Dedup, msg.Lane}
		if now.Before(m.dedup[k]) {
			return
		}
		m.dedup[k] = now.Add(DedupWindow)
	}
	m.seq++
	msg.ID, msg.Attempt, msg.Sent = strconv.Itoa(m.seq), 0, now
	msg.Body = slices.Clone(msg.Body)
	m.messages = append(m.messages, &memoryMessage{Message: msg})
}

// Receive implements [Queue].
func (m *Memory) Receive(ctx context.Context, max int, visibility time.Duration) ([]Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, Unavailable("receive", err)
	}
	f := fault(&m.receives, m.faults.Receive)
	if f == FaultLost {
		return nil, Unavailable("receive", ErrInjected)
	}
	now := time.Now()
	m.bury(now)
	out := m.take(bridge.Live, min(max, MaxReceive), now, visibility)
	if len(out) == 0 {
		out = m.take(bridge.Bulk, min(max, MaxReceive), now, visibility)
	}
	if f == FaultAfter {
		return nil, Unavailable("receive", ErrInjected)
	}
	return out, nil
}

// bury makes dead letters of what may not be received again.
func (m *Memory) bury(now time.Time) {
	limit := m.MaxAttempts
	if limit == 0 {
		limit = MaxAttempts
	}
	m.messages = slices.DeleteFunc(m.messages, func(msg *memoryMessage) bool {
		over := msg.Attempt >= limit && !now.Before(msg.hidden)
		if over {
			m.dead = append(m.dead, msg)
		}
		return over
	})
}

func (m *Memory) take(lane bridge.Lane, max int, now time.Time, visibility time.Duration) []Delivery {
	busy := map[string]bool{}
	for _, msg := range m.messages {
		if now.Before(msg.hidden) {
			busy[msg.Group] = true
		}
	}
	var out []Delivery
	for _, msg := range m.messages {
		if len(out) >= max {
			break
		}
		if msg.Lane != lane || busy[msg.Group] {
			continue
		}
		m.seq++
		msg.Attempt++
		msg.hidden, msg.receipt = now.Add(visibility), msg.ID+"/"+strconv.Itoa(m.seq)
		d := Delivery{msg.Message, msg.receipt}
		d.Body = slices.Clone(d.Body)
		out = append(out, d)
	}
	return out
}

// Delete implements [Queue].
func (m *Memory) Delete(ctx context.Context, ds ...Delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Unavailable("delete", err)
	}
	f := fault(&m.deletes, m.faults.Delete)
	if f == FaultLost {
		return Unavailable("delete", ErrInjected)
	}
	for _, d := range ds {
		m.remove(d.Receipt)
	}
	m.bell.Ring()
	if f == FaultAfter {
		return Unavailable("delete", ErrInjected)
	}
	return nil
}

func (m *Memory) remove(receipt string) {
	i := m.find(receipt)
	if i < 0 {
		return
	}
	msg := m.messages[i]
	if !msg.again && m.rnd.Float64() < m.faults.Repeat {
		msg.again, msg.hidden = true, time.Time{}
		return
	}
	m.messages = slices.Delete(m.messages, i, i+1)
}

func (m *Memory) find(receipt string) int {
	return slices.IndexFunc(m.messages, func(msg *memoryMessage) bool { return msg.receipt == receipt && receipt != "" })
}

// Release implements [Queue].
func (m *Memory) Release(ctx context.Context, d Delivery, delay time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Unavailable("release", err)
	}
	now := time.Now()
	if i := m.find(d.Receipt); i >= 0 && now.Before(m.messages[i].hidden) {
		m.messages[i].hidden = now.Add(delay)
		m.messages[i].receipt = ""
	}
	m.bell.Ring()
	return nil
}

// Dead implements [Queue].
func (m *Memory) Dead(ctx context.Context, limit int) ([]Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, Unavailable("read the dead letters", err)
	}
	if limit == 0 {
		limit = 100
	}
	m.bury(time.Now())
	var out []Message
	for _, msg := range m.dead[:min(limit, len(m.dead))] {
		out = append(out, msg.Message)
	}
	return out, nil
}

// Redrive implements [Queue].
func (m *Memory) Redrive(ctx context.Context, ids ...string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return 0, Unavailable("redrive", err)
	}
	n := 0
	m.dead = slices.DeleteFunc(m.dead, func(msg *memoryMessage) bool {
		if len(ids) > 0 && !slices.Contains(ids, msg.ID) {
			return false
		}
		n++
		msg.Attempt, msg.hidden, msg.receipt = 0, time.Time{}, ""
		m.messages = append(m.messages, msg)
		return true
	})
	m.bell.Ring()
	return n, nil
}

// Depth implements [Queue].
func (m *Memory) Depth(ctx context.Context) (Depth, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Depth{}, Unavailable("measure", err)
	}
	now := time.Now()
	m.bury(now)
	d := Depth{Dead: len(m.dead)}
	for _, msg := range m.messages {
		if now.Before(msg.hidden) {
			d.InFlight++
		} else {
			d.Waiting++
		}
		d.OldestAge = max(d.OldestAge, now.Sub(msg.Sent))
	}
	return d, nil
}

// Wait implements [Waiter].
func (m *Memory) Wait(ctx context.Context) error {
	for {
		heard := m.bell.Listen()
		ready, next := m.look(time.Now())
		if ready || ctx.Err() != nil {
			return ctx.Err()
		}
		timer := time.NewTimer(next)
		select {
		case <-heard:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// look says whether a message can be received now, and if not, how long until
// something that is hidden now comes into sight.
func (m *Memory) look(now time.Time) (ready bool, next time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	busy := map[string]bool{}
	next = time.Hour
	for _, msg := range m.messages {
		if now.Before(msg.hidden) {
			busy[msg.Group] = true
			next = min(next, msg.hidden.Sub(now))
		}
	}
	for _, msg := range m.messages {
		if !busy[msg.Group] {
			return true, 0
		}
	}
	return false, next
}
