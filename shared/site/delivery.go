package site

import (
	"context"
	"encoding/json"
	"time"

	"drawbridge/shared/store"
)

// Deliveries is what is known of the webhook by which a Jira tells of changes. Times are hub ms.
type Deliveries struct {
	Count int64  `json:"count,omitempty"` // how many came; a few may be missing or counted twice
	Last  int64  `json:"last,omitempty"`  // when the last came; 0: none yet
	Event string `json:"event,omitempty"` // which that was
	// Unheard is the time of the first change of an issue in a pair that a search found and after which no delivery came;
	// 0: there is none.
	Unheard int64 `json:"unheard,omitempty"`
}

// Silent is for how long changes have been made without any delivery, 0 where the webhook works.
func (d Deliveries) Silent(now int64) time.Duration {
	if d.Unheard == 0 {
		return 0
	}
	return max(0, time.Duration(now-d.Unheard)*time.Millisecond)
}

// deliveriesEvery is how often what was seen of the webhook is written down.
const deliveriesEvery = 2 * time.Second

// deliverySlack is by how much a change may seem to be newer than the delivery that told of it.
const deliverySlack = 5 * time.Second

// heard is what was seen of the webhook in this process and is not written down yet.
type heard struct {
	count   int64
	written int64 // hub ms when something last was
	looked  int64 // hub ms, at what is written, for Found
	known   Deliveries
}

func deliveriesKey(site string) store.Key { return store.Key{Part: "site/" + site, Sort: "deliveries"} }

// Deliveries reads what is known of the webhook's deliveries.
func (s *Site) Deliveries(ctx context.Context) (d Deliveries, err error) {
	d, _, err = s.deliveries(ctx)
	return d, err
}

func (s *Site) deliveries(ctx context.Context) (d Deliveries, rev int64, err error) {
	docs, err := s.Book.Store.Get(ctx, deliveriesKey(s.Name))
	if err != nil || docs[0] == nil {
		return d, 0, err
	}
	return d, docs[0].Rev, json.Unmarshal(docs[0].Body, &d)
}

// Delivered notes that the webhook delivered an event. It is written down every few seconds only, and never fails the
// event: what is lost here is a number on a screen.
func (s *Site) Delivered(ctx context.Context, event string) {
	s.mu.Lock()
	s.heard.count++
	now := s.Now()
	due := s.heard.written == 0 || now-s.heard.written >= deliveriesEvery.Milliseconds()
	if due {
		s.heard.written = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	s.noteDeliveries(ctx, func(d *Deliveries, count int64) {
		d.Count, d.Last, d.Event, d.Unheard = d.Count+count, now, event, 0
	})
}

// Found notes that a search found a change of an issue in a pair, made at a time (hub ms). Where no delivery came since,
// the webhook may be gone: see [Deliveries.Silent].
func (s *Site) Found(ctx context.Context, at int64) {
	s.mu.Lock()
	known, fresh := s.heard.known, s.heard.looked != 0 && s.Now()-s.heard.looked < deliveriesEvery.Milliseconds()
	s.mu.Unlock()
	if !fresh {
		d, _, err := s.deliveries(ctx)
		if err != nil {
			return // the next search finds the next change
		}
		s.seen(d)
		known = d
	}
	if known.Unheard != 0 || known.Last > at-deliverySlack.Milliseconds() {
		return
	}
	s.noteDeliveries(ctx, func(d *Deliveries, count int64) {
		d.Count += count
		if d.Unheard == 0 && d.Last <= at-deliverySlack.Milliseconds() {
			d.Unheard = at
		}
	})
}

// noteDeliveries changes what is written down. Where another process did at the same time, its word is as good.
func (s *Site) noteDeliveries(ctx context.Context, change func(d *Deliveries, count int64)) {
	d, rev, err := s.deliveries(ctx)
	if err != nil {
		s.Log.Warn("the webhook's deliveries could not be read", "error", err)
		return
	}
	s.mu.Lock()
	count := s.heard.count
	s.mu.Unlock()
	change(&d, count)
	body, err := json.Marshal(d)
	if err != nil {
		return
	}
	doc := store.Doc{Key: deliveriesKey(s.Name), Body: body, Rev: rev}
	write := store.Replace(doc)
	if rev == 0 {
		write = store.Create(doc)
	}
	if err := s.Book.Store.Apply(ctx, write); err != nil {
		return // kept for the next time
	}
	s.mu.Lock()
	s.heard.count -= count
	s.mu.Unlock()
	s.seen(d)
}

func (s *Site) seen(d Deliveries) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard.known, s.heard.looked = d, s.Now()
}
