package simulator

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     time.Time
}

// rate is a bucket's refill per second and its size.
type rate struct{ perSecond, size float64 }

// cloudRates are Cloud's burst limits for each endpoint; the sizes were seen in
// its answers' headers.
var cloudRates = map[string]rate{"GET": {100, 350}, "POST": {100, 200}, "PUT": {50, 300}, "DELETE": {50, 300}}

// issueWrites are Cloud's limits on writes to one issue.
var issueWrites = []struct {
	within time.Duration
	most   int
}{{2 * time.Second, 20}, {30 * time.Second, 100}}

// limits answers 429 where the flavour would. On Data Center the bucket is per
// user and off unless settings say otherwise.
func (s *Site) limits(c *call, name string) (answer, error) {
	if !s.settings.RateLimits {
		return answer{}, nil
	}
	if wait, refused := s.burst(c, name); refused {
		return s.tooMany(c, "jira-burst-based", wait), nil
	}
	if !s.cloud() || c.r.Method == http.MethodGet || c.r.PathValue("key") == "" {
		return answer{}, nil
	}
	if is := s.find(c.r.PathValue("key")); is != nil {
		if wait, refused := s.issueBusy(is.ID, c.now); refused {
			return s.tooMany(c, "jira-per-issue-on-write", wait), nil
		}
	}
	return answer{}, nil
}

func (s *Site) burst(c *call, name string) (time.Duration, bool) {
	r, key := cloudRates[c.r.Method], name
	if !s.cloud() {
		r, key = rate{100, 200}, c.who()
	}
	if n := float64(s.settings.BurstPerSecond); n > 0 {
		r = rate{n, n}
	}
	if s.ix.buckets == nil {
		s.ix.buckets = map[string]*bucket{}
	}
	b := s.ix.buckets[key]
	if b == nil {
		b = &bucket{r.size, c.now}
		s.ix.buckets[key] = b
	}
	passed := max(0, c.now.Sub(b.at)) // a clock that was set back takes nothing away
	b.tokens = math.Min(r.size, b.tokens+r.perSecond*passed.Seconds())
	b.at = c.now
	if b.tokens >= 1 {
		b.tokens--
		c.head = map[string]string{"X-RateLimit-Limit": fmt.Sprint(r.size), "X-RateLimit-Remaining": fmt.Sprint(int(b.tokens))}
		if s.cloud() && b.tokens < r.size/5 {
			c.head["X-RateLimit-NearLimit"] = "true"
		}
		return 0, false
	}
	return time.Duration((1 - b.tokens) / r.perSecond * float64(time.Second)), true
}

func (s *Site) issueBusy(id int64, now time.Time) (time.Duration, bool) {
	if s.ix.writes == nil {
		s.ix.writes = map[int64][]time.Time{}
	}
	longest := issueWrites[len(issueWrites)-1].within
	times := slices.DeleteFunc(s.ix.writes[id], func(t time.Time) bool { return now.Sub(t) >= longest || t.After(now) })
	s.ix.writes[id] = times
	for _, l := range issueWrites {
		if n := len(times); n >= l.most {
			if age := now.Sub(times[n-l.most]); age < l.within {
				return l.within - age, true
			}
		}
	}
	s.ix.writes[id] = append(times, now)
	return 0, false
}

// tooMany is a 429 with the flavour's headers.
func (s *Site) tooMany(c *call, reason string, wait time.Duration) answer {
	secs := max(1, int(math.Ceil(wait.Seconds())))
	limit := cloudRates[c.r.Method].size
	h := map[string]string{"Retry-After": fmt.Sprint(secs), "X-RateLimit-Remaining": "0"}
	if s.cloud() {
		h["X-RateLimit-Limit"] = fmt.Sprint(limit)
		h["X-RateLimit-Reset"] = c.now.Add(wait).Format("2006-01-02T15:04Z")
		h["X-RateLimit-NearLimit"] = "true"
		h["RateLimit-Reason"] = reason
		h["Beta-RateLimit"] = fmt.Sprintf(`"%s";r=0;t=%d`, strings.TrimPrefix(reason, "jira-"), secs)
	} else {
		h["X-RateLimit-Limit"], h["X-RateLimit-Interval-Seconds"], h["X-RateLimit-FillRate"] = "200", "1", "100"
	}
	return answer{status: http.StatusTooManyRequests, header: h,
		body: obj{"errorMessages": []string{"Rate limit exceeded."}, "errors": obj{}}}
}
