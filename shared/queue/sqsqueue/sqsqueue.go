// Package sqsqueue is the queue driver on AWS: one SQS FIFO queue for each
// lane, each with a FIFO dead-letter queue.
//
// The lanes being queues of their own, one message of a group may be in flight
// in each: what two workers must not do at once is decided by the conditional
// writes on the pair. Bodies that SQS does not take as they are travel as
// base64; long ones wait in the blob store under their hash (a claim check)
// and the message says where. Delivery by Lambda instead of Receive is decoded
// by [Queue.Open]. Start reading at [New].
package sqsqueue

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// ClaimOver is the size in bytes above which a body goes to the blob store.
// SQS takes 1 MiB, but bills each 64 KB as a request of its own.
const ClaimOver = 200 << 10

// Options name the queues of a lane by their URLs. Dead may be empty for a
// worker that only sends or only consumes.
type Options struct {
	Live, LiveDead string
	Bulk, BulkDead string

	Claims blob.Store    // where long bodies wait; nil: they are refused
	Wait   time.Duration // how long Receive waits for a live message; at most 20 s
}

// Queue is a pair of queues. It implements queue.Queue.
type Queue struct {
	call calls
	o    Options
}

var _ queue.Queue = (*Queue)(nil)

// New uses queues that exist. How often a message is received before it is a
// dead letter is a setting of theirs.
func New(client *sqs.Client, o Options) *Queue { return &Queue{callsOf(client), o} }

// batch is the most messages of one request, batchBytes the most bytes of
// their bodies: 1 MiB less what attributes take.
const (
	batch      = 10
	batchBytes = 900 << 10
)

func (q *Queue) url(l bridge.Lane) string {
	if l == bridge.Bulk {
		return q.o.Bulk
	}
	return q.o.Live
}

func (q *Queue) dead(l bridge.Lane) string {
	if l == bridge.Bulk {
		return q.o.BulkDead
	}
	return q.o.LiveDead
}

var lanes = []bridge.Lane{bridge.Live, bridge.Bulk}

// Send implements queue.Queue.
func (q *Queue) Send(ctx context.Context, ms ...queue.Message) error {
	if err := queue.Valid(ms); err != nil {
		return err
	}
	for _, lane := range lanes {
		var entries []types.SendMessageBatchRequestEntry
		for _, m := range ms {
			if m.Lane != lane {
				continue
			}
			e, err := q.entry(ctx, m)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		if err := q.sendAll(ctx, q.url(lane), entries); err != nil {
			return err
		}
	}
	return nil
}

// entry is a message in SQS's words; its id is filled in when it is batched.
func (q *Queue) entry(ctx context.Context, m queue.Message) (e types.SendMessageBatchRequestEntry, err error) {
	text, form, err := q.encode(ctx, m.Body)
	if err != nil {
		return e, err
	}
	e.MessageBody, e.MessageGroupId = &text, aws.String(m.Group)
	e.MessageDeduplicationId = aws.String(dedupID(m))
	if form != formText {
		e.MessageAttributes = map[string]types.MessageAttributeValue{
			formName: {DataType: aws.String("String"), StringValue: aws.String(form)},
		}
	}
	return e, nil
}

// dedupID names the message for SQS, whose dedup may be per queue: so the
// group is part of it.
func dedupID(m queue.Message) string {
	if m.Dedup == "" {
		return rand.Text()
	}
	sum := sha256.Sum256([]byte(m.Group + "\x00" + m.Dedup))
	return hex.EncodeToString(sum[:])
}

func (q *Queue) sendAll(ctx context.Context, url string, entries []types.SendMessageBatchRequestEntry) error {
	for len(entries) > 0 {
		n, size := 0, 0
		for n < min(batch, len(entries)) && (n == 0 || size+len(*entries[n].MessageBody) <= batchBytes) {
			size += len(*entries[n].MessageBody)
			entries[n].Id = aws.String(strconv.Itoa(n))
			n++
		}
		out, err := q.call.sendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries[:n]}, noChecksum)
		if err == nil && len(out.Failed) > 0 {
			err = entryError(out.Failed[0])
		}
		if err != nil {
			return q.failed(ctx, "send", url, err)
		}
		entries = entries[n:]
	}
	return nil
}

// noChecksum: for a message dropped by dedup the answer may hold the checksum
// of the first one, which the SDK would take for damage. TLS guards the wire.
func noChecksum(o *sqs.Options) { o.DisableMessageChecksumValidation = true }

// Receive implements queue.Queue.
func (q *Queue) Receive(ctx context.Context, max int, visibility time.Duration) ([]queue.Delivery, error) {
	for _, lane := range lanes {
		if ds, err := q.receive(ctx, lane, max, visibility, 0); err != nil || len(ds) > 0 {
			return ds, err
		}
	}
	if q.o.Wait < time.Second {
		return nil, nil
	}
	return q.receive(ctx, bridge.Live, max, visibility, q.o.Wait)
}

func (q *Queue) receive(ctx context.Context, lane bridge.Lane, max int, visibility, wait time.Duration) ([]queue.Delivery, error) {
	url := q.url(lane)
	if url == "" {
		return nil, nil
	}
	found, err := q.fetch(ctx, url, max, visibility, wait)
	if err != nil {
		return nil, q.failed(ctx, "receive", url, err)
	}
	var out []queue.Delivery
	for _, m := range found {
		d, err := q.delivery(ctx, lane, m)
		if err != nil && bridge.IsTemporary(err) {
			return nil, err
		}
		if err == nil { // one that will never be readable stays in flight until it is a dead letter
			out = append(out, d)
		}
	}
	return out, nil
}

func (q *Queue) fetch(ctx context.Context, url string, max int, visibility, wait time.Duration) ([]types.Message, error) {
	out, err := q.call.receiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &url, MaxNumberOfMessages: int32(min(max, batch)),
		VisibilityTimeout: seconds(visibility), WaitTimeSeconds: seconds(wait),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{formName},
		ReceiveRequestAttemptId:     aws.String(rand.Text()), // a lost answer is given again
	})
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// seconds rounds up to whole seconds, as SQS counts.
func seconds(d time.Duration) int32 { return int32((d + time.Second - 1) / time.Second) }

func (q *Queue) delivery(ctx context.Context, lane bridge.Lane, m types.Message) (queue.Delivery, error) {
	body, err := q.decode(ctx, aws.ToString(m.Body), aws.ToString(m.MessageAttributes[formName].StringValue))
	if err != nil {
		return queue.Delivery{}, err
	}
	return queue.Delivery{
		Message: message(lane, aws.ToString(m.MessageId), body, m.Attributes),
		Receipt: string(lane) + " " + aws.ToString(m.ReceiptHandle),
	}, nil
}

// message is a message from its system attributes, which ReceiveMessage and
// Lambda's events name alike.
func message(lane bridge.Lane, id string, body []byte, attributes map[string]string) queue.Message {
	m := queue.Message{ID: id, Group: attributes["MessageGroupId"], Lane: lane, Body: body}
	m.Attempt, _ = strconv.Atoi(attributes["ApproximateReceiveCount"])
	if ms, err := strconv.ParseInt(attributes["SentTimestamp"], 10, 64); err == nil {
		m.Sent = time.UnixMilli(ms)
	}
	return m
}
