// Package ingest takes webhooks in: verify the signature, enqueue the body, answer. It never calls Jira and decides
// nothing: an event is an observation, and what cannot be read here is read nowhere.
//
// Start reading at [Handler.ServeHTTP].
package ingest

import (
	"context"
	"crypto/hmac"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
)

// MaxBody is the largest webhook body taken, in bytes; API Gateway lets no more through.
const MaxBody = 10 << 20

// Path is where webhooks of a site arrive: Path + the site's name.
const Path = "/v1/webhooks/"

// Handler takes the webhooks of one site.
type Handler struct {
	Name   string                 // of the site, as in the URL
	Secret func() (string, error) // of the webhook; empty: unsigned ones are taken (loopback only)
	// Unsigned: it may be a Jira that signs nothing (Data Center before 10.0), whose webhooks are known by a word of their address.
	Unsigned bool
	Send     func(ctx context.Context, t site.Task, lane bridge.Lane, dedup string) error
	Log      *slog.Logger

	coming atomic.Int32 // not answered yet
	crowd  atomic.Int64 // ms since 1970 when more than a few were
}

// So many webhooks at the same time are a burst, and so long after the last such moment it is over.
const (
	few    = 8
	moment = 20 * time.Millisecond
)

// Burst reports whether webhooks come by the crowd.
func (h *Handler) Burst() bool {
	return time.Now().UnixMilli()-h.crowd.Load() < moment.Milliseconds()
}

// ServeHTTP answers 202 for what was taken or is not for us, 4xx for what will never be taken, and 503 where a retry of
// Jira's helps.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.coming.Add(1) > few {
		h.crowd.Store(time.Now().UnixMilli())
	}
	defer h.coming.Add(-1)
	status, why := h.take(w, r)
	if why != "" {
		h.Log.Warn("webhook refused", "status", status, "why", why, "delivery", identifier(r.Header))
	}
	w.WriteHeader(status)
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request) (status int, why string) {
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	switch {
	case !ok || name != h.Name:
		return http.StatusNotFound, "no such site"
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed, "method " + r.Method
	case r.URL.Query().Has("do"):
		return h.pressed(context.WithoutCancel(r.Context()), w, r)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, "the body has more than 10 MB"
	case err != nil:
		return http.StatusBadRequest, "the body ended early"
	}
	// What came whole is kept, even if this process stops or Jira hangs up: it may not be sent again.
	return h.Take(context.WithoutCancel(r.Context()), body, r.Header, r.URL.Query().Get("token"))
}

// proven reports whether it was our Jira that sent the body.
func (h *Handler) proven(secret string, body []byte, signature, token string) bool {
	if h.Unsigned && signature == "" {
		return hmac.Equal([]byte(token), []byte(Unsigned(secret)))
	}
	return jira.VerifySignature(secret, body, signature)
}

// Take takes a body whose size was checked, sent to an address with that token. Status is what Jira is answered, why is for the log.
func (h *Handler) Take(ctx context.Context, body []byte, header http.Header, token string) (status int, why string) {
	secret, err := h.Secret()
	if err != nil {
		return http.StatusServiceUnavailable, "the webhook secret cannot be read: " + err.Error()
	}
	if secret != "" && !h.proven(secret, body, header.Get("X-Hub-Signature"), token) {
		return http.StatusUnauthorized, "bad or missing signature"
	}
	ev, err := jira.PeekEvent(body, header)
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if ev.Kind == jira.Ignored || ev.IssueID == "" {
		return http.StatusAccepted, ""
	}
	t := site.Task{Kind: site.EventTask, Issue: ev.IssueID, Body: body, Delivery: ev.Delivery}
	if err := h.Send(ctx, t, bridge.Live, ev.Delivery); err != nil {
		return http.StatusServiceUnavailable, "not queued: " + err.Error()
	}
	return http.StatusAccepted, ""
}

func identifier(h http.Header) string { return h.Get("X-Atlassian-Webhook-Identifier") }
