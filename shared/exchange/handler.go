package exchange

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/sign"
)

// Backend says what calls mean for pairs. Its errors reach the poller as name
// and temporary or permanent, never as text.
type Backend interface {
	// Accepted is told that a poller has joined the connection, and returns the
	// connection and the public site. It may be told more than once.
	Accepted(ctx context.Context, connection string, site Site) (bridge.Connection, Site, error)

	// Rotated is told that the poller has announced another key, by their ids.
	Rotated(ctx context.Context, connection, old, next string) error

	// Exchange takes in what the poller sent and returns what goes out: acks,
	// changes (at most MaxChanges; what is over MaxEncoded is cut off and More
	// set), configuration the poller does not know, NextPollMS. It may be called
	// again with the same acks and changes. When it returns without an error, it
	// holds in.Changes durably.
	Exchange(ctx context.Context, s Session, in *Request) (Response, error)
}

// Session is the poller an exchange comes from.
type Session struct {
	Connection string
	From       Identity
	Fence      int64
	Rejoin     int64 // not 0: state was lost or restored, and the hub is to offer everything again; names the request
	Now        time.Time
}

// Handler is the hub's side of the protocol.
type Handler struct {
	Authority string     // sign.Authority of the hub's base URL
	Prefix    string     // path of that base URL, without a trailing slash
	Keys      []sign.Key // the hub's keys: the one in force, then earlier ones some poller may still pin
	Book      Book
	Kept      *Kept // sessions this process remembers; nil: each is read
	Backend   Backend
	Blobs     blob.Store
	MaxBlob   int64         // largest attachment in bytes; 0: 100 MB
	BodyTime  time.Duration // longest time a body may take to arrive; 0: 60 s
	Now       func() time.Time
	Log       *slog.Logger
}

const (
	defaultMaxBlob = 100 << 20
	maxHeaders     = 100 // field lines of a request
	bodyTime       = 60 * time.Second
)

// NewServer wraps a handler with limits on time and header size that keep slow
// and talkative peers from tying it up. The caller sets Addr or a listener.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: bodyTime, WriteTimeout: 2 * bodyTime,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

// call is one request on its way through the handler.
type call struct {
	h          *Handler
	r          *http.Request
	now        time.Time
	id         sign.RequestID // "" if the request has no usable signature fields
	connection string
	protocol   int // the poller's version of it; 0: not known yet, or refused
	session    session
	rev        int64 // of the session document; 0: none
	kept       bool  // the session is remembered, not read: only a write of it tells whether it is the stored one
	body       []byte
	proof      sign.Proof
}

// reply is what goes back: a message, or bytes.
type reply struct {
	status int
	bytes  []byte
	raw    bool // content, not JSON
}

// ServeHTTP answers every request; nothing about it is trusted before its
// signature is verified.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{h: h, r: r, now: h.Now()}
	if countFields(r.Header) > maxHeaders {
		http.Error(w, `{"error":"request"}`, http.StatusRequestHeaderFieldsTooLarge)
		return
	}
	c.id, _ = sign.RequestIDOf(r.Header)
	rep, err := c.serve(r.Context(), w)
	if err != nil {
		rep = c.failed(err)
	}
	c.write(w, rep)
}

func countFields(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// serve finds the route, reads the body within its limit and runs the route.
func (c *call) serve(ctx context.Context, w http.ResponseWriter) (reply, error) {
	run, limit := c.route()
	if run == nil && c.knocks() {
		c.h.Log.Info("somebody looked whether a hub is here, as drawbridge doctor does")
		status, body := sign.PublicAnswer(c.now)
		return reply{status: status, bytes: body}, nil
	}
	if run == nil {
		return reply{}, &sign.Refusal{Reason: sign.ReasonTarget, Detail: "no such call"}
	}
	var err error
	if c.protocol, err = asked(c.r.Header.Values(protocolHeader)); err != nil {
		return reply{}, err
	}
	if err := c.read(w, limit); err != nil {
		return reply{}, err
	}
	return run(ctx)
}

// knocks reports a request for nothing but an answer.
func (c *call) knocks() bool {
	return c.r.Method == http.MethodGet && c.r.URL.EscapedPath() == c.h.Prefix+"/v1/" && c.r.ContentLength == 0
}

// route knows every path. What it returns reads at most that many bytes of body.
func (c *call) route() (run func(context.Context) (reply, error), limit int64) {
	path, ok := strings.CutPrefix(c.r.URL.EscapedPath(), c.h.Prefix+"/v1/")
	parts := strings.Split(path, "/")
	if !ok || len(parts) < 3 || !isToken(parts[1]) {
		return nil, 0
	}
	short := len(parts) == 3
	switch what := c.r.Method + " " + parts[0] + " " + parts[2]; {
	case what == "POST invitations accept" && short:
		return func(ctx context.Context) (reply, error) { return c.accept(ctx, parts[1]) }, maxSmall
	case what == "POST connections exchange" && short:
		return c.onKept(parts[1], c.exchange), MaxEncoded
	case what == "POST connections keys" && short:
		return c.on(parts[1], c.rotate), maxSmall
	case what == "PUT connections blobs" && len(parts) == 5:
		return c.on(parts[1], func(ctx context.Context) (reply, error) { return c.putBlob(ctx, parts[3], parts[4]) }), PartSize
	case what == "GET connections blobs" && len(parts) == 5:
		return c.on(parts[1], func(ctx context.Context) (reply, error) { return c.getBlob(ctx, parts[3], parts[4]) }), 0
	}
	return nil, 0
}

// read takes the body, at most limit bytes of it, and not for longer than
// BodyTime where the server can be told so.
func (c *call) read(w http.ResponseWriter, limit int64) error {
	if c.r.ContentLength > limit {
		return tooLarge(limit)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(cmp.Or(c.h.BodyTime, bodyTime))) // not every server can
	body, err := readLimited(c.r.Body, limit)
	if errors.Is(err, errTooLarge) {
		return tooLarge(limit)
	}
	if err != nil {
		return badRequest("the body ended early")
	}
	c.body = body
	return nil
}

// on runs f for a connection, after the request was verified with a key of it.
func (c *call) on(connection string, f func(context.Context) (reply, error)) func(context.Context) (reply, error) {
	return func(ctx context.Context) (reply, error) {
		c.connection = connection
		if err := c.load(ctx); err != nil {
			return reply{}, err
		}
		if err := c.verify(); err != nil {
			return reply{}, err
		}
		return f(ctx)
	}
}

// onKept is on for a call that writes the session before it does anything else: it may begin with the one this process
// remembers. What that one refuses is judged again by the stored one.
func (c *call) onKept(connection string, f func(context.Context) (reply, error)) func(context.Context) (reply, error) {
	return func(ctx context.Context) (reply, error) {
		c.connection = connection
		if c.session, c.rev, c.kept = c.h.Kept.get(connection, c.now); c.kept && c.verify() == nil {
			return f(ctx)
		}
		return c.on(connection, f)(ctx)
	}
}

// verify checks the signature with the session's keys.
func (c *call) verify() (err error) {
	c.proof, err = sign.VerifyRequest(c.r, c.body, sign.Verifier{Authority: c.h.Authority, Key: c.session.key, Now: c.now})
	return err
}

// load reads the session.
func (c *call) load(ctx context.Context) (err error) {
	c.session, c.rev, err = c.h.Book.session(ctx, c.connection)
	c.kept = false
	return err
}

// again reads the session anew and refuses a key that is not good any more.
func (c *call) again(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	if _, err := c.session.key(c.proof.KeyID); err != nil {
		return &sign.Refusal{Reason: sign.ReasonUnknownKey, Detail: "the key was replaced meanwhile"}
	}
	return nil
}

// failed logs why, and makes the answer that does not say why.
func (c *call) failed(err error) reply {
	if reason := sign.ReasonOf(err); reason != "" {
		c.h.Log.Warn("request refused", "reason", string(reason), "connection", c.connection, "call", c.r.Method, "error", err.Error())
		status, body := sign.PublicAnswer(c.now)
		return reply{status: status, bytes: body}
	}
	f := faultOf(err)
	f.NowMS = c.now.UnixMilli()
	level := slog.LevelInfo
	if c.r.Context().Err() != nil { // the poller went away: it had something of its own
		level = slog.LevelDebug
	} else if f.Code == codeProtocol {
		level = slog.LevelWarn
	} else if f.status >= 500 || f.status == http.StatusUnprocessableEntity {
		level = slog.LevelError
	}
	c.h.Log.Log(c.r.Context(), level, "request failed", "connection", c.connection, "code", f.Code, "error", err.Error())
	body, err := json.Marshal(f)
	if err != nil {
		body = []byte(`{"error":"unavailable","temporary":true}`)
	}
	return reply{status: f.status, bytes: body}
}

// signingKey is the hub key the poller says it has pinned, else the one in
// force. Nothing signs what the poller says there, and nothing has to: an answer
// signed with a key it did not pin is one it does not believe.
func (c *call) signingKey() sign.Key {
	pinned := c.r.Header.Get(hubKeyHeader)
	i := slices.IndexFunc(c.h.Keys, func(k sign.Key) bool { return k.ID() == pinned })
	return c.h.Keys[max(i, 0)]
}

// write sends the reply, signed if the request can be bound to.
func (c *call) write(w http.ResponseWriter, rep reply) {
	head := w.Header()
	head.Set(protocolHeader, strconv.Itoa(cmp.Or(c.protocol, Protocol)))
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Type", mediaType(rep.bytes, rep.raw))
	head.Set("Content-Length", strconv.Itoa(len(rep.bytes)))
	if c.id != "" {
		if err := sign.SignResponse(head, rep.status, rep.bytes, c.id, c.signingKey(), c.h.Now()); err != nil {
			c.h.Log.Error("answer not signed", "error", err.Error())
		}
	}
	w.WriteHeader(rep.status)
	if _, err := w.Write(rep.bytes); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		c.h.Log.Info("answer not delivered", "connection", c.connection, "error", err.Error())
	}
}

// message makes the reply of a success.
func message(m any) (reply, error) {
	b, err := encode(m)
	return reply{status: http.StatusOK, bytes: b}, err
}
