package jira

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"drawbridge/shared/bridge"
)

// limits keep this client polite: a bucket per method, a window per issue written to, and a gate that a 429 closes for everybody.
// The numbers are those of Atlassian's page "Rate limiting" of the Cloud platform. Data Center's are an administrator's choice, and
// none by default: there the number of workers bounds what we ask, and a 429 is obeyed.
type limits struct {
	buckets map[string]*rate.Limiter
	windows []window // of writes to one issue; Cloud only

	mu    sync.Mutex
	until time.Time              // the gate
	shut  map[string]time.Time   // gates of single issues
	wrote map[string][]time.Time // writes to an issue, oldest first
	row   int                    // 429s without Retry-After in a row
	told  func(until time.Time)
}

// window is at most n writes to one issue within a time.
type window struct {
	n    int
	span time.Duration
}

func newLimits(fl bridge.Flavour, share float64, told func(time.Time)) *limits {
	bucket := func(perSecond float64) *rate.Limiter {
		r := perSecond * share
		return rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	l := &limits{shut: map[string]time.Time{}, wrote: map[string][]time.Time{}, told: told}
	if fl == bridge.Cloud {
		l.buckets = map[string]*rate.Limiter{http.MethodGet: bucket(100), http.MethodPost: bucket(100), http.MethodPut: bucket(50), http.MethodDelete: bucket(50)}
		l.windows = []window{{20, 2 * time.Second}, {100, 30 * time.Second}}
	}
	return l
}

// patience is the longest a call waits at a gate; a longer wait is handed to the caller as rate-limited.
const patience = 30 * time.Second

// wait returns nil when the call may go, or the time it would have to wait where that is too long. issue is empty for reads.
func (l *limits) wait(ctx context.Context, method, issue string) (tooLong time.Duration, err error) {
	if b := l.buckets[method]; b != nil {
		if err := b.Wait(ctx); err != nil {
			return 0, err
		}
	}
	for {
		pause := l.pause(issue)
		if pause <= 0 {
			return 0, nil
		}
		if deadline, ok := ctx.Deadline(); pause > patience || ok && time.Until(deadline) < pause {
			return pause, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return 0, err
		}
	}
}

// pause is how long to wait now; when it is 0 the write has been counted.
func (l *limits) pause(issue string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	pause := max(l.until.Sub(now), l.shut[issue].Sub(now))
	if pause <= 0 && issue != "" {
		pause = l.count(issue, now)
	}
	return pause
}

// count enters a write to an issue, or returns how long until the windows have room for it.
func (l *limits) count(issue string, now time.Time) time.Duration {
	times := l.wrote[issue]
	for _, w := range l.windows {
		if len(times) >= w.n {
			if free := times[len(times)-w.n].Add(w.span); free.After(now) {
				return free.Sub(now)
			}
		}
	}
	if len(l.windows) == 0 {
		return 0
	}
	if last := l.windows[len(l.windows)-1]; len(times) >= last.n {
		times = times[1:]
	}
	l.wrote[issue] = append(times, now)
	l.forget(now)
	return 0
}

// forget drops issues that nobody wrote to lately, so that the map stays small.
func (l *limits) forget(now time.Time) {
	if len(l.wrote) < 1000 && len(l.shut) < 1000 {
		return
	}
	for id, times := range l.wrote {
		if now.Sub(times[len(times)-1]) > time.Minute {
			delete(l.wrote, id)
		}
	}
	for id, until := range l.shut {
		if until.Before(now) {
			delete(l.shut, id)
		}
	}
}

// close shuts the gate of one issue, or of the site where issue is empty.
func (l *limits) close(issue string, pause time.Duration) {
	until := time.Now().Add(pause)
	l.mu.Lock()
	later := until.After(l.until)
	switch {
	case issue != "" && until.After(l.shut[issue]):
		l.shut[issue] = until
	case issue == "" && later:
		l.until = until
	}
	l.mu.Unlock()
	if issue == "" && later && l.told != nil {
		l.told(until)
	}
}

// guess is how long to be silent after a 429 that does not say: 1, 2, 4 … 30 s.
func (l *limits) guess() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row = min(l.row+1, 6)
	return min(time.Second<<(l.row-1), patience)
}

// relax notes a success.
func (l *limits) relax() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.row = 0
}

// Gate keeps this client silent until then; another process of the same site was asked to be.
func (c *Client) Gate(until time.Time) {
	c.limits.mu.Lock()
	defer c.limits.mu.Unlock()
	if until.After(c.limits.until) {
		c.limits.until = until
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
