package bench

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/poll"
	"drawbridge/shared/relay"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// Connection is the one connection of a world.
const Connection = "bench"

const webhookSecret = "It's a Secret to Everybody"

// The projects under sync.
const (
	PublicProject  = "PUB"
	PrivateProject = "PRV"
)

// World is two Jiras and both halves of Drawbridge.
type World struct {
	T               testing.TB
	Public, Private *Half
	HubURL          string
	Client          *exchange.Client
	Loop            *poll.Loop
	Post            *Post

	o      Options
	dir    string
	server *http.Server
	keys   []sign.Key
}

// Options shape a world.
type Options struct {
	Latency time.Duration // of every Jira call of Drawbridge's
	Writers int           // workers of each half; 8 if 0
	Look    time.Duration // between two searches of the private half; 250 ms if 0, none if negative
	Cloud   bool          // keep Cloud's rate limits
	Public  string        // rules of the public half; empty: everything both ways
	Private string
	Links   bool       // issues get remote links to their twins
	Deliver Deliveries // how webhooks of the public Jira arrive
	Held    bool       // no trigger puts issues under sync
}

// New makes a world in which nothing runs yet: see [World.Run].
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{T: t, o: o, dir: t.TempDir()}
	if w.o.Writers == 0 {
		w.o.Writers = 8
	}
	if w.o.Look == 0 {
		w.o.Look = 250 * time.Millisecond
	}
	public, private := StartJira(t, simulator.Cloud, PublicProject), StartJira(t, simulator.DataCenter, PrivateProject)
	if !o.Cloud {
		public.Unlimited()
	}
	w.Public = NewHalf(t, filepath.Join(w.dir, "hub"), public, HalfOptions{
		Role: bridge.Public, Workers: w.o.Writers, Limited: o.Cloud,
		Content: func(h *Half) site.Content { return site.Blobs{Store: h.Blobs, Role: bridge.Public} },
	})
	w.serve()
	w.openPrivate(private)
	w.connect()
	w.Public.Rules(or(o.Public, rules(PublicProject, o)))
	w.Private.Rules(or(o.Private, rules(PrivateProject, o)))
	w.Post = NewPost(w, o.Deliver)
	t.Cleanup(w.Close)
	return w
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// rules let every field through that a simulated Jira has, both ways, and put the project's issues under sync.
func rules(project string, o Options) string {
	links := "off"
	if o.Links {
		links = "both"
	}
	text := "version: 1\nremoteLinks: " + links + "\nfields:\n  - field: Priority\n  - field: Labels\n  - field: Due date\n"
	if !o.Held {
		text += "triggers:\n  - jql: project = " + project + "\n"
	}
	return text
}

func (w *World) openPrivate(j *Jira) {
	w.Private = NewHalf(w.T, filepath.Join(w.dir, "poller"), j, HalfOptions{
		Role: bridge.Private, Workers: w.o.Writers, Look: w.o.Look,
		Content: func(h *Half) site.Content {
			return poll.Content{Folder: h.Blobs, Client: func(string) (*exchange.Client, error) { return w.Client, nil }}
		},
	})
}

// serve puts the hub on loopback: exchange and webhooks.
func (w *World) serve() {
	w.T.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.T, err)
	w.HubURL = "http://" + l.Addr().String()
	base, err := url.Parse(w.HubURL)
	must(w.T, err)
	key, err := sign.NewKey(rand.Reader)
	must(w.T, err)
	w.keys = []sign.Key{key}
	mux := http.NewServeMux()
	mux.Handle("/v1/", &exchange.Handler{
		Authority: sign.Authority(base), Keys: w.keys, Book: exchange.Book{Store: w.Public.DB.Store()}, Blobs: w.Public.Blobs,
		Now: time.Now, Log: w.Public.Site.Log,
		Backend: &relay.Hub{Relay: w.Public.Relay, State: exchange.Generation{State: "bench", Number: 1}, Kept: new(relay.Kept), Hold: 20 * time.Second},
	})
	mux.Handle(ingest.Path, w.Public.Ingest())
	w.server = exchange.NewServer(mux)
	go func() { _ = w.server.Serve(l) }() // ends when it is closed
}

// connect invites the poller and accepts, over the wire.
func (w *World) connect() {
	w.T.Helper()
	ctx := context.Background()
	inv, err := sign.NewInvitation(rand.Reader, w.HubURL, w.keys[0].Public(), Connection, time.Now().Add(time.Hour))
	must(w.T, err)
	must(w.T, exchange.Book{Store: w.Public.DB.Store()}.Invite(ctx, inv))
	for h, project := range map[*Half]string{w.Public: PublicProject, w.Private: PrivateProject} {
		must(w.T, h.Site.Book.UpdateConnection(ctx, Connection, func(c *bridge.Connection) error {
			c.Name, c.State, c.Project = Connection, bridge.Active, project
			c.Policies[1] = bridge.Newest
			return nil
		}))
		must(w.T, h.Site.Allow(ctx, Connection, "bench")) // so many new issues at once are meant
	}
	key, err := sign.NewKey(rand.Reader)
	must(w.T, err)
	w.Client, err = exchange.NewClient(inv, key, &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()})
	must(w.T, err)
	self, err := poll.Book{Store: w.Private.DB.Store()}.Start(ctx)
	must(w.T, err)
	_, err = w.Client.Accept(ctx, inv, self.Poller, exchange.Site{Name: "private", Flavour: bridge.DataCenter, URL: w.Private.Jira.URL, Version: "bench"})
	must(w.T, err)
	w.Loop = &poll.Loop{Relay: w.Private.Relay, Client: w.Client, Book: poll.Book{Store: w.Private.DB.Store()}, Self: self, Wait: poll.DefaultWait, Log: w.Private.Site.Log}
	_, err = w.Private.Watch.Once(ctx) // the watches begin now
	must(w.T, err)
	_, err = w.Public.Watch.Once(ctx)
	must(w.T, err)
}

// Run starts both halves, those that do not run, with the latency asked for.
func (w *World) Run() {
	w.T.Helper()
	for _, h := range []*Half{w.Public, w.Private} {
		if h.stop == nil {
			w.start(h)
		}
	}
}

func (w *World) start(h *Half) {
	h.Jira.Latency(w.o.Latency)
	h.Calls.Reset()
	var ctx context.Context
	ctx, h.stop = context.WithCancel(context.Background())
	h.Run(ctx, &h.running)
	if h == w.Private {
		h.running.Go(func() { w.Loop.Run(ctx) })
	}
}

// Halt stops halves, both if none is named, and waits until they have.
func (w *World) Halt(hs ...*Half) {
	if len(hs) == 0 {
		hs = []*Half{w.Public, w.Private}
	}
	for _, h := range hs {
		if h.stop != nil {
			h.stop()
			h.running.Wait()
			h.stop = nil
		}
	}
}

// Settle waits until nothing waits any more: no message, no change without an ack, no webhook on its way.
func (w *World) Settle(within time.Duration) {
	w.T.Helper()
	deadline := time.Now().Add(within)
	for quiet := 0; quiet < 4; time.Sleep(100 * time.Millisecond) {
		if w.Post.Waiting()+w.Public.Waiting()+w.Private.Waiting() == 0 {
			quiet++
		} else {
			quiet = 0
		}
		if time.Now().After(deadline) {
			w.explain()
			w.T.Fatalf("not settled within %s: %d webhooks, %d on the public half, %d on the private half wait",
				within, w.Post.Waiting(), w.Public.Waiting(), w.Private.Waiting())
		}
	}
}

// Close stops everything.
func (w *World) Close() {
	w.Halt()
	w.Post.Close()
	_ = w.server.Close()
	_ = w.Public.DB.Close()
	_ = w.Private.DB.Close()
	w.Public.Jira.Stop()
	w.Private.Jira.Stop()
}

// settleTime is the longest anything measured here may take.
var settleTime = time.Minute

// explain logs what waits.
func (w *World) explain() {
	ctx := context.Background()
	for h, other := range map[*Half]*Half{w.Public: w.Private, w.Private: w.Public} {
		d, err := h.Site.Queue.Depth(ctx)
		w.T.Logf("%s half: queue %+v %v", h.Site.Name, d, err)
		changes, _, err := h.Site.Book.Outgoing(ctx, Connection, 5, func(string, int64) bool { return false })
		for _, c := range changes {
			p, _ := h.Site.Book.Load(ctx, Connection, c.Issue.ID) // it was there a moment ago
			w.T.Logf("%s waits: head %+v, intents %+v", c.Issue.Key, p.Head, p.State.Intents)
			if twin, _ := other.Site.Book.Find(ctx, Connection, c.Issue.ID); twin != nil {
				w.T.Logf("its twin: head %+v, intents %+v", twin.Head, twin.State.Intents)
			}
		}
		if err != nil {
			w.T.Log(err)
		}
	}
	w.T.Logf("the loop: %d under way, %v", w.Loop.Busy(), w.Loop.Trouble())
}
