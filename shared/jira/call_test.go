package jira

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"drawbridge/shared/bridge"
)

// TestRefusals: what an answer means, for a write.
func TestRefusals(t *testing.T) {
	page := map[string]string{"Content-Type": "text/html;charset=UTF-8"}
	for _, c := range []struct {
		name      string
		answer    answer
		want      string
		temporary bool
		level     bridge.Level
		uncertain bool
		says      string
	}{
		{"unauthenticated", answer{status: 401, body: `x`}, "site-unauthenticated", false, bridge.LevelSite, false, "renew the token"},
		{"scope", answer{status: 401, body: `{"code":401,"message":"Unauthorized; scope does not match"}`}, "forbidden", false, bridge.LevelPair, false, "no scope for this"},
		{"captcha", answer{status: 403, header: map[string]string{"X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=x"}}, "site-unauthenticated", false, bridge.LevelSite, false, "captcha"},
		{"login failed", answer{status: 403, header: map[string]string{"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}}, "site-unauthenticated", false, bridge.LevelSite, false, ""},
		{"to a login page", answer{status: 302, header: map[string]string{"Location": "/login.jsp"}}, "site-unauthenticated", false, bridge.LevelSite, false, ""},
		{"moved", answer{status: 301, header: map[string]string{"Location": "https://new.example/x?secret=1"}}, "site-moved", false, bridge.LevelSite, false, "https://new.example/x leads"},
		{"forbidden", answer{status: 403, body: `{"errorMessages":["no right"]}`}, "forbidden", false, bridge.LevelPair, false, "no right"},
		{"absent", answer{status: 404, body: `{"errorMessages":["Issue does not exist"],"errors":{}}`}, "not-found", false, bridge.LevelPair, false, "Issue does not exist"},
		{"problem", answer{status: 404, body: `{"type":"about:blank","title":"Not Found","status":404,"detail":"No endpoint PUT /x"}`, header: map[string]string{"Content-Type": "application/problem+json"}}, "not-found", false, bridge.LevelPair, false, "No endpoint"},
		{"gone", answer{status: 410, body: `{"errorMessages":["The requested API has been removed."]}`}, "not-found", false, bridge.LevelPair, false, "removed"},
		{"field", answer{status: 400, body: `{"errorMessages":[],"errors":{"summary":"Field 'summary' cannot be set."}}`}, "field-refused", false, bridge.LevelPair, false, `field "summary": Field`},
		{"field, odd", answer{status: 400, body: `{"errors":{"x":{"deep":[1]}}}`}, "field-refused", false, bridge.LevelPair, false, `{"deep":[1]}`},
		{"too long", answer{status: 400, body: `{"errors":{"comment":"The entered text is too long. It exceeds the allowed limit of 32767 characters."}}`}, "text-too-long", false, bridge.LevelPair, false, "32767"},
		{"refused", answer{status: 400, body: `{"errorMessages":["There was an error parsing JSON."]}`}, "request-refused", false, bridge.LevelPair, false, "parsing JSON"},
		{"refused in words", answer{status: 422, body: `plain`, header: map[string]string{"Content-Type": "text/plain"}}, "request-refused", false, bridge.LevelPair, false, "plain"},
		{"too large", answer{status: 413}, "too-large", false, bridge.LevelPair, false, ""},
		{"starting", answer{status: 503, body: `<html><head><title>JIRA starting</title>`, header: page}, "html-answer", true, bridge.LevelSite, true, "JIRA starting"},
		{"page instead of answer", answer{status: 200, body: `<!DOCTYPE html><title>Sign in</title>`, header: page}, "html-answer", true, bridge.LevelSite, true, "Sign in"},
		{"block page", answer{status: 403, body: `<html>blocked`, header: page}, "html-answer", true, bridge.LevelSite, false, ""},
		{"garbage", answer{status: 201, body: `{"id":"1`}, "bad-answer", true, bridge.LevelPair, true, ""},
		{"other shape", answer{status: 201, body: `[]`}, "bad-answer", true, bridge.LevelPair, true, ""},
		{"no id", answer{status: 201, body: `{}`}, "bad-answer", true, bridge.LevelPair, true, ""},
		{"empty", answer{status: 201}, "bad-answer", true, bridge.LevelPair, true, ""},
		{"cut", answer{status: 201, body: `{"id"`, cut: true}, "site-unreachable", true, bridge.LevelSite, true, ""},
		{"dropped", answer{drop: true}, "site-unreachable", true, bridge.LevelSite, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := script(t, c.answer)
			_, err := s.client(t, bridge.Cloud).Create(ctx, CreateRequest{Fields: map[string]any{"summary": "s"}})
			if bridge.NameOf(err) != c.want || bridge.IsTemporary(err) != c.temporary || bridge.LevelOf(err) != c.level || Uncertain(err) != c.uncertain {
				t.Errorf("got %s temporary=%v level=%s uncertain=%v: %v", bridge.NameOf(err), bridge.IsTemporary(err), bridge.LevelOf(err), Uncertain(err), err)
			}
			if StatusOf(err) != c.answer.status {
				t.Errorf("status %d, want %d", StatusOf(err), c.answer.status)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "create an issue") || strings.Contains(err.Error(), "secret=1") {
				t.Errorf("message %v", err)
			}
			if len(s.lines()) != 1 {
				t.Errorf("a write was repeated: %q", s.lines())
			}
		})
	}
}

// TestAJiraThatFailsWhoeverAsks: a server error is one issue's trouble as long as Jira still says who we are, and the site's else.
func TestAJiraThatFailsWhoeverAsks(t *testing.T) {
	failed := answer{status: 500, body: `{"errorMessages":["Internal server error"]}`}
	for level, myself := range map[bridge.Level]answer{bridge.LevelPair: ok(`{"accountId":"a"}`), bridge.LevelSite: failed} {
		s := script(t, failed, myself)
		_, err := s.client(t, bridge.Cloud).Create(ctx, CreateRequest{Fields: map[string]any{"summary": "s"}})
		if bridge.NameOf(err) != "jira-failed" || !bridge.IsTemporary(err) || bridge.LevelOf(err) != level || !Uncertain(err) || StatusOf(err) != 500 {
			t.Errorf("level %s: got %s, %v", level, bridge.LevelOf(err), err)
		}
		if err == nil || err.Error() != "create an issue: jira failed (500): Internal server error" {
			t.Errorf("message %v", err)
		}
		for _, line := range s.lines()[1:] {
			if line != "GET /jira/rest/api/2/myself" {
				t.Errorf("besides, it asked %s", line)
			}
		}
	}
}

func TestFieldErrors(t *testing.T) {
	s := script(t, answer{status: 400, body: `{"errorMessages":["bad"],"errors":{"a":"x","b":"y"}}`})
	_, err := s.client(t, bridge.Cloud).Create(ctx, CreateRequest{})
	if got := FieldErrors(err); len(got) != 2 || got["a"] != "x" || err.Error() != `create an issue: bad; field "a": x; field "b": y` {
		t.Errorf("%v, %v", got, err)
	}
	if FieldErrors(nil) != nil || StatusOf(nil) != 0 || Uncertain(nil) {
		t.Error("no error has no fault")
	}
}

func TestReadsAreTriedAgain(t *testing.T) {
	s := script(t, answer{drop: true}, answer{status: 502, body: "<html>", header: map[string]string{"Content-Type": "text/html"}}, ok(`{"accountId":"a"}`))
	if _, err := s.client(t, bridge.Cloud).Myself(ctx); err != nil || len(s.lines()) < 3 {
		t.Errorf("%v after %d calls", err, len(s.lines()))
	}
	s = script(t)
	if _, err := s.client(t, bridge.Cloud).Myself(ctx); bridge.NameOf(err) != "jira-failed" || len(s.lines()) != attempts || Uncertain(err) {
		t.Errorf("%v after %d calls", err, len(s.lines()))
	}
}

func TestBusyWritesAreTriedAgain(t *testing.T) {
	s := script(t, answer{status: 409, body: `{"errorMessages":["busy"]}`}, answer{status: 204})
	if _, err := s.client(t, bridge.Cloud).Edit(ctx, "1", EditRequest{}); err != nil || len(s.lines()) != 2 {
		t.Errorf("%v after %d calls", err, len(s.lines()))
	}
}

func TestNothingSentIsNotUncertain(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	c, _ := New(Options{APIURL: closed.URL, Flavour: bridge.Cloud, Auth: Auth{"pat", "", func() (string, error) { return "x", nil }}})
	_, err := c.Create(ctx, CreateRequest{})
	if bridge.NameOf(err) != "site-unreachable" || Uncertain(err) || StatusOf(err) != 0 {
		t.Errorf("%v, uncertain %v", err, Uncertain(err))
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Create(gone, CreateRequest{}); bridge.NameOf(err) != "interrupted" || !errors.Is(err, context.Canceled) || Uncertain(err) {
		t.Errorf("%v", err)
	}
}

func TestDeadlineAfterSendingIsUncertain(t *testing.T) {
	block := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-block }))
	defer s.Close()
	defer close(block)
	c, _ := New(Options{APIURL: s.URL, Flavour: bridge.Cloud, Auth: Auth{"pat", "", func() (string, error) { return "x", nil }}})
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := c.Create(short, CreateRequest{}); !Uncertain(err) || bridge.NameOf(err) != "interrupted" {
		t.Errorf("%v, uncertain %v", err, Uncertain(err))
	}
	c.opts.HTTP = &http.Client{Timeout: 100 * time.Millisecond}
	slow, _ := New(c.opts)
	if _, err := slow.Create(ctx, CreateRequest{}); !Uncertain(err) || bridge.NameOf(err) != "site-unreachable" {
		t.Errorf("%v, uncertain %v", err, Uncertain(err))
	}
}

func TestRateLimitClosesTheGate(t *testing.T) {
	var until time.Time
	s := script(t, answer{status: 429, header: map[string]string{"Retry-After": "1", "RateLimit-Reason": "jira-burst-based"}}, answer{status: 204},
		answer{status: 429, header: map[string]string{"Retry-After": "3600"}})
	c := s.client(t, bridge.Cloud, func(o *Options) { o.OnGate = func(u time.Time) { until = u } })
	began := time.Now()
	if _, err := c.Edit(ctx, "1", EditRequest{}); err != nil || time.Since(began) < time.Second || until.Before(began) {
		t.Errorf("%v after %v, gate %v", err, time.Since(began), until)
	}
	_, err := c.Edit(ctx, "1", EditRequest{})
	var e *bridge.Error
	if !errors.As(err, &e) || e.Name != "rate-limited" || e.After != time.Hour || !e.Temporary || StatusOf(err) != 429 || Uncertain(err) {
		t.Errorf("%+v", e)
	}
	_, err = c.Edit(ctx, "2", EditRequest{})
	if !errors.As(err, &e) || e.Name != "rate-limited" || e.After < 59*time.Minute || len(s.lines()) != 3 {
		t.Errorf("a call went through the closed gate: %+v, %d calls", e, len(s.lines()))
	}
}

func TestPerIssueGate(t *testing.T) {
	s := script(t, answer{status: 429, header: map[string]string{"Retry-After": "3600", "RateLimit-Reason": "jira-per-issue-on-write"}}, answer{status: 204})
	c := s.client(t, bridge.Cloud)
	if _, err := c.Edit(ctx, "1", EditRequest{}); bridge.NameOf(err) != "rate-limited" {
		t.Error(err)
	}
	if _, err := c.Edit(ctx, "2", EditRequest{}); err != nil {
		t.Errorf("another issue was stopped: %v", err)
	}
}

func TestGateFromOutside(t *testing.T) {
	s := script(t)
	c := s.client(t, bridge.Cloud)
	c.Gate(time.Now().Add(time.Hour))
	if _, err := c.Myself(ctx); bridge.NameOf(err) != "rate-limited" || len(s.lines()) != 0 {
		t.Errorf("%v, %d calls", err, len(s.lines()))
	}
}

func TestWritesToOneIssueKeepTheWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(bridge.Cloud, 1, nil)
		began := time.Now()
		var at []time.Duration
		for range 130 {
			if wait, err := l.wait(ctx, http.MethodPut, "1"); wait != 0 || err != nil {
				t.Fatal(wait, err)
			}
			at = append(at, time.Since(began))
		}
		for i := range at {
			if i >= 20 && at[i]-at[i-20] < 2*time.Second || i >= 100 && at[i]-at[i-100] < 30*time.Second {
				t.Errorf("write %d at %v breaks a window", i+1, at[i])
			}
		}
		if at[19] != 0 || at[99] > 9*time.Second {
			t.Errorf("slower than needed: 20th at %v, 100th at %v", at[19], at[99])
		}
		if l.pause("2") != 0 {
			t.Error("another issue has to wait")
		}
	})
}

func TestGuessGrowsAndRelaxes(t *testing.T) {
	l := newLimits(bridge.Cloud, 1, nil)
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if got := l.guess(); got != want*time.Second {
			t.Errorf("guess %v, want %ds", got, want)
		}
	}
	if l.relax(); l.guess() != time.Second {
		t.Error("a success does not relax")
	}
}

func TestRetryAfter(t *testing.T) {
	for in, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "0.5": time.Second / 2, "soon": 0, "-1": 0, "1e12": 24 * time.Hour,
		noon.Add(time.Minute).Format(http.TimeFormat): time.Minute, noon.Add(-time.Minute).Format(http.TimeFormat): 0} {
		if got := retryAfter(http.Header{"Retry-After": {in}}, noon); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestAnonymous(t *testing.T) {
	anonymous := map[string]string{"X-AUSERNAME": "anonymous"}
	s := script(t, answer{status: 200, body: `{"issues":[],"total":0}`, header: anonymous})
	if _, _, err := s.client(t, bridge.DataCenter).SearchPage(ctx, "project = P", SearchOptions{}, ""); bridge.NameOf(err) != "site-unauthenticated" || bridge.LevelOf(err) != bridge.LevelSite {
		t.Errorf("anonymous by header: %v", err)
	}

	// An empty answer without any name: who are we?
	s = script(t, ok(`{"issues":[],"isLast":true}`), answer{status: 401})
	c := s.client(t, bridge.Cloud, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Hour) } })
	if _, _, err := c.SearchPage(ctx, "project = P", SearchOptions{}, ""); bridge.NameOf(err) != "site-unauthenticated" {
		t.Errorf("anonymous empty answer: %v", err)
	}
	wantLines(t, s, "GET /jira/rest/api/2/search/jql?fields=%2Aall%2C-comment&jql=project+%3D+P&maxResults=50", "GET /jira/rest/api/2/myself")

	// Answers used to name us and stop: ask, even if the answer is not empty.
	named := map[string]string{"X-Aaccountid": "712020%3Aabc"}
	s = script(t, answer{status: 200, body: issueBody, header: named}, ok(issueBody), answer{status: 401})
	c = s.client(t, bridge.Cloud)
	if _, err := c.Issue(ctx, "1", IssueOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := c.Issue(ctx, "1", IssueOptions{}); bridge.NameOf(err) != "site-unauthenticated" {
		t.Errorf("no longer named: %v", err)
	}

	// A moment ago they still did: what a nameless answer denies or leaves empty is asked about at once all the same.
	for _, fl := range []bridge.Flavour{bridge.Cloud, bridge.DataCenter} {
		name := map[string]string{"X-Aaccountid": "712020%3Aabc", "X-Ausername": "bot"}
		for _, a := range []answer{{status: 404, body: `{"errorMessages":["Issue does not exist"]}`}, ok(`{"issues":[],"isLast":true}`)} {
			s = script(t, answer{status: 200, body: issueBody, header: name}, a, answer{status: 401})
			c = s.client(t, fl)
			_, err := c.Issue(ctx, "1", IssueOptions{})
			if a.status == 404 && err == nil {
				_, err = c.Edit(ctx, "1", EditRequest{})
			} else if err == nil {
				_, _, err = c.SearchPage(ctx, "project = P", SearchOptions{}, "")
			}
			if bridge.NameOf(err) != "site-unauthenticated" || len(s.lines()) != 3 {
				t.Errorf("%s: %d without a name, just after answers with one: %v, %v", fl, a.status, err, s.lines())
			}
		}
	}

	// To nobody, issues do not exist: a refusal without a name is asked about too, and a 404 must not look like a deletion.
	for _, a := range []answer{{status: 404, body: `{"errorMessages":["Issue does not exist"]}`}, {status: 400, body: `{"errors":{"summary":"Field 'summary' cannot be set."}}`}} {
		s = script(t, a, answer{status: 401})
		c = s.client(t, bridge.Cloud, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Hour) } })
		if _, err := c.Edit(ctx, "1", EditRequest{}); bridge.NameOf(err) != "site-unauthenticated" || len(s.lines()) != 2 {
			t.Errorf("refused as anonymous: %v, %q", err, s.lines())
		}
		a.header = named
		s = script(t, a)
		c = s.client(t, bridge.Cloud, func(o *Options) { o.Now = func() time.Time { return time.Now().Add(time.Hour) } })
		if _, err := c.Edit(ctx, "1", EditRequest{}); bridge.LevelOf(err) != bridge.LevelPair || len(s.lines()) != 1 {
			t.Errorf("refused by name: %v, %q", err, s.lines())
		}
	}
	s = script(t, answer{status: 404, header: anonymous})
	if _, err := s.client(t, bridge.DataCenter).Issue(ctx, "1", IssueOptions{}); bridge.NameOf(err) != "site-unauthenticated" {
		t.Errorf("anonymous 404: %v", err)
	}

	// A user without a name is nobody.
	s = script(t, ok(`{}`))
	if _, err := s.client(t, bridge.Cloud).Whoami(ctx); bridge.NameOf(err) != "site-unauthenticated" {
		t.Errorf("nobody: %v", err)
	}
}

func TestSecretsAreReadForEachCall(t *testing.T) {
	s := script(t, ok(`{"name":"bot"}`), ok(`{"name":"bot"}`))
	secret, broken := "one\n", error(nil)
	c := s.client(t, bridge.DataCenter, func(o *Options) { o.Auth = Auth{Kind: "pat", Secret: func() (string, error) { return secret, broken }} })
	_, _ = c.Myself(ctx)
	secret = "two"
	_, _ = c.Myself(ctx)
	if a, b := s.heads[0].Get("Authorization"), s.heads[1].Get("Authorization"); a != "Bearer one" || b != "Bearer two" {
		t.Errorf("%q, %q", a, b)
	}
	broken = errors.New("file is gone")
	if _, err := c.Myself(ctx); bridge.NameOf(err) != "site-unauthenticated" || !strings.Contains(err.Error(), "file is gone") || len(s.lines()) != 2 {
		t.Error(err)
	}
}

func TestCredentialsStayHome(t *testing.T) {
	foreign := script(t, ok(`{"name":"bot"}`))
	s := script(t, answer{status: 302, header: map[string]string{"Location": foreign.URL + "/x"}})
	_, err := s.client(t, bridge.DataCenter).Myself(ctx)
	if bridge.NameOf(err) != "site-moved" || len(foreign.lines()) != 0 {
		t.Errorf("%v; the foreign host was asked %q", err, foreign.lines())
	}
	s = script(t, answer{status: 302, header: map[string]string{"Location": "/jira/rest/api/2/myself?again"}}, ok(`{"name":"bot"}`))
	if _, err := s.client(t, bridge.DataCenter).Myself(ctx); err != nil || s.heads[1].Get("Authorization") == "" {
		t.Errorf("a redirect within the site: %v", err)
	}
}

func TestEveryAttemptIsCounted(t *testing.T) {
	var seen []string
	s := script(t, answer{status: 502}, ok(issueBody))
	c := s.client(t, bridge.Cloud, func(o *Options) {
		o.OnCall = func(method, route string, status int, took time.Duration) {
			seen = append(seen, method+" "+route+" "+http.StatusText(status))
		}
	})
	_, _ = c.Issue(ctx, "1", IssueOptions{})
	if got := strings.Join(seen, ", "); got != "GET issue/{issue} Bad Gateway, GET issue/{issue} OK" {
		t.Error(got)
	}
}

func TestNewRefuses(t *testing.T) {
	secret := func() (string, error) { return "", nil }
	for _, o := range []Options{
		{}, {Flavour: bridge.Cloud}, {Flavour: bridge.Cloud, Auth: Auth{Kind: "basic", Secret: secret}}, {Flavour: bridge.Cloud, Auth: Auth{Kind: "pat"}},
		{Flavour: bridge.Cloud, Auth: Auth{Kind: "pat", Secret: secret}, APIURL: "jira.example.org"},
		{Flavour: bridge.Cloud, Auth: Auth{Kind: "pat", Secret: secret}, APIURL: "https://u:p@jira.example.org"},
		{Flavour: bridge.Cloud, Auth: Auth{Kind: "pat", Secret: secret}, APIURL: "ftp://jira.example.org"},
	} {
		if _, err := New(o); bridge.NameOf(err) != "site-misconfigured" {
			t.Errorf("%+v: %v", o, err)
		}
	}
	c, err := New(Options{Flavour: bridge.Cloud, Auth: Auth{Kind: "pat", Secret: secret}, APIURL: "https://jira.example.org/"})
	if err != nil || c.Browse("P-1") != "https://jira.example.org/browse/P-1" {
		t.Error(err)
	}
}

func TestClockOffset(t *testing.T) {
	ours := noon
	s := script(t, answer{status: 200, body: `{"name":"bot"}`, header: map[string]string{"Date": noon.Add(90 * time.Second).Format(http.TimeFormat)}},
		answer{status: 200, body: `{"serverTime":"2026-11-21T13:01:30.250+0100","version":"10.3.24"}`, header: map[string]string{"Date": noon.Format(http.TimeFormat)}})
	c := s.client(t, bridge.DataCenter, func(o *Options) { o.Now = func() time.Time { return ours } })
	_, _ = c.Myself(ctx)
	if got := c.ClockOffset(); got < 90*time.Second || got > 91*time.Second {
		t.Errorf("by Date: %v", got)
	}
	info, err := c.ServerInfo(ctx)
	if got := c.ClockOffset(); err != nil || got.Round(time.Millisecond*10) != 90250*time.Millisecond || info.Major() != 10 {
		t.Errorf("by serverTime: %v, %+v, %v", got, info, err)
	}
}

func TestClockBoundsNarrowAndStartAgain(t *testing.T) {
	var b bound
	b.learn(0, time.Second, noon)
	b.learn(600*time.Millisecond, 1600*time.Millisecond, noon)
	if b.low != 600*time.Millisecond || b.high != time.Second {
		t.Errorf("%+v", b)
	}
	if b.learn(time.Hour, time.Hour+time.Second, noon); b.middle() != time.Hour+time.Second/2 {
		t.Errorf("%+v", b)
	}
}

// TestCallsAtOnce: whoever is at work, no more calls than were asked for wait for Jira at a time, and one that has ended, or whose
// caller has gone, leaves its place.
func TestCallsAtOnce(t *testing.T) {
	const most = 3
	var now, top atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for seen := top.Load(); n > seen && !top.CompareAndSwap(seen, n); seen = top.Load() {
		}
		time.Sleep(10 * time.Millisecond)
		_, _ = w.Write([]byte(`{"accountId":"1"}`)) // it waits for it
	}))
	defer s.Close()
	c, err := New(Options{APIURL: s.URL, Flavour: bridge.Cloud, Workers: most, Auth: Auth{Kind: "basic", User: "u", Secret: func() (string, error) { return "s", nil }}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if i%5 == 0 {
				cancel()
			}
			if _, err := c.Myself(ctx); (err != nil) != (i%5 == 0) {
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if top.Load() != most {
		t.Errorf("%d calls at once, want %d", top.Load(), most)
	}
}
