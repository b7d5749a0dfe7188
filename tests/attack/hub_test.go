package attack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/sign"
	"drawbridge/shared/store"
	"drawbridge/tests/logs"
)

// hub is a hub with two connections, c1 and c2, each with its poller. Its clock
// moves only when a test moves it.
type hub struct {
	t       *testing.T
	clock   atomic.Int64
	store   *store.Memory
	blobs   *blob.Memory
	handler *exchange.Handler
	server  *httptest.Server
	url     *url.URL
	log     *logs.Buffer
	nonces  int

	mu     sync.Mutex
	passed []string // connections of exchanges and acceptances that reached the backend
}

func (h *hub) Rotated(context.Context, string, string, string) error { return nil }

func (h *hub) Accepted(_ context.Context, connection string, _ exchange.Site) (bridge.Connection, exchange.Site, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = append(h.passed, "accept "+connection)
	return bridge.Connection{ID: connection}, exchange.Site{}, nil
}

func (h *hub) Exchange(_ context.Context, s exchange.Session, _ *exchange.Request) (exchange.Response, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = append(h.passed, "exchange "+s.Connection)
	return exchange.Response{}, nil
}

var (
	hubKey  = key(100)
	poller1 = key(1)
	poller2 = key(2)
	nobody  = key(3)
)

func key(b byte) sign.Key {
	k, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

func newHub(t *testing.T) *hub {
	h := &hub{t: t, store: store.NewMemory(store.Faults{}), blobs: blob.NewMemory(), log: &logs.Buffer{}}
	h.clock.Store(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).UnixMilli())
	h.store.Now = h.now
	h.handler = &exchange.Handler{Keys: []sign.Key{hubKey}, Book: exchange.Book{Store: h.store}, Backend: h, Blobs: h.blobs,
		Now: h.now, Log: slog.New(slog.NewTextHandler(h.log, nil))}
	h.server = httptest.NewUnstartedServer(nil)
	h.server.Config = exchange.NewServer(h.handler)
	h.server.Start()
	t.Cleanup(h.server.Close)
	h.url, _ = url.Parse(h.server.URL)
	h.handler.Authority = sign.Authority(h.url)
	h.join("c1", poller1)
	h.join("c2", poller2)
	h.passed = nil
	return h
}

func (h *hub) now() time.Time       { return time.UnixMilli(h.clock.Load()).UTC() }
func (h *hub) wait(d time.Duration) { h.clock.Add(d.Milliseconds()) }
func (h *hub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *hub) invite(connection, seed string) sign.Invitation {
	h.t.Helper()
	inv, err := sign.NewInvitation(strings.NewReader(strings.Repeat(seed, 44)), h.server.URL, hubKey.Public(), connection, h.now().Add(time.Hour))
	h.must(err)
	h.must(h.handler.Book.Invite(context.Background(), inv))
	return inv
}

func (h *hub) client(inv sign.Invitation, k sign.Key) *exchange.Client {
	c, err := exchange.NewClient(inv, k, h.server.Client())
	h.must(err)
	c.Now = h.now
	return c
}

func (h *hub) join(connection string, k sign.Key) {
	h.t.Helper()
	inv := h.invite(connection, connection[1:])
	_, err := h.client(inv, k).Accept(context.Background(), inv, "poller-"+connection, exchange.Site{})
	h.must(err)
}

// heartbeat is the body of a plain exchange of the poller of a connection.
func heartbeat(connection string) []byte {
	return []byte(`{"protocol":1,"from":{"poller":"poller-` + connection + `","state":"s","generation":1,"instance":"i"}}`)
}

// signed is a request that the owner of k would make.
func (h *hub) signed(k sign.Key, method, path string, body []byte) *http.Request {
	h.t.Helper()
	u := h.server.URL + path
	r, err := http.NewRequest(method, u, bytes.NewReader(body))
	h.must(err)
	h.nonces++
	r.Header.Set("Drawbridge-Protocol", "1")
	h.must(sign.SignRequest(r, body, k, h.handler.Authority, h.now(), fmt.Sprintf("nonce-%014d", h.nonces)))
	return r
}

const (
	exchange1 = "/v1/connections/c1/exchange"
	exchange2 = "/v1/connections/c2/exchange"
)

func (h *hub) genuine() *http.Request { return h.signed(poller1, "POST", exchange1, heartbeat("c1")) }

type answer struct {
	status int
	header http.Header
	body   string
}

func (h *hub) send(r *http.Request) answer {
	h.t.Helper()
	resp, err := h.server.Client().Do(r)
	h.must(err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	h.must(err)
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// again is the same request once more, body included.
func again(r *http.Request) *http.Request {
	c := r.Clone(context.Background())
	c.Body, _ = r.GetBody()
	return c
}

// stored is all that the hub has stored about callers.
func (h *hub) stored() string {
	var b strings.Builder
	for _, part := range []string{"invitations", "exchange/c1", "exchange/c2"} {
		docs, err := h.store.List(context.Background(), part, store.Range{})
		h.must(err)
		for _, d := range docs {
			fmt.Fprintf(&b, "%s %d %s\n", d.Key, d.Rev, d.Body)
		}
	}
	return b.String()
}

// refused sends r and fails unless the hub answers with nothing but its time,
// stores nothing and passes nothing on.
func (h *hub) refused(name string, r *http.Request) {
	h.t.Helper()
	before, passed := h.stored(), len(h.passed)
	a := h.send(r)
	want := `{"error":"refused","now":"` + h.now().Format("2006-01-02T15:04:05Z") + `"}`
	if a.status != 401 || a.body != want {
		h.t.Errorf("%s: answered %d %s", name, a.status, a.body)
	}
	if after := h.stored(); after != before {
		h.t.Errorf("%s: stored\n%s\ninstead of\n%s", name, after, before)
	}
	if len(h.passed) != passed {
		h.t.Errorf("%s: passed on: %v", name, h.passed[passed:])
	}
}

// accepted sends r and fails unless it is taken.
func (h *hub) accepted(name string, r *http.Request) answer {
	h.t.Helper()
	a := h.send(r)
	if a.status != 200 {
		h.t.Fatalf("%s: answered %d %s", name, a.status, a.body)
	}
	return a
}

// dial opens a bare connection to the hub.
func (h *hub) dial() net.Conn {
	c, err := net.Dial("tcp", h.url.Host)
	h.must(err)
	h.t.Cleanup(func() { c.Close() })
	return c
}
