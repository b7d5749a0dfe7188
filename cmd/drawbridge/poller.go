package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/blob/folderblob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/poll"
	"drawbridge/shared/relay"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
)

func newPoller(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "poller",
		Short: "Run the private half, inside the firewall",
		Long: `The poller stands next to the private Jira. It opens every connection itself, to that Jira and to the hub, and
listens on nothing but loopback.`,
	}
	c.AddCommand(newPollerAccept(s), newPollerRun(s), newPollerOnce(s), newPollerRepair(s), newPollerRotate(s), newStatus(s, "drawbridge poller status --config poller.yaml"))
	return c
}

func newPollerRun(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "run",
		Short: "Run until interrupted",
		Long: `Runs the poller until it is interrupted: watches the private Jira, exchanges changes with the hub, applies
what comes. Logs go to standard error. Ctrl-C and SIGTERM stop it gracefully; kill -9 loses nothing.`,
		Example: "  drawbridge poller run --config poller.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withPoller(c, func(ctx context.Context, p *pollerHalf) error { return p.run(ctx) })
		},
	}
	configFlag(c)
	return c
}

func newPollerOnce(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "once",
		Short: "Do one round and end, for cron",
		Long: `Searches the private Jira once, exchanges with the hub until nothing is left to send or take, applies what
came, and ends. For machines where nothing may run for long.`,
		Example: "  */5 * * * * drawbridge poller once --config /etc/drawbridge/poller.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withPoller(c, func(ctx context.Context, p *pollerHalf) error { return p.once(ctx) })
		},
	}
	configFlag(c)
	return c
}

// withPoller opens the private half as its own process does and closes it after do.
func (s *screen) withPoller(c *cobra.Command, do func(context.Context, *pollerHalf) error) error {
	path, err := settingsPath(c)
	if err != nil {
		return err
	}
	settings, err := config.LoadPoller(path)
	if err != nil {
		return err
	}
	if err := mayRun(settings.Roles); err != nil {
		return err
	}
	p, err := openPoller(c.Context(), settings, settings.Logger(s.err))
	if err != nil {
		return err
	}
	defer p.db.Close()
	return do(c.Context(), p)
}

// A pollerHalf is the private half as its process runs it.
type pollerHalf struct {
	settings config.Poller
	db       *sqlitestore.DB
	engine   *engine
	book     poll.Book
	self     exchange.Identity
	folder   *folderblob.Folder
	hub      *http.Client // with the proxy and certificates for the hub
	log      *slog.Logger

	mu    sync.Mutex
	loops map[string]*poll.Loop // by connection
}

func openPoller(ctx context.Context, settings config.Poller, log *slog.Logger) (_ *pollerHalf, err error) {
	db, err := sqlitestore.Open(settings.State, sqlitestore.Options{Version: version, Exclusive: true})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close() // the error at hand says more
		}
	}()
	p := &pollerHalf{settings: settings, db: db, book: poll.Book{Store: db.Store()}, log: log, loops: map[string]*poll.Loop{}}
	if p.hub, err = hubClient(settings.Hub.Network); err != nil {
		return nil, err
	}
	if p.folder, err = folderblob.Open(settings.Blobs); err != nil {
		return nil, err
	}
	if p.self, err = p.book.Start(ctx); err != nil {
		return nil, err
	}
	home, err := site.Home(ctx, db.Store(), settings.Site.Name)
	if err != nil {
		return nil, err
	}
	p.engine, err = wire(wiring{
		role: bridge.Private, site: settings.Site, home: home, db: db, watch: settings.Watch, limits: settings.Limits, scan: settings.Scan, workers: settings.Workers, history: settings.History,
		content: poll.Content{Folder: p.folder, Client: p.client}, now: p.now, log: log,
	})
	return p, err
}

func hubClient(n config.Network) (*http.Client, error) {
	transport, err := n.Transport()
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	return &http.Client{Transport: transport}, nil
}

// now is the hub's timeline: our clock, corrected by what the hub's signed answers taught.
func (p *pollerHalf) now() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.loops {
		if offset, known := l.Client.Clock.Offset(); known {
			return time.Now().Add(offset).UnixMilli()
		}
	}
	return time.Now().UnixMilli()
}

// client is the way to the hub of a connection.
func (p *pollerHalf) client(connection string) (*exchange.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.loops[connection]; l != nil {
		return l.Client, nil
	}
	return nil, bridge.Permanent("connection-unknown", "connection %s is not in this poller's state", connection).At(bridge.LevelConnection)
}

// loop makes the exchange loop of a link, once, or anew.
func (p *pollerHalf) loop(link poll.Link, anew bool) (*poll.Loop, error) {
	client, err := link.Client(p.hub)
	if err != nil {
		return nil, err
	}
	l := &poll.Loop{
		Relay: relay.Relay{Site: p.engine.site, Unready: p.engine.unready, Together: relay.Together}, Client: client, Book: p.book, Self: p.self, Status: p.status,
		Wait: poll.DefaultWait, Log: p.log, Rejoin: p.engine.rejoin,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.loops[link.Connection]; known != nil && !anew {
		return known, nil
	}
	p.loops[link.Connection] = l
	return l, nil
}

// status is the heartbeat: how this poller is.
func (p *pollerHalf) status(ctx context.Context, connection string) exchange.Status {
	s := exchange.Status{Version: version, Site: p.engine.site.Name, Problem: p.engine.problem()}
	var err error
	s.Rules, _ = p.engine.site.CurrentNumber(ctx, connection) // what cannot be read shows as 0; the next line says why
	if s.LiveOut, s.BulkOut, s.OldestMS, err = p.engine.site.Book.Depth(ctx, connection, depthMax); err != nil {
		s.Problem = err.Error()
	}
	return s
}

// run runs until ctx is done.
func (p *pollerHalf) run(ctx context.Context) error {
	herald, err := newHerald(p.engine, p.settings.Notify, p.settings.Site.CredentialExpires.Time, p.settings.Watch.Webhook != nil)
	if err != nil {
		return err
	}
	stop, err := p.listen(ctx)
	if err != nil {
		return err
	}
	defer stop()
	p.log.Info("poller is up", "site", p.settings.Site.Name, "state", p.settings.State, "version", version)
	var wg sync.WaitGroup
	running := map[string]worker{}
	p.startLoops(ctx, &wg, running) // first: the engine stamps by the hub's time, which its link knows
	wg.Go(func() { p.engine.run(ctx) })
	if herald != nil {
		herald.silent = p.silent
		wg.Go(func() { every(ctx, herald.pause(), herald.look) })
	}
	wg.Go(func() { every(ctx, time.Hour, func(ctx context.Context) { expire(ctx, p.folder, p.log) }) }) // what a crash left
	every(ctx, linksEvery, func(ctx context.Context) { p.startLoops(ctx, &wg, running) })
	wg.Wait()
	p.log.Info("poller has stopped")
	return nil
}

// silent are the hubs that cannot be reached.
func (p *pollerHalf) silent(context.Context) map[string]silence {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]silence{}
	for connection, l := range p.loops {
		if since, why := l.Silent(); why != nil {
			out[connection] = silence{since, why.Error()}
		}
	}
	return out
}

// linksEvery is how soon an invitation accepted by another process is noticed.
const linksEvery = time.Second

// worker is a loop at work: whom it speaks to, and how it is stopped.
type worker struct {
	hubURL, hubKey, key string
	stop                func()
}

// startLoops starts a loop for every link that has none yet, and anew where another process accepted an invitation or rotated
// our key, or where the hub's address or key is another one.
func (p *pollerHalf) startLoops(ctx context.Context, wg *sync.WaitGroup, all map[string]worker) {
	links, err := p.book.Links(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.log.Error("the connections cannot be read", "error", err)
		}
		return
	}
	for _, link := range links {
		was, known := all[link.Connection]
		if known && was.hubURL == link.HubURL && was.hubKey == link.HubKey.ID() && was.key == link.Key.ID() {
			continue
		}
		if known {
			was.stop()
		}
		l, err := p.loop(link, known)
		if err != nil {
			p.log.Error("connection cannot be used", "connection", link.Connection, "error", err)
			continue
		}
		p.log.Info("exchanging", "connection", link.Connection, "hub", link.HubURL)
		each, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		wg.Go(func() {
			defer close(ended)
			l.Run(each)
		})
		all[link.Connection] = worker{link.HubURL, link.HubKey.ID(), link.Key.ID(), func() { cancel(); <-ended }}
	}
}

// listen serves numbers, health and webhooks on loopback, where they are configured.
func (p *pollerHalf) listen(ctx context.Context) (stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close() // whoever asks gets no answer; Jira's webhooks are found by search
		}
	}
	serve := func(addr string, h http.Handler) error {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
		servers = append(servers, s)
		go s.Serve(l)
		p.log.Info("listening on loopback", "address", l.Addr().String())
		return nil
	}
	if m := p.settings.Metrics; m != nil {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /healthz", p.engine.health)
		mux.HandleFunc("GET /metrics", p.engine.serveMetrics)
		err = errors.Join(err, serve(m.Listen, mux))
	}
	if w := p.settings.Watch.Webhook; w != nil {
		mux := http.NewServeMux()
		mux.Handle(ingest.Path, p.engine.webhooks(p.settings.Site.Name, w.Secret))
		err = errors.Join(err, serve(w.Listen, mux))
	}
	if err != nil {
		stop()
	}
	return stop, err
}

// onceTime bounds one round of `poller once`.
const onceTime = 10 * time.Minute

// once does one round: search, exchange, apply, until nothing moves.
func (p *pollerHalf) once(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, onceTime)
	defer cancel()
	links, err := p.book.Links(ctx)
	if err != nil {
		return err
	}
	for _, link := range links {
		if _, err := p.loop(link, false); err != nil {
			return err
		}
	}
	work, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { p.engine.pool.Run(work) })
	defer wg.Wait()
	defer stop()
	if _, err := p.engine.watch.Once(ctx); err != nil {
		return err
	}
	p.engine.due(ctx)
	return p.settle(ctx)
}

// settle exchanges and applies until there is nothing left of either.
func (p *pollerHalf) settle(ctx context.Context) error {
	for {
		if err := p.drained(ctx); err != nil {
			return err
		}
		busy := 0
		for _, l := range p.loops {
			if err := l.Once(ctx); err != nil {
				return err
			}
		}
		if err := p.drained(ctx); err != nil {
			return err
		}
		for _, l := range p.loops {
			if err := l.Once(ctx); err != nil { // the acks of what was just applied
				return err
			}
			busy += l.Busy()
		}
		if busy == 0 {
			return nil
		}
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
	}
}

// drained waits until the queue is empty.
func (p *pollerHalf) drained(ctx context.Context) error {
	for {
		d, err := p.engine.site.Queue.Depth(ctx)
		if err != nil || d.Waiting+d.InFlight == 0 {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
