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

// deliveriesEvery is how often what was seen of the webhook is written down: a write costs money on AWS.
const deliveriesEvery = 4 * time.Second

// deliverySlack is by how much a change may seem to be newer than the last delivery: that may not be written down yet, and
// clocks differ.
const deliverySlack = deliveriesEvery + time.Second

// heard is what was seen of the webhook in this process and is not written down yet.
type heard struct {
	count   int64
	last    int64 // hub ms
	event   string
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
	docs, err := s.Book.Store.Get(ctx, deliveriesKey(s.Book.Site))
	if err != nil || docs[0] == nil {
		return d, 0, err
	}
	return d, docs[0].Rev, json.Unmarshal(docs[0].Body, &d)
}

// Delivered notes that the webhook delivered an event. It is written down every few seconds only (see
// [Site.FlushDeliveries]), and never fails the event: what is lost here is a number on a screen.
func (s *Site) Delivered(ctx context.Context, event string) {
	s.mu.Lock()
	h := &s.heard
	h.count, h.last, h.event = h.count+1, s.Now(), event
	due := h.last-h.written >= deliveriesEvery.Milliseconds()
	s.mu.Unlock()
	if due {
		s.FlushDeliveries(ctx)
	}
}

// FlushDeliveries writes down what is not written yet.
func (s *Site) FlushDeliveries(ctx context.Context) {
	s.mu.Lock()
	h := s.heard
	s.mu.Unlock()
	if h.count == 0 {
		return
	}
	written := s.noteDeliveries(ctx, func(d *Deliveries) {
		d.Count, d.Last, d.Event, d.Unheard = d.Count+h.count, max(d.Last, h.last), h.event, 0
	})
	if written {
		s.mu.Lock()
		s.heard.count -= h.count
		s.heard.written = s.Now()
		s.mu.Unlock()
	}
}

// Found notes that a search found a change of an issue in a pair, made at a time (hub ms). Where no delivery came since,
// the webhook may be gone: see [Deliveries.Silent].
func (s *Site) Found(ctx context.Context, at int64) {
	s.FlushDeliveries(ctx)
	told := func(d Deliveries) bool { return d.Unheard != 0 || d.Last > at-deliverySlack.Milliseconds() }
	s.mu.Lock()
	known, fresh := s.heard.known, s.heard.looked != 0 && s.Now()-s.heard.looked < deliveriesEvery.Milliseconds()
	s.mu.Unlock()
	if fresh && told(known) {
		return
	}
	s.noteDeliveries(ctx, func(d *Deliveries) {
		if !told(*d) {
			d.Unheard = at
		}
	})
}

// noteDeliveries changes what is written down, where there is something to change. Where another process did at the same
// time, or the store fails, it is left to the next time.
func (s *Site) noteDeliveries(ctx context.Context, change func(*Deliveries)) (written bool) {
	d, rev, err := s.deliveries(ctx)
	if err != nil {
		s.Log.Warn("the webhook's deliveries could not be read", "error", err)
		return false
	}
	was := d
	if change(&d); d != was {
		body, err := json.Marshal(d)
		if err != nil {
			return false
		}
		write := store.Replace(store.Doc{Key: deliveriesKey(s.Book.Site), Body: body, Rev: rev})
		if rev == 0 {
			write = store.Create(store.Doc{Key: deliveriesKey(s.Book.Site), Body: body})
		}
		if s.Book.Store.Apply(ctx, write) != nil {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard.known, s.heard.looked = d, s.Now()
	return true
}
