package jira

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// fault is what every error of this package has as its cause: what Jira answered, if it answered.
type fault struct {
	status    int
	fields    map[string]string
	messages  []string
	uncertain bool
	cause     error
}

func (f *fault) Error() string {
	switch {
	case f.cause != nil:
		return f.cause.Error()
	case f.status != 0:
		return "jira answered " + strconv.Itoa(f.status)
	}
	return "no answer"
}

func (f *fault) Unwrap() error { return f.cause }

func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return &fault{}
}

// StatusOf is the HTTP status Jira answered with, 0 if there was no answer.
func StatusOf(err error) int { return faultOf(err).status }

// FieldErrors says, by field id, why Jira refused a write; nil if it named no field.
func FieldErrors(err error) map[string]string { return faultOf(err).fields }

// Uncertain reports whether the write that failed with err may have happened all the same: the request was sent and no
// answer, half an answer, or a server error came back. Look before repeating it.
func Uncertain(err error) bool { return faultOf(err).uncertain }

// with puts what Jira answered into an error, and sets its level.
func (f *fault) with(e *bridge.Error, level bridge.Level) *bridge.Error {
	e.Level, e.Cause = level, f
	return e
}

// lost is the error of a call that got no answer.
func lost(ctx context.Context, what string, cause error, uncertain bool) *bridge.Error {
	cause = withoutURL(cause)
	f := &fault{cause: cause, uncertain: uncertain}
	if ctx.Err() != nil {
		f.cause = errors.Join(ctx.Err(), cause)
		return f.with(bridge.Temporary("interrupted", "%s: interrupted: %v", what, ctx.Err()), bridge.LevelPair)
	}
	return f.with(bridge.Temporary("site-unreachable", "%s: jira cannot be reached: %v%s", what, cause, hint(cause)), bridge.LevelSite)
}

// withoutURL drops the address from a transport error: a signed media address is a credential.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func hint(err error) string {
	s := err.Error()
	switch {
	case strings.Contains(s, "certificate signed by unknown authority"):
		return "; give the file of the authority that signed its certificate"
	case strings.Contains(s, "server gave HTTP response to HTTPS client"):
		return "; the address says https but it speaks http"
	case strings.Contains(s, "no such host"):
		return "; check the address and the name server"
	}
	return ""
}

// refusal makes the error of an answer that is not a success. The order of the cases is the design: who we are, then
// whether it was Jira that answered, then what it said.
func refusal(what string, write bool, res *http.Response, body []byte, now time.Time) *bridge.Error {
	f := parseFault(res, body)
	s, wait := res.StatusCode, retryAfter(res.Header, now)
	switch {
	case s == http.StatusTooManyRequests:
		return after(wait, f.with(bridge.Temporary("rate-limited", "%s: jira asks to wait (%s)", what, limitReason(res.Header)), bridge.LevelPair))
	case s == http.StatusUnauthorized && strings.Contains(f.said(), "scope does not match"): // of a scoped token: we are known
		return f.with(bridge.Permanent("forbidden", "%s: the token has no scope for this", what), bridge.LevelPair)
	case s == http.StatusUnauthorized || deniedLogin(res.Header) || s/100 == 3 && toLogin(res.Header):
		return f.with(bridge.Permanent("site-unauthenticated", "%s: jira does not accept our credentials%s; renew the token",
			what, loginReason(res.Header)), bridge.LevelSite)
	case s/100 == 3:
		return f.with(bridge.Permanent("site-moved", "%s: jira answers at another address; set the API URL to where %s leads",
			what, place(res.Header.Get("Location"))), bridge.LevelSite)
	case isHTML(res.Header, body):
		f.uncertain = write && s >= 500
		return after(wait, f.with(bridge.Temporary("html-answer", "%s: a web page came instead of an answer (%d, %s): a proxy, a login page, or Jira is starting",
			what, s, title(body)), bridge.LevelSite))
	case s >= 500:
		f.uncertain = write
		return after(wait, f.with(bridge.Temporary("jira-failed", "%s: jira failed (%d): %s", what, s, f.or("no reason given")), bridge.LevelPair))
	}
	return refusedBy(what, f)
}

// refusedBy is the error of an answer in which Jira itself said no.
func refusedBy(what string, f *fault) *bridge.Error {
	switch {
	case f.status == http.StatusForbidden:
		return f.with(bridge.Permanent("forbidden", "%s: not allowed: %s", what, f.or("the account lacks a permission")), bridge.LevelPair)
	case f.status == http.StatusNotFound || f.status == http.StatusGone:
		return f.with(bridge.Permanent("not-found", "%s: not found: %s", what, f.or("absent, or not visible to the account")), bridge.LevelPair)
	case f.status == http.StatusConflict:
		return f.with(bridge.Temporary("busy", "%s: another change of it is in progress: %s", what, f.or("try again")), bridge.LevelPair)
	case f.status == http.StatusRequestEntityTooLarge:
		return f.with(bridge.Permanent("too-large", "%s: too large: %s", what, f.or("over a limit of the site")), bridge.LevelPair)
	case tooLong(f.said()):
		return about(f, f.with(bridge.Permanent("text-too-long", "%s: %s", what, f.said()), bridge.LevelPair))
	case len(f.fields) > 0:
		return about(f, f.with(bridge.Permanent("field-refused", "%s: %s", what, f.said()), bridge.LevelPair))
	}
	return f.with(bridge.Permanent("request-refused", "%s: jira refused it (%d): %s", what, f.status, f.or("no reason given")), bridge.LevelPair)
}

// about names the field where the answer names exactly one.
func about(f *fault, e *bridge.Error) *bridge.Error {
	if len(f.fields) == 1 {
		for id := range f.fields {
			e.Field = id
		}
	}
	return e
}

func after(wait time.Duration, e *bridge.Error) *bridge.Error {
	e.After = wait
	return e
}

// tooLong refines an answer that was refused anyway; a localised text is only less exact.
func tooLong(said string) bool {
	return strings.Contains(said, "text is too long") || strings.Contains(said, "exceeds the allowed limit") ||
		strings.Contains(said, "exceeds the maximum") || strings.Contains(said, "must be less than 255 characters")
}

// said is everything the answer says, in a stable order.
func (f *fault) said() string {
	parts := slices.Clone(f.messages)
	ids := make([]string, 0, len(f.fields))
	for id := range f.fields {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		parts = append(parts, fmt.Sprintf("field %q: %s", id, f.fields[id]))
	}
	return clip(strings.Join(parts, "; "), 1000)
}

// or is what the answer says, or the given words where it says nothing.
func (f *fault) or(other string) string { return or(f.said(), other) }

// parseFault reads the shapes of refusals: Jira's own, the gateway's problem document, and text.
func parseFault(res *http.Response, body []byte) *fault {
	f := &fault{status: res.StatusCode}
	var w struct {
		ErrorMessages []json.RawMessage          `json:"errorMessages"`
		Errors        map[string]json.RawMessage `json:"errors"`
		Title         text                       `json:"title"`
		Detail        text                       `json:"detail"`
		Message       text                       `json:"message"`
		ErrorMessage  text                       `json:"errorMessage"`
	}
	if json.Unmarshal(body, &w) != nil {
		if s := strings.TrimSpace(string(body)); s != "" && !isHTML(res.Header, body) {
			f.messages = []string{clip(s, 300)}
		}
		return f
	}
	for _, m := range w.ErrorMessages {
		f.messages = append(f.messages, plain(m))
	}
	for id, m := range w.Errors {
		if f.fields == nil {
			f.fields = map[string]string{}
		}
		if id == "parentId" { // of what it refuses in the field "parent"
			id = "parent"
		}
		f.fields[id] = plain(m)
	}
	for _, m := range []text{w.Detail, w.Message, w.ErrorMessage, w.Title} {
		if len(f.messages) == 0 && len(f.fields) == 0 && m != "" {
			f.messages = []string{string(m)}
		}
	}
	return f
}

func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func isHTML(h http.Header, body []byte) bool {
	kind := strings.ToLower(h.Get("Content-Type"))
	if strings.Contains(kind, "html") {
		return true
	}
	start := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 100)])))
	return !strings.Contains(kind, "json") && (strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html"))
}

// deniedLogin reports what Data Center says beside a 403: the login was refused, or waits for a captcha.
func deniedLogin(h http.Header) bool {
	return strings.Contains(h.Get("X-Authentication-Denied-Reason"), "CAPTCHA") ||
		strings.Contains(h.Get("X-Seraph-LoginReason"), "AUTHENTICAT") && strings.Contains(h.Get("X-Seraph-LoginReason"), "FAILED") ||
		strings.Contains(h.Get("X-Seraph-LoginReason"), "AUTHENTICATION_DENIED")
}

// toLogin reports whether a redirect leads to a login page.
func toLogin(h http.Header) bool {
	u, err := url.Parse(h.Get("Location"))
	if err != nil {
		return false
	}
	path := strings.ToLower(u.Path)
	return strings.Contains(path, "login") || strings.Contains(path, "saml") || strings.Contains(path, "sso") || strings.Contains(path, "oauth")
}

func loginReason(h http.Header) string {
	if strings.Contains(h.Get("X-Authentication-Denied-Reason"), "CAPTCHA") {
		return " (it wants a captcha: sign in once in a browser)"
	}
	return ""
}

func limitReason(h http.Header) string {
	return or(h.Get("RateLimit-Reason"), "429")
}

// retryAfter is the wait an answer asks for: seconds or a date; 0 if it does not say.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	if sec, err := strconv.ParseFloat(s, 64); err == nil && sec > 0 {
		return time.Duration(min(sec, 24*3600) * float64(time.Second))
	}
	if at, err := http.ParseTime(s); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// title is what a web page is called.
func title(body []byte) string {
	s := string(body)
	low := strings.ToLower(s)
	from := strings.Index(low, "<title>")
	if from < 0 || len(low) != len(s) {
		return "no title"
	}
	s = s[from+len("<title>"):]
	if to := strings.IndexByte(s, '<'); to >= 0 {
		s = s[:to]
	}
	return strconv.Quote(clip(strings.TrimSpace(s), 80))
}

// place is an address without what may be secret in it.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return "the redirect"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// clip shortens a text to n bytes, on the border of a letter.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
