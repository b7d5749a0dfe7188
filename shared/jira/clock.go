package jira

import (
	"net/http"
	"sync"
	"time"
)

// clock estimates how far Jira's clock is ahead of ours. Every answer bounds the offset: the time it names was read
// between our sending and our receiving. The bounds are intersected; when they contradict each other a clock was set, and
// the estimate starts again. serverInfo has milliseconds and comes from Jira itself; a Date header has seconds and may come from
// a proxy, so it counts only while nothing better is known.
type clock struct {
	mu          sync.Mutex
	head, exact bound
}

// bound holds the offset's lowest and highest possible value.
type bound struct {
	low, high time.Duration
	at        time.Time
}

// exactLasts is how long a serverTime is believed.
const exactLasts = 6 * time.Hour

func (b *bound) learn(low, high time.Duration, at time.Time) {
	if b.at.IsZero() || low > b.high || high < b.low {
		*b = bound{low, high, at}
		return
	}
	*b = bound{max(b.low, low), min(b.high, high), at}
}

func (b bound) middle() time.Duration { return b.low + (b.high-b.low)/2 }

// date learns from the Date header, which leaves out the part of a second.
func (k *clock) date(h http.Header, began, ended time.Time) {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.head.learn(at.Sub(ended), at.Add(time.Second).Sub(began), ended)
}

// server learns from a serverTime.
func (k *clock) server(at, began, ended time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.exact = bound{at.Sub(ended), at.Add(time.Millisecond).Sub(began), ended}
}

// ClockOffset is Jira's clock minus ours: add it to our time to have Jira's. 0 until the first answer.
func (c *Client) ClockOffset() time.Duration {
	k := &c.clock
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.exact.at.IsZero() && c.opts.Now().Sub(k.exact.at) < exactLasts {
		return k.exact.middle()
	}
	if k.head.at.IsZero() {
		return 0
	}
	return k.head.middle()
}
