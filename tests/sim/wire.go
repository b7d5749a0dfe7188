package sim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// serve hands a request to a handler in this process and returns its answer.
func serve(h http.Handler, req *http.Request, now time.Time) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close() // it was read to its end
	}
	in := req.Clone(req.Context())
	in.Body, in.RequestURI, in.RemoteAddr = io.NopCloser(bytes.NewReader(body)), req.URL.RequestURI(), "192.0.2.1:1234"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = req
	res.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	return res, nil
}

// A mishap happens to one coming call.
type mishap struct {
	in     int // calls to let pass
	writes bool
	kind   string
	do     func() // somebody does something in the middle of the call
}

// The kinds of mishaps on the way to Jira.
const (
	unsent     = "no connection"            // the request did not leave
	swallowed  = "request lost"             // it may have left, Jira never saw it
	answerLost = "answer lost"              // Jira did it, the answer never came
	badAfter   = "500 after it was done"    // Jira did it and says it failed
	bad500     = "500"                      // Jira did nothing
	conflict   = "409"                      // Jira did nothing
	tooMany    = "429 without Retry-After"  // Jira did nothing
	retryAfter = "429 with Retry-After 3 s" // Jira did nothing
	longPause  = "429 with Retry-After 90 s"
	teaPage    = "a login page"
	hanging    = "no answer for two minutes" // Jira did it
	meanwhile  = "somebody edits just before"
	afterwards = "somebody edits just after"
)

var mishaps = []string{unsent, swallowed, answerLost, badAfter, bad500, conflict, tooMany, retryAfter, longPause, teaPage, hanging}

// jiraWire is the way from a half to its Jira.
type jiraWire struct {
	h       *half
	handler http.Handler
	mishaps []mishap
	calls   int // of the sync account; left away is what is asked now and then, whatever happens
	routes  map[string]int
}

// RoundTrip is http.RoundTripper's.
func (w *jiraWire) RoundTrip(req *http.Request) (*http.Response, error) {
	what := req.Method + " " + req.URL.Path
	write := req.Method != http.MethodGet && !strings.HasSuffix(req.URL.Path, "/search") && !strings.HasSuffix(req.URL.Path, "/search/jql")
	if by := shape(req.URL.Path); !strings.Contains(by, "/search") && !strings.HasSuffix(by, "/myself") && !strings.HasSuffix(by, "/serverInfo") {
		w.calls++
		w.routes[req.Method+" "+shape(req.URL.Path)]++
	}
	m := w.next(write)
	if write {
		w.h.gun.point("before " + what)
	}
	res, err := w.pass(req, m)
	if write {
		w.h.gun.point("after " + what)
	}
	return res, err
}

// shape is a path without its ids, to count by.
func shape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.ContainsAny(p, "0123456789") && p != "2" && p != "3" {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}

// next counts the mishaps down and returns the one that is due.
func (w *jiraWire) next(write bool) (due mishap) {
	rest := w.mishaps[:0]
	for _, m := range w.mishaps {
		switch {
		case m.writes && !write:
		case m.in > 0:
			m.in--
		case due.kind == "":
			due = m
			continue
		}
		rest = append(rest, m)
	}
	w.mishaps = rest
	return due
}

func (w *jiraWire) pass(req *http.Request, m mishap) (*http.Response, error) {
	if m.kind != "" {
		w.h.w.say("  %s: %s %s: %s", w.h.role, req.Method, req.URL.Path, m.kind)
	}
	switch m.kind {
	case unsent:
		if t := httptrace.ContextClientTrace(req.Context()); t != nil && t.GetConn != nil {
			t.GetConn(req.URL.Host)
		}
		return nil, errInjected
	case swallowed:
		return nil, errInjected
	case bad500:
		return canned(req, 500, "", `{"errorMessages":["Internal server error"],"errors":{}}`), nil
	case conflict:
		return canned(req, 409, "", `{"errorMessages":["Issue is being edited"],"errors":{}}`), nil
	case tooMany:
		return canned(req, 429, "", `{"errorMessages":["Rate limit exceeded"]}`), nil
	case retryAfter:
		return canned(req, 429, "3", `{"errorMessages":["Rate limit exceeded"]}`), nil
	case longPause:
		return canned(req, 429, "90", `{"errorMessages":["Rate limit exceeded"]}`), nil
	case teaPage:
		res := canned(req, 200, "", `<!DOCTYPE html><html><head><title>Sign in</title></head></html>`)
		res.Header.Set("Content-Type", "text/html")
		return res, nil
	case meanwhile:
		m.do()
	}
	res, err := serve(w.handler, req, w.h.jiraNow())
	switch m.kind {
	case answerLost:
		return nil, errInjected
	case badAfter:
		return canned(req, 500, "", `{"errorMessages":["Internal server error"],"errors":{}}`), nil
	case hanging:
		select {
		case <-req.Context().Done():
		case <-time.After(2 * time.Minute):
		}
		return nil, errInjected
	case afterwards:
		m.do()
	}
	return res, err
}

func canned(req *http.Request, status int, after, body string) *http.Response {
	if req.Body != nil {
		_ = req.Body.Close() // nobody reads it
	}
	h := http.Header{"Content-Type": {"application/json;charset=UTF-8"}}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status), Header: h, Request: req, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// hubWire is the way from the poller to the hub.
type hubWire struct {
	w       *world
	mishaps []mishap
}

// RoundTrip is http.RoundTripper's. A crash of the hub in the middle of a call is, to the poller, an answer that never came.
func (t *hubWire) RoundTrip(req *http.Request) (res *http.Response, err error) {
	kind := ""
	switch {
	case len(t.mishaps) > 0 && t.mishaps[0].in > 0:
		t.mishaps[0].in--
	case len(t.mishaps) > 0:
		kind, t.mishaps = t.mishaps[0].kind, t.mishaps[1:]
		t.w.say("  exchange %s: %s", req.URL.Path, kind)
	}
	if kind == swallowed || t.w.cut {
		return nil, errInjected
	}
	point := func(at string) {
		if req.Method != http.MethodGet { // content is fetched by a goroutine of its own
			t.w.private.gun.point(at)
		}
	}
	point("before calling the hub")
	if !t.w.survive(t.w.public, func() { res, err = serve(t.w.public.hub, req, t.w.public.now()) }) {
		return nil, errInjected
	}
	point("after calling the hub")
	if kind == answerLost {
		return nil, errInjected
	}
	return res, err
}

// mail is where webhooks arrive: they wait until a step delivers, doubles, delays or loses them.
type mail struct {
	mu      sync.Mutex
	arrived []letter
	waiting []letter
	late    []letter // held back until they are due
}

// letter is one webhook body on its way.
type letter struct {
	id     string
	header http.Header
	body   []byte
	path   string
	due    time.Time
}

// RoundTrip is http.RoundTripper's; the sending Jira is told that all is well.
func (m *mail) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.arrived = append(m.arrived, letter{id: req.Header.Get("X-Atlassian-Webhook-Identifier"), header: req.Header.Clone(), body: body, path: req.URL.Path})
	return canned(req, 202, "", ""), nil
}
