package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"drawbridge/shared/bridge"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/secret/ssmsecret"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/work"
	"drawbridge/simulator"
	"drawbridge/tests/engine"
	"drawbridge/tests/logs"
)

// A fault is what a service answers instead of doing what it is asked.
type fault struct {
	service string // dynamodb, sqs, ssm, s3
	op      string // empty: every operation
	status  int
	code    string
	times   int // so many requests; below zero: until the weather clears
}

// proxy stands between a hub and its engines: it counts what goes through, and answers in a service's name what that service
// answers in bad weather.
type proxy struct {
	mu    sync.Mutex
	fault *fault
	calls map[string]int // by service and operation
	next  http.Handler
}

func newProxy(t *testing.T, to string) (*proxy, string) {
	target, err := url.Parse(to)
	must(t, err)
	p := &proxy{calls: map[string]int{}, next: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return p, s.URL
}

func (p *proxy) set(f *fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.calls = f, map[string]int{}
}

func (p *proxy) total() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.calls {
		n += c
	}
	return n
}

func serviceOf(r *http.Request) (service, op string) {
	target, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case !ok:
		return "s3", r.Method
	case strings.HasPrefix(target, "DynamoDB"):
		return "dynamodb", op
	}
	return strings.ToLower(strings.TrimPrefix(target, "Amazon")), op
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, op := serviceOf(r)
	p.mu.Lock()
	p.calls[service+" "+op]++
	f := p.fault
	hit := f != nil && f.times != 0 && f.service == service && (f.op == "" || f.op == op)
	if hit {
		f.times--
	}
	p.mu.Unlock()
	if !hit {
		p.next.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if service == "s3" {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(f.status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>storm</Message></Error>", f.code)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(f.status)
	fmt.Fprintf(w, `{"__type":"com.amazonaws#%s","message":"storm over arn:aws:iam::1:role/internal"}`, f.code)
}

// town is a hub on real engines behind a proxy, with a simulated Jira whose webhooks go to its ingest.
type town struct {
	t     *testing.T
	hub   *Hub
	proxy *proxy
	jira  *simulator.Site
	demo  simulator.Demo
	base  string // of the Jira
	site  *site.Site
	sqs   *sqs.Client // past the proxy
	log   *logs.Buffer
	in    http.Handler
	pool  *work.Pool
	dead  *sqsqueue.Queue // as the operator's command has it
	batch func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	pad   atomic.Int64 // bytes by which a webhook is made longer
	key   string       // an issue under sync
	id    string
}

const connection = "c1"

func newTown(t *testing.T) *town {
	t.Helper()
	engineURL := engine.MiniStack(t)
	tn := &town{t: t, log: &logs.Buffer{}}
	tn.jira = simulator.New(simulator.Options{Flavour: simulator.Cloud, Seed: 1, Configure: func(s *simulator.Settings) {
		s.RateLimits, s.ConflictRate, s.RetryMin, s.RetryMax = false, 0, 50*time.Millisecond, 100*time.Millisecond
	}})
	tn.demo = tn.jira.SeedDemo("PUB")
	server := httptest.NewServer(tn.jira.Handler())
	t.Cleanup(func() { tn.jira.Close(); server.Close() })
	tn.base = server.URL
	tn.jira.SetBaseURL(tn.base)
	var through string
	tn.proxy, through = newProxy(t, engineURL)
	tn.hub = hubAt(t, engineURL, through, tn.demo.Token, func(s *Settings) { s.JiraURL, s.JiraUser = tn.base, tn.demo.User })
	tn.hub.Log = slog.New(slog.NewJSONHandler(tn.log, nil))
	tn.sqs = sqs.NewFromConfig(configAt(engineURL))
	tn.dead = sqsqueue.New(tn.sqs, sqsqueue.Options{Live: tn.hub.Live, LiveDead: strings.TrimSuffix(tn.hub.Live, ".fifo") + deadQueue})
	var err error
	tn.site, err = tn.hub.Local()
	must(t, err)
	must(t, tn.site.Book.UpdateConnection(t.Context(), connection, func(c *bridge.Connection) error {
		c.Name, c.State, c.Project, c.Policies = "weather", bridge.Active, tn.demo.ProjectKey, map[int64]bridge.Policy{1: bridge.Newest}
		return nil
	}))
	tn.in, err = tn.hub.Ingest()
	must(t, err)
	hook := httptest.NewServer(http.HandlerFunc(tn.hook))
	t.Cleanup(hook.Close)
	_, err = tn.site.Jira.RegisterWebhook(t.Context(), jira.WebhookRequest{
		Name: "drawbridge", URL: hook.URL + ingest.Path + tn.hub.Site, Secret: sampleSecret, Events: jira.WebhookEvents,
	})
	must(t, err)
	tn.pool, err = tn.hub.Work()
	must(t, err)
	tn.batch = Batch(tn.hub.Queue, tn.pool)
	tn.key, tn.id = tn.create("the printer burns")
	must(t, tn.site.Send(t.Context(), site.Task{Kind: site.SyncTask, Connection: connection, Issue: tn.id, By: "test"}, bridge.Live, ""))
	for deadline := time.Now().Add(time.Minute); tn.waiting("the printer burns") != 1; tn.work() {
		if time.Now().Before(deadline) {
			continue // a busy engine gives what is sent late
		}
		t.Fatalf("the issue is not under sync: %s", tn.log.Cut())
	}
	return tn
}

func (tn *town) call(method, path string, body, into any) {
	tn.t.Helper()
	b, err := json.Marshal(body)
	must(tn.t, err)
	r, err := http.NewRequestWithContext(tn.t.Context(), method, tn.base+path, bytes.NewReader(b))
	must(tn.t, err)
	r.SetBasicAuth(tn.demo.User, tn.demo.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	must(tn.t, err)
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		tn.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	if into != nil {
		must(tn.t, json.Unmarshal(answer, into))
	}
}

func (tn *town) create(summary string) (key, id string) {
	var out struct{ Key, ID string }
	tn.call("POST", "/rest/api/2/issue", map[string]any{"fields": map[string]any{
		"project": map[string]string{"key": tn.demo.ProjectKey}, "issuetype": map[string]string{"name": "Task"}, "summary": summary,
	}}, &out)
	tn.flush()
	return out.Key, out.ID
}

func (tn *town) edit(key string, fields map[string]any) {
	tn.call("PUT", "/rest/api/2/issue/"+key, map[string]any{"fields": fields}, nil)
}

// hook takes a webhook to ingest; a Jira with many fields sends long ones.
func (tn *town) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // Jira comes again
	}
	if n := tn.pad.Load(); n > 0 {
		body = fmt.Appendf(body[:bytes.LastIndexByte(body, '}')], `,"pad":%q}`, strings.Repeat("x", int(n)))
		mac := hmac.New(sha256.New, []byte(sampleSecret))
		mac.Write(body)
		r.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	tn.in.ServeHTTP(w, r)
}

// flush delivers webhooks, with Jira's retries.
func (tn *town) flush() {
	ctx, cancel := context.WithTimeout(tn.t.Context(), 30*time.Second)
	defer cancel()
	must(tn.t, tn.jira.Flush(ctx))
}

// receive takes what the event sources would.
func (tn *town) receive() (e events.SQSEvent) {
	for _, queue := range []string{tn.hub.Live, tn.hub.Bulk} {
		if e.Records = tn.receiveFrom(queue); len(e.Records) > 0 {
			break
		}
	}
	return e
}

// next is the next batch there is.
func (tn *town) next() (e events.SQSEvent) {
	tn.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(e.Records) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			tn.t.Fatal("no message comes")
		}
		e = tn.receive()
	}
	return e
}

func (tn *town) receiveFrom(queue string) (rs []events.SQSMessage) {
	out, err := tn.sqs.ReceiveMessage(tn.t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &queue, MaxNumberOfMessages: 10, VisibilityTimeout: 30,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}, MessageAttributeNames: []string{"All"},
	})
	must(tn.t, err)
	for _, m := range out.Messages {
		r := events.SQSMessage{
			MessageId: *m.MessageId, Body: *m.Body, ReceiptHandle: *m.ReceiptHandle, Attributes: m.Attributes, EventSourceARN: queue,
			MessageAttributes: map[string]events.SQSMessageAttribute{},
		}
		for name, a := range m.MessageAttributes {
			r.MessageAttributes[name] = events.SQSMessageAttribute{StringValue: a.StringValue, DataType: aws.ToString(a.DataType)}
		}
		rs = append(rs, r)
	}
	return rs
}

// invoke is one invocation of the worker and what Lambda does with its answer; it reports how many were done and failed.
func (tn *town) invoke(e events.SQSEvent) (done, failed int) {
	tn.t.Helper()
	out, err := tn.batch(tn.t.Context(), e)
	must(tn.t, err)
	bad := map[string]bool{}
	for _, f := range out.BatchItemFailures {
		bad[f.ItemIdentifier] = true
	}
	for _, r := range e.Records {
		if bad[r.MessageId] {
			continue
		}
		_, err := tn.sqs.DeleteMessage(tn.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &r.EventSourceARN, ReceiptHandle: &r.ReceiptHandle})
		must(tn.t, err)
		done++
	}
	return done, len(bad)
}

// work invokes the worker until there is nothing to receive for a while.
func (tn *town) work() {
	tn.t.Helper()
	for idle, deadline := 0, time.Now().Add(time.Minute); idle < 8 && time.Now().Before(deadline); {
		e := tn.receive()
		if len(e.Records) == 0 {
			idle++
			time.Sleep(250 * time.Millisecond)
			continue
		}
		idle = 0
		tn.invoke(e)
	}
}

// waiting counts the changes for the private site whose summary holds a text.
func (tn *town) waiting(text string) (n int) {
	tn.t.Helper()
	changes, _, err := tn.site.Book.Outgoing(tn.t.Context(), connection, 100, func(string, int64) bool { return false })
	must(tn.t, err)
	for _, c := range changes {
		if e := c.Fields["summary"].Mine; e != nil && strings.Contains(string(e.Value), text) {
			n++
		}
	}
	return n
}

// TestWeather: what goes wrong on AWS is said with the name of the resource, tried again where that helps, told to Jira so
// that it comes again, and nothing is lost.
func TestWeather(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	ex, err := tn.hub.Exchange()
	must(t, err)
	asks := sample[Request](t, "exchange-unsigned")
	_, err = HTTP(ex)(t.Context(), asks)
	must(t, err)
	for _, c := range []struct {
		name   string
		fault  fault
		says   []string // in the log: the error's name, the resource
		pad    int64
		in     bool // the webhook itself is hindered, Jira has to come again
		before func()
	}{
		{name: "a throttled table", fault: fault{service: "dynamodb", status: 400, code: "ProvisionedThroughputExceededException"},
			says: []string{"store-unavailable", "table " + tn.hub.Table}},
		{name: "a table whose key is denied", fault: fault{service: "dynamodb", status: 400, code: "AccessDeniedException"},
			says: []string{"store-denied", "table " + tn.hub.Table, "the table's key"}},
		{name: "a denied KMS key of the parameters", in: true, fault: fault{service: "ssm", status: 400, code: "KMSAccessDeniedException"},
			says: []string{"parameters " + tn.hub.Settings.Secrets + WebhookSecret, "the key"}, before: tn.forget},
		{name: "an outage of the parameters", in: true, fault: fault{service: "ssm", status: 500, code: "InternalServerError"},
			says: []string{"parameters " + tn.hub.Settings.Secrets + WebhookSecret}, before: tn.forget},
		{name: "an outage of S3, a long webhook", in: true, fault: fault{service: "s3", status: 503, code: "ServiceUnavailable"},
			says: []string{"bucket " + tn.hub.Bucket + ": put claim/"}, pad: 300 << 10},
		{name: "an outage of SQS", in: true, fault: fault{service: "sqs", status: 500, code: "InternalError"},
			says: []string{"queue " + tn.hub.Live[strings.LastIndex(tn.hub.Live, "/")+1:] + ": send"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tn.t = t
			tn.log.Cut()
			if c.before != nil {
				c.before()
			}
			f := c.fault
			f.times = -1
			tn.proxy.set(&f)
			summary := "in " + c.name
			tn.pad.Store(c.pad)
			tn.edit(tn.key, map[string]any{"summary": summary})
			if out, err := HTTP(ex)(t.Context(), asks); err != nil || out.StatusCode != 503 && out.StatusCode != 401 || strings.Contains(out.Body, "storm") || strings.Contains(out.Body, "wire-") {
				t.Errorf("the exchange answers %d %s, %v", out.StatusCode, out.Body, err)
			}
			if !c.in {
				tn.flush()
				if done, failed := tn.invoke(tn.next()); done != 0 || failed != 1 {
					t.Errorf("%d tasks done, %d given back; want 0, 1", done, failed)
				}
			}
			said := ""
			for _, want := range c.says {
				for deadline := time.Now().Add(20 * time.Second); !strings.Contains(said, want); said += tn.log.Cut() {
					if time.Now().After(deadline) {
						t.Fatalf("the log does not say %q: %s", want, said)
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
			tn.proxy.set(nil)
			for deadline := time.Now().Add(time.Minute); tn.waiting(summary) != 1; {
				if time.Now().After(deadline) {
					t.Fatalf("the event is lost: %s", tn.log.Cut())
				}
				tn.flush()
				tn.work()
			}
		})
	}
}

// forget makes the hub read its secrets again.
func (tn *town) forget() {
	tn.hub.mu.Lock()
	defer tn.hub.mu.Unlock()
	clear(tn.hub.known)
	clear(tn.hub.read)
}

// TestABurstOfThrottlingIsOver: what passes within a call is not seen outside.
func TestABurstOfThrottlingIsOver(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.edit(tn.key, map[string]any{"summary": "after the burst"})
	tn.flush()
	tn.proxy.set(&fault{service: "dynamodb", status: 400, code: "ProvisionedThroughputExceededException", times: 2})
	if done, failed := tn.invoke(tn.next()); done != 1 || failed != 0 {
		t.Errorf("%d done, %d failed", done, failed)
	}
	if tn.waiting("after the burst") != 1 {
		t.Error("the event is lost")
	}
}

// TestAMissingParameterIsNamed: with its whole path, and nothing of it in the answer.
func TestAMissingParameterIsNamed(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	tn.hub.Settings.Secrets += "gone/"
	tn.hub.Secrets = ssmsecret.New(configAt(engine.MiniStack(t)), tn.hub.Settings.Secrets)
	tn.forget()
	tn.log.Cut()
	ex, err := tn.hub.Exchange()
	must(t, err)
	for name, h := range map[string]http.Handler{"ingest-signed": tn.in, "exchange-unsigned": ex} {
		out, err := HTTP(h)(t.Context(), sample[Request](t, name))
		if err != nil || out.StatusCode != 503 || strings.Contains(out.Body, "gone") {
			t.Errorf("%s: %d %q, %v", name, out.StatusCode, out.Body, err)
		}
		if said := tn.log.Cut(); !strings.Contains(said, tn.hub.Settings.Secrets) {
			t.Errorf("%s: the log does not name the parameter: %s", name, said)
		}
	}
}

// TestPoison: a message that fails every time ends in the dead-letter queue, its neighbours of the same issue and of others
// proceed, its pair is marked and looked at again; redriven, also twice, it does what it was to do and no more.
func TestPoison(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	_, other := tn.create("a neighbour")
	poisoned, healed := tn.pool.Handlers[site.EventTask], false
	tn.pool.Handlers[site.EventTask] = func(ctx context.Context, task site.Task) error {
		if !healed && strings.Contains(string(task.Body), "poison") {
			panic("poisoned")
		}
		return poisoned(ctx, task)
	}
	tn.edit(tn.key, map[string]any{"summary": "poison"})
	tn.flush()
	var neighbours []string
	tn.pool.Handlers[site.RetryTask] = func(_ context.Context, task site.Task) error {
		neighbours = append(neighbours, task.Issue+" "+task.By)
		return nil
	}
	for _, issue := range []string{tn.id, other} {
		must(t, tn.site.Send(t.Context(), site.Task{Kind: site.RetryTask, Connection: connection, Issue: issue, By: "neighbour"}, bridge.Live, ""))
	}
	var dead []queue.Message
	for deadline := time.Now().Add(time.Minute); len(dead) == 0 && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		tn.invoke(tn.receive())
		var err error
		dead, err = tn.dead.Dead(t.Context(), 10)
		must(t, err)
	}
	tn.work()
	if len(dead) != 1 || !strings.Contains(string(dead[0].Body), "event") {
		t.Fatalf("%d dead letters, want the poisoned one: %s", len(dead), tn.log.Cut())
	}
	if len(neighbours) != 2 || neighbours[0] == neighbours[1] {
		t.Errorf("neighbours done: %v", neighbours)
	}
	if n := tn.marked(); n != 1 {
		t.Errorf("%d pairs are marked for reconciliation, want 1", n)
	}
	if tn.waiting("poison") != 0 {
		t.Fatal("the poisoned event was taken in")
	}
	// Reconciliation finds what the event said, while the message still lies there.
	book := tn.site.Book
	tn.site.Book = &pair.Book{Store: book.Store, Site: book.Site, Now: func() int64 { return now() + time.Hour.Milliseconds() }}
	_, err := reconcile.Due(t.Context(), tn.site)
	must(t, err)
	tn.work()
	if tn.waiting("poison") != 1 || tn.marked() != 0 {
		t.Errorf("%d changes wait, %d marks; want 1, 0: %s", tn.waiting("poison"), tn.marked(), tn.log.Cut())
	}
	// Redriven twice: the second time somebody else redrove a copy.
	healed = true
	history := tn.history()
	for range 2 {
		_, err := tn.dead.Redrive(t.Context())
		must(t, err)
		_, err = tn.sqs.SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: &tn.hub.Live, MessageBody: aws.String(string(dead[0].Body)), MessageGroupId: &dead[0].Group, MessageDeduplicationId: aws.String(fmt.Sprint(time.Now().UnixNano())),
		})
		must(t, err)
		tn.work()
	}
	if left, _ := tn.dead.Dead(t.Context(), 10); len(left) != 0 || tn.waiting("poison") != 1 || tn.history() != history {
		t.Errorf("%d dead letters, %d changes wait, %d lines of history, were %d", len(left), tn.waiting("poison"), tn.history(), history)
	}
}

func (tn *town) marked() int {
	docs, err := tn.hub.Store.List(tn.t.Context(), "look/"+tn.hub.Site, store.Range{})
	must(tn.t, err)
	return len(docs)
}

func (tn *town) history() int {
	lines, err := tn.site.Book.History(tn.t.Context(), connection, tn.id, 1000)
	must(tn.t, err)
	return len(lines)
}

// TestTheUnknownIsRefusedCheaply: what is not for us costs at most one request to AWS.
func TestTheUnknownIsRefusedCheaply(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	ex, err := tn.hub.Exchange()
	must(t, err)
	for _, c := range []struct {
		event  string
		h      http.Handler
		status int
		most   int
	}{
		{"ingest-unknown-site", tn.in, 404, 0}, {"ingest-forged", tn.in, 401, 0}, {"exchange-unsigned", ex, 401, 1},
	} {
		for i := range 2 { // the first may read the secret
			tn.proxy.set(nil)
			out, err := HTTP(c.h)(t.Context(), sample[Request](t, c.event))
			if n := tn.proxy.total(); err != nil || out.StatusCode != c.status || i > 0 && n > c.most {
				t.Errorf("%s: %d after %d requests, %v; want %d after %d", c.event, out.StatusCode, n, err, c.status, c.most)
			}
		}
	}
}

// TestAPausedConnectionRecords: what happens meanwhile waits until it goes on.
func TestAPausedConnectionRecords(t *testing.T) {
	t.Parallel()
	tn := newTown(t)
	must(t, tn.site.Book.UpdateConnection(t.Context(), connection, func(c *bridge.Connection) error {
		c.Hold(bridge.Public, &bridge.Hold{State: bridge.Paused})
		return nil
	}))
	tn.edit(tn.key, map[string]any{"summary": "while it is paused"})
	tn.flush()
	tn.work()
	if tn.waiting("while it is paused") != 1 {
		t.Errorf("not recorded: %s", tn.log.Cut())
	}
}
