// Package work runs the queue's consumers: a task goes to the flow that its kind names, one worker per issue. What
// cannot be done now is given back with a delay; what can never be done is logged and dropped, because a task is a hint.
//
// Start reading at [Pool.Run].
package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
)

// Handlers are the flows, by kind of task.
type Handlers map[site.TaskKind]func(context.Context, site.Task) error

// Pool consumes one queue.
type Pool struct {
	Queue    queue.Queue
	Handlers Handlers
	Workers  int // at least 1
	Log      *slog.Logger
	// Probe asks whether the site answers again after an error that concerned all of it.
	Probe func(context.Context) error
	// Back is called when the site answers again.
	Back func(context.Context) error
	// Mark marks for reconciliation what a task is about that was received for the last time. It reports whether that is
	// enough: then the task is no dead letter. nil: nothing is marked.
	Mark func(ctx context.Context, t site.Task, cause error) (enough bool, err error)
	// Burst reports whether webhooks come by the crowd. They come before the work on the first of them: what is taken in can
	// wait. nil: they never do.
	Burst func() bool

	mu    sync.Mutex
	down  time.Time // not before this time is anything received; zero: the site is up
	begun time.Time // when a task was last begun in a burst
}

// Visibility is how long a task may take before another worker may have it.
const Visibility = 5 * time.Minute

// Run consumes until ctx is done, and returns when every task in hand is finished.
func (p *Pool) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range max(1, p.Workers) {
		wg.Go(func() { p.worker(ctx) })
	}
	wg.Wait()
}

func (p *Pool) worker(ctx context.Context) {
	for ctx.Err() == nil {
		if !p.up(ctx) {
			continue
		}
		p.giveWay(ctx)
		ds, err := p.Queue.Receive(ctx, 1, Visibility)
		switch {
		case err != nil && ctx.Err() == nil:
			p.Log.Error("queue", "error", err)
			pause(ctx, time.Second)
		case len(ds) == 0:
			_ = queue.Wait(ctx, p.Queue) // returns when something arrives or ctx is done
		}
		for _, d := range ds {
			p.Handle(ctx, d)
		}
	}
}

// trickle is how often a task is begun while a burst lasts.
const trickle = 10 * time.Millisecond

func (p *Pool) giveWay(ctx context.Context) {
	for p.Burst != nil && p.Burst() && !p.turn() && ctx.Err() == nil {
		pause(ctx, trickle)
	}
}

// turn reports whether a task may begin although a burst lasts.
func (p *Pool) turn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.begun) < trickle {
		return false
	}
	p.begun = now
	return true
}

// Handle does one task and settles its delivery. The task in hand is finished even when the process is asked to stop.
func (p *Pool) Handle(ctx context.Context, d queue.Delivery) {
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), Visibility-10*time.Second)
	defer cancel()
	err := p.Do(work, d.Body)
	if err != nil && bridge.LevelOf(err) == bridge.LevelSite {
		p.stop()
	}
	if verdict := p.Judge(work, d, err); verdict.Over {
		err = p.Queue.Delete(work, d)
	} else {
		err = p.Queue.Release(work, d, verdict.Pause)
	}
	if err != nil {
		p.Log.Error("queue", "error", err)
	}
}

// Verdict says what becomes of a message.
type Verdict struct {
	Over  bool          // it is deleted; else it is given back
	Dead  bool          // given back, it becomes a dead letter
	Pause time.Duration // before it may be received again
}

// Judge says what becomes of a message whose task ended with err, and logs it.
func (p *Pool) Judge(ctx context.Context, d queue.Delivery, err error) Verdict {
	log := p.Log.With("group", d.Group, "message", d.ID, "attempt", d.Attempt, "error", err, "name", bridge.NameOf(err))
	switch {
	case err == nil:
		return Verdict{Over: true}
	case !bridge.IsTemporary(err) && bridge.LevelOf(err) == bridge.LevelPair:
		log.Error("task dropped")
		return Verdict{Over: true}
	case d.Attempt >= triesOfChange && kindOf(d.Body) == site.ChangeTask:
		log.Warn("change left to its sender, which sends it again")
		return Verdict{Over: true}
	case d.Attempt >= queue.MaxAttempts:
		if p.mark(ctx, d, err) {
			log.Warn("task given up, its pair is looked at again later")
			return Verdict{Over: true}
		}
		log.Error("task given up: a dead letter")
		return Verdict{Dead: true}
	}
	log.Warn("task given back")
	return Verdict{Pause: Pause(d.Attempt, err)}
}

// mark does what Mark says with a task. Of one that cannot be read, its group says which issue it is about.
func (p *Pool) mark(ctx context.Context, d queue.Delivery, cause error) (enough bool) {
	if p.Mark == nil {
		return false
	}
	t, err := site.ParseTask(d.Body)
	if err != nil {
		_, issue, _ := strings.Cut(d.Group, "/")
		t = site.Task{Kind: site.ReadTask, Issue: issue}
	}
	enough, err = p.Mark(ctx, t, cause)
	if err != nil {
		p.Log.Error("not marked for reconciliation: redrive the dead letter", "issue", t.Issue, "error", err, "name", bridge.NameOf(err))
	}
	return enough && err == nil
}

// triesOfChange is how often a change is tried before it is left to its sender: no dead letter is needed for what stands in
// the other site's outbox.
const triesOfChange = 4

func kindOf(body []byte) site.TaskKind {
	t, _ := site.ParseTask(body) // of a body that cannot be read, no kind is known
	return t.Kind
}

// Do decodes a task and hands it to its flow. A panic is an error of that task, not the end of the process.
func (p *Pool) Do(ctx context.Context, body []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.Log.Error("panic", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = bridge.Temporary("panic", "unexpected: %v", r)
		}
	}()
	t, err := site.ParseTask(body)
	if err != nil {
		return bridge.Permanent("task-unreadable", "task cannot be read: %w", err)
	}
	h, ok := p.Handlers[t.Kind]
	if !ok {
		return bridge.Permanent("task-unknown", "no flow takes tasks of kind %q", t.Kind)
	}
	return h(ctx, t)
}

// Pause is how long a task that failed with err is left alone: 1 s, doubled with every attempt up to 2 minutes. The last
// try waits for as long as the error says that it takes.
func Pause(attempt int, err error) time.Duration {
	pause := min(time.Second<<min(max(attempt-1, 0), 7), 2*time.Minute)
	var e *bridge.Error
	if attempt >= triesOfChange-1 && errors.As(err, &e) {
		pause = max(pause, e.After)
	}
	return pause
}

// up waits while the whole site is down, and asks it from time to time: one worker does, for all.
func (p *Pool) up(ctx context.Context) bool {
	p.mu.Lock()
	wait := time.Until(p.down)
	switch {
	case p.down.IsZero():
		p.mu.Unlock()
		return true
	case wait <= 0:
		p.down = time.Now().Add(Visibility) // while this one asks
	}
	p.mu.Unlock()
	if wait > 0 {
		pause(ctx, min(wait, probeEvery/4))
		return false
	}
	if p.Probe != nil && p.Probe(ctx) != nil {
		p.stop()
		return false
	}
	p.mu.Lock()
	p.down = time.Time{}
	p.mu.Unlock()
	if p.Back != nil {
		if err := p.Back(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("parked pairs could not be brought back", "error", err)
		}
	}
	return true
}

const probeEvery = 2 * time.Second

func (p *Pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = time.Now().Add(probeEvery)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
