package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through a handler, with the lock held.
type call struct {
	s    *Site
	r    *http.Request
	user *User // nil: anonymous
	api  string
	body []byte
	now  time.Time
	head map[string]string // headers for whatever is answered
}

type handler func(*call) (answer, error)

// route says which handler serves a method and path. A path without a leading
// "/rest", "/secure" or "/media" is below /rest/api/{v}.
type route struct {
	flavour string // "" serves both
	pattern string
	handle  handler
	open    bool // anonymous callers may use it
}

// limitBody is the largest request read; attachments have their own limit.
const limitBody = 64 << 20

func (s *Site) mount() {
	s.mux, s.foreign = &router{}, &router{}
	for _, r := range routeTable() {
		method, path, _ := strings.Cut(r.pattern, " ")
		if !hasAnyPrefix(path, "/rest/", "/secure/", "/media/") {
			path = "/rest/api/{v}" + path
		}
		if !s.serves(r.flavour) {
			s.foreign.add(method, path, endpoint{name: r.pattern, route: r})
			continue
		}
		s.routes = append(s.routes, r.pattern)
		s.mux.add(method, path, endpoint{name: r.pattern, route: r})
	}
}

// Routes lists the implemented routes by the names that faults and counters use.
func (s *Site) Routes() []string { return append([]string(nil), s.routes...) }

// Handler is the Jira itself: everything below the base URL.
func (s *Site) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := s.opt.ContextPath; p != "" {
			rest, found := strings.CutPrefix(r.URL.Path, p)
			if !found {
				http.NotFound(w, r)
				return
			}
			r.URL.Path, r.URL.RawPath = rest, strings.TrimPrefix(r.URL.RawPath, p)
		}
		e, found, others := s.mux.lookup(r)
		if !found {
			e = endpoint{name: "other", route: route{open: true, handle: func(c *call) (answer, error) { return c.unknownPath(others) }}}
		}
		s.serve(w, r, e)
	})
}

// serve takes a request through what every one passes: counting, faults,
// authentication, rate limits, the lock.
func (s *Site) serve(w http.ResponseWriter, r *http.Request, e endpoint) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limitBody))
	if err != nil {
		s.write(w, r, nil, answer{status: http.StatusRequestEntityTooLarge, body: obj{"errorMessages": []string{"Request entity too large"}}})
		return
	}
	fault := s.faults.take(e.name, r, s.rng)
	if status, done := fault.before(w, r); done {
		s.meter.count(e.name, r, status, "")
		return
	}
	c := &call{s: s, r: r, api: r.PathValue("v"), body: body}
	a := s.handle(c, e)
	s.meter.count(e.name, r, a.status, c.who())
	if fault.losesAnswer() {
		panic(http.ErrAbortHandler) // the write is done, the caller never hears of it
	}
	for k, v := range c.head {
		w.Header().Set(k, v)
	}
	s.write(w, r, c.user, a)
}

// handle runs one request under the lock, automation included.
func (s *Site) handle(c *call, e endpoint) (a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.now()
	a, err := s.admit(c, e)
	if err == nil && a.status == 0 {
		a, err = e.route.handle(c)
	}
	if err != nil {
		a = s.refused(err)
	}
	s.drain()
	s.dirty = s.dirty || c.r.Method != http.MethodGet
	return a
}

// admit authenticates and limits; an answer with a status ends the request.
func (s *Site) admit(c *call, e endpoint) (answer, error) {
	if v := c.api; v != "" && !s.speaks(v) {
		return c.unknownPath(false)
	}
	if c.api == "latest" || c.api == "" {
		c.api = "2"
	}
	if err := c.authenticate(); err != nil {
		return answer{}, err
	}
	if c.user == nil && !e.route.open {
		if s.settings.AnonymousEmpty && c.r.PathValue("key") != "" {
			return answer{}, s.noIssue()
		}
		return answer{}, c.notSignedIn()
	}
	if !c.jsonBody() {
		return answer{}, refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	return s.limits(c, e.name)
}

// jsonBody reports whether a body, where there is one, is said to be JSON;
// uploads are read elsewhere.
func (c *call) jsonBody() bool {
	kind := c.r.Header.Get("Content-Type")
	return len(c.body) == 0 || strings.Contains(kind, "json") || strings.HasPrefix(kind, "multipart/")
}

func (s *Site) speaks(version string) bool {
	return version == "2" || version == "latest" || version == "3" && s.cloud()
}

func (s *Site) refused(err error) answer {
	var r *refusal
	if errors.As(err, &r) {
		return r.answer()
	}
	return answer{status: http.StatusInternalServerError, body: obj{"errorMessages": []string{err.Error()}, "errors": obj{}}}
}

// write sends an answer with the headers the flavour adds to everything.
func (s *Site) write(w http.ResponseWriter, r *http.Request, u *User, a answer) {
	s.headers(w.Header(), u)
	var data []byte
	if a.body != nil {
		data = encode(a.body)
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	}
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if rs, isFile := a.body.([]byte); isFile && a.status == http.StatusOK && r.Method == http.MethodGet {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(rs)) // ranges
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if a.status == http.StatusNoContent {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(data) // the client may be gone
}

// unknownPath tells what Jira has and the simulator lacks (501) from what Jira
// lacks too (404).
func (c *call) unknownPath(otherMethods bool) (answer, error) {
	path := c.r.URL.Path
	_, foreign, _ := c.s.foreign.lookup(c.r)
	if !foreign && (otherMethods || c.s.isJiraPath(path)) {
		text := fmt.Sprintf("The simulator does not implement %s %s.", c.r.Method, path)
		return answer{status: http.StatusNotImplemented, body: obj{"errorMessages": []string{text}, "errors": obj{}}}, nil
	}
	if !c.s.cloud() {
		return htmlAnswer(http.StatusNotFound, "Oops, you've found a dead link."), nil
	}
	body := obj{"type": "about:blank", "title": "Not Found", "status": 404, "instance": path,
		"detail": fmt.Sprintf("No endpoint %s %s.", c.r.Method, path)}
	return answer{status: http.StatusNotFound, body: body, header: map[string]string{"Content-Type": "application/problem+json;charset=UTF-8"}}, nil
}

// decode reads the body as JSON, keeping numbers exact.
func (c *call) decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return errJSON
	}
	return nil
}

func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// queryList splits a parameter that may be repeated and hold commas.
func (c *call) queryList(name string) []string {
	var list []string
	for _, v := range c.r.URL.Query()[name] {
		list = append(list, words(v, ",")...)
	}
	return list
}

// words splits and trims, dropping what is empty.
func words(s, sep string) []string {
	var list []string
	for _, w := range strings.Split(s, sep) {
		if w = strings.TrimSpace(w); w != "" {
			list = append(list, w)
		}
	}
	return list
}

// page reads startAt and maxResults.
func (c *call) page(size int) (start, max int) {
	return pageOf(c.query("startAt"), c.query("maxResults"), size)
}

func pageOf(startAt, maxResults string, size int) (start, max int) {
	start, _ = strconv.Atoi(startAt)
	if n, err := strconv.Atoi(maxResults); err == nil && n >= 0 && n < size {
		size = n
	}
	return min(1<<30, start), size
}

// cut gives the page of a list.
func cut[T any](list []T, start, max int) []T {
	if start < 0 || start >= len(list) {
		return []T{}
	}
	return list[start:min(len(list), start+max)]
}

func hasAnyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
