package bench

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/apply"
	"drawbridge/shared/blob/folderblob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
	"drawbridge/shared/work"
	"drawbridge/simulator"
)

// Half is one side of Drawbridge: a state file, the flows on one Jira.
type Half struct {
	T     testing.TB
	Dir   string
	Jira  *Jira
	DB    *sqlitestore.DB
	Blobs *folderblob.Folder
	Site  *site.Site
	Relay relay.Relay
	Pub   *publish.Flow
	App   *apply.Flow
	Watch *reconcile.Watch
	Sweep *reconcile.Sweep
	Pool  *work.Pool
	Calls *Calls

	Arrivals *arrivals

	look    time.Duration
	stop    context.CancelFunc // nil: it does not run
	running sync.WaitGroup
}

// HalfOptions shape a half.
type HalfOptions struct {
	Role    bridge.Role
	Content func(*Half) site.Content
	Workers int
	Look    time.Duration // between two searches
	Limited bool          // keep Cloud's rate limits
}

// NewHalf opens the state in dir, making it if need be.
func NewHalf(t testing.TB, dir string, j *Jira, o HalfOptions) *Half {
	t.Helper()
	h := &Half{T: t, Dir: dir, Jira: j, Calls: &Calls{}, look: o.Look}
	var err error
	h.DB, err = sqlitestore.Open(filepath.Join(dir, "state.db"), sqlitestore.Options{Version: "bench", Exclusive: true})
	must(t, err)
	h.Blobs, err = folderblob.Open(filepath.Join(dir, "blobs"))
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("BENCH_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("half", string(o.Role))
	}
	now := func() int64 { return time.Now().UnixMilli() }
	h.Arrivals = &arrivals{Queue: h.DB.Queue()}
	h.Site = &site.Site{
		Name: string(o.Role), Role: o.Role, Jira: h.client(o, log), Queue: h.Arrivals, Log: log, Now: now,
		Book: &pair.Book{Store: h.DB.Store(), Site: string(o.Role), Now: now},
	}
	h.Site.Content = o.Content(h)
	h.flows(o, log)
	return h
}

func (h *Half) client(o HalfOptions, log *slog.Logger) *jira.Client {
	auth := jira.Auth{Kind: "basic", User: h.Jira.User, Secret: func() (string, error) { return h.Jira.Token, nil }}
	flavour := bridge.Cloud
	if h.Jira.Flavour == simulator.DataCenter {
		flavour, auth.Kind = bridge.DataCenter, "pat"
	}
	share := 1.0
	if !o.Limited {
		share = 1000
	}
	client, err := jira.New(jira.Options{
		APIURL: h.Jira.URL, Flavour: flavour, Auth: auth, Workers: o.Workers, Log: log, OnCall: h.Calls.count, Share: share,
		HTTP: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()},
	})
	must(h.T, err)
	return client
}

// flows wires the half as cmd/drawbridge does.
func (h *Half) flows(o HalfOptions, log *slog.Logger) {
	s := h.Site
	h.Relay, h.Pub, h.App = relay.Relay{Site: s, Unready: new(relay.Unready), Together: relay.Together}, &publish.Flow{Site: s}, &apply.Flow{Site: s}
	h.Sweep = &reconcile.Sweep{Site: s, Hit: h.Pub.Hit, Read: h.Pub.Read}
	h.Watch = &reconcile.Watch{Site: s, Hit: h.Pub.Hit, Workers: o.Workers}
	bulk := &reconcile.Bulk{Site: s, Put: h.Pub.Put, Workers: o.Workers}
	h.App.Worked = func(connection, remoteIssue string) {
		h.Relay.Unready.Worked(connection, remoteIssue)
		s.Ring()
	}
	back := func(ctx context.Context) error { return reconcile.Back(ctx, s) }
	h.Pool = &work.Pool{Queue: s.Queue, Workers: 2 * o.Workers, Log: log, Probe: s.Answers, Back: back, Handlers: work.Handlers{
		site.EventTask: h.Pub.Event, site.SyncTask: h.Pub.Issue, site.ReadTask: h.Pub.Read, site.ChangeTask: h.App.Change,
		site.RetryTask: h.App.Retry, site.SweepTask: h.Sweep.Page, site.BulkTask: bulk.Page,
		site.ParkedTask: (&reconcile.Parked{Site: s}).Page,
	}}
}

// Ingest is where webhooks of this half's Jira arrive.
func (h *Half) Ingest() *ingest.Handler {
	in := &ingest.Handler{Name: h.Site.Name, Secret: func() (string, error) { return webhookSecret, nil }, Send: h.Site.Send, Log: h.Site.Log}
	h.Pool.Burst = in.Burst
	return in
}

// Run works until ctx is done.
func (h *Half) Run(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { h.Pool.Run(ctx) })
	every := func(pause time.Duration, do func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := do(); err != nil && ctx.Err() == nil {
					h.Site.Log.Warn("bench", "error", err)
				}
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	every(2*time.Second, func() error { _, err := reconcile.Due(ctx, h.Site); return err })
	if h.look > 0 {
		every(h.look, func() error { _, err := h.Watch.Once(ctx); return err })
	}
}

// Rules publishes a rule file.
func (h *Half) Rules(source string) {
	h.T.Helper()
	_, err := site.Publish(context.Background(), h.Site, Connection, site.Revision{File: h.Site.Name + ".yaml", Source: source, Author: "bench"})
	must(h.T, err)
	h.Site.Forget()
}

// Waiting counts what is not settled: messages and changes without an ack.
func (h *Half) Waiting() int {
	h.T.Helper()
	live, bulk, _, err := h.Site.Book.Depth(context.Background(), Connection, 10000)
	must(h.T, err)
	return h.Queued() + live + bulk
}

// Queued counts messages.
func (h *Half) Queued() int {
	h.T.Helper()
	d, err := h.Site.Queue.Depth(context.Background())
	must(h.T, err)
	return d.Waiting + d.InFlight
}

// Calls counts what went over the wire to a Jira, by method and route.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *Calls) count(method, route string, _ int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[method+" "+route]++
}

// Reset begins anew.
func (c *Calls) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = nil
}

// All are the counts by method and route.
func (c *Calls) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Total is their sum.
func (c *Calls) Total() (n int) {
	for _, m := range c.All() {
		n += m
	}
	return n
}

func (c *Calls) String() string { return fmt.Sprint(c.All()) }

// isSearch tells calls that look for issues, which are posted where the query is long.
func isSearch(route string) bool {
	return strings.Contains(route, "search") || strings.Contains(route, "match")
}
