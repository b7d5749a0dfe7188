package exchange_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/store"
)

// processes are two hubs over one store, each with a memory of its own, as Lambda runs them. A request goes to the one at
// work.
type processes struct {
	*world
	client *exchange.Client
	hubs   [2]*exchange.Handler
	at     int
	record *http.Request // the last request, to be sent again
	body   []byte
}

func newProcesses(t *testing.T) *processes {
	p := &processes{world: newWorld(t)}
	p.client = p.joined()
	p.between(p.client, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
		p.body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(p.body))
		p.record = r
		p.hubs[p.at].ServeHTTP(rw, r)
	})
	for i := range p.hubs {
		h := *p.handler
		h.Kept = new(exchange.Kept)
		p.hubs[i] = &h
	}
	return p
}

// come exchanges with one of the processes and demands that it goes so; it returns the reads and writes it took.
func (p *processes) come(hub int, in *exchange.Request, want string) (reads, writes int) {
	p.t.Helper()
	p.at = hub
	p.store.SetFaults(store.Faults{Read: func(n int) bool { reads = n; return false }})
	_, err := exchangeOnce(p.client, in)
	if want == "" && err != nil || want != "" && bridge.NameOf(err) != want {
		p.t.Errorf("hub %d: %v, want %q", hub, err, want)
	}
	return reads, p.store.Applies()
}

func TestAKeptSessionCostsNoRead(t *testing.T) {
	p := newProcesses(t)
	if reads, _ := p.come(0, from("i1", 1), ""); reads != 1 {
		t.Errorf("the first exchange: %d reads", reads)
	}
	for range 5 {
		p.now = p.now.Add(20 * time.Second)
		if reads, writes := p.come(0, from("i1", 1), ""); reads != 0 || writes != 1 {
			t.Fatalf("%d reads, %d writes", reads, writes)
		}
	}
	p.now = p.now.Add(2 * time.Minute)
	if reads, _ := p.come(0, from("i1", 1), ""); reads != 1 {
		t.Errorf("after a long time: %d reads", reads)
	}
}

// TestAStaleMemoryIsNoticed: whatever happened at the other process, this one goes by what is stored.
func TestAStaleMemoryIsNoticed(t *testing.T) {
	first, second := from("i1", 1), from("i2", 2)
	for name, c := range map[string]struct {
		meanwhile func(*processes)
		in        *exchange.Request
		want      string
	}{
		"an exchange":             {func(p *processes) { p.come(1, first, "") }, first, ""},
		"the lease went away":     {func(p *processes) { p.come(1, second, "") }, first, "hub-busy"},
		"the lease comes here":    {func(p *processes) { p.come(1, first, "") }, second, ""},
		"the poller is dismissed": {func(p *processes) { p.must(p.handler.Book.Dismiss(context.Background(), "c1")) }, first, "hub-refused"},
		"another poller": {func(p *processes) {
			inv := p.invite("c1")
			c := p.world.client(inv, seeded(4))
			c.Base = p.client.Base
			_, err := c.Accept(context.Background(), inv, "poller-2", exchange.Site{})
			p.must(err)
		}, first, "hub-refused"},
		"a new key, announced": {func(p *processes) {
			p.at = 1
			p.must(p.client.Rotate(context.Background(), seeded(5)))
			p.client.Key = seeded(5)
		}, first, ""},
		"a new key, in force": {func(p *processes) {
			p.at = 1
			old := p.client.Key
			p.must(p.client.Rotate(context.Background(), seeded(5)))
			p.client.Key = seeded(5)
			p.come(1, first, "")
			p.client.Key = old
		}, first, "hub-refused"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProcesses(t)
			p.come(0, first, "")
			c.meanwhile(p)
			calls := len(p.backend.got)
			p.come(0, c.in, c.want)
			if called := len(p.backend.got) > calls; called != (c.want == "") {
				t.Errorf("the backend was called: %v", called)
			}
		})
	}
}

func (p *processes) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// TestAReplayAtAnotherProcess: a process that remembers the session from before the request lets it in no second time.
func TestAReplayAtAnotherProcess(t *testing.T) {
	for _, hub := range []int{0, 1} {
		p := newProcesses(t)
		p.come(0, from("i1", 1), "")
		p.come(1, from("i1", 1), "")
		calls := len(p.backend.got)
		again := p.record.Clone(t.Context())
		again.Body = io.NopCloser(bytes.NewReader(p.body))
		rec := httptest.NewRecorder()
		p.hubs[hub].ServeHTTP(rec, again)
		if rec.Code != http.StatusUnauthorized || len(p.backend.got) != calls {
			t.Errorf("replayed at hub %d: %d, %d calls more", hub, rec.Code, len(p.backend.got)-calls)
		}
	}
}

// TestContentIsNotGivenOnAMemory: a call that writes no session reads it.
func TestContentIsNotGivenOnAMemory(t *testing.T) {
	p := newProcesses(t)
	p.come(0, from("i1", 1), "")
	_, err := p.blobs.Put(t.Context(), exchange.BlobKey("c1", bridge.Public, "20"), bytes.NewReader([]byte("x")), 1, "")
	p.must(err)
	p.must(p.handler.Book.Dismiss(t.Context(), "c1"))
	p.wantError(p.client.Download(t.Context(), content("20", []byte("x")), io.Discard), "hub-refused")
}

// TestProcessesSideBySideSaveNothingAndLoseLittle: a memory found out of date is left alone for a while, for a write that
// is refused costs more than a read.
func TestProcessesSideBySideSaveNothingAndLoseLittle(t *testing.T) {
	p := newProcesses(t)
	reads, writes := 0, 0
	const n = 100
	for i := range n {
		r, w := p.come(i%2, from("i1", 1), "")
		reads, writes = reads+r, writes+w
	}
	if reads != n || writes > n*11/10 {
		t.Errorf("%d exchanges: %d reads, %d writes", n, reads, writes)
	}
}
