package jira

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/bridge"
)

// answer is what a scripted Jira answers next.
type answer struct {
	status int
	body   string
	header map[string]string
	cut    bool // the connection breaks after the head
	drop   bool // the connection breaks before any answer
}

// scripted is a Jira that answers from a list and remembers what it was asked.
type scripted struct {
	*httptest.Server
	mu      sync.Mutex
	answers []answer
	asked   []string // "PUT /jira/rest/api/2/issue/1?x=y {body}"
	heads   []http.Header
}

func script(t *testing.T, answers ...answer) *scripted {
	s := &scripted{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *scripted) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	line := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		line += " " + strings.TrimSpace(string(body))
	}
	s.mu.Lock()
	s.asked, s.heads = append(s.asked, line), append(s.heads, r.Header)
	a := answer{status: 500, body: `{"errorMessages":["nothing scripted"]}`}
	if len(s.answers) > 0 {
		a, s.answers = s.answers[0], s.answers[1:]
	}
	s.mu.Unlock()
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if a.cut {
		w.Header().Set("Content-Length", "100000")
	}
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.body)
	if a.cut {
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (s *scripted) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

func ok(body string) answer { return answer{status: 200, body: body} }

// client makes a client of the scripted Jira under the context path /jira.
func (s *scripted) client(t *testing.T, fl bridge.Flavour, change ...func(*Options)) *Client {
	t.Helper()
	o := Options{APIURL: s.URL + "/jira", Flavour: fl, Auth: Auth{Kind: "basic", User: "bot", Secret: func() (string, error) { return "s3cret", nil }}}
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.account.prove(time.Now(), false) // as after the check that every program makes at its start
	return c
}

// both runs a test for each flavour.
func both(t *testing.T, f func(t *testing.T, fl bridge.Flavour)) {
	for _, fl := range []bridge.Flavour{bridge.Cloud, bridge.DataCenter} {
		t.Run(string(fl), func(t *testing.T) { f(t, fl) })
	}
}

func wantLines(t *testing.T, s *scripted, want ...string) {
	t.Helper()
	got := s.lines()
	for i := range max(len(got), len(want)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Errorf("request %d:\n got %s\nwant %s", i+1, g, w)
		}
	}
}

var ctx = context.Background()
