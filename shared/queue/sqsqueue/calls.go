package sqsqueue

import (
	"context"

	"drawbridge/shared/awscall"
)

// What is said to SQS and what it answers (Amazon SQS API Reference), as far as it is used here.

type sendRequest struct {
	QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId string
	MessageAttributes                                             map[string]attribute `json:",omitempty"`
}

type sendBatchRequest struct {
	QueueUrl string
	Entries  []sendEntry
}

type sendEntry struct {
	Id, MessageBody, MessageGroupId, MessageDeduplicationId string
	MessageAttributes                                       map[string]attribute `json:",omitempty"`
}

type attribute struct{ DataType, StringValue string }

type deleteBatchRequest struct {
	QueueUrl string
	Entries  []deleteEntry
}

type deleteEntry struct{ Id, ReceiptHandle string }

// batchAnswer says which entries of a batch were refused.
type batchAnswer struct{ Failed []failedEntry }

type failedEntry struct{ Code, Message string }

// refusal is the refusal of one entry, as that of a call.
func (f failedEntry) refusal() error { return &awscall.Error{Code: f.Code, Message: f.Message} }

type receiveRequest struct {
	QueueUrl                                                string
	MaxNumberOfMessages, VisibilityTimeout, WaitTimeSeconds int
	MessageSystemAttributeNames, MessageAttributeNames      []string
	ReceiveRequestAttemptId                                 string
}

type receiveAnswer struct{ Messages []received }

type received struct {
	MessageId, ReceiptHandle, Body string
	Attributes                     map[string]string // the system's
	MessageAttributes              map[string]attribute
}

type hideRequest struct {
	QueueUrl, ReceiptHandle string
	VisibilityTimeout       int
}

type measureRequest struct {
	QueueUrl       string
	AttributeNames []string
}

type measureAnswer struct{ Attributes map[string]string }

// call makes one call of the service.
func (q *Queue) call(ctx context.Context, action string, in, out any) error {
	return q.sqs.JSON(ctx, "1.0", "AmazonSQS."+action, in, out)
}
