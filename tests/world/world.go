// Package world is both halves of Drawbridge in one process, for tests: two simulated Jiras behind real HTTP, two
// engines over memory stores, and an exchange without a wire between them. What a test does, it does to the Jiras.
//
// Start reading at [New]; [World.Settle] lets everything happen that is going to happen.
package world

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/apply"
	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/queue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/work"
	"drawbridge/simulator"
)

// Connection is the one connection of a world.
const Connection = "c1"

// Project is the key of the project under sync on either site.
const (
	PublicProject  = "PUB"
	PrivateProject = "PRV"
)

// World is two sites.
type World struct {
	T       *testing.T
	Public  *Half
	Private *Half
	blobs   *blob.Memory
	crossed bytes.Buffer // every change that went over, as it was on the wire
}

// Half is one site with its engine.
type Half struct {
	T      *testing.T
	Jira   *simulator.Site
	Demo   simulator.Demo
	URL    string
	Site   *site.Site
	Store  *store.Memory
	Queue  *queue.Memory
	Pool   *work.Pool
	Relay  relay.Relay
	Kept   *relay.Kept
	Watch  *reconcile.Watch
	Sweep  *reconcile.Sweep
	Pub    *publish.Flow
	App    *apply.Flow
	web    *http.Client // to its Jira
	blobs  blob.Store
	o      Options
	source string
}

// Options shape a world.
type Options struct {
	PublicRules  string // rule files; empty: every field there is, both ways
	PrivateRules string
	Policy       bridge.Policy // default newest
	Configure    func(role bridge.Role, s *simulator.Settings)
	NoWebhooks   bool // the public side watches by search too
	Flavours     Flavours
	FakeTime     bool // no network between halves and Jiras, and no webhooks
}

// Flavours are the kinds of Jira on the public and on the private site; empty: Cloud and Data Center.
type Flavours struct{ Public, Private string }

// topologies are all that can be connected: a Jira of either kind may be on either site.
var topologies = []Flavours{
	{simulator.Cloud, simulator.DataCenter}, {simulator.DataCenter, simulator.DataCenter},
	{simulator.Cloud, simulator.Cloud}, {simulator.DataCenter, simulator.Cloud},
}

func (f Flavours) String() string { return f.Public + " and " + f.Private }

// New makes a world that ends with the test.
func New(t *testing.T, o Options) *World {
	t.Helper()
	blobs := blob.NewMemory()
	w := &World{T: t, blobs: blobs, Public: newHalf(t, bridge.Public, blobs, o), Private: newHalf(t, bridge.Private, blobs, o)}
	w.Public.rules(o.PublicRules, PublicProject)
	w.Private.rules(o.PrivateRules, PrivateProject)
	if !o.NoWebhooks && !o.FakeTime {
		w.Public.webhook()
	}
	return w
}

func newHalf(t *testing.T, role bridge.Role, blobs blob.Store, o Options) *Half {
	flavour, project := cmp.Or(o.Flavours.Public, simulator.Cloud), PublicProject
	if role == bridge.Private {
		flavour, project = cmp.Or(o.Flavours.Private, simulator.DataCenter), PrivateProject
	}
	h := &Half{T: t, Store: store.NewMemory(store.Faults{}), Queue: queue.NewMemory(queue.Faults{})}
	h.Jira = simulator.New(simulator.Options{Flavour: flavour, Seed: 1, Configure: func(s *simulator.Settings) {
		if o.Configure != nil {
			o.Configure(role, s)
		}
	}})
	h.Demo = h.Jira.SeedDemo(project)
	t.Cleanup(h.Jira.Close)
	if h.URL = "http://" + string(role) + ".localhost"; o.FakeTime {
		h.web = &http.Client{Transport: wire{h.Jira.Handler()}}
	} else {
		server := httptest.NewServer(h.Jira.Handler())
		t.Cleanup(server.Close)
		h.URL = server.URL
	}
	h.Jira.SetBaseURL(h.URL)
	h.blobs, h.o = blobs, o
	h.build(role, blobs, o)
	return h
}

// restart makes the half forget what is in memory only.
func (h *Half) restart() {
	h.T.Helper()
	h.build(h.Site.Role, h.blobs, h.o)
}

// loseState makes the half forget everything but its rules and its connection.
func (h *Half) loseState() {
	h.T.Helper()
	h.Store, h.Queue = store.NewMemory(store.Faults{}), queue.NewMemory(queue.Faults{})
	h.build(h.Site.Role, h.blobs, h.o)
	h.rules(h.source, h.Demo.ProjectKey)
	if h.Site.Role == bridge.Public {
		h.webhook()
	}
}

// client is a new client of the half's Jira.
func (h *Half) client(log *slog.Logger) *jira.Client {
	auth := jira.Auth{Kind: "basic", User: h.Demo.User, Secret: func() (string, error) { return h.Demo.Token, nil }}
	flavour := bridge.Cloud
	if h.Jira.Flavour() == simulator.DataCenter {
		flavour, auth.Kind = bridge.DataCenter, "pat"
	}
	client, err := jira.New(jira.Options{APIURL: h.URL, BrowseURL: h.URL, Flavour: flavour, Auth: auth, Log: log, Workers: 4, HTTP: h.web})
	h.must(err)
	return client
}

func (h *Half) build(role bridge.Role, blobs blob.Store, o Options) {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("WORLD_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("site", string(role))
	}
	client := h.client(log)
	now := func() int64 { return time.Now().UnixMilli() }
	h.Site = &site.Site{
		Name: string(role), Role: role, Jira: client, Queue: h.Queue, Log: log, Now: now,
		Book: &pair.Book{Store: h.Store, Site: string(role), Now: now, Wary: true}, Content: site.Blobs{Store: blobs, Role: role},
	}
	h.Relay, h.Pub, h.App = relay.Relay{Site: h.Site, Together: relay.Together}, &publish.Flow{Site: h.Site}, &apply.Flow{Site: h.Site}
	h.Kept = new(relay.Kept)
	h.Sweep = &reconcile.Sweep{Site: h.Site, Hit: h.Pub.Hit, Read: h.Pub.Read}
	h.Pool = &work.Pool{Queue: h.Queue, Log: log, Handlers: work.Handlers{
		site.EventTask: h.Pub.Event, site.SyncTask: h.Pub.Issue, site.StopTask: h.Pub.Stopping, site.ReadTask: h.Pub.Read,
		site.ChangeTask: h.App.Change, site.RetryTask: h.App.Retry, site.SweepTask: h.Sweep.Page,
		site.EndTask: (&reconcile.End{Site: h.Site}).Page, site.BulkTask: (&reconcile.Bulk{Site: h.Site, Put: h.Pub.Put}).Page, site.PairTask: h.Pub.Pair, site.MeetTask: h.Pub.Meet,
		site.ParkedTask: (&reconcile.Parked{Site: h.Site}).Page,
		site.AskTask:    h.App.Preview, site.RingTask: h.Relay.Wake,
	}}
	h.Watch = &reconcile.Watch{Site: h.Site, Hit: h.Pub.Hit}
	policy := o.Policy
	if policy == "" {
		policy = bridge.Newest
	}
	h.must(h.Site.Book.UpdateConnection(context.Background(), Connection, func(c *bridge.Connection) error {
		c.Name, c.State, c.Project = "test", bridge.Active, h.Demo.ProjectKey
		c.Policies[1] = policy
		return nil
	}))
	_, err := h.Watch.Once(context.Background()) // the watch begins now
	h.must(err)
}

// Everything is a rule set that carries every field the simulators have, both ways.
func Everything(project string) string {
	return fmt.Sprintf(`version: 1
fields:
  - field: Priority
  - field: Labels
  - field: Due date
  - field: Components
  - field: Fix versions
  - field: Assignee
  - field: Reporter
users:
  send: [email]
triggers:
  - jql: project = %s
status:
  fields:
    Done: {Resolution: Done}
`, project)
}

func (h *Half) rules(source, project string) {
	if source == "" {
		source = Everything(project)
	}
	h.source = source
	_, err := site.Publish(context.Background(), h.Site, Connection, site.Revision{File: h.Site.Name + ".yaml", Source: source, Author: "test"})
	h.must(err)
}

// webhook registers a webhook that fills the queue, as ingest does.
func (h *Half) webhook() {
	const secret = "It's a Secret to Everybody"
	in := &ingest.Handler{Name: h.Site.Name, Secret: func() (string, error) { return secret, nil }, Send: h.Site.Send, Log: h.Site.Log}
	server := httptest.NewServer(in)
	h.T.Cleanup(server.Close)
	_, err := h.Site.Jira.RegisterWebhook(context.Background(), jira.WebhookRequest{
		Name: "drawbridge", URL: server.URL + ingest.Path + h.Site.Name, Secret: secret,
		Events: []string{"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated", "comment_deleted", "worklog_created", "worklog_updated", "worklog_deleted", "attachment_created", "attachment_deleted", "issuelink_created", "issuelink_deleted"},
	})
	h.must(err)
}

func (h *Half) must(err error) {
	h.T.Helper()
	if err != nil {
		h.T.Fatal(err)
	}
}

// Settle lets webhooks arrive, watches search, queues run and changes cross until nothing moves any more.
func (w *World) Settle() {
	w.T.Helper()
	quiet, rests := 0, 0
	for range 200 {
		if w.Step() == 0 {
			quiet++
		} else {
			quiet = 0
		}
		if quiet < 3 {
			continue
		}
		if rests++; rests > 12 || !w.resting() {
			return // what is tried again for ever does not hold up the rest
		}
	}
	w.T.Fatal("the world does not settle: changes keep crossing")
}

// resting reports whether something waits to be tried again, and waits for it a little.
func (w *World) resting() bool {
	w.T.Helper()
	for _, h := range []*Half{w.Public, w.Private} {
		d, err := h.Queue.Depth(context.Background())
		w.must(err)
		if d.InFlight > 0 {
			time.Sleep(20 * time.Millisecond)
			return true
		}
	}
	return false
}

// Step does one round of everything and returns how much moved.
func (w *World) Step() int {
	w.T.Helper()
	ctx := context.Background()
	n := 0
	for _, h := range []*Half{w.Public, w.Private} {
		flush, cancel := context.WithTimeout(ctx, 10*time.Second)
		w.must(h.Jira.Flush(flush))
		cancel()
		if h == w.Private {
			hits, err := h.Watch.Once(ctx)
			w.must(err)
			n += hits
		}
		_, err := reconcile.Due(ctx, h.Site)
		w.must(err)
		n += h.Drain()
	}
	return n + w.Cross(w.Public, w.Private) + w.Cross(w.Private, w.Public)
}

// Drain does every task in a half's queue.
func (h *Half) Drain() int {
	h.T.Helper()
	ctx, n := context.Background(), 0
	for {
		ds, err := h.Queue.Receive(ctx, 10, time.Minute)
		h.must(err)
		if len(ds) == 0 {
			return n
		}
		for _, d := range ds {
			n++
			if err := h.Pool.Do(ctx, d.Body); err != nil {
				h.Site.Log.Error("task", "error", err, "body", string(d.Body))
				if bridge.IsTemporary(err) {
					h.must(h.Queue.Release(ctx, d, 100*time.Millisecond))
					continue
				}
			}
			h.must(h.Queue.Delete(ctx, d))
		}
	}
}

// Cross carries what waits from one half to the other, and the acks back.
func (w *World) Cross(from, to *Half) int {
	w.T.Helper()
	w.tell()
	if from.connection().State != bridge.Active {
		return 0
	}
	n, crossed := from.cross(Connection, to)
	w.crossed.Write(crossed)
	return n
}

// cross carries what waits in a connection to the other half as the wire would, lets that work, and brings the acks back.
func (h *Half) cross(connection string, to *Half) (worked int, wire []byte) {
	h.T.Helper()
	ctx := context.Background()
	changes, _, err := h.Relay.Outgoing(ctx, connection, 100, func(string, int64) bool { return false })
	h.must(err)
	wire, err = json.Marshal(changes)
	h.must(err)
	var arrived []bridge.Change
	h.must(json.Unmarshal(wire, &arrived))
	h.must(to.Relay.TakeChanges(ctx, arrived))
	worked = to.Drain()
	for _, c := range arrived {
		a, err := to.Relay.Answer(ctx, connection, c.Issue.ID, c.Revision)
		h.must(err)
		if a != nil {
			h.must(h.Relay.TakeAcks(ctx, []bridge.Ack{*a}))
		}
	}
	return worked, wire
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Call does one REST call as a user of the simulator ("alice"), not as the sync account, and decodes the answer.
func (h *Half) Call(user, method, path string, body, into any) int {
	h.T.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		h.must(err)
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, h.URL+path, r)
	h.must(err)
	req.Header.Set("Content-Type", "application/json")
	h.as(req, user)
	resp, err := h.browser().Do(req)
	h.must(err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	h.must(err)
	if into != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(raw, into); err != nil {
			h.T.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	if resp.StatusCode >= 300 {
		h.Site.Log.Info("call", "method", method, "path", path, "status", resp.StatusCode, "body", string(raw))
	}
	return resp.StatusCode
}

func (h *Half) browser() *http.Client {
	if h.web != nil {
		return h.web
	}
	return http.DefaultClient
}

func (h *Half) as(req *http.Request, user string) {
	if h.Jira.Flavour() == simulator.Cloud {
		req.SetBasicAuth(user+"@example.com", user+"-token")
	} else {
		req.Header.Set("Authorization", "Bearer "+user+"-token")
	}
}

// OK is Call that must succeed.
func (h *Half) OK(user, method, path string, body, into any) {
	h.T.Helper()
	if status := h.Call(user, method, path, body, into); status >= 300 {
		h.T.Fatalf("%s %s as %s: status %d", method, path, user, status)
	}
}

// Create makes an issue as alice and returns its key.
func (h *Half) Create(summary string, fields map[string]any) string {
	h.T.Helper()
	all := map[string]any{"project": map[string]string{"key": h.Demo.ProjectKey}, "issuetype": map[string]string{"name": "Task"}, "summary": summary}
	for k, v := range fields {
		all[k] = v
	}
	var out struct{ Key string }
	h.OK("alice", "POST", "/rest/api/2/issue", map[string]any{"fields": all}, &out)
	return out.Key
}

// Edit sets fields as alice.
func (h *Half) Edit(key string, fields map[string]any) {
	h.T.Helper()
	h.OK("alice", "PUT", "/rest/api/2/issue/"+key, map[string]any{"fields": fields}, nil)
}

// Field returns what the issue shows in a field, as compact JSON.
func (h *Half) Field(key, field string) string {
	h.T.Helper()
	var is struct{ Fields map[string]json.RawMessage }
	h.OK("admin", "GET", "/rest/api/2/issue/"+key, nil, &is)
	var b bytes.Buffer
	if err := json.Compact(&b, is.Fields[field]); err != nil {
		return ""
	}
	return b.String()
}

// Name returns the name (or value) of what a field holds.
func (h *Half) Name(key, field string) string {
	h.T.Helper()
	var v struct{ Name, Value, DisplayName string }
	_ = json.Unmarshal([]byte(h.Field(key, field)), &v)
	return strings.TrimSpace(v.Name + v.Value + v.DisplayName)
}

// Twin returns the key of the issue's twin as its own half knows it, "" if there is none.
func (h *Half) Twin(key string) string {
	h.T.Helper()
	ps, err := h.Site.Book.ByKey(context.Background(), []bridge.Connection{{ID: Connection}}, key)
	h.must(err)
	if len(ps) == 0 {
		return ""
	}
	return ps[0].Head.Remote.Key
}

// Pair returns the pair of an issue.
func (h *Half) Pair(key string) *pair.Pair {
	h.T.Helper()
	ps, err := h.Site.Book.ByKey(context.Background(), []bridge.Connection{{ID: Connection}}, key)
	h.must(err)
	if len(ps) != 1 {
		h.T.Fatalf("%d pairs of %s", len(ps), key)
	}
	return ps[0]
}

// forgetRules makes a half read its rules anew; a running one does so within a second.
func (h *Half) forgetRules() { h.Site.Forget() }
