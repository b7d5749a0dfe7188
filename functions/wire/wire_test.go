package wire

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/shared/site"
	"drawbridge/shared/work"
)

func TestLoadNamesEverythingWrongAtOnce(t *testing.T) {
	env := map[string]string{}
	for _, n := range Variables() {
		env[n] = "x"
	}
	env["DRAWBRIDGE_JIRA_FLAVOUR"], env["DRAWBRIDGE_LOG_LEVEL"], env["DRAWBRIDGE_PACE"] = "cloud", "info", "slow"
	env["DRAWBRIDGE_HISTORY_DAYS"], env["DRAWBRIDGE_CREDENTIAL_EXPIRES"] = "long", "soon"
	delete(env, "DRAWBRIDGE_TABLE")
	delete(env, "DRAWBRIDGE_SITE")
	_, err := Load(func(n string) string { return env[n] })
	for _, want := range []string{"DRAWBRIDGE_TABLE is not set", "DRAWBRIDGE_SITE is not set", `DRAWBRIDGE_PACE is "slow": must be normal, cheap`, `DRAWBRIDGE_HISTORY_DAYS is "long"`, `DRAWBRIDGE_CREDENTIAL_EXPIRES is "soon"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	env["DRAWBRIDGE_TABLE"], env["DRAWBRIDGE_SITE"], env["DRAWBRIDGE_PACE"] = "t", "s", "cheap"
	env["DRAWBRIDGE_HISTORY_DAYS"], env["DRAWBRIDGE_CREDENTIAL_EXPIRES"] = "30", "2027-03-31"
	if s, err := Load(func(n string) string { return env[n] }); err != nil || s.Table != "t" || s.Pace != "cheap" || s.keep() != 30*24*time.Hour {
		t.Errorf("got %+v, %v", s, err)
	}
}

func apiEvent(method, path, query, body string) Request {
	e := Request{RawPath: path, RawQueryString: query, Body: body, Headers: map[string]string{"x-hub-signature": "sha256=1", "content-type": "application/json"}}
	e.RequestContext.DomainName, e.RequestContext.Stage = "hub.example", "$default"
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = method, "192.0.2.1"
	return e
}

func TestHTTPHandsOnTheRequestAsItWasSent(t *testing.T) {
	raw := "\x1f\x8b\x00\xff"
	tests := map[string]struct {
		event             Request
		url, body, method string
	}{
		"plain": {apiEvent("POST", "/v1/webhooks/acme", "", `{"a":"ä"}`), "/v1/webhooks/acme", `{"a":"ä"}`, "POST"},
		"query": {apiEvent("GET", "/v1/a", "a=1&b=%2F", ""), "/v1/a?a=1&b=%2F", "", "GET"},
		"base64": {func() Request {
			e := apiEvent("PUT", "/v1/a", "", base64.StdEncoding.EncodeToString([]byte(raw)))
			e.IsBase64Encoded = true
			return e
		}(), "/v1/a", raw, "PUT"},
		"stage": {func() Request {
			e := apiEvent("GET", "/prod/v1/a", "", "")
			e.RequestContext.Stage = "prod"
			return e
		}(), "/v1/a", "", "GET"},
		"escaped": {apiEvent("GET", "/v1/a%2Fb", "", ""), "/v1/a%2Fb", "", "GET"},
	}
	for name, tt := range tests {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.RequestURI != tt.url || r.URL.RequestURI() != tt.url || string(body) != tt.body || r.Method != tt.method {
				t.Errorf("%s: %s %s (%s) with %q", name, r.Method, r.RequestURI, r.URL.RequestURI(), body)
			}
			if r.Header.Get("X-Hub-Signature") != "sha256=1" || r.Host != "hub.example" || r.ContentLength != int64(len(tt.body)) {
				t.Errorf("%s: header %v, host %s, length %d", name, r.Header, r.Host, r.ContentLength)
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Add("X-Two", "1")
			w.Header().Add("X-Two", "2")
			w.WriteHeader(http.StatusAccepted)
			io.WriteString(w, "ok")
		})
		out, err := HTTP(h)(t.Context(), tt.event)
		if err != nil || out.StatusCode != 202 || out.Body != "ok" || out.IsBase64Encoded || out.Headers["X-Two"] != "1, 2" {
			t.Errorf("%s: answer %+v, %v", name, out, err)
		}
	}
}

func TestHTTPAnswers(t *testing.T) {
	binary := HTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		io.WriteString(w, "\x00\xff")
	}))
	out, _ := binary(t.Context(), apiEvent("GET", "/", "", ""))
	if b, err := base64.StdEncoding.DecodeString(out.Body); err != nil || !out.IsBase64Encoded || string(b) != "\x00\xff" || out.StatusCode != 200 {
		t.Errorf("binary answer: %+v", out)
	}
	bad := apiEvent("POST", "/", "", "not base64")
	bad.IsBase64Encoded = true
	for name, e := range map[string]Request{"body": bad, "method": apiEvent("GE T", "/", "", ""), "path": apiEvent("GET", "/%zz", "", "")} {
		if out, err := binary(t.Context(), e); err != nil || out.StatusCode != 400 {
			t.Errorf("bad %s: %+v, %v", name, out, err)
		}
	}
}

// fakeQueue opens what it is given and notes what is given back.
type fakeQueue struct {
	mu       sync.Mutex
	released []string
}

func (q *fakeQueue) Open(_ context.Context, r sqsqueue.Record) (queue.Delivery, error) {
	d := queue.Delivery{Message: queue.Message{ID: r.ID, Group: r.Attributes["MessageGroupId"], Body: []byte(r.Body), Attempt: 1}, Receipt: r.Receipt}
	if strings.HasSuffix(r.ID, "/poison") {
		d.Attempt = queue.MaxAttempts
	}
	if r.Form == "broken" {
		return d, bridge.Permanent("queue-message", "unreadable")
	}
	return d, nil
}

func (q *fakeQueue) Release(_ context.Context, d queue.Delivery, _ time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.released = append(q.released, d.ID)
	return nil
}

func records(specs ...string) (e events.SQSEvent) {
	for _, s := range specs { // "group/body", the body names the outcome
		group, body, _ := strings.Cut(s, "/")
		m := events.SQSMessage{MessageId: s, Body: fmt.Sprintf(`{"kind":%q}`, body), ReceiptHandle: s, Attributes: map[string]string{"MessageGroupId": group}}
		if body == "broken" {
			m.MessageAttributes = map[string]events.SQSMessageAttribute{"form": {StringValue: &body}}
		}
		e.Records = append(e.Records, m)
	}
	return e
}

// doing is a pool whose flows are all do.
func doing(do func(context.Context, site.Task) error) *work.Pool {
	p := &work.Pool{Log: slog.New(slog.DiscardHandler), Handlers: work.Handlers{}}
	for _, k := range strings.Fields("ok ok1 ok2 ok3 ok4 ok5 later temporary permanent site slow poison") {
		p.Handlers[site.TaskKind(k)] = do
	}
	return p
}

func TestBatch(t *testing.T) {
	do := func(ctx context.Context, t site.Task) error {
		switch t.Kind {
		case "temporary", "poison":
			return bridge.Temporary("site-unreachable", "down")
		case "permanent":
			return bridge.Permanent("task-unknown", "never")
		case "site":
			return bridge.Permanent("site-unauthenticated", "401").At(bridge.LevelSite)
		case "slow":
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	tests := map[string]struct {
		in   []string
		want string // failures, sorted by group
	}{
		"all well":                           {[]string{"a/ok1", "b/ok2", "a/ok3"}, ""},
		"none":                               {nil, ""},
		"a failure and what follows it":      {[]string{"a/ok", "a/temporary", "b/ok", "a/later", "b/ok2"}, "a/temporary a/later"},
		"what can never be done":             {[]string{"a/permanent", "a/ok"}, ""},
		"unreadable":                         {[]string{"a/broken", "a/ok"}, ""},
		"a site's error waits":               {[]string{"a/site", "a/ok"}, "a/site a/ok"},
		"out of time":                        {[]string{"a/slow", "a/ok", "b/ok"}, "a/slow a/ok"},
		"tried for the last time":            {[]string{"a/ok", "a/poison", "a/ok2", "b/ok"}, "a/poison"},
		"one group does not hold the others": {[]string{"a/temporary", "b/ok", "c/permanent", "d/ok"}, "a/temporary"},
	}
	for name, tt := range tests {
		q := &fakeQueue{}
		ctx, cancel := context.WithTimeout(t.Context(), reserve+50*time.Millisecond)
		out, err := Batch(q, doing(do))(ctx, records(tt.in...))
		cancel()
		var failed []string
		for _, f := range out.BatchItemFailures {
			failed = append(failed, f.ItemIdentifier)
		}
		if err != nil || strings.Join(failed, " ") != tt.want || strings.Join(q.released, " ") != tt.want {
			t.Errorf("%s: failed %q, released %q (%v), want %q", name, failed, q.released, err, tt.want)
		}
	}
}

func TestBatchAnswersWithAList(t *testing.T) {
	out, _ := Batch(&fakeQueue{}, doing(nil))(t.Context(), events.SQSEvent{})
	if b, err := json.Marshal(out); err != nil || string(b) != `{"batchItemFailures":[]}` {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestBatchKeepsOrderWithinAGroup(t *testing.T) {
	var mu sync.Mutex
	var order []string
	do := func(_ context.Context, t site.Task) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, string(t.Kind[2:]))
		return nil
	}
	Batch(&fakeQueue{}, doing(do))(t.Context(), records("a/ok1", "a/ok2", "a/ok3", "a/ok4", "a/ok5"))
	if strings.Join(order, "") != "12345" {
		t.Errorf("order %v", order)
	}
}

func TestHealthLineIsOneEmbeddedMetric(t *testing.T) {
	b, err := health{PollerSilence: 12.5, ConnectionsBroken: 1, PairsParked: 3}.line("prod", time.UnixMilli(1700000000000))
	want := `{"_aws":{"Timestamp":1700000000000,"CloudWatchMetrics":[{"Namespace":"Drawbridge","Dimensions":[["Stack"]],"Metrics":[` +
		`{"Name":"PollerSilence","Unit":"Seconds"},{"Name":"ConnectionsBroken","Unit":"Count"},{"Name":"PairsParked","Unit":"Count"},{"Name":"ClockSkew","Unit":"Seconds"},{"Name":"WebhookSilence","Unit":"Seconds"}]}]},` +
		`"Stack":"prod","msg":"health","PollerSilence":12.5,"ConnectionsBroken":1,"PairsParked":3,"ClockSkew":0,"WebhookSilence":0}` + "\n"
	if err != nil || string(b) != want {
		t.Errorf("got %s, %v", b, err)
	}
	if s := (Settings{Secrets: "/drawbridge/prod/"}).stack(); s != "prod" {
		t.Errorf("stack %q", s)
	}
}
