package sqsqueue

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// peek is how long a dead letter is out of sight while it is looked at. It is
// put back at once; the time matters only if this process dies meanwhile.
const peek = 30 * time.Second

// Dead implements queue.Queue. SQS has no reading without receiving: dead
// letters that somebody else looks at right now are not seen, and of one group
// at most ten are.
func (q *Queue) Dead(ctx context.Context, limit int) ([]queue.Message, error) {
	if limit == 0 {
		limit = 100
	}
	var out []queue.Message
	for _, lane := range lanes {
		err := q.visit(ctx, lane, func(m types.Message) (taken, more bool, err error) {
			d, err := q.delivery(ctx, lane, m)
			if err != nil && bridge.IsTemporary(err) {
				return false, false, err
			}
			if err != nil { // unreadable, perhaps that is why it is dead: show it as it is
				d.Message = message(lane, aws.ToString(m.MessageId), []byte(aws.ToString(m.Body)), m.Attributes)
			}
			out = append(out, d.Message)
			return false, len(out) < limit, nil
		})
		if err != nil {
			return nil, err
		}
		if len(out) >= limit {
			break
		}
	}
	return out[:min(limit, len(out))], nil
}

// Redrive implements queue.Queue. Each message is sent again as it is and then
// deleted; its own id as dedup makes a crash in between harmless.
func (q *Queue) Redrive(ctx context.Context, ids ...string) (int, error) {
	n := 0
	for _, lane := range lanes {
		err := q.visit(ctx, lane, func(m types.Message) (taken, more bool, err error) {
			if len(ids) > 0 && !slices.Contains(ids, aws.ToString(m.MessageId)) {
				return false, true, nil
			}
			if err := q.again(ctx, lane, m); err != nil {
				return false, false, err
			}
			n++
			return true, true, nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (q *Queue) again(ctx context.Context, lane bridge.Lane, m types.Message) error {
	url := q.url(lane)
	_, err := q.call.sendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: m.Body, MessageAttributes: m.MessageAttributes,
		MessageGroupId:         aws.String(m.Attributes["MessageGroupId"]),
		MessageDeduplicationId: aws.String("redrive-" + aws.ToString(m.MessageId)),
	}, noChecksum)
	if err != nil {
		return q.failed(ctx, "redrive", url, err)
	}
	return q.deleteAll(ctx, q.dead(lane), []string{aws.ToString(m.ReceiptHandle)})
}

// visit receives the dead letters of a lane and shows each to f, which says
// whether it took the message away and whether it wants more. What was not
// taken is put back at the end.
func (q *Queue) visit(ctx context.Context, lane bridge.Lane, f func(types.Message) (taken, more bool, err error)) error {
	url := q.dead(lane)
	if url == "" {
		return ctx.Err()
	}
	var held []string
	defer func() { q.putBack(ctx, url, held) }()
	for more := true; more; {
		found, err := q.fetch(ctx, url, batch, peek, 0)
		if err != nil {
			return q.failed(ctx, "read the dead letters", url, err)
		}
		if len(found) == 0 {
			return nil
		}
		for _, m := range found {
			taken := false
			if more && err == nil {
				taken, more, err = f(m)
			}
			if !taken {
				held = append(held, aws.ToString(m.ReceiptHandle))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putBack makes messages visible again, the last one first so that a group
// stays in order; it is done even if ctx has ended. One that fails comes back
// by itself after peek.
func (q *Queue) putBack(ctx context.Context, url string, handles []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, h := range slices.Backward(handles) {
		if err := q.hide(ctx, url, h, 0); err != nil && !ended(err) {
			return
		}
	}
}
