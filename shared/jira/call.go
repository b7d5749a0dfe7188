package jira

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

const (
	largestAnswer  = 256 << 20 // of an answer decoded as a stream
	largestRefusal = 1 << 20
	attempts       = 4
)

// A call is one request to Jira and what to make of its answer.
type call struct {
	what   string // for people: "edit issue 10001"
	method string
	route  string // for counting: "issue/{issue}"
	path   string // from the API URL on, with the query
	body   any
	reads  bool   // a POST that changes nothing
	issue  string // the issue a write is about
	// build makes the request where a JSON body will not do; it is called once per attempt.
	build func(context.Context) (*http.Request, error)
	// streams: decode hands out parts as they come, so a half read answer is not asked for again.
	streams bool
	// decode reads the answer; nil where nothing is expected of it. It starts afresh at each attempt.
	decode func(*http.Response, io.Reader) error
}

// get reads.
func (c *Client) get(ctx context.Context, what, route, path string, decode func(*http.Response, io.Reader) error) error {
	return c.do(ctx, call{what: what, method: http.MethodGet, route: route, path: path, decode: decode})
}

func (k *call) write() bool { return k.method != http.MethodGet && !k.reads }

// do makes the call, again where that is safe: a read after a temporary failure, a write only after an answer that says it
// was not executed (429, 409).
func (c *Client) do(ctx context.Context, k call) error {
	err := c.call(ctx, k)
	if err == nil {
		return nil
	}
	if err.Name == "jira-failed" && err.Level == bridge.LevelPair && c.failsAll(ctx) {
		err.Level = bridge.LevelSite
	}
	return err
}

func (c *Client) call(ctx context.Context, k call) *bridge.Error {
	for n := 1; ; n++ {
		err := c.attempt(ctx, &k)
		if err == nil {
			return nil
		}
		pause, again := c.again(ctx, &k, err, n)
		if !again || sleep(ctx, pause) != nil {
			return err
		}
	}
}

// again decides whether to make attempt n+1, and how long to pause before it. A pause for a 429 happens at the gate.
func (c *Client) again(ctx context.Context, k *call, err *bridge.Error, n int) (time.Duration, bool) {
	if n >= attempts || ctx.Err() != nil || k.build != nil && k.write() {
		return 0, false
	}
	if k.streams && StatusOf(err)/100 == 2 {
		return 0, false
	}
	pause := max(c.backoff(n), err.After)
	switch {
	case err.Name == "rate-limited":
		return 0, StatusOf(err) == http.StatusTooManyRequests && soon(ctx, err.After)
	case err.Name == "busy", err.Temporary && !k.write() && err.Name != "interrupted":
		return pause, soon(ctx, pause)
	}
	return 0, false
}

// soon reports whether a pause is short enough to sit out here.
func soon(ctx context.Context, pause time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return pause <= patience && (!ok || time.Until(deadline) > pause)
}

// backoff is the pause after failure n: 0.2, 0.4, 0.8 s, give or take half.
func (c *Client) backoff(n int) time.Duration {
	base := 200 * time.Millisecond << (n - 1)
	if c.opts.Steady {
		return base
	}
	return base/2 + rand.N(base)
}

// attempt makes the call once.
func (c *Client) attempt(ctx context.Context, k *call) *bridge.Error {
	issue := ""
	if k.write() {
		issue = k.issue
	}
	switch wait, err := c.limits.wait(ctx, k.method, issue); {
	case err != nil && ctx.Err() != nil:
		return lost(ctx, k.what, err, false)
	case err != nil || wait > 0:
		return after(wait, (&fault{cause: err}).with(bridge.Temporary("rate-limited", "%s: not called: the site's rate limit is used up", k.what), bridge.LevelPair))
	}
	res, err := c.send(ctx, k)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return c.refused(ctx, k, res)
	}
	return c.accepted(ctx, k, res)
}

// send puts the request on the wire and waits for the head of the answer.
func (c *Client) send(ctx context.Context, k *call) (*http.Response, *bridge.Error) {
	tr, ctx2 := traced(ctx)
	req, err := c.request(ctx2, k)
	if err != nil {
		return nil, (&fault{cause: err}).with(bridge.Permanent("request-unwritable", "%s: %v", k.what, err), bridge.LevelPair)
	}
	if err := c.turn(ctx); err != nil {
		return nil, lost(ctx, k.what, err, false)
	}
	began := c.opts.Now()
	res, err := c.gj.do(req, nil)
	ended := c.opts.Now()
	c.over()
	if res == nil || res.Response == nil {
		c.count(k, 0, ended.Sub(began))
		if broken := (*secretError)(nil); errors.As(err, &broken) {
			return nil, (&fault{cause: err}).with(bridge.Permanent("site-unauthenticated", "%s: the secret cannot be read: %v", k.what, broken.cause), bridge.LevelSite)
		}
		return nil, lost(ctx, k.what, err, k.write() && tr.maybeSent())
	}
	c.count(k, res.StatusCode, ended.Sub(began))
	c.clock.date(res.Header, began, ended)
	return res.Response, nil
}

// turn waits until another call may wait for Jira; over lets the next one.
func (c *Client) turn(ctx context.Context) error {
	if c.turns == nil {
		return nil
	}
	select {
	case c.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) over() {
	if c.turns != nil {
		<-c.turns
	}
}

func (c *Client) request(ctx context.Context, k *call) (req *http.Request, err error) {
	if k.build != nil {
		req, err = k.build(ctx)
	} else {
		req, err = c.gj.newRequest(ctx, k.method, k.path, k.body)
	}
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "drawbridge")
	return req, nil
}

func (c *Client) count(k *call, status int, took time.Duration) {
	c.opts.Log.Debug("jira call", "method", k.method, "route", k.route, "status", status, "took", took)
	if c.opts.OnCall != nil {
		c.opts.OnCall(k.method, k.route, status, took)
	}
}

// refused makes the error of an answer that is not a success, and closes the gate where Jira asks for it.
func (c *Client) refused(ctx context.Context, k *call, res *http.Response) *bridge.Error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, largestRefusal))
	e := refusal(k.what, k.write(), res, body, c.opts.Now())
	if res.StatusCode == http.StatusTooManyRequests {
		if e.After == 0 {
			e.After = c.limits.guess()
		}
		issue := ""
		if strings.Contains(limitReason(res.Header), "per-issue") {
			issue = k.issue
		}
		c.limits.close(issue, e.After)
	}
	return c.identified(ctx, k, res, e)
}

// identified makes sure that a refusal is meant for us: to an anonymous caller issues do not exist and fields cannot be set, which
// would look like a deletion, or a mistake in a rule.
func (c *Client) identified(ctx context.Context, k *call, res *http.Response, e *bridge.Error) *bridge.Error {
	if e.Temporary || e.Level == bridge.LevelSite || k.route == "myself" {
		return e
	}
	if c.account.anonymous(res.Header) {
		return anonymous(k.what, res.StatusCode)
	}
	nameless := c.account.nameless(res.Header)
	c.account.see(res.Header, c.opts.Now(), false)
	if why := c.vouch(ctx, nameless); why != nil {
		return why
	}
	return e
}

// accepted reads a successful answer.
func (c *Client) accepted(ctx context.Context, k *call, res *http.Response) *bridge.Error {
	c.limits.relax()
	if !k.write() && c.account.anonymous(res.Header) {
		return anonymous(k.what, res.StatusCode)
	}
	doubt := c.account.see(res.Header, c.opts.Now(), c.cloud() && !k.write())
	limited := &bounded{r: res.Body, left: largestAnswer}
	rest := bufio.NewReader(limited)
	if head, _ := rest.Peek(512); isHTML(res.Header, head) {
		f := &fault{status: res.StatusCode, uncertain: k.write()}
		return f.with(bridge.Temporary("html-answer", "%s: a web page came instead of an answer (%d, %s): a proxy or a login page",
			k.what, res.StatusCode, title(head)), bridge.LevelSite)
	}
	if k.decode == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(rest, largestRefusal))
		return nil
	}
	if err := k.decode(res, rest); err != nil {
		return unreadable(ctx, k, res.StatusCode, limited, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(rest, largestRefusal)) // so that the connection can be used again
	if doubt && k.route != "myself" {
		return c.dispel(ctx)
	}
	return nil
}

// unreadable is the error of a success whose body cannot be read: what it reported has happened.
func unreadable(ctx context.Context, k *call, status int, body *bounded, err error) *bridge.Error {
	f := &fault{status: status, uncertain: k.write(), cause: err}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var ours *bridge.Error
	switch {
	case errors.As(err, &ours):
		return ours
	case body.left <= 0:
		return f.with(bridge.Permanent("bad-answer", "%s: the answer is larger than %d MB", k.what, largestAnswer>>20), bridge.LevelPair)
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.EOF), errors.Is(err, walk.ErrShape), body.whole:
		return f.with(bridge.Temporary("bad-answer", "%s: the answer cannot be read: %v", k.what, err), bridge.LevelPair)
	}
	e := lost(ctx, k.what, err, k.write())
	faultOf(e).status = status
	return e
}

// bounded reads a body up to a limit, and remembers whether it came in whole.
type bounded struct {
	r     io.Reader
	left  int64
	whole bool
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	b.whole = err == io.EOF
	return n, err
}

// errEnough ends a stream of which nobody wants more.
var errEnough = errors.New("enough")

// into decodes an answer into a fresh value.
func into[T any](out *T) func(*http.Response, io.Reader) error {
	return func(_ *http.Response, r io.Reader) error {
		var fresh T
		if err := json.NewDecoder(r).Decode(&fresh); err != nil {
			return err
		}
		*out = fresh
		return nil
	}
}

// whole reads an answer in one piece, of which read may keep parts.
func whole(read func(raw []byte) error) func(*http.Response, io.Reader) error {
	return func(_ *http.Response, r io.Reader) error {
		raw, err := io.ReadAll(r)
		if err == nil {
			err = walk.Check(raw)
		}
		if err == nil {
			err = read(raw)
		}
		return err
	}
}

// tracer learns whether a request went out.
type tracer struct{ asked, sent atomic.Bool }

func traced(ctx context.Context) (*tracer, context.Context) {
	t := &tracer{}
	return t, httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { t.asked.Store(true) },
		WroteHeaders: func() { t.sent.Store(true) },
	})
}

// maybeSent is false only where the request certainly did not leave: no connection, no header written.
func (t *tracer) maybeSent() bool { return t.sent.Load() || !t.asked.Load() }
