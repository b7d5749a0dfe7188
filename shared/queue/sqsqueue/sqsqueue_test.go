package sqsqueue_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/queue/queuetest"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

func client(url string, transport http.RoundTripper) *sqs.Client {
	return sqs.New(sqs.Options{
		Region: engine.Region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: transport},
		Retryer:     retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 20 * time.Millisecond }),
	})
}

var queues atomic.Int64

// create makes a FIFO queue as template.yaml does and returns its URL.
func create(t *testing.T, c *sqs.Client, dead string) string {
	t.Helper()
	in := &sqs.CreateQueueInput{
		QueueName: aws.String(fmt.Sprintf("drawbridge-%d-%d.fifo", os.Getpid(), queues.Add(1))),
		Attributes: map[string]string{
			"FifoQueue": "true", "DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId",
		},
	}
	if dead != "" {
		in.Attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"3"}`, arn(t, c, dead))
	}
	out, err := c.CreateQueue(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

func arn(t *testing.T, c *sqs.Client, url string) string {
	t.Helper()
	out, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Attributes["QueueArn"]
}

func open(t *testing.T) (*sqsqueue.Queue, sqsqueue.Options, *sqs.Client) {
	t.Helper()
	c := client(engine.MiniStack(t), http.DefaultTransport)
	o := sqsqueue.Options{LiveDead: create(t, c, ""), BulkDead: create(t, c, ""), Claims: blob.NewMemory()}
	o.Live, o.Bulk = create(t, c, o.LiveDead), create(t, c, o.BulkDead)
	return sqsqueue.New(c, o), o, c
}

func TestConformance(t *testing.T) {
	o := queuetest.Options{MaxAttempts: 3, Lanes: true, NoAge: true, Settle: 3 * time.Second}
	queuetest.Conformance(t, o, func(t *testing.T) queue.Queue {
		q, _, _ := open(t)
		return q
	})
}

// TestLongBodiesGoThroughTheClaimCheck: SQS holds only where the body is.
func TestLongBodiesGoThroughTheClaimCheck(t *testing.T) {
	q, o, c := open(t)
	body := bytes.Repeat([]byte("x"), sqsqueue.ClaimOver+1)
	must(t, q.Send(t.Context(), queue.Message{Group: "g", Lane: bridge.Live, Body: body}))
	out, err := c.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &o.Live, MessageAttributeNames: []string{"All"}})
	if err != nil || len(out.Messages) != 1 {
		t.Fatal(out, err)
	}
	m := out.Messages[0]
	if len(*m.Body) > 300 || !strings.Contains(*m.Body, "claim/") {
		t.Errorf("the message holds %.100s", *m.Body)
	}
	form := aws.ToString(m.MessageAttributes["form"].StringValue)
	got, err := q.Open(t.Context(), sqsqueue.Record{
		Queue: arn(t, c, o.Live), ID: "id", Body: *m.Body, Form: form, Receipt: *m.ReceiptHandle,
		Attributes: map[string]string{"MessageGroupId": "g", "ApproximateReceiveCount": "2"},
	})
	if err != nil || !bytes.Equal(got.Body, body) || got.Group != "g" || got.Attempt != 2 || got.Lane != bridge.Live {
		t.Errorf("opened %v with %d bytes, %v", got, len(got.Body), err)
	}
	must(t, q.Delete(t.Context(), got))
	if d, err := q.Depth(t.Context()); err != nil || d.InFlight != 0 {
		t.Errorf("an opened delivery was not deleted: %+v, %v", d, err)
	}
	must(t, o.Claims.Delete(t.Context(), "claim/"+strings.Split(*m.Body, `claim/`)[1][:64]))
	if _, err := q.Open(t.Context(), sqsqueue.Record{Queue: o.Bulk, Body: *m.Body, Form: form}); err == nil || bridge.IsTemporary(err) {
		t.Errorf("a claim that is gone: %v, want a permanent error", err)
	}
	none := sqsqueue.New(c, sqsqueue.Options{Live: o.Live})
	if err := none.Send(t.Context(), queue.Message{Group: "g", Lane: bridge.Live, Body: body}); err == nil || bridge.IsTemporary(err) {
		t.Errorf("without a blob store: %v, want a permanent error", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnreadableMessages(t *testing.T) {
	q := sqsqueue.New(client("http://127.0.0.1:1", nil), sqsqueue.Options{Claims: blob.NewMemory()})
	for name, m := range map[string][2]string{
		"other form":     {"a", "zip"},
		"not base64":     {"?", "base64"},
		"claim not JSON": {"x", "claim"},
		"claim elsewhere": {
			`{"key":"../../etc/passwd","size":1}`, "claim",
		},
		"claim too long": {`{"key":"claim/a","size":99999999999}`, "claim"},
	} {
		if _, err := q.Open(t.Context(), sqsqueue.Record{Body: m[0], Form: m[1]}); err == nil || bridge.IsTemporary(err) {
			t.Errorf("%s: %v, want a permanent error", name, err)
		}
	}
}

// TestPoison: an unreadable message stops nothing and ends as a dead letter.
func TestPoison(t *testing.T) {
	q, o, c := open(t)
	_, err := c.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &o.Live, MessageBody: aws.String("?"), MessageGroupId: aws.String("bad"), MessageDeduplicationId: aws.String("d"),
		MessageAttributes: map[string]types.MessageAttributeValue{"form": {DataType: aws.String("String"), StringValue: aws.String("zip")}},
	})
	must(t, err)
	must(t, q.Send(t.Context(), queue.Message{Group: "good", Lane: bridge.Live, Body: []byte("m")}))
	good := 0
	deadline := time.Now().Add(15 * time.Second)
	for dead := 0; dead == 0; {
		ds, err := q.Receive(t.Context(), 10, time.Second)
		must(t, err)
		must(t, q.Delete(t.Context(), ds...))
		good += len(ds)
		d, err := q.Depth(t.Context())
		must(t, err)
		if dead = d.Dead; time.Now().After(deadline) {
			t.Fatalf("no dead letter: %+v", d)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if ms, err := q.Dead(t.Context(), 0); good != 1 || err != nil || len(ms) != 1 || string(ms[0].Body) != "?" {
		t.Errorf("%d good messages, dead letters %v, %v", good, ms, err)
	}
}

// TestRedriveTwice: a redrive that died between sending and deleting, done again.
func TestRedriveTwice(t *testing.T) {
	q, o, c := open(t)
	send := &sqs.SendMessageInput{
		QueueUrl: &o.LiveDead, MessageBody: aws.String("m"), MessageGroupId: aws.String("g"), MessageDeduplicationId: aws.String("d"),
	}
	out, err := c.SendMessage(t.Context(), send)
	must(t, err)
	send.QueueUrl, send.MessageDeduplicationId = &o.Live, aws.String("redrive-"+*out.MessageId)
	_, err = c.SendMessage(t.Context(), send)
	must(t, err)
	if n, err := q.Redrive(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	ds, err := q.Receive(t.Context(), 10, time.Minute)
	if err != nil || len(ds) != 1 {
		t.Errorf("received %v, %v; want the message once", ds, err)
	}
}

func TestReceiveWaits(t *testing.T) {
	_, o, c := open(t)
	o.Wait = 5 * time.Second
	q := sqsqueue.New(c, o)
	time.AfterFunc(300*time.Millisecond, func() {
		q.Send(context.Background(), queue.Message{Group: "g", Lane: bridge.Live, Body: []byte("m")})
	})
	start := time.Now()
	ds, err := q.Receive(t.Context(), 1, time.Minute)
	if err != nil || len(ds) != 1 || time.Since(start) > 4*time.Second {
		t.Errorf("received %v, %v after %v", ds, err, time.Since(start))
	}
}

type refuse struct{ code string }

func (r refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	body := fmt.Sprintf(`{"__type":%q,"message":"no"}`, "com.amazonaws.sqs#"+r.code)
	return &http.Response{
		StatusCode: 400, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

func TestErrorsNameTheQueue(t *testing.T) {
	for code, want := range map[string]string{
		"QueueDoesNotExist": "queue-missing", "AccessDeniedException": "queue-denied",
		"KmsAccessDenied": "queue-denied", "RequestThrottled": "queue-unavailable",
	} {
		q := sqsqueue.New(client("http://127.0.0.1:1", refuse{code}), sqsqueue.Options{Live: "https://queue.invalid/1/my.fifo"})
		_, receiveErr := q.Receive(t.Context(), 1, time.Minute)
		sendErr := q.Send(t.Context(), queue.Message{Group: "g", Lane: bridge.Live, Body: []byte("m")})
		for _, err := range []error{receiveErr, sendErr} {
			if bridge.NameOf(err) != want || bridge.IsTemporary(err) == (want == "queue-missing") || !strings.Contains(err.Error(), "my.fifo") {
				t.Errorf("%s gives %v", code, err)
			}
		}
	}
}
