package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/secret"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store/dynamostore"
	"drawbridge/shared/work"
	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

const sampleSecret = "It's a Secret to Everybody"

// sample decodes a file of events/, demanding that nothing in it is unknown to us.
func sample[T any](t *testing.T, name string) (v T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../events", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

// TestSamplesAreListed: every sample is in the list, named after the function it is for and what that function takes.
func TestSamplesAreListed(t *testing.T) {
	takes := map[string]func(name string){
		"ingest": func(name string) { sample[Request](t, name) }, "exchange": func(name string) { sample[Request](t, name) },
		"work": func(name string) { sample[events.SQSEvent](t, name) }, "reconcile": func(name string) { sample[struct{ Job string }](t, name) },
	}
	readme, err := os.ReadFile("../../events/README.md")
	must(t, err)
	files, _ := filepath.Glob("../../events/*.json")
	for _, f := range files {
		name := filepath.Base(f)
		function, _, _ := strings.Cut(name, "-")
		if take := takes[function]; take == nil {
			t.Errorf("%s is for no function", name)
		} else {
			take(strings.TrimSuffix(name, ".json"))
		}
		if !strings.Contains(string(readme), "`"+name+"`") && !strings.Contains(string(readme), "`"+function+"-*.json`") {
			t.Errorf("%s is not in events/README.md", name)
		}
	}
}

// zeros is a source of anything but randomness.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// configAt is the configuration of a function whose AWS is at url.
func configAt(url string) aws.Config {
	return awsConfig(func(name string) string {
		return map[string]string{
			"AWS_REGION": engine.Region, "AWS_ACCESS_KEY_ID": engine.AccessKey, "AWS_SECRET_ACCESS_KEY": engine.SecretKey, "AWS_ENDPOINT_URL": url,
		}[name]
	})
}

var hubs atomic.Int64

// realHub is a hub on a real engine with resources of its own.
func realHub(t *testing.T) *Hub {
	url := engine.MiniStack(t)
	return hubAt(t, url, url, "t", func(*Settings) {})
}

// hubAt is a hub with resources of its own on the engine at url, which it reaches through another address.
func hubAt(t *testing.T, url, through, token string, change func(*Settings)) *Hub {
	t.Helper()
	cfg := configAt(url)
	name := fmt.Sprintf("wire-%d-%d", os.Getpid(), hubs.Add(1))
	s := Settings{
		Table: name, Bucket: name, Secrets: "/drawbridge/" + name + "/", Site: "acme", JiraURL: "http://127.0.0.1:1", JiraUser: "u",
		Flavour: "cloud", HubURL: "https://abc123.execute-api.us-east-1.amazonaws.com", Pace: "normal", Version: "test", LogLevel: "info", SecretsVersion: "1", History: "90", Expires: "never",
	}
	change(&s)
	ctx := t.Context()
	engine.MakeTable(t, dynamodb.NewFromConfig(cfg), dynamostore.Table(name))
	_, err := s3.NewFromConfig(cfg).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	must(t, err)
	for lane, u := range map[string]*string{"live": &s.Live, "bulk": &s.Bulk} {
		dead := createQueue(t, cfg, name+"-"+lane+deadQueue, "")
		*u = createQueue(t, cfg, name+"-"+lane+".fifo", dead)
	}
	key, err := sign.NewKey(zeros{})
	must(t, err)
	keyText, err := key.MarshalText()
	must(t, err)
	for n, v := range map[string]string{HubKey: string(keyText), JiraToken: token, WebhookSecret: sampleSecret} {
		_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(s.Secrets + n), Value: &v, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		must(t, err)
	}
	return newHub(configAt(through), s, slog.New(slog.DiscardHandler))
}

const deadQueue = "-dead.fifo" // what a queue's name ends in, instead of .fifo

// createQueue makes a queue as template.yaml does and returns its URL; dead is the URL of its dead-letter queue.
func createQueue(t *testing.T, cfg aws.Config, name, dead string) string {
	t.Helper()
	in := &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"FifoQueue": "true"}}
	if dead != "" {
		arn := fmt.Sprintf("arn:aws:sqs:%s:%s:%s", engine.Region, engine.Account, dead[strings.LastIndex(dead, "/")+1:])
		in.Attributes["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":"%d"}`, arn, queue.MaxAttempts)
	}
	out, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), in)
	must(t, err)
	return *out.QueueUrl
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSampleEvents sends every sample event through its function on real engines.
func TestSampleEvents(t *testing.T) {
	hub := realHub(t)
	in, err := hub.Ingest()
	must(t, err)
	ex, err := hub.Exchange()
	must(t, err)
	for name, want := range map[string]int{
		"ingest-signed": 202, "ingest-base64": 202, "ingest-forged": 401, "ingest-unknown-site": 404,
		"exchange-unsigned": 401, "exchange-base64": 401, "exchange-accept": 401, "exchange-keys": 401, "exchange-put-blob": 401, "exchange-get-blob": 401,
	} {
		h := HTTP(in)
		if strings.HasPrefix(name, "exchange") {
			h = HTTP(ex)
		}
		out, err := h(t.Context(), sample[Request](t, name))
		if err != nil || out.StatusCode != want || strings.Contains(out.Body, "signature") {
			t.Errorf("%s: %d %q, %v; want %d and nothing given away", name, out.StatusCode, out.Body, err, want)
		}
	}
	ds, err := hub.Queue.Receive(t.Context(), 10, work.Visibility)
	must(t, err)
	if len(ds) != 1 { // the second one has the same webhook identifier
		t.Fatalf("%d tasks in the queue, want 1", len(ds))
	}
	task, err := site.ParseTask(ds[0].Body)
	if err != nil || task.Issue != "10001" || task.Kind != site.EventTask || ds[0].Group != "acme/10001" {
		t.Errorf("task %+v in group %s, %v", task, ds[0].Group, err)
	}
}

// TestSampleBatches: good tasks are done, poisoned ones are dropped or reported, neighbours proceed.
func TestSampleBatches(t *testing.T) {
	hub := realHubOffline(t)
	var mu sync.Mutex
	var done []string
	pool := &work.Pool{Log: hub.Log, Handlers: work.Handlers{}}
	for _, k := range []site.TaskKind{site.EventTask, site.RetryTask, site.ReadTask} {
		pool.Handlers[k] = func(_ context.Context, t site.Task) error {
			mu.Lock()
			defer mu.Unlock()
			done = append(done, string(t.Kind)+" "+t.Issue)
			return nil
		}
	}
	for name, want := range map[string]string{
		"work-batch":    "event 10001,read 10001,retry 10002",
		"work-poisoned": "read 10002,retry 10001",
	} {
		done = nil
		out, err := Batch(hub.Queue, pool)(t.Context(), sample[events.SQSEvent](t, name))
		slices.Sort(done)
		if got := strings.Join(done, ","); err != nil || got != want || len(out.BatchItemFailures) != 0 {
			t.Errorf("%s: did %q, failed %v, %v; want %q", name, got, out.BatchItemFailures, err, want)
		}
	}
}

// realHubOffline is a hub whose engines are not reached.
func realHubOffline(t *testing.T) *Hub {
	t.Helper()
	env := map[string]string{"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
	hub, err := New(Settings{
		Live: "https://sqs/1/drawbridge-LiveQueue-ABC.fifo", LogLevel: "error", JiraURL: "http://127.0.0.1:1", JiraUser: "u", Flavour: "cloud", Site: "acme",
	}, func(n string) string { return env[n] }, io.Discard)
	must(t, err)
	return hub
}

func TestSampleSchedules(t *testing.T) {
	jobs, err := realHubOffline(t).Reconcile()
	must(t, err)
	files, _ := filepath.Glob("../../events/reconcile-*.json")
	var got []string
	for _, f := range files {
		got = append(got, sample[struct{ Job string }](t, strings.TrimSuffix(filepath.Base(f), ".json")).Job)
	}
	if want := slices.Sorted(maps.Keys(jobs)); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("samples for %v, jobs are %v", got, want)
	}
}

// TestMissingSecretIsNamedAndRetried: Jira is told to come again, the log names the parameter.
func TestMissingSecretIsNamedAndRetried(t *testing.T) {
	hub := realHubOffline(t)
	hub.Secrets = failing{}
	in, err := hub.Ingest()
	must(t, err)
	out, err := HTTP(in)(t.Context(), sample[Request](t, "ingest-signed"))
	if err != nil || out.StatusCode != 503 {
		t.Errorf("%d, %v; want 503", out.StatusCode, err)
	}
	if _, err := hub.secret(t.Context(), HubKey); bridge.NameOf(err) != "secret-missing" {
		t.Errorf("got %v", err)
	}
	if _, _, err := hub.identity(t.Context()); !errors.Is(err, secret.ErrMissing) {
		t.Errorf("identity: %v", err)
	}
}

// failing has no secrets.
type failing struct{}

func (failing) Get(_ context.Context, names ...string) (map[string]secret.Value, error) {
	return nil, secret.Missing(names)
}
