package simulator

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// WebhookFaults are the shares of deliveries that go wrong, each from 0 to 1.
type WebhookFaults struct {
	Drop      float64       `json:"drop"`
	Duplicate float64       `json:"duplicate"` // delivered twice, as after a lost answer
	Reorder   float64       `json:"reorder"`   // overtaken by later ones
	Delay     float64       `json:"delay"`
	DelayBy   time.Duration `json:"delayBy"` // up to this
	Corrupt   float64       `json:"corrupt"` // a byte differs from what was signed
}

// Delivery is one attempt to deliver a webhook, for tests and the management
// port.
type Delivery struct {
	Identifier string    `json:"identifier"`
	Event      string    `json:"event"`
	URL        string    `json:"url"`
	Attempt    int       `json:"attempt"`
	Status     int       `json:"status"` // 0: no answer
	Error      string    `json:"error,omitempty"`
	At         time.Time `json:"at"`
	Size       int       `json:"size"`
}

// delivery is a webhook on its way.
type delivery struct {
	hook       int64
	event, url string
	body       []byte
	signature  string
	identifier string
	flow       string
	attempt    int
	single     bool // the endpoint has failed for so long that this is not tried again
}

// Retries and concurrency as Cloud has them.
const (
	maxRetries    = 5
	giveUpAfter   = 30 * time.Minute
	primaryLanes  = 20
	keepAttempts  = 2000
	reorderWithin = 50 * time.Millisecond
)

// postman delivers webhooks: on Cloud 20 at a time in no order and with
// retries, on Data Center one after the other and once.
type postman struct {
	s      *Site
	client *http.Client

	mu       sync.Mutex
	queue    []*delivery
	waiting  map[*delivery]*time.Timer
	running  int
	closed   bool
	idle     *sync.Cond
	lastOK   map[int64]time.Time
	attempts []Delivery
}

func newPostman(s *Site, client *http.Client) *postman {
	if client == nil {
		client = &http.Client{}
	}
	p := &postman{s: s, client: client, waiting: map[*delivery]*time.Timer{}, lastOK: map[int64]time.Time{}}
	p.idle = sync.NewCond(&p.mu)
	return p
}

// accept takes an event for one webhook; the site's lock is held.
func (p *postman) accept(w *Webhook, e event, body obj) {
	d := &delivery{hook: w.ID, event: e.name, url: expandURL(w.URL, e.issue, p.s), identifier: fmt.Sprintf("%016x", p.s.rng.below(1<<62)), flow: "Primary"}
	if e.secondary {
		d.flow = "Secondary"
	}
	if !w.ExcludeBody {
		d.body = encode(body)
	}
	if w.Secret != "" && !p.s.serves(before10) {
		d.signature = sign(w.Secret, d.body)
	}
	f, rng := p.s.settings.Webhooks, p.s.rng
	if rng.happens(f.Drop) {
		return
	}
	if rng.happens(f.Corrupt) && len(d.body) > 0 {
		d.body = slices.Clone(d.body)
		d.body[rng.below(int64(len(d.body)))] ^= 0x15
	}
	var wait time.Duration
	if rng.happens(f.Reorder) {
		wait = rng.upTo(reorderWithin)
	}
	if rng.happens(f.Delay) {
		wait += rng.upTo(f.DelayBy)
	}
	p.schedule(d, wait)
	if rng.happens(f.Duplicate) {
		again := *d
		again.attempt++
		p.schedule(&again, rng.upTo(reorderWithin))
	}
}

// expandURL fills {issue.key} and the like, in the old and the new spelling.
func expandURL(u string, is *Issue, s *Site) string {
	if is == nil || !strings.Contains(u, "{") {
		return u
	}
	p := s.projectOf(is)
	for name, val := range map[string]string{"issue.key": is.Key, "issue.id": is.idString(), "project.key": p.Key, "project.id": p.ID} {
		u = strings.ReplaceAll(strings.ReplaceAll(u, "${"+name+"}", val), "{"+name+"}", val)
	}
	return u
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// schedule queues a delivery now or after a while.
func (p *postman) schedule(d *delivery, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if wait <= 0 {
		p.enqueue(d)
		return
	}
	p.waiting[d] = time.AfterFunc(wait, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, still := p.waiting[d]; still {
			delete(p.waiting, d)
			p.enqueue(d)
		}
	})
}

// enqueue adds to the queue and starts a worker if one may run; p.mu is held.
func (p *postman) enqueue(d *delivery) {
	p.queue = append(p.queue, d)
	lanes := 1
	if p.s.cloud() || p.s.opt.Hostile {
		lanes = primaryLanes
	}
	if p.running < lanes {
		p.running++
		go p.work()
	}
}

// work delivers until the queue is empty.
func (p *postman) work() {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 || p.closed {
			p.running--
			p.idle.Broadcast()
			p.mu.Unlock()
			return
		}
		d := p.queue[0]
		p.queue = p.queue[1:]
		p.mu.Unlock()
		p.deliver(d)
	}
}

// deliver makes one attempt and plans the next.
func (p *postman) deliver(d *delivery) {
	set := p.s.Settings()
	status, err := p.attempt(d, set.AnswerTimeout)
	now := p.s.now()
	rec := Delivery{Identifier: d.identifier, Event: d.event, URL: d.url, Attempt: d.attempt, Status: status, At: now, Size: len(d.body)}
	if err != nil {
		rec.Error = err.Error()
	}
	p.mu.Lock()
	if len(p.attempts) >= keepAttempts {
		p.attempts = p.attempts[1:]
	}
	p.attempts = append(p.attempts, rec)
	if status >= 200 && status < 300 {
		p.lastOK[d.hook] = now
	}
	last, known := p.lastOK[d.hook]
	if !known {
		p.lastOK[d.hook] = now // counts from the first attempt
	}
	p.mu.Unlock()
	if d.attempt == 0 {
		d.single = known && now.Sub(last) > giveUpAfter
	}
	if !p.s.cloud() || !retried(status) || d.attempt >= maxRetries || d.single {
		return
	}
	again := *d
	again.attempt++
	p.schedule(&again, set.RetryMin+p.s.rng.upTo(set.RetryMax-set.RetryMin))
}

// retried are the outcomes after which Cloud tries again.
func retried(status int) bool {
	switch status {
	case 0, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

func (p *postman) attempt(d *delivery, timeout time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(d.body))
	if err != nil {
		return 0, err
	}
	h := req.Header
	h.Set("Content-Type", "application/json; charset=UTF-8")
	h.Set("User-Agent", "Atlassian Webhook HTTP Client")
	if d.signature != "" {
		h.Set("X-Hub-Signature", d.signature)
	}
	if p.s.cloud() {
		h.Set("X-Atlassian-Webhook-Identifier", d.identifier)
		h.Set("X-Atlassian-Webhook-Flow", d.flow)
		if d.attempt > 0 {
			h.Set("X-Atlassian-Webhook-Retry", strconv.Itoa(d.attempt))
		}
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// Flush delivers everything that waits, retries included, without their delays
// and returns when nothing is left or ctx ends.
func (s *Site) Flush(ctx context.Context) error {
	p := s.post
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.idle.Broadcast()
	})
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && ctx.Err() == nil {
		for d, timer := range p.waiting {
			timer.Stop()
			delete(p.waiting, d)
			p.enqueue(d)
		}
		if p.running == 0 && len(p.queue) == 0 {
			return nil
		}
		p.idle.Wait()
	}
	return ctx.Err()
}

// Deliveries lists the latest webhook attempts, oldest first.
func (s *Site) Deliveries() []Delivery {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	return slices.Clone(s.post.attempts)
}

// PendingWebhooks counts deliveries queued, waiting or under way.
func (s *Site) PendingWebhooks() int {
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	return len(s.post.queue) + len(s.post.waiting) + s.post.running
}

func (p *postman) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for d, timer := range p.waiting {
		timer.Stop()
		delete(p.waiting, d)
	}
	for p.running > 0 {
		p.idle.Wait()
	}
}
