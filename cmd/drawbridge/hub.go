package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/blob/folderblob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/exchange"
	"drawbridge/shared/ingest"
	"drawbridge/shared/relay"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
)

func newHub(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "hub",
		Short: "Run the public half",
		Long: `Runs the hub until it is interrupted: takes the public Jira's webhooks, answers the poller, applies what comes
from inside. All its state is in one SQLite file. Logs go to standard error. Ctrl-C and SIGTERM stop it
gracefully; kill -9 loses nothing.`,
		Example: "  drawbridge hub --config hub.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := settingsPath(c)
			if err != nil {
				return err
			}
			h, err := config.LoadHub(path)
			if err != nil {
				return err
			}
			if err := mayRun(h.Roles); err != nil {
				return err
			}
			return runHub(c.Context(), h, h.Logger(s.err))
		},
	}
	configFlag(c)
	c.AddCommand(newHubRotate(s), newWebhook(s, "hub"))
	return c
}

func runHub(ctx context.Context, h config.Hub, log *slog.Logger) error {
	db, err := sqlitestore.Open(h.State, sqlitestore.Options{Version: version, Exclusive: true})
	if err != nil {
		return err
	}
	defer db.Close()
	blobs, err := folderblob.Open(h.Blobs)
	if err != nil {
		return err
	}
	keys := hubKeys{db.Store()}
	now := func() int64 { return time.Now().UnixMilli() }
	home, err := site.Home(ctx, db.Store(), h.Site.Name)
	if err != nil {
		return err
	}
	e, err := wire(wiring{
		role: bridge.Public, site: h.Site, home: home, db: db, watch: h.Watch, limits: h.Limits, scan: h.Scan, workers: h.Workers, history: h.History,
		content: site.Blobs{Store: blobs, Role: bridge.Public}, now: now, log: log,
	})
	if err != nil {
		return err
	}
	generation, err := keys.start(ctx)
	if err != nil {
		return err
	}
	if _, err := keys.all(ctx); err != nil {
		return err
	}
	handler, err := hubHandler(h, e, keys, generation, blobs)
	if err != nil {
		return err
	}
	return serveHub(ctx, h, e, blobs, handler)
}

// hold is how long the hub holds an answer until there is something to send: on one machine that costs nothing.
const hold = 20 * time.Second

func hubHandler(h config.Hub, e *engine, keys hubKeys, generation exchange.Generation, blobs *folderblob.Folder) (http.Handler, error) {
	base, err := url.Parse(h.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public_url: %w", err)
	}
	prefix := strings.TrimRight(base.Path, "/")
	mux := http.NewServeMux()
	half := exchange.Handler{
		Authority: sign.Authority(base), Prefix: prefix, Book: exchange.Book{Store: e.site.Book.Store}, Blobs: blobs,
		MaxBlob: int64(h.Limits.Attachment), Now: time.Now, Log: e.log,
		Backend: &relay.Hub{
			Relay: relay.Relay{Site: e.site, Unready: e.unready, Together: relay.Together}, Dismiss: exchange.Book{Store: e.site.Book.Store}.Dismiss, State: generation, Kept: new(relay.Kept), Rejoin: e.rejoin, Hold: hold, Cheap: h.Pace == "cheap",
			Self: exchange.Site{Name: h.Site.Name, Flavour: h.Site.Flavour, URL: h.Site.BrowseURL, Version: version},
		},
	}
	mux.HandleFunc(prefix+"/v1/", func(w http.ResponseWriter, r *http.Request) {
		now, err := half, error(nil)
		if now.Keys, err = keys.all(r.Context()); err != nil { // each time: another process may have rotated them
			e.log.Error("exchange", "error", err, "error_name", bridge.NameOf(err))
			http.Error(w, "unavailable", http.StatusServiceUnavailable)
			return
		}
		now.ServeHTTP(w, r)
	})
	if h.Webhook != nil {
		mux.Handle(prefix+ingest.Path, http.StripPrefix(prefix, e.webhooks(h.Site.Name, h.Webhook.Secret)))
	}
	mux.HandleFunc("GET /healthz", e.publicHealth)
	return mux, nil
}

func (e *engine) webhooks(name string, secret config.Secret) http.Handler {
	in := &ingest.Handler{Name: name, Secret: secret.Reveal, Unsigned: e.site.Jira.Flavour() == bridge.DataCenter, Send: e.site.Send, Log: e.log}
	e.pool.Burst = in.Burst
	return in
}

// serveHub serves and works until ctx is done, then stops: no new calls, held answers are given, work in hand is done.
func serveHub(ctx context.Context, h config.Hub, e *engine, blobs *folderblob.Folder, handler http.Handler) error {
	herald, err := newHerald(e, h.Notify, h.Site.CredentialExpires.Time, h.Webhook != nil)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", h.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := exchange.NewServer(handler)
	server.ErrorLog = slog.NewLogLogger(e.log.Handler(), slog.LevelDebug)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	e.log.Info("hub is up", "listen", listener.Addr().String(), "public_url", h.PublicURL, "site", h.Site.Name, "version", version)
	var wg sync.WaitGroup
	wg.Go(func() { e.run(ctx) })
	if herald != nil {
		book := exchange.Book{Store: e.site.Book.Store}
		herald.silent = func(ctx context.Context) map[string]silence { return quietPollers(ctx, e, book.Seen) }
		wg.Go(func() { every(ctx, herald.pause(), herald.look) })
	}
	wg.Go(func() { every(ctx, time.Hour, func(ctx context.Context) { expire(ctx, blobs, e.log) }) })
	failed := make(chan error, 1)
	go func() { failed <- serveTLS(server, listener, h.TLS) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = shutDown(server)
	}
	wg.Wait()
	e.log.Info("hub has stopped")
	return err
}

func serveTLS(server *http.Server, l net.Listener, t config.TLS) error {
	if t.Cert == "" {
		return server.Serve(l)
	}
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key) // read each time, so that a renewed one counts
		return &pair, err
	}}
	return server.ServeTLS(l, "", "")
}

func shutDown(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return server.Close() // what is cut off is asked for again
	}
	return nil
}

// contentKept is how long the content of an attachment waits for the other side.
const contentKept = 7 * 24 * time.Hour

func expire(ctx context.Context, blobs *folderblob.Folder, log *slog.Logger) {
	n, err := blobs.Expire(ctx, time.Now().Add(-contentKept))
	if err != nil && ctx.Err() == nil {
		log.Warn("old attachment content could not be removed", "error", err)
	}
	if n > 0 {
		log.Info("old attachment content removed", "files", n)
	}
}

// publicHealth says whether this half works, and not why not: anybody may ask the hub.
func (e *engine) publicHealth(w http.ResponseWriter, _ *http.Request) {
	if e.problem() != "" {
		http.Error(w, "not ok", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// health says whether this half works: 200, or 503 with the reason.
func (e *engine) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if problem := e.problem(); problem != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, bridge.OneLine(problem))
		return
	}
	fmt.Fprintln(w, "ok")
}
