package sqsqueue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// Delete implements queue.Queue.
func (q *Queue) Delete(ctx context.Context, ds ...queue.Delivery) error {
	for _, lane := range lanes {
		var handles []string
		for _, d := range ds {
			if l, handle, _ := strings.Cut(d.Receipt, " "); l == string(lane) {
				handles = append(handles, handle)
			}
		}
		if err := q.deleteAll(ctx, q.url(lane), handles); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) deleteAll(ctx context.Context, url string, handles []string) error {
	for some := range slices.Chunk(handles, batch) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &url}
		for i, h := range some {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &h})
		}
		out, err := q.call.deleteMessageBatch(ctx, in)
		if err != nil {
			return q.failed(ctx, "delete", url, err)
		}
		for _, f := range out.Failed {
			if err := entryError(f); !ended(err) {
				return q.failed(ctx, "delete", url, err)
			}
		}
	}
	return nil
}

// Release implements queue.Queue.
func (q *Queue) Release(ctx context.Context, d queue.Delivery, delay time.Duration) error {
	lane, handle, _ := strings.Cut(d.Receipt, " ")
	url := q.url(bridge.Lane(lane))
	err := q.hide(ctx, url, handle, delay)
	if err == nil || ended(err) {
		return nil
	}
	return q.failed(ctx, "release", url, err)
}

func (q *Queue) hide(ctx context.Context, url, handle string, delay time.Duration) error {
	_, err := q.call.changeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: &handle, VisibilityTimeout: seconds(delay),
	})
	return err
}

// ended reports whether a delivery was refused because it is no longer ours.
// SQS says so with several codes.
func ended(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := api.ErrorCode()
	return strings.Contains(code, "ReceiptHandle") || strings.Contains(code, "MessageNotInflight") ||
		strings.HasSuffix(code, "InvalidParameterValue") && strings.Contains(strings.ToLower(api.ErrorMessage()), "receipt handle")
}

// entryError is the error of one entry of a batch.
func entryError(f types.BatchResultErrorEntry) error {
	return &smithy.GenericAPIError{Code: aws.ToString(f.Code), Message: aws.ToString(f.Message)}
}

// Depth implements queue.Queue; SQS tells the age of messages only as a metric.
func (q *Queue) Depth(ctx context.Context) (queue.Depth, error) {
	var d queue.Depth
	for _, lane := range lanes {
		waiting, flight, err := q.count(ctx, q.url(lane))
		if err != nil {
			return queue.Depth{}, err
		}
		dead, held, err := q.count(ctx, q.dead(lane))
		if err != nil {
			return queue.Depth{}, err
		}
		d.Waiting, d.InFlight, d.Dead = d.Waiting+waiting, d.InFlight+flight, d.Dead+dead+held
	}
	return d, nil
}

func (q *Queue) count(ctx context.Context, url string) (waiting, flight int, err error) {
	if url == "" {
		return 0, 0, nil
	}
	visible, hidden := types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	out, err := q.call.getQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{visible, hidden},
	})
	if err != nil {
		return 0, 0, q.failed(ctx, "measure", url, err)
	}
	waiting, _ = strconv.Atoi(out.Attributes[string(visible)])
	flight, _ = strconv.Atoi(out.Attributes[string(hidden)])
	return waiting, flight, nil
}

// failed wraps an error of the SDK; what says what was attempted.
func (q *Queue) failed(ctx context.Context, what, url string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	name := url[strings.LastIndex(url, "/")+1:]
	if ctx.Err() != nil {
		return bridge.Temporary("queue-unavailable", "queue %s: %s: %w", name, what, ctx.Err())
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch code := api.ErrorCode(); {
		case strings.Contains(code, "NonExistentQueue"), strings.Contains(code, "QueueDoesNotExist"):
			return bridge.Permanent("queue-missing", "queue %s: %s: %w; deploy the stack, or name the right queue", name, what, err).At(bridge.LevelSite)
		case strings.Contains(code, "AccessDenied"), strings.HasPrefix(code, "KMS."), strings.Contains(code, "KmsAccessDenied"):
			return bridge.Temporary("queue-denied", "queue %s: %s: %w; look at the role's policy and the queue's key", name, what, err).At(bridge.LevelSite)
		}
	}
	return bridge.Temporary("queue-unavailable", "queue %s: %s: %w", name, what, err)
}
