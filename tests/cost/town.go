package cost

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"drawbridge/functions/wire"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/queue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/simulator"
	"drawbridge/tests/world"
)

const (
	secret = "It's a Secret to Everybody"
	poller = "poller-1"
)

// town is a hub whose requests are metered, a poller, and both Jiras.
type town struct {
	t      *testing.T
	w      *world.World
	m      *meter
	queue  fifo
	client *exchange.Client
	self   exchange.Identity

	awaits  map[string]mark // sent by the poller, not acknowledged
	holds   map[string]mark // taken by the poller, not acknowledged to the hub
	knows   exchange.Knows
	rounds  int           // exchanges so far
	every   time.Duration // between them
	idle    time.Duration // how long nothing flowed
	working int           // messages one invocation of the worker takes
}

type mark struct{ revision int64 }

func newTown(t *testing.T) *town {
	t.Helper()
	p, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	tn := &town{
		t: t, w: world.New(t, world.Options{NoWebhooks: true, Configure: unlimited}), m: &meter{p: p}, working: sqsBatch, every: time.Second, awaits: map[string]mark{}, holds: map[string]mark{},
		self: exchange.Identity{Poller: poller, State: "state-1", Generation: 1, Instance: "instance-1"},
	}
	tn.m.reset()
	hub := tn.w.Public
	log := wire.Logger(tn.m, slog.LevelInfo, "prod")
	tn.queue = fifo{hub.Queue, tn.m}
	hub.Site.Book.Store, hub.Site.Queue, hub.Site.Log, hub.Pool.Log = table{hub.Store, tn.m}, tn.queue, log, log
	hub.Site.Now = func() int64 { return tn.now().UnixMilli() }
	hub.Site.Content = site.Blobs{Store: objects{hub.Site.Content.(site.Blobs).Store, tn.m}, Role: bridge.Public}
	tn.webhook(log)
	tn.exchange(log)
	return tn
}

// unlimited: the edits of a run come faster than people make them.
func unlimited(_ bridge.Role, s *simulator.Settings) { s.RateLimits, s.ConflictRate = false, 0 }

func (tn *town) must(err error) {
	tn.t.Helper()
	if err != nil {
		tn.t.Fatal(err)
	}
}

// webhook registers a webhook whose deliveries are requests through API Gateway to ingest.
func (tn *town) webhook(log *slog.Logger) {
	hub := tn.w.Public
	in := &ingest.Handler{Name: hub.Site.Name, Secret: func() (string, error) { return secret, nil }, Send: hub.Site.Send, Log: log}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in.ServeHTTP(w, r)
		tn.m.requested(200)
		tn.m.invoked("ingest", tn.m.lap())
	}))
	tn.t.Cleanup(server.Close)
	_, err := hub.Site.Jira.RegisterWebhook(tn.t.Context(), jira.WebhookRequest{
		Name: "drawbridge", URL: server.URL + ingest.Path + hub.Site.Name, Secret: secret, Events: jira.WebhookEvents,
	})
	tn.must(err)
}

// exchange makes the hub's handler and a poller whose invitation was accepted.
func (tn *town) exchange(log *slog.Logger) {
	hub := tn.w.Public
	key := func(n byte) sign.Key {
		k, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{n}, 64)))
		tn.must(err)
		return k
	}
	h := &exchange.Handler{
		Keys: []sign.Key{key(1)}, Book: exchange.Book{Store: hub.Site.Book.Store}, Kept: new(exchange.Kept), Now: tn.now, Log: log,
		Backend: &relay.Hub{Relay: relay.Relay{Site: hub.Site}, State: exchange.Generation{State: "hub", Number: 1}, Self: exchange.Site{Name: "public"}, Kept: hub.Kept,
			Rejoin: func(ctx context.Context, c string, request, rules int64) error {
				return reconcile.Rejoin(ctx, hub.Site, c, request, rules)
			}},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		tn.m.requested(rec.Body.Len() + 800)
		tn.m.invoked("exchange", tn.m.lap())
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = io.Copy(w, rec.Body) // the poller notices what is missing
	}))
	tn.t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	tn.must(err)
	h.Authority = sign.Authority(base)
	inv, err := sign.NewInvitation(strings.NewReader(strings.Repeat("0123456789", 8)), server.URL, h.Keys[0].Public(), world.Connection, time.Now().Add(time.Hour))
	tn.must(err)
	tn.must(h.Book.Invite(tn.t.Context(), inv))
	tn.client, err = exchange.NewClient(inv, key(2), server.Client())
	tn.must(err)
	tn.client.Now = tn.now
	_, err = tn.client.Accept(tn.t.Context(), inv, poller, exchange.Site{Name: "private"})
	tn.must(err)
}

// flush delivers the public Jira's webhooks.
func (tn *town) flush() {
	ctx, cancel := context.WithTimeout(tn.t.Context(), 30*time.Second)
	defer cancel()
	tn.must(tn.w.Public.Jira.Flush(ctx))
}

// work runs the worker until its queue is empty. An invocation takes a batch; its groups run side by side, so that the
// slowest counts.
func (tn *town) work() {
	for {
		ds, err := tn.queue.take(tn.t.Context(), tn.working)
		tn.must(err)
		if len(ds) == 0 {
			return
		}
		slowest := 0.0
		for _, d := range ds {
			slowest = max(slowest, tn.task(d))
		}
		tn.must(tn.w.Public.Queue.Delete(tn.t.Context(), ds...))
		tn.m.invoked("work", slowest)
	}
}

// task does one message and returns the ms it waited for others.
func (tn *town) task(d queue.Delivery) float64 {
	tn.m.lap()
	before := tn.jiraCalls()
	if err := tn.w.Public.Pool.Do(tn.t.Context(), d.Body); err != nil {
		tn.t.Fatalf("task %.200s: %v", d.Body, err)
	}
	return tn.m.lap() + float64(tn.jiraCalls()-before)*tn.m.p.Latency["jira"]
}

// private does what the poller's side has to do.
func (tn *town) private() {
	h := tn.w.Private
	_, err := h.Watch.Once(tn.t.Context())
	tn.must(err)
	h.Drain()
}

// now is the hub's time: a poller at work comes once a second, the run does not wait for that.
func (tn *town) now() time.Time { return time.Now().Add(time.Duration(tn.rounds) * tn.every) }

// round is one exchange, as the poller does it.
func (tn *town) round() *exchange.Response {
	tn.rounds++
	ctx, book := tn.t.Context(), tn.w.Private.Site.Book
	c, err := book.Connection(ctx, world.Connection)
	tn.must(err)
	tn.knows.Policy, tn.knows.State, tn.knows.Name, tn.knows.Hold = c.Revision(), c.State, c.Theirs, c.HoldOf(bridge.Public)
	in := &exchange.Request{From: tn.self, Knows: tn.knows, Name: c.Name, IdleMS: tn.idle.Milliseconds()}
	for issue, m := range tn.holds {
		a, err := book.Answer(ctx, world.Connection, issue, m.revision)
		tn.must(err)
		if a != nil {
			in.Acks = append(in.Acks, *a)
			delete(tn.holds, issue)
		}
	}
	in.Changes, _, err = tn.w.Private.Relay.Next(ctx, world.Connection, len(tn.awaits), func(issue string, revision int64) bool {
		return tn.awaits[issue].revision >= revision
	})
	tn.must(err)
	for issue, m := range tn.awaits {
		in.Awaits = append(in.Awaits, exchange.Mark{Issue: issue, Revision: m.revision})
	}
	out, err := tn.client.Exchange(ctx, in)
	tn.must(err)
	tn.settle(in, out)
	return out
}

func (tn *town) settle(in *exchange.Request, out *exchange.Response) {
	ctx, r := tn.t.Context(), tn.w.Private.Relay
	if out.Connection != nil {
		out.Connection.ID = world.Connection
		err := r.Configure(ctx, out.Connection)
		tn.must(err)
	}
	tn.must(r.TakeAcks(ctx, out.Acks))
	tn.must(r.TakeChanges(ctx, out.Changes))
	tn.knows.Hub = out.Hub
	for _, c := range in.Changes {
		tn.awaits[c.Issue.ID] = mark{c.Revision}
	}
	for _, a := range out.Acks {
		if tn.awaits[a.Issue].revision <= a.Revision {
			delete(tn.awaits, a.Issue)
		}
	}
	for _, c := range out.Changes {
		tn.holds[c.Issue.ID] = mark{c.Revision}
	}
}

// settleAll lets everything happen that is going to happen.
func (tn *town) settleAll() {
	for range 50 {
		tn.flush()
		tn.work()
		tn.private()
		if out := tn.round(); len(out.Changes)+len(out.Acks)+len(tn.awaits)+len(tn.holds) == 0 {
			return
		}
	}
	tn.t.Fatal("the town does not settle")
}

// edit makes the n-th edit of a run on one side: the fields that people edit most, in turn.
func edit(h *world.Half, key string, n int) {
	switch n % 4 {
	case 0:
		h.Edit(key, map[string]any{"summary": fmt.Sprintf("the printer on floor %d burns again", n)})
	case 1:
		h.Edit(key, map[string]any{"description": fmt.Sprintf("It *smokes* since %d o'clock, and nobody is there to look after it.", n)})
	case 2:
		h.Edit(key, map[string]any{"priority": map[string]string{"name": []string{"Highest", "High", "Low", "Lowest"}[n/4%4]}})
	case 3:
		h.Edit(key, map[string]any{"labels": []string{fmt.Sprintf("l%d", n/4%4)}})
	}
}

// jiraCalls is how many requests the public Jira has had; while a task runs, they are the worker's.
func (tn *town) jiraCalls() (n int) {
	for _, c := range tn.w.Public.Jira.Calls() {
		n += c
	}
	return n
}
