package simulator

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is misbehaviour of the REST front. It strikes requests of its route,
// and what it does is what is set: wait, answer something else, hang, or do the
// work and lose the answer.
type Fault struct {
	ID          int           `json:"id"`
	Route       string        `json:"route"`       // as in Routes(), "PUT /issue/{key}"; "*" stands for any run of characters
	PathHas     string        `json:"pathHas"`     // and the path contains this
	Agent       string        `json:"agent"`       // and the caller's User-Agent contains this
	Count       int           `json:"count"`       // strikes left; 0: no end
	Skip        int           `json:"skip"`        // let this many pass first
	Probability float64       `json:"probability"` // 0 counts as 1
	Latency     time.Duration `json:"latency"`
	Status      int           `json:"status"` // answer this instead of doing anything
	Body        string        `json:"body"`
	HTML        bool          `json:"html"`
	RetryAfter  int           `json:"retryAfter"` // seconds, with the status
	Hang        bool          `json:"hang"`       // no answer until the caller gives up
	LoseAnswer  bool          `json:"loseAnswer"` // do it, then close the connection
}

// faults are those in force.
type faults struct {
	mu   sync.Mutex
	last int
	list []*Fault
}

// Inject puts a fault in force and returns its id.
func (s *Site) Inject(f Fault) int {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.last++
	f.ID = s.faults.last
	s.faults.list = append(s.faults.list, &f)
	return f.ID
}

// ClearFaults removes the faults with the given ids, or all.
func (s *Site) ClearFaults(ids ...int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.list = slices.DeleteFunc(s.faults.list, func(f *Fault) bool { return len(ids) == 0 || slices.Contains(ids, f.ID) })
}

// Faults lists what is in force.
func (s *Site) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := []Fault{}
	for _, f := range s.faults.list {
		list = append(list, *f)
	}
	return list
}

// take finds the fault that strikes a request and uses it up; nil if none does.
func (fs *faults) take(route string, r *http.Request, rng *chance) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		if !routeMatches(f.Route, route) || !strings.Contains(r.URL.Path, f.PathHas) || !strings.Contains(r.UserAgent(), f.Agent) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Probability > 0 && !rng.happens(f.Probability) {
			continue
		}
		struck := *f
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				fs.list = slices.Delete(fs.list, i, i+1)
			}
		}
		return &struck
	}
	return nil
}

func routeMatches(pattern, route string) bool {
	if pattern == "" || pattern == "*" || pattern == route {
		return true
	}
	if !strings.Contains(pattern, "*") {
		return false
	}
	flat := strings.NewReplacer("/", "\x01", "[", "(", "]", ")") // let * cross slashes
	hit, _ := path.Match(flat.Replace(pattern), flat.Replace(route))
	return hit
}

// before does what a fault does ahead of the work; done means it has answered.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) (status int, done bool) {
	if f == nil {
		return 0, false
	}
	if f.Latency > 0 {
		pause(r, f.Latency)
	}
	if f.Hang {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if f.Status == 0 {
		return 0, false
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(f.RetryAfter))
	}
	a := answer{status: f.Status, body: obj{"errorMessages": []string{fmt.Sprintf("The simulator was told to answer %d.", f.Status)}, "errors": obj{}}}
	switch {
	case f.Body != "":
		a.body = []byte(f.Body)
	case f.HTML:
		a = htmlAnswer(f.Status, http.StatusText(f.Status))
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if f.HTML {
		w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	}
	w.WriteHeader(f.Status)
	_, _ = w.Write(encode(a.body)) // the client may be gone
	return f.Status, true
}

func (f *Fault) losesAnswer() bool { return f != nil && f.LoseAnswer }

// pause waits, but not longer than the caller.
func pause(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// Request is one call the site has answered.
type Request struct {
	Route  string    `json:"route"`
	Path   string    `json:"path"` // with the query
	User   string    `json:"user"`
	Status int       `json:"status"`
	At     time.Time `json:"at"`
}

// meter counts calls per route and keeps the latest.
type meter struct {
	mu     sync.Mutex
	counts map[string]int
	latest []Request
}

const keepRequests = 5000

func (m *meter) count(route string, r *http.Request, status int, user string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.counts == nil {
		m.counts = map[string]int{}
	}
	m.counts[route]++
	if len(m.latest) >= keepRequests {
		m.latest = slices.Clone(m.latest[keepRequests/2:])
	}
	m.latest = append(m.latest, Request{Route: route, Path: r.URL.RequestURI(), User: user, Status: status, At: time.Now()})
}

// Calls counts the requests per route since the last ResetCalls.
func (s *Site) Calls() map[string]int {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	out := map[string]int{}
	for k, n := range s.meter.counts {
		out[k] = n
	}
	return out
}

// Requests lists the latest requests since the last ResetCalls, oldest first.
func (s *Site) Requests() []Request {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	return slices.Clone(s.meter.latest)
}

// ResetCalls starts counting anew.
func (s *Site) ResetCalls() {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	s.meter.counts, s.meter.latest = nil, nil
}
