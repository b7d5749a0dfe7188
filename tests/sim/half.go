package sim

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"drawbridge/shared/apply"
	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/poll"
	"drawbridge/shared/publish"
	"drawbridge/shared/queue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/work"
	"drawbridge/simulator"
)

// half is one site with its engine: a Jira and what is stored, which survive a crash, and the process, which does not.
type half struct {
	w        *world
	role     bridge.Role
	jira     *simulator.Site
	demo     simulator.Demo
	wire     *jiraWire
	disk     *disk
	line     *line
	blobs    *blob.Memory // the hub's blobs, the poller's folder
	gun      *gun
	skew     time.Duration // the process's clock minus the true time
	jiraSkew time.Duration
	saved    []store.Doc // the last backup of what is stored
	was      twist       // of the rules in force in it
	states   int         // that the poller said it has

	twist       twist // of the rules it shall have
	unpublished bool  // they may not be in force, for lack of luck

	process
}

// process is what a crash ends.
type process struct {
	site   *site.Site
	pub    *publish.Flow
	app    *apply.Flow
	pool   *work.Pool
	sweep  *reconcile.Sweep
	watch  *reconcile.Watch
	hub    http.Handler    // public: the exchange API
	ingest *ingest.Handler // public
	loop   *poll.Loop      // private
	client *exchange.Client
	starts int64
}

const (
	connection = "c1"
	secret     = "It's a Secret to Everybody"
	hubURL     = "https://hub.example"
)

var baseURL = map[bridge.Role]string{bridge.Public: "https://public.example", bridge.Private: "https://private.example"}

func newHalf(w *world, role bridge.Role, o options) *half {
	h := &half{w: w, role: role, blobs: blob.NewMemory()}
	h.gun = &gun{half: h}
	h.disk = &disk{Memory: h.newDisk(o), gun: h.gun}
	h.line = h.newLine(o)
	flavour, project := simulator.Cloud, "PUB"
	if role == bridge.Private {
		flavour, project = simulator.DataCenter, "PRV"
	}
	h.jira = simulator.New(simulator.Options{Flavour: flavour, Seed: int64(o.seed), Now: h.jiraNow, WebhookClient: &http.Client{Transport: w.mail}, Configure: func(s *simulator.Settings) {
		o.configure(role, s)
	}})
	h.demo = h.jira.SeedDemo(project)
	h.jira.SetBaseURL(baseURL[role])
	h.wire = &jiraWire{h: h, handler: h.jira.Handler(), routes: map[string]int{}}
	return h
}

func (h *half) now() time.Time     { return time.Now().Add(h.skew) }
func (h *half) jiraNow() time.Time { return time.Now().Add(h.jiraSkew) }
func (h *half) other() *half {
	if h == h.w.public {
		return h.w.private
	}
	return h.w.public
}

func (h *half) log() *slog.Logger {
	if !h.w.verbose {
		return slog.New(telling{h})
	}
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug})).With("site", string(h.role))
}

// start makes the process anew over what is stored.
func (h *half) start() {
	auth := jira.Auth{Kind: "basic", User: h.demo.User, Secret: func() (string, error) { return h.demo.Token, nil }}
	flavour := bridge.Cloud
	if h.role == bridge.Private {
		flavour, auth.Kind = bridge.DataCenter, "pat"
	}
	client, err := jira.New(jira.Options{
		APIURL: baseURL[h.role], BrowseURL: baseURL[h.role], Flavour: flavour, Auth: auth, Log: h.log(), Workers: 4, HTTP: &http.Client{Transport: h.wire}, Steady: true,
	})
	must(err)
	h.process = process{starts: h.starts + 1}
	now := func() int64 { return h.now().UnixMilli() }
	var content site.Content = site.Blobs{Store: h.blobs, Role: bridge.Public}
	if h.role == bridge.Private {
		now = func() int64 {
			local := time.Now()
			if h.client != nil {
				local = h.client.Clock.At(local)
			}
			return local.UnixMilli()
		}
		content = poll.Content{Folder: h.blobs, Client: func(string) (*exchange.Client, error) { return h.client, nil }}
	}
	h.site = &site.Site{
		Name: string(h.role), Role: h.role, Jira: client, Queue: h.line, Log: h.log(), Now: now,
		Book: &pair.Book{Store: h.disk, Site: string(h.role), Now: now, Wary: true}, Content: content,
	}
	h.pub, h.app = &publish.Flow{Site: h.site}, &apply.Flow{Site: h.site}
	h.sweep = &reconcile.Sweep{Site: h.site, Hit: h.pub.Hit, Read: h.pub.Read}
	h.pool = &work.Pool{Queue: h.line, Log: h.log(), Handlers: work.Handlers{
		site.EventTask: h.pub.Event, site.SyncTask: h.pub.Issue, site.ReadTask: h.pub.Read,
		site.ChangeTask: h.app.Change, site.RetryTask: h.app.Retry, site.SweepTask: h.sweep.Page,
	}}
	h.watch = &reconcile.Watch{Site: h.site, Hit: h.pub.Hit}
	if h.role == bridge.Public {
		h.startHub()
	} else {
		h.startPoller()
	}
}

func (h *half) startHub() {
	base, err := url.Parse(hubURL)
	must(err)
	h.hub = &exchange.Handler{
		Authority: sign.Authority(base), Keys: h.w.hubKeys, Book: exchange.Book{Store: h.disk}, Kept: new(exchange.Kept), Blobs: h.blobs, Now: h.now, Log: h.log(),
		Backend: &relay.Hub{Relay: relay.Relay{Site: h.site}, State: exchange.Generation{State: "hub", Number: h.starts}, Self: exchange.Site{Name: "public"}, Kept: new(relay.Kept), Rejoin: h.rejoin},
	}
	h.ingest = &ingest.Handler{Name: "public", Secret: func() (string, error) { return secret, nil }, Send: h.site.Send, Log: h.log()}
}

func (h *half) rejoin(ctx context.Context, connection string, request, rules int64) error {
	return reconcile.Rejoin(ctx, h.site, connection, request, rules)
}

// status is the poller's heartbeat, as far as the hub acts on it.
func (h *half) status(ctx context.Context, connection string) exchange.Status {
	n, _ := h.site.CurrentNumber(ctx, connection)
	return exchange.Status{Rules: n}
}

func (h *half) newLine(o options) *line {
	l := &line{Memory: queue.NewMemory(queue.Faults{Seed: o.seed, Repeat: 0.05}), gun: h.gun}
	l.MaxAttempts = 1000
	return l
}

// newDisk is an empty store.
func (h *half) newDisk(o options) *store.Memory {
	m := store.NewMemory(store.Faults{Seed: o.seed, IndexLag: o.indexLag, IndexRepeat: 0.1, IndexMiss: o.indexMiss})
	m.Now = h.now
	return m
}

func (h *half) startPoller() {
	book := poll.Book{Store: h.disk}
	links, err := book.Links(context.Background())
	must(err)
	h.client, err = links[0].Client(&http.Client{Transport: h.w.hubWire})
	must(err)
	h.loop = &poll.Loop{
		Relay: relay.Relay{Site: h.site}, Client: h.client, Book: book, Log: h.log(), Rejoin: h.rejoin, Status: h.status,
		Self: exchange.Identity{Poller: "poller", State: fmt.Sprint("state-", h.states), Generation: h.starts, Instance: fmt.Sprint("instance-", h.starts)},
	}
}

// join makes the connection known to the half, publishes its rules and begins to watch.
func (h *half) join(ctx context.Context, o options) {
	must(h.site.Book.UpdateConnection(ctx, connection, func(c *bridge.Connection) error {
		c.Name, c.State, c.Project = "test", bridge.Active, h.demo.ProjectKey
		c.Policies[1] = o.policy
		return nil
	}))
	h.publish(ctx, o.rules(h.role))
	_, err := h.watch.Once(ctx) // the watch begins now
	must(err)
	if h.role == bridge.Public {
		_, err = h.site.Jira.RegisterWebhook(ctx, jira.WebhookRequest{
			Name: "drawbridge", URL: hubURL + ingest.Path + "public", Secret: secret, Events: jira.WebhookEvents,
		})
		must(err)
	}
}

func (h *half) publish(ctx context.Context, source string) {
	_, err := site.Publish(ctx, h.site, connection, site.Revision{File: string(h.role) + ".yaml", Source: source, Author: "admin"})
	must(err)
}

// work does up to n tasks of the queue.
func (h *half) work(n int) (done int) {
	ctx := context.Background()
	ds, err := h.line.Receive(ctx, n, work.Visibility)
	must(err)
	for _, d := range ds {
		done++
		if !h.w.survive(h, func() { h.pool.Handle(ctx, d) }) {
			return done
		}
	}
	return done
}

// telling is a log handler that tells the story what went wrong.
type telling struct{ h *half }

func (t telling) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (t telling) WithAttrs([]slog.Attr) slog.Handler           { return t }
func (t telling) WithGroup(string) slog.Handler                { return t }

func (t telling) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "panic" && !t.h.gun.dead {
			fail("%s: panic: %s", t.h.role, a.Value)
		}
		if a.Key != "stack" {
			line += " " + a.String()
		}
		return true
	})
	t.h.w.say("  %s: %s", t.h.role, line)
	return nil
}
