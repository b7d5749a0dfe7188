package exchange

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/sign"
)

// callTime bounds one call where the context does not.
const callTime = 90 * time.Second

// Client is the poller's side of the protocol, for one connection. Its errors
// are of package bridge:
//
//	hub-unreachable  temporary   no answer, or one the hub did not sign
//	hub-unavailable  temporary   the hub said: not now
//	hub-busy         temporary   another poller holds the lease
//	hub-refused      permanent, connection   the hub does not know this poller (any more)
//	hub-protocol     permanent, connection   no common protocol version
//	hub-invitation   permanent   expired, used or revoked
//	hub-request      permanent   the hub did not understand or take this message
//	hub-answer       permanent   the hub's answer is signed, and not understood
//	blob-missing     permanent   no such content
//
// A Client is safe for concurrent use as long as its fields are not changed.
type Client struct {
	Base       *url.URL // the hub's base URL
	HTTP       *http.Client
	Key        sign.Key
	HubKey     sign.PublicKey // pinned
	Clock      *sign.Clock    // the hub's time; learnt from what the hub signs
	Connection string

	Now  func() time.Time // the local clock; nil: time.Now
	Rand io.Reader        // nil: crypto/rand

	sent, received atomic.Int64
	agreed         atomic.Int64 // version of the protocol, once the hub has refused our highest; 0: it has not
}

// Traffic returns how many bytes of bodies were sent and received so far.
func (c *Client) Traffic() (sent, received int64) { return c.sent.Load(), c.received.Load() }

// Exchange does one round trip. When it returns without an error, the hub holds
// in.Changes and in.Acks. A Response.HubKey has been verified against HubKey:
// store its New, then use it as HubKey from there on.
func (c *Client) Exchange(ctx context.Context, in *Request) (*Response, error) {
	in.Knows.HubKey = c.HubKey.ID()
	out := new(Response)
	message := func(protocol int) any { in.Protocol = protocol; return in }
	if err := c.json(ctx, "/v1/connections/"+c.Connection+"/exchange", message, out); err != nil {
		return nil, err
	}
	if out.HubKey != nil {
		if _, err := out.HubKey.Verify(hubSubject, c.HubKey); err != nil {
			return nil, badAnswer("the announced hub key: %w", err)
		}
	}
	if err := out.Contracts.check(); err != nil {
		return nil, badAnswer("%w", err)
	}
	for i := range out.Changes {
		out.Changes[i].Connection = c.Connection
	}
	for i := range out.Acks {
		out.Acks[i].Connection = c.Connection
	}
	return out, nil
}

// Accept accepts an invitation with c.Key. Base, HubKey and Connection of c have
// to be those of the invitation; NewClient sets them. Doing it again with the
// same key gives the same answer.
func (c *Client) Accept(ctx context.Context, inv sign.Invitation, pollerID string, site Site) (*AcceptResponse, error) {
	in := AcceptRequest{AcceptRequest: inv.Accept(pollerID, c.Key.Public()), Site: site}
	out := new(AcceptResponse)
	message := func(protocol int) any { in.Protocol = protocol; return in }
	if err := c.json(ctx, "/v1/invitations/"+inv.ID+"/accept", message, out); err != nil {
		return nil, err
	}
	return out, nil
}

// NewClient returns a client for the hub and connection of an invitation.
func NewClient(inv sign.Invitation, key sign.Key, hc *http.Client) (*Client, error) {
	base, err := url.Parse(inv.HubURL)
	if err != nil {
		return nil, bridge.Permanent("hub-url", "the hub URL %q is none: %w", inv.HubURL, err)
	}
	return &Client{Base: base, HTTP: hc, Key: key, HubKey: inv.HubKey, Clock: new(sign.Clock), Connection: inv.Connection}, nil
}

// Rotate announces next as the poller's key. Store it and use it as Key after;
// until the first exchange with it the hub takes both, so that whatever gets
// lost, one of them works.
func (c *Client) Rotate(ctx context.Context, next sign.Key) error {
	out := new(KeyResponse)
	message := func(int) any { return sign.NewRotation(c.Connection, c.Key, next) }
	if err := c.json(ctx, "/v1/connections/"+c.Connection+"/keys", message, out); err != nil {
		return err
	}
	if out.Key != next.ID() {
		return badAnswer("it confirms the key %.40q instead of %s", out.Key, next.ID())
	}
	return nil
}

// json sends the message, as it is in the version of the protocol that is spoken, and reads the answer into out.
func (c *Client) json(ctx context.Context, path string, message func(protocol int) any, out any) error {
	answer, err := c.spoken(func(protocol int) ([]byte, error) {
		body, err := encode(message(protocol))
		if err != nil {
			return nil, bridge.Permanent("hub-request", "%w", err)
		}
		return c.call(ctx, http.MethodPost, path, "", body)
	})
	if err != nil {
		return err
	}
	if err := decode(answer, MaxDecoded, out); err != nil {
		return badAnswer("%w", err)
	}
	return nil
}

// protocol is the version that is spoken with the hub.
func (c *Client) protocol() int { return cmp.Or(int(c.agreed.Load()), Protocol) }

// spoken makes a call, and once more where the hub refused our version of the protocol and named another one that we speak.
func (c *Client) spoken(call func(protocol int) ([]byte, error)) ([]byte, error) {
	first := c.protocol()
	answer, err := call(first)
	if next := c.protocol(); next != first && bridge.NameOf(err) == "hub-protocol" {
		return call(next)
	}
	return answer, err
}

// do makes a call without a message.
func (c *Client) do(ctx context.Context, method, path, query string, body []byte) ([]byte, error) {
	return c.spoken(func(int) ([]byte, error) { return c.call(ctx, method, path, query, body) })
}

// call makes a call and returns the verified body of a success. A refusal by a hub
// whose time is another than ours is tried once more with the time it gave.
func (c *Client) call(ctx context.Context, method, path, query string, body []byte) ([]byte, error) {
	if len(body) > MaxEncoded {
		return nil, bridge.Permanent("hub-request", "the message has %d bytes, at most %d are taken: send fewer changes at once", len(body), MaxEncoded)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, learnt, err := c.try(ctx, method, path, query, body)
	if learnt {
		answer, _, err = c.try(ctx, method, path, query, body)
	}
	return answer, err
}

// try is one request. learnt says that it was refused, and that the refusal has
// taught a time that differs so much that this may have been why.
func (c *Client) try(ctx context.Context, method, path, query string, body []byte) (answer []byte, learnt bool, err error) {
	sent := c.now()
	req, err := c.request(ctx, method, path, query, body, sent)
	if err != nil {
		return nil, false, err
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, false, unreachable("%s: %w", c.Base.Host, err)
	}
	defer resp.Body.Close()
	answer, err = readLimited(resp.Body, MaxEncoded)
	if err != nil {
		return nil, false, unreachable("reading the answer of %s: %w", c.Base.Host, err)
	}
	received := c.now()
	c.sent.Add(int64(len(body)))
	c.received.Add(int64(len(answer)))
	if _, err := sign.ReadResponse(resp, answer, req, c.HubKey); err != nil {
		return nil, false, unsigned(resp, err)
	}
	if resp.StatusCode == http.StatusOK {
		if method == http.MethodPost { // else it is content, which anybody may have written
			c.learnFrom(answer, sent, received)
		}
		return answer, false, nil
	}
	return nil, c.learnRefusal(resp.StatusCode, answer, sent, received), c.faultError(resp.StatusCode, answer)
}

func (c *Client) request(ctx context.Context, method, path, query string, body []byte, local time.Time) (*http.Request, error) {
	u := *c.Base
	u.Path, u.RawPath, u.RawQuery = strings.TrimRight(u.Path, "/")+path, "", query
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, bridge.Permanent("hub-url", "the hub URL cannot be used: %w", err)
	}
	random := c.Rand
	if random == nil {
		random = rand.Reader
	}
	nonce, err := sign.NewNonce(random)
	if err != nil {
		return nil, bridge.Temporary("hub-unreachable", "%w", err)
	}
	req.Header.Set(protocolHeader, strconv.Itoa(c.protocol()))
	req.Header.Set(hubKeyHeader, c.HubKey.ID())
	req.Header.Set("Accept-Encoding", "identity") // bodies are opaque: nothing may compress or decompress them on the way
	req.Header.Set("Content-Type", mediaType(body, len(body) == 0 || method == http.MethodPut))
	if err := sign.SignRequest(req, body, c.Key, sign.Authority(c.Base), c.Clock.At(local), nonce); err != nil {
		return nil, bridge.Permanent("hub-url", "%w", err)
	}
	return req, nil
}

// send follows no redirects: a signature is for one place.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	hc := http.Client{}
	if c.HTTP != nil {
		hc = *c.HTTP
	}
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return hc.Do(req)
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// learnFrom takes the hub's time out of a signed answer that carries it. For how
// long the hub held the answer is no part of the way there and back.
func (c *Client) learnFrom(answer []byte, sent, received time.Time) {
	var m struct {
		CameMS int64 `json:"came_ms"`
		NowMS  int64 `json:"now_ms"`
	}
	text, err := unpack(answer, MaxDecoded)
	if err != nil || json.Unmarshal(text, &m) != nil || m.NowMS <= 0 {
		return
	}
	held := time.Duration(0)
	if m.CameMS > 0 {
		held = time.Duration(m.NowMS-m.CameMS) * time.Millisecond
	}
	c.Clock.Learn(time.UnixMilli(m.NowMS).Add(-held/2), sent.Add(held/2), received.Add(-held/2))
}

// learnRefusal takes the hub's time out of a signed refusal, and says whether it
// differs by enough for the refusal to have been about time.
func (c *Client) learnRefusal(status int, answer []byte, sent, received time.Time) bool {
	now, err := sign.PublicNow(answer)
	if status != http.StatusUnauthorized || err != nil {
		return false
	}
	before := c.Clock.At(sent)
	if !c.Clock.Learn(now, sent, received) {
		return false
	}
	change := c.Clock.At(sent).Sub(before)
	return change > 5*time.Second || change < -5*time.Second
}

// faultError turns a signed answer that is no success into an error.
func (c *Client) faultError(status int, answer []byte) error {
	var f fault
	if err := json.Unmarshal(answer, &f); err != nil || f.Code == "" {
		return badAnswer("status %d without a reason", status)
	}
	message := cut(f.Message, 300)
	var e *bridge.Error
	switch f.Code {
	case codeRefused:
		e = bridge.Permanent("hub-refused", "the hub refuses this poller for connection %s; the hub's log says why (was the connection ended, or another poller invited?)",
			c.Connection).At(bridge.LevelConnection)
	case codeProtocol:
		ours := speaks(Oldest, Protocol)
		c.agreed.Store(int64(common(ours, f.Protocols)))
		e = tooFar(ours, f.Protocols)
	case codeBusy:
		e = bridge.Temporary("hub-busy", "%s %s: stop one of the two", message, c.Connection).At(bridge.LevelConnection)
	case codeInvitation:
		e = bridge.Permanent("hub-invitation", "%s", message)
	case codeMissing:
		e = bridge.Permanent("blob-missing", "%s at the hub", message)
	default:
		e = c.otherFault(f, message)
	}
	e.After = time.Duration(max(0, min(f.RetryMS, time.Hour.Milliseconds()))) * time.Millisecond
	return e
}

func (c *Client) otherFault(f fault, message string) *bridge.Error {
	if f.Temporary {
		return bridge.Temporary("hub-unavailable", "%s (%.60q)", message, f.Code).At(bridge.LevelConnection)
	}
	return bridge.Permanent("hub-request", "%s (%.60q)", message, f.Code)
}

func unreachable(format string, args ...any) error {
	return bridge.Temporary("hub-unreachable", "the hub cannot be reached: "+format, args...).At(bridge.LevelConnection)
}

// unsigned is the error for an answer that is not the hub's: a gateway's 403, 429
// or 502, a proxy's login page, or somebody's attempt.
func unsigned(resp *http.Response, cause error) error {
	e := bridge.Temporary("hub-unreachable", "something between here and the hub answered %d instead of it, or changed what it said: %w",
		resp.StatusCode, cause).At(bridge.LevelConnection)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.After = min(time.Duration(s)*time.Second, time.Hour)
	}
	return e
}

func badAnswer(format string, args ...any) error {
	return bridge.Permanent("hub-answer", "the hub's answer is not understood (are both sides of releases less than a year apart?): "+format, args...).At(bridge.LevelConnection)
}
