package exchange_test

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
	"sync"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
)

// world is a hub on an httptest server with the memory drivers, and a clock that
// stands still until told otherwise.
type world struct {
	t       testing.TB
	now     time.Time
	store   *store.Memory
	blobs   *blob.Memory
	backend *backend
	handler *exchange.Handler
	server  *httptest.Server
	log     *bytes.Buffer
	inv     sign.Invitation
}

// backend is a hub that remembers what it got and gives what it is told to.
type backend struct {
	mu       sync.Mutex
	got      []exchange.Request
	sessions []exchange.Session
	give     exchange.Response
	err      error
	accepted int
	rotated  []string // keys announced, by their ids
	during   func()   // called inside an exchange
}

func (b *backend) Accepted(_ context.Context, connection string, _ exchange.Site) (bridge.Connection, exchange.Site, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accepted++
	return bridge.Connection{ID: connection, State: bridge.Active}, exchange.Site{Name: "public"}, b.err
}

func (b *backend) Rotated(_ context.Context, _, _, next string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rotated = append(b.rotated, next)
	return b.err
}

func (b *backend) Exchange(_ context.Context, s exchange.Session, in *exchange.Request) (exchange.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got, b.sessions = append(b.got, *in), append(b.sessions, s)
	if b.during != nil {
		b.during()
	}
	out := b.give
	out.Changes = append([]bridge.Change(nil), b.give.Changes...)
	return out, b.err
}

var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

func seeded(b byte) sign.Key {
	k, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, now: start, store: store.NewMemory(store.Faults{}), blobs: blob.NewMemory(), backend: &backend{}, log: &bytes.Buffer{}}
	w.store.Now = func() time.Time { return w.now }
	w.handler = &exchange.Handler{
		Keys: []sign.Key{seeded(2)}, Book: exchange.Book{Store: w.store}, Kept: new(exchange.Kept), Backend: w.backend, Blobs: w.blobs,
		Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	w.server = httptest.NewServer(w.handler)
	t.Cleanup(w.server.Close)
	u, _ := url.Parse(w.server.URL)
	w.handler.Authority = sign.Authority(u)
	w.inv = w.invite("c1")
	return w
}

func (w *world) invite(connection string) sign.Invitation {
	w.t.Helper()
	seed := sha(connection + fmt.Sprint(len(w.log.String())))
	inv, err := sign.NewInvitation(strings.NewReader(seed), w.server.URL, w.handler.Keys[0].Public(), connection, w.now.Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.handler.Book.Invite(context.Background(), inv); err != nil {
		w.t.Fatal(err)
	}
	return inv
}

func (w *world) client(inv sign.Invitation, key sign.Key) *exchange.Client {
	w.t.Helper()
	c, err := exchange.NewClient(inv, key, w.server.Client())
	if err != nil {
		w.t.Fatal(err)
	}
	c.Now = func() time.Time { return w.now }
	return c
}

// joined is a client whose invitation was accepted.
func (w *world) joined() *exchange.Client {
	w.t.Helper()
	c := w.client(w.inv, seeded(1))
	if _, err := c.Accept(context.Background(), w.inv, "poller-1", exchange.Site{Name: "private"}); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func from(instance string, generation int64) *exchange.Request {
	return &exchange.Request{From: exchange.Identity{Poller: "poller-1", State: "state-1", Generation: generation, Instance: instance}}
}

func exchangeOnce(c *exchange.Client, r *exchange.Request) (*exchange.Response, error) {
	return c.Exchange(context.Background(), r)
}

func (w *world) wantError(err error, name string) {
	w.t.Helper()
	if bridge.NameOf(err) != name {
		w.t.Errorf("error %v (%s), want %s", err, bridge.NameOf(err), name)
	}
}

// between puts a handler between client and hub.
func (w *world) between(c *exchange.Client, f func(http.ResponseWriter, *http.Request, http.Handler)) {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { f(rw, r, w.handler) }))
	w.t.Cleanup(s.Close)
	u, _ := url.Parse(s.URL)
	w.handler.Authority = sign.Authority(u)
	c.Base = u
}

func sha(text string) string { return strings.Repeat(text+"-0123456789", 8) }

func reader(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}
