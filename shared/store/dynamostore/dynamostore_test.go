package dynamostore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
	"drawbridge/shared/store/dynamostore"
	"drawbridge/shared/store/storetest"
	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

// client talks to an engine through a transport that may misbehave.
func client(url string, transport http.RoundTripper) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region: engine.Region, BaseEndpoint: aws.String(url),
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: transport},
	})
}

var tables atomic.Int64

func newTable(t *testing.T, c *dynamodb.Client) string {
	t.Helper()
	name := fmt.Sprintf("drawbridge-%d-%d", os.Getpid(), tables.Add(1))
	engine.MakeTable(t, c, dynamostore.Table(name))
	return name
}

func TestConformance(t *testing.T) {
	c := client(engine.DynamoDB(t), http.DefaultTransport)
	storetest.Conformance(t, func(t *testing.T) store.Store { return dynamostore.New(c, newTable(t, c)) })
}

// TestConformanceMiniStack: the engine on which the whole stack is proven.
func TestConformanceMiniStack(t *testing.T) {
	c := client(engine.MiniStack(t), http.DefaultTransport)
	storetest.Conformance(t, func(t *testing.T) store.Store { return dynamostore.New(c, newTable(t, c)) })
}

// wire is a transport that does each request and then says what came of it.
type wire struct {
	mu    sync.Mutex
	calls []string // operations, in order
	lose  string   // the answer of the next such operation is lost
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	op := r.Header.Get("X-Amz-Target")
	op = op[strings.LastIndex(op, ".")+1:]
	resp, err := http.DefaultTransport.RoundTrip(r)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, op)
	if w.lose == op && err == nil {
		w.lose = ""
		resp.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

func wired(t *testing.T) (*dynamostore.Store, *wire) {
	t.Helper()
	url := engine.DynamoDB(t)
	w := &wire{}
	return dynamostore.New(client(url, w), newTable(t, client(url, http.DefaultTransport))), w
}

func doc(sort string, rev int64) store.Doc {
	return store.Doc{Key: store.Key{Part: "p", Sort: sort}, Body: []byte(`{"a":1}`), Rev: rev}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOneOperationIsOnePlainWrite: transactions cost twice, so none is made
// where one write will do.
func TestOneOperationIsOnePlainWrite(t *testing.T) {
	s, w := wired(t)
	must(t, s.Apply(t.Context(), store.Create(doc("a", 0))))
	must(t, s.Apply(t.Context(), store.Replace(doc("a", 1))))
	must(t, s.Apply(t.Context(), store.Put(doc("a", 0))))
	must(t, s.Apply(t.Context(), store.DeleteRev(doc("a", 0).Key, 3)))
	must(t, s.Apply(t.Context(), store.Delete(doc("a", 0).Key)))
	must(t, s.Apply(t.Context(), store.Check(doc("a", 0).Key, 0)))
	must(t, s.Apply(t.Context(), store.Create(doc("a", 0)), store.Create(doc("b", 0))))
	if got := fmt.Sprint(w.calls); got != "[PutItem PutItem UpdateItem DeleteItem DeleteItem GetItem TransactWriteItems]" {
		t.Errorf("calls %s", got)
	}
}

// TestLostAnswers: a write whose answer is lost is sent again by the SDK. It
// must succeed, not conflict with itself.
func TestLostAnswers(t *testing.T) {
	s, w := wired(t)
	tests := []struct {
		lose string
		ops  []store.Op
		rev  int64 // of document a afterwards
	}{
		{"PutItem", []store.Op{store.Create(doc("a", 0))}, 1},
		{"PutItem", []store.Op{store.Replace(doc("a", 1))}, 2},
		{"TransactWriteItems", []store.Op{store.Replace(doc("a", 2)), store.Create(doc("b", 0))}, 3},
		{"GetItem", []store.Op{store.Check(doc("a", 0).Key, 3)}, 3},
	}
	for _, tt := range tests {
		w.lose = tt.lose
		if err := s.Apply(t.Context(), tt.ops...); err != nil {
			t.Errorf("%s of %s with its answer lost: %v", tt.lose, tt.ops[0].Kind, err)
		}
		docs, err := s.Get(t.Context(), doc("a", 0).Key)
		if err != nil || docs[0] == nil || docs[0].Rev != tt.rev {
			t.Errorf("%s of %s: then %v, %v; want revision %d", tt.lose, tt.ops[0].Kind, docs, err, tt.rev)
		}
	}
	w.lose = "PutItem"
	if err := s.Apply(t.Context(), store.Create(doc("b", 0))); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a lost answer hides another's document: %v", err)
	}
	w.lose = "DeleteItem"
	if err := s.Apply(t.Context(), store.DeleteRev(doc("a", 0).Key, 3)); !bridge.IsTemporary(err) || errors.Is(err, store.ErrConflict) {
		t.Errorf("a deletion with its answer lost: %v, want a temporary error", err)
	}
}

// refuse answers every request with an error of DynamoDB's.
type refuse struct {
	code  string
	calls atomic.Int64
}

func (r *refuse) RoundTrip(req *http.Request) (*http.Response, error) {
	r.calls.Add(1)
	body := fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, r.code)
	return &http.Response{
		StatusCode: 400, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: req,
	}, nil
}

func TestErrorsNameTheTableAndTheWayOut(t *testing.T) {
	for code, want := range map[string]struct {
		name      string
		temporary bool
	}{
		"ResourceNotFoundException":              {"store-missing", false},
		"AccessDeniedException":                  {"store-denied", true},
		"ValidationException":                    {"store-request", false},
		"ProvisionedThroughputExceededException": {"store-unavailable", true},
		"InternalServerError":                    {"store-unavailable", true},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		s := dynamostore.New(client("http://127.0.0.1:1", &refuse{code: code}), "my-table")
		_, readErr := s.Get(ctx, doc("a", 0).Key)
		writeErr := s.Apply(ctx, store.Create(doc("a", 0)))
		cancel()
		for _, err := range []error{readErr, writeErr} {
			if bridge.NameOf(err) != want.name || bridge.IsTemporary(err) != want.temporary || !strings.Contains(err.Error(), "my-table") {
				t.Errorf("%s gives %q (temporary %v): %v", code, bridge.NameOf(err), bridge.IsTemporary(err), err)
			}
		}
	}
}

// TestRetriesEndWithTheContext: throttled for ever, a call ends when its
// context does.
func TestRetriesEndWithTheContext(t *testing.T) {
	for _, code := range []string{"ProvisionedThroughputExceededException", "TransactionConflictException"} {
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // the SDK's first pause is up to two seconds
		r := &refuse{code: code}
		start := time.Now()
		err := dynamostore.New(client("http://127.0.0.1:1", r), "t").Apply(ctx, store.Create(doc("a", 0)))
		cancel()
		if took := time.Since(start); took > 5*time.Second || !bridge.IsTemporary(err) || r.calls.Load() < 2 {
			t.Errorf("%s: %v after %v and %d calls", code, err, took, r.calls.Load())
		}
	}
}

func TestSizeCountsNamesAndValues(t *testing.T) {
	d := store.Doc{Key: store.Key{Part: "pp", Sort: "s"}, Body: []byte(`{"ä":1}`), Rev: 7}
	want := len("part"+"pp"+"sort"+"s"+"body"+`{"ä":1}`+"rev"+"writer") + 2 + 12
	if got := dynamostore.Size(d); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
	d.Index = &store.Index{Name: "list", At: 1234}
	if got := dynamostore.Size(d); got != want+len("list"+"list"+"at")+3 {
		t.Errorf("%d bytes with an index", got)
	}
}
