// Package queue is the port to Drawbridge's work queue: first in, first out
// within a group, at least once, two lanes, retries with dead letters.
//
// Messages are hints: what must not be lost is in the store before a message
// is sent, and a worker that can do nothing now deletes the message and leaves
// the reason on the pair. Start reading at [Queue]; package queuetest states
// in tests what every driver promises; [Memory] is the driver for tests.
package queue

import (
	"context"
	"fmt"
	"time"

	"drawbridge/shared/bridge"
)

// Limits and times every driver keeps. Group follows Amazon SQS
// (MessageGroupId: 1 to 128 letters, digits and punctuation).
const (
	MaxGroup    = 128             // characters of printable ASCII, no space
	MaxDedup    = 1 << 10         // bytes
	MaxBody     = 10 << 20        // bytes; what API Gateway lets in
	MaxReceive  = 10              // messages in one Receive; more are not returned
	MaxAttempts = 5               // receives before a message is a dead letter, unless configured
	DedupWindow = 5 * time.Minute // how long a Dedup is remembered, also after deletion
)

// Message is one message. Send reads Group, Dedup, Lane and Body; the rest is
// set by the driver.
type Message struct {
	ID    string      // names the message in Dead and Redrive
	Group string      // one issue: messages of a group are worked on one after the other
	Dedup string      // a second message of this group and lane with the same Dedup is dropped for DedupWindow; empty: never
	Lane  bridge.Lane // live or bulk
	Body  []byte      // any bytes

	Attempt int       // how often it has been received, this time included
	Sent    time.Time // when it was sent
}

// Delivery is a message in the hands of one worker until its visibility ends.
type Delivery struct {
	Message
	Receipt string // the driver's handle of this delivery
}

// Depth says how much is in a queue. On AWS the figures are approximate.
type Depth struct {
	Waiting   int           // not received, or to be received again
	InFlight  int           // received and not deleted, or released with a delay that runs
	Dead      int           // dead letters
	OldestAge time.Duration // of the oldest message that is not dead; zero: none, or unknown to the driver (SQS)
}

// Queue is a work queue. Its methods are safe for concurrent use. Every error
// is temporary or permanent (see package bridge).
type Queue interface {
	// Send appends messages, in order within each group and lane. After an
	// error some may have been sent; sending all again with the same Dedup
	// is safe.
	Send(ctx context.Context, m ...Message) error

	// Receive takes up to max messages out of sight for the given visibility
	// (whole seconds on AWS, rounded up) and returns none if there are none.
	// All are of one lane: bulk only when no live message can be received.
	// Of one group and lane, messages come in the order sent and none while
	// another is in flight or delayed, except in the same batch. (The
	// in-process drivers keep this across both lanes.) A message that has
	// been received the maximal number of times becomes a dead letter instead
	// of being received again, and its group goes on.
	Receive(ctx context.Context, max int, visibility time.Duration) ([]Delivery, error)

	// Delete ends deliveries: the work is done. A delivery whose visibility
	// has ended is ignored if the message was received again since.
	Delete(ctx context.Context, d ...Delivery) error

	// Release gives a delivery back: the message, and with it its group, can
	// be received again after the delay. A delivery whose visibility has
	// ended is ignored.
	Release(ctx context.Context, d Delivery, delay time.Duration) error

	// Dead returns dead letters, oldest first, at most limit (zero: 100).
	Dead(ctx context.Context, limit int) ([]Message, error)

	// Redrive moves dead letters back to the end of their queue with their
	// attempts forgotten, all of them if no id is given, and returns how many.
	// Unknown ids are ignored: redriving twice is safe.
	Redrive(ctx context.Context, ids ...string) (int, error)

	// Depth returns how much is in the queue.
	Depth(ctx context.Context) (Depth, error)
}

// Waiter is a queue that knows when something arrives. In-process drivers do;
// a queue that is not one waits inside Receive.
type Waiter interface {
	// Wait blocks until a message may be received or ctx is done, and returns
	// ctx's error then.
	Wait(ctx context.Context) error
}

// Wait blocks until a message may be in q. It returns at once for a queue
// whose Receive does the waiting.
func Wait(ctx context.Context, q Queue) error {
	if w, ok := q.(Waiter); ok {
		return w.Wait(ctx)
	}
	return ctx.Err()
}

// Valid returns a permanent error if a message is one no driver takes. Drivers
// call it first, so that all refuse the same.
func Valid(ms []Message) error {
	for _, m := range ms {
		switch {
		case !validGroup(m.Group):
			return refuse("queue: group %.140q: must be 1 to %d printable ASCII characters", m.Group, MaxGroup)
		case len(m.Dedup) > MaxDedup:
			return refuse("queue: dedup of %d bytes for group %s, at most %d", len(m.Dedup), m.Group, MaxDedup)
		case m.Lane != bridge.Live && m.Lane != bridge.Bulk:
			return refuse("queue: lane %q of a message for group %s: must be live or bulk", m.Lane, m.Group)
		case len(m.Body) == 0 || len(m.Body) > MaxBody:
			return refuse("queue: body of %d bytes for group %s: must have 1 to %d", len(m.Body), m.Group, MaxBody)
		}
	}
	return nil
}

func validGroup(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= MaxGroup
}

func refuse(format string, args ...any) error {
	return bridge.Permanent("queue-request", format, args...)
}

// Unavailable makes the temporary error of a failed call; what says which call.
func Unavailable(what string, err error) error {
	return bridge.Temporary("queue-unavailable", "queue: %s: %w", what, err)
}

// String names a message in logs, without its body.
func (m Message) String() string {
	return fmt.Sprintf("%s message %s of group %s, attempt %d", m.Lane, m.ID, m.Group, m.Attempt)
}
