package wire

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"drawbridge/shared/apply"
	"drawbridge/shared/blob"
	"drawbridge/shared/blob/s3blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/secret"
	"drawbridge/shared/secret/ssmsecret"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/store/dynamostore"
	"drawbridge/shared/work"
)

// The secrets of a hub, below its prefix in Parameter Store.
const (
	HubKey        = "hub-key"        // signing keys: the one in force, then earlier ones, between spaces
	JiraToken     = "jira-token"     // of the account at the public site
	WebhookSecret = "webhook-secret" // of Jira's webhook
)

// maxAttachment is the largest attachment carried, in bytes; a larger one becomes a link and a note.
const maxAttachment = 100 << 20

// Hub is the public half on AWS, with clients that live as long as the
// function's instance.
type Hub struct {
	Settings
	Store   store.Store
	Queue   *sqsqueue.Queue
	Blobs   blob.Store
	Secrets secret.Source
	Log     *slog.Logger

	mu    sync.Mutex
	known map[string]secret.Value
	read  map[string]time.Time
	state exchange.Generation
}

// New makes the drivers. It calls nothing on AWS.
func New(s Settings, getenv func(string) string, log io.Writer) (*Hub, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, err
	}
	return newHub(awsConfig(getenv), s, Logger(log, level, s.stack())), nil
}

// awsConfig is what Lambda says about itself. The SDK's own way to find out
// looks at files, profiles and other services too, which a function has none
// of: it would double the artifact and the cold start.
func awsConfig(getenv func(string) string) aws.Config {
	cfg := aws.Config{
		Region: getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")),
	}
	if url := getenv("AWS_ENDPOINT_URL"); url != "" {
		cfg.BaseEndpoint = &url
	}
	return cfg
}

func newHub(cfg aws.Config, s Settings, log *slog.Logger) *Hub {
	blobs := s3blob.New(cfg, s.Bucket)
	return &Hub{
		Settings: s, Log: log, Blobs: blobs,
		Store:   dynamostore.New(dynamodb.NewFromConfig(cfg), s.Table),
		Queue:   sqsqueue.New(sqs.NewFromConfig(cfg), sqsqueue.Options{Live: s.Live, Bulk: s.Bulk, Claims: blobs}),
		Secrets: ssmsecret.New(cfg, s.Secrets),
		known:   map[string]secret.Value{}, read: map[string]time.Time{},
	}
}

// secretLasts is how long a secret that was read is used: a rotated one counts a minute later, without a restart.
const secretLasts = time.Minute

// secret returns a secret, read once a minute for each instance. While Parameter Store does not answer, the one known is used.
func (h *Hub) secret(ctx context.Context, name string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.known[name]
	if ok && time.Since(h.read[name]) < secretLasts {
		return v.Reveal(), nil
	}
	found, err := h.Secrets.Get(ctx, name)
	switch {
	case err != nil && ok:
		h.Log.Warn("secret not read again", "secret", name, "error", err)
	case err != nil:
		return "", err
	default:
		h.known[name] = found[name]
	}
	h.read[name] = time.Now()
	return h.known[name].Reveal(), nil
}

// within is a secret for callers that bring no context.
func (h *Hub) within(name string) func() (string, error) {
	return func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return h.secret(ctx, name)
	}
}

func now() int64 { return time.Now().UnixMilli() }

// Local is the public site as the flows see it.
func (h *Hub) Local() (*site.Site, error) {
	client, err := jira.New(jira.Options{
		APIURL: h.JiraURL, Flavour: bridge.Flavour(h.Flavour), Log: h.Log, Workers: 4,
		Auth: jira.Auth{Kind: "basic", User: h.JiraUser, Secret: h.within(JiraToken)},
	})
	if err != nil {
		return nil, err
	}
	return &site.Site{
		Name: h.Site, Role: bridge.Public, Jira: client, Queue: h.Queue, Log: h.Log, Now: now,
		Book:          &pair.Book{Store: h.Store, Site: h.Site, Now: now, Keep: h.keep()},
		Content:       site.Blobs{Store: h.Blobs, Role: bridge.Public},
		MaxAttachment: maxAttachment,
	}, nil
}

// Ingest takes Jira's webhooks.
func (h *Hub) Ingest() (http.Handler, error) {
	local := &site.Site{Name: h.Site, Queue: h.Queue, Book: &pair.Book{Site: h.Site}} // of the book its name only
	return &ingest.Handler{Name: h.Site, Secret: h.within(WebhookSecret), Unsigned: bridge.Flavour(h.Flavour) == bridge.DataCenter, Send: local.Send, Log: h.Log}, nil
}

// Exchange answers pollers.
func (h *Hub) Exchange() (http.Handler, error) {
	local, err := h.Local()
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(h.HubURL)
	if err != nil {
		return nil, err
	}
	const together = 8 // the SDK keeps ten connections to a host, and one more costs a handshake
	sessions, views := new(exchange.Kept), new(relay.Kept)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys, state, err := h.identity(r.Context())
		if err != nil {
			h.Log.Error("exchange", "error", err, "error_name", bridge.NameOf(err))
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		handler := &exchange.Handler{
			Authority: sign.Authority(base), Prefix: strings.TrimSuffix(base.EscapedPath(), "/"), Keys: keys,
			Book: exchange.Book{Store: h.Store}, Kept: sessions, Blobs: h.Blobs, MaxBlob: maxAttachment, Log: h.Log, Now: time.Now,
			Backend: &relay.Hub{
				Relay: relay.Relay{Site: local, Together: together}, Dismiss: exchange.Book{Store: h.Store}.Dismiss, State: state, Kept: views, Cheap: h.Pace == "cheap",
				Rejoin: func(ctx context.Context, connection string, request, rules int64) error {
					return reconcile.Rejoin(ctx, local, connection, request, rules)
				},
				Self: exchange.Site{Name: h.Site, Flavour: bridge.Flavour(h.Flavour), URL: h.JiraURL, Version: h.Version},
			},
		}
		handler.ServeHTTP(w, r)
	}), nil
}

// identity is what this hub signs with, and the name of its state.
func (h *Hub) identity(ctx context.Context) ([]sign.Key, exchange.Generation, error) {
	text, err := h.secret(ctx, HubKey)
	if err != nil {
		return nil, exchange.Generation{}, err
	}
	keys, err := sign.ParseKeys(text)
	if err != nil {
		return nil, exchange.Generation{}, bridge.Permanent("secret-request", "parameter %s%s holds no signing keys: %w", h.Settings.Secrets, HubKey, err)
	}
	state, err := h.generation(ctx)
	return keys, state, err
}

var stateKey = store.Key{Part: "hub", Sort: "state"}

// generation returns the name of this hub's state, made at its first use. It is
// stored as the hub on one machine stores it; what is restored from a backup is
// noticed by the number of exchanges counted for each connection.
func (h *Hub) generation(ctx context.Context) (exchange.Generation, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state.State != "" {
		return h.state, nil
	}
	fresh, err := json.Marshal(exchange.Generation{State: rand.Text(), Number: 1})
	if err != nil {
		return exchange.Generation{}, err
	}
	err = h.Store.Apply(ctx, store.Create(store.Doc{Key: stateKey, Body: fresh}))
	if err != nil && !errors.Is(err, store.ErrConflict) {
		return exchange.Generation{}, err
	}
	docs, err := h.Store.Get(ctx, stateKey)
	if err != nil {
		return exchange.Generation{}, err
	}
	if docs[0] == nil {
		return exchange.Generation{}, bridge.Temporary("store-unavailable", "the hub's state document vanished")
	}
	if err := json.Unmarshal(docs[0].Body, &h.state); err != nil {
		return exchange.Generation{}, bridge.Permanent("state-damaged", "the hub's state document cannot be read: %w", err)
	}
	return h.state, nil
}

// Work runs the tasks of the queues.
func (h *Hub) Work() (*work.Pool, error) {
	local, err := h.Local()
	if err != nil {
		return nil, err
	}
	pub, app := &publish.Flow{Site: local}, &apply.Flow{Site: local}
	mark := func(ctx context.Context, t site.Task, cause error) (bool, error) {
		return reconcile.Mark(ctx, local, t, cause)
	}
	return &work.Pool{Log: h.Log, Mark: mark, Handlers: work.Handlers{
		site.EventTask: pub.Event, site.SyncTask: pub.Issue, site.StopTask: pub.Stopping, site.ReadTask: pub.Read,
		site.ChangeTask: app.Change, site.RetryTask: app.Retry, site.SweepTask: (&reconcile.Sweep{Site: local, Hit: pub.Hit, Read: pub.Read}).Page,
		site.EndTask: (&reconcile.End{Site: local}).Page, site.BulkTask: (&reconcile.Bulk{Site: local, Put: pub.Put}).Page, site.PairTask: pub.Pair, site.MeetTask: pub.Meet,
		site.ParkedTask: (&reconcile.Parked{Site: local}).Page,
		site.AskTask:    app.Preview, site.RingTask: (&relay.Relay{Site: local}).Wake,
	}}, nil
}

// Reconcile returns what the schedules start: a job by its name.
func (h *Hub) Reconcile() (map[string]func(context.Context) error, error) {
	local, err := h.Local()
	if err != nil {
		return nil, err
	}
	watch := &reconcile.Watch{Site: local, Hit: (&publish.Flow{Site: local}).Hit, Overlap: reconcile.DefaultOverlap}
	return map[string]func(context.Context) error{
		"due":    func(ctx context.Context) error { _, err := reconcile.Due(ctx, local); return err },
		"watch":  func(ctx context.Context) error { _, err := watch.Once(ctx); return err },
		"sweep":  func(ctx context.Context) error { return reconcile.StartAll(ctx, local, "schedule") },
		"health": func(ctx context.Context) error { return h.Health(ctx, local, h.stack(), os.Stdout) },
	}, nil
}
