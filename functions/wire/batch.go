package wire

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"drawbridge/shared/queue"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/shared/work"
)

// reserve is how much of a function's time is kept for settling what could not
// be done.
const reserve = 5 * time.Second

// Deliveries is the part of the queue a batch needs.
type Deliveries interface {
	Open(ctx context.Context, r sqsqueue.Record) (queue.Delivery, error)
	Release(ctx context.Context, d queue.Delivery, delay time.Duration) error
}

// Batch does the messages of an SQS event: groups side by side, the messages
// of one group one after the other. After a failure in a group that message
// and all later ones of the group are reported as failed and given back with a
// delay, so that they neither overtake each other nor wait for the queue's
// long visibility. One that was tried for the last time is reported alone: the
// later ones must not die with it. What can never be done is dropped with a
// record: tasks are hints, and the pair knows better.
func Batch(q Deliveries, pool *work.Pool) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		inTime := ctx
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			inTime, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
			defer cancel()
		}
		b := &batch{q: q, pool: pool, failures: []events.SQSBatchItemFailure{}} // a list in JSON, also when empty
		var wg sync.WaitGroup
		for _, group := range groups(e.Records) {
			wg.Go(func() { b.group(ctx, inTime, group) })
		}
		wg.Wait()
		return events.SQSEventResponse{BatchItemFailures: b.failures}, nil
	}
}

type batch struct {
	q    Deliveries
	pool *work.Pool

	mu       sync.Mutex
	failures []events.SQSBatchItemFailure
}

// groups are the records by group, in order.
func groups(records []events.SQSMessage) [][]events.SQSMessage {
	var out [][]events.SQSMessage
	at := map[string]int{}
	for _, r := range records {
		g := r.EventSourceARN + " " + r.Attributes["MessageGroupId"]
		i, ok := at[g]
		if !ok {
			i = len(out)
			at[g], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

func (b *batch) group(ctx, inTime context.Context, records []events.SQSMessage) {
	for i, r := range records {
		d, err := b.q.Open(inTime, record(r))
		if err == nil {
			err = inTime.Err()
		}
		if err == nil {
			err = b.pool.Do(inTime, d.Body)
		}
		switch v := b.pool.Judge(ctx, d, err); {
		case v.Dead:
			b.giveBack(ctx, records[i:i+1], 0)
		case !v.Over:
			b.giveBack(ctx, records[i:], v.Pause)
			return
		}
	}
}

func record(r events.SQSMessage) sqsqueue.Record {
	form := ""
	if a, ok := r.MessageAttributes["form"]; ok && a.StringValue != nil {
		form = *a.StringValue
	}
	return sqsqueue.Record{
		Queue: r.EventSourceARN, ID: r.MessageId, Body: r.Body, Form: form, Receipt: r.ReceiptHandle, Attributes: r.Attributes,
	}
}

func (b *batch) giveBack(ctx context.Context, records []events.SQSMessage, after time.Duration) {
	b.mu.Lock()
	for _, r := range records {
		b.failures = append(b.failures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})
	}
	b.mu.Unlock()
	for _, r := range records {
		r.Body, r.MessageAttributes = "", nil // a long body need not be fetched to be given back
		d, err := b.q.Open(ctx, record(r))
		if err == nil {
			err = b.q.Release(ctx, d, after)
		}
		if err != nil {
			b.pool.Log.Warn("not given back, comes when its visibility ends", "message", r.MessageId, "error", err)
		}
	}
}
