package ingest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

// A button in Jira (an Automation rule) asks for one issue to be put under sync, or taken out, by a web request to the
// webhook's path with "?do=send" or "?do=stop", and "&connection=NAME" where there are several. It says an issue key and
// nothing else; what leaves is decided by the rules, as always.
const (
	doSend = "send"
	doStop = "stop"
)

const maxButton = 1 << 10 // bytes of a request's body

var issueKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}-[1-9][0-9]{0,8}$`)

// ButtonSecret is what a button proves itself with. It follows from the webhook's secret, and tells nobody that: those who
// can read an Automation rule must not be able to forge webhooks.
func ButtonSecret(webhook string) string { return derived(webhook, "drawbridge button") }

// Unsigned is what the webhook of a Jira that signs nothing (Data Center before 10.0) proves itself with: a word of its address,
// "?token=…". It follows from the webhook's secret, and tells nobody that.
func Unsigned(webhook string) string { return derived(webhook, "drawbridge unsigned") }

func derived(webhook, what string) string {
	mac := hmac.New(sha256.New, []byte(webhook))
	mac.Write([]byte(what))
	return hex.EncodeToString(mac.Sum(nil))[:40]
}

// pressed takes a button's request.
func (h *Handler) pressed(ctx context.Context, w http.ResponseWriter, r *http.Request) (status int, why string) {
	kind := map[string]site.TaskKind{doSend: site.SyncTask, doStop: site.StopTask}[r.URL.Query().Get("do")]
	if kind == "" {
		return http.StatusBadRequest, "a button says do=send or do=stop"
	}
	secret, err := h.Secret()
	if err != nil {
		return http.StatusServiceUnavailable, "the webhook secret cannot be read: " + err.Error()
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if secret == "" || !ok || !hmac.Equal([]byte(given), []byte(ButtonSecret(secret))) {
		return http.StatusUnauthorized, "bad or missing secret of a button"
	}
	var asked struct{ Issue string }
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxButton))
	if err == nil {
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.DisallowUnknownFields()
		err = dec.Decode(&asked)
	}
	if err != nil || !issueKey.MatchString(asked.Issue) {
		return http.StatusBadRequest, `a button's body is {"issue": "KEY-1"} and nothing else`
	}
	t := site.Task{Kind: kind, Issue: asked.Issue, Connection: r.URL.Query().Get("connection"), By: "a button in Jira"}
	if err := h.Send(ctx, t, bridge.Live, ""); err != nil {
		return http.StatusServiceUnavailable, "not queued: " + err.Error()
	}
	return http.StatusAccepted, ""
}
