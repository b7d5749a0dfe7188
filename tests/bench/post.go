package bench

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
)

// Deliveries say how webhooks arrive.
type Deliveries struct {
	Parallel int     // at the same time; 20 if 0, as Cloud does
	Twice    bool    // each comes twice
	Lost     float64 // this share never comes
}

// Post stands between the public Jira and the hub: it takes every webhook at once, and delivers it as it was told to.
type Post struct {
	t       testing.TB
	server  *httptest.Server
	to      string
	o       Deliveries
	letters chan letter
	waiting atomic.Int64
	Lost    atomic.Int64
	workers sync.WaitGroup

	mu   sync.Mutex
	rng  *rand.Rand
	keep bool // letters are kept, not delivered
	kept []letter
}

type letter struct {
	body   []byte
	header http.Header
}

// NewPost registers the webhook of the public Jira.
func NewPost(w *World, o Deliveries) *Post {
	w.T.Helper()
	if o.Parallel == 0 {
		o.Parallel = 20
	}
	path := ingest.Path + w.Public.Site.Name
	p := &Post{t: w.T, to: w.HubURL + path, o: o, letters: make(chan letter, 1<<17), rng: rand.New(rand.NewPCG(1, 2))}
	p.server = httptest.NewServer(http.HandlerFunc(p.take))
	for range o.Parallel {
		p.workers.Go(func() { p.deliver(w.HubURL) })
	}
	_, err := w.Public.Site.Jira.RegisterWebhook(context.Background(), jira.WebhookRequest{
		Name: "drawbridge", URL: p.server.URL + path, Secret: webhookSecret,
		Events: []string{"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated", "comment_deleted", "attachment_created", "attachment_deleted"},
	})
	must(w.T, err)
	return p
}

func (p *Post) take(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch l := (letter{body, r.Header.Clone()}); {
	case p.rng.Float64() < p.o.Lost:
		p.Lost.Add(1)
	case p.keep:
		p.kept = append(p.kept, l)
	default:
		p.waiting.Add(1)
		p.letters <- l
	}
}

// deliver carries letters over a connection of its own, as Jira's deliveries do.
func (p *Post) deliver(hub string) {
	to, err := dial(hub)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer to.Close()
	times := 1
	if p.o.Twice {
		times = 2
	}
	for l := range p.letters {
		raw := l.raw(p.to)
		for range times {
			if status, err := to.send(raw); err != nil || !strings.Contains(status, " 202 ") {
				p.t.Errorf("webhook answered %q (%v)", status, err)
			}
		}
		p.waiting.Add(-1)
	}
}

// Gather keeps the letters that do makes instead of delivering them, waits until there are n, and returns them.
func (p *Post) Gather(n int, do func()) []letter {
	p.mu.Lock()
	p.keep = true
	p.mu.Unlock()
	do()
	for deadline := time.Now().Add(settleTime); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		if len(p.kept) >= n || time.Now().After(deadline) {
			out := p.kept
			p.kept, p.keep = nil, false
			p.mu.Unlock()
			return out
		}
		p.mu.Unlock()
	}
}

// Waiting counts webhooks that were not delivered yet.
func (p *Post) Waiting() int { return int(p.waiting.Load()) }

// Close ends the deliveries.
func (p *Post) Close() {
	p.server.Close()
	close(p.letters)
	p.workers.Wait()
}
