package simulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a seeded site behind a real HTTP server.
type rig struct {
	*Site
	t    *testing.T
	srv  *httptest.Server
	demo Demo
	api  string
}

func newRig(t *testing.T, flavour string, with ...func(*Settings)) *rig {
	t.Helper()
	return newRigAt(t, flavour, nil, with...)
}

// newRigAt is newRig with a clock of the test's.
func newRigAt(t *testing.T, flavour string, c *clock, with ...func(*Settings)) *rig {
	t.Helper()
	var now func() time.Time
	if c != nil {
		now = c.now
	}
	s := New(Options{Flavour: flavour, Seed: 1, Now: now, Configure: func(st *Settings) {
		st.RateLimits = false
		for _, f := range with {
			f(st)
		}
	}})
	r := &rig{Site: s, t: t, demo: s.SeedDemo("ABC"), api: "/rest/api/2"}
	r.srv = httptest.NewServer(s.Handler())
	s.SetBaseURL(r.srv.URL)
	t.Cleanup(func() { r.srv.Close(); s.Close() })
	return r
}

// both runs a test on each flavour.
func both(t *testing.T, f func(t *testing.T, r *rig)) {
	for _, fl := range []string{Cloud, DataCenter} {
		t.Run(fl, func(t *testing.T) { f(t, newRig(t, fl)) })
	}
}

type reply struct {
	t      *testing.T
	Status int
	Body   string
	Header http.Header
	JSON   any
}

// as sends a request as a user of the demonstration ("" is anonymous).
func (r *rig) as(name, method, path string, body any) *reply {
	r.t.Helper()
	var rd io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		rd = strings.NewReader(b)
	default:
		data, _ := json.Marshal(b)
		rd = bytes.NewReader(data)
	}
	if !strings.HasPrefix(path, "/rest/") && !strings.HasPrefix(path, "/secure/") && !strings.HasPrefix(path, "/media/") {
		path = r.api + path
	}
	req, err := http.NewRequest(method, r.srv.URL+path, rd)
	if err != nil {
		r.t.Fatal(err)
	}
	if rd != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	r.sign(req, name)
	return r.send(req)
}

func (r *rig) sign(req *http.Request, name string) {
	switch {
	case name == "":
	case r.Flavour() == Cloud:
		req.SetBasicAuth(name+"@example.com", name+"-token")
	default:
		req.Header.Set("Authorization", "Bearer "+name+"-token")
	}
}

func (r *rig) send(req *http.Request) *reply {
	r.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	out := &reply{t: r.t, Status: resp.StatusCode, Body: string(data), Header: resp.Header}
	_ = json.Unmarshal(data, &out.JSON)
	return out
}

func (r *rig) do(method, path string, body any) *reply {
	r.t.Helper()
	return r.as("alice", method, path, body)
}

// want checks the status and gives the reply back.
func (p *reply) want(status int) *reply {
	p.t.Helper()
	if p.Status != status {
		p.t.Fatalf("status %d, want %d: %s", p.Status, status, p.Body)
	}
	return p
}

// at digs into the JSON by a path such as "fields.status.name" or
// "issues.0.key".
func (p *reply) at(path string) any { return dig(p.JSON, path) }

func dig(x any, path string) any {
	for _, k := range strings.Split(path, ".") {
		switch v := x.(type) {
		case map[string]any:
			x = v[k]
		case []any:
			var i int
			if _, err := fmt.Sscan(k, &i); err != nil || i >= len(v) {
				return nil
			}
			x = v[i]
		default:
			return nil
		}
	}
	return x
}

func (p *reply) is(path string, want any) *reply {
	p.t.Helper()
	if got := p.at(path); fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Fatalf("%s is %v, want %v\n%s", path, got, want, p.Body)
	}
	return p
}

func (p *reply) says(text string) *reply {
	p.t.Helper()
	if !strings.Contains(p.Body, text) {
		p.t.Fatalf("answer lacks %q: %s", text, p.Body)
	}
	return p
}

func (p *reply) len(path string) int {
	list, _ := p.at(path).([]any)
	return len(list)
}

// make creates an issue and gives its key.
func (r *rig) make(summary string, more ...obj) string {
	r.t.Helper()
	fields := obj{"project": obj{"key": "ABC"}, "issuetype": obj{"name": "Task"}, "summary": summary}
	for _, m := range more {
		for k, v := range m {
			fields[k] = v
		}
	}
	return r.do("POST", "/issue", obj{"fields": fields}).want(201).at("key").(string)
}

func (r *rig) field(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := pick(r.st.Fields, func(f *Field) bool { return f.Name == name })
	if f == nil {
		r.t.Fatalf("no field %q", name)
	}
	return f.ID
}

func (r *rig) edit(key string, fields obj) *reply {
	r.t.Helper()
	return r.do("PUT", "/issue/"+key, obj{"fields": fields})
}

// move transitions an issue to the status with that name.
func (r *rig) moveTo(key, status string, fields obj) *reply {
	r.t.Helper()
	list := r.do("GET", "/issue/"+key+"/transitions", nil).want(200).at("transitions").([]any)
	for _, t := range list {
		if dig(t, "to.name") == status {
			return r.do("POST", "/issue/"+key+"/transitions", obj{"transition": obj{"id": dig(t, "id")}, "fields": fields})
		}
	}
	r.t.Fatalf("no transition of %s to %s", key, status)
	return nil
}

// search searches the way the flavour does.
func (r *rig) search(jql, fields string, more ...string) *reply {
	r.t.Helper()
	path := "/search?"
	if r.Flavour() == Cloud {
		path = "/search/jql?"
	}
	q := url.Values{"jql": {jql}, "fields": {fields}}
	return r.do("GET", path+strings.Join(append([]string{q.Encode()}, more...), "&"), nil).want(200)
}

func (r *rig) histories(key string) []any {
	r.t.Helper()
	list, _ := r.do("GET", "/issue/"+key+"?expand=changelog", nil).want(200).at("changelog.histories").([]any)
	return list
}

// inbox is a webhook receiver.
type inbox struct {
	mu     sync.Mutex
	events []obj
	heads  []http.Header
	raw    []string
	answer func(n int) int // status of the n-th call
	srv    *httptest.Server
}

func (r *rig) inbox(events ...string) *inbox { return r.inboxFor("", events...) }

func (r *rig) inboxFor(jql string, events ...string) *inbox {
	r.t.Helper()
	in := &inbox{}
	in.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		data, _ := io.ReadAll(req.Body)
		var e obj
		_ = json.Unmarshal(data, &e)
		in.mu.Lock()
		in.events, in.heads, in.raw = append(in.events, e), append(in.heads, req.Header.Clone()), append(in.raw, string(data))
		n, answer := len(in.events), in.answer
		in.mu.Unlock()
		if answer != nil {
			w.WriteHeader(answer(n))
		}
	}))
	r.t.Cleanup(in.srv.Close)
	path := "/rest/webhooks/1.0/webhook"
	if r.Flavour() == DataCenter {
		path = "/rest/jira-webhook/1.0/webhooks"
	}
	r.as("admin", "POST", path, obj{"name": "test", "url": in.srv.URL + "/hook", "events": events, "secret": "s3cret",
		"filters": obj{"issue-related-events-section": jql}}).want(201)
	return in
}

// got flushes and gives what has come, by event name.
func (in *inbox) got(r *rig) []obj {
	r.t.Helper()
	if err := r.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]obj(nil), in.events...)
}

func (in *inbox) names(r *rig) []string {
	var names []string
	for _, e := range in.got(r) {
		names = append(names, fmt.Sprint(e["webhookEvent"]))
	}
	return names
}

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
