package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"

	"drawbridge/shared/bridge"
)

// A Redactor knows the secrets of a process and replaces them in what is written. It works on the finished line, so it
// finds them in messages, attributes, errors and the text of requests alike. The zero value knows none.
type Redactor struct {
	mu     sync.Mutex
	values [][]byte // longest first
}

// shortest is the length below which a secret is not replaced: it would take every "a" out of the log.
const shortest = 6

// Add makes the redactor know a secret, and the forms it takes in URLs, JSON and basic authentication.
func (r *Redactor) Add(secret string, users ...string) {
	if len(secret) < shortest {
		return
	}
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret))}
	if quoted, err := json.Marshal(secret); err == nil {
		forms = append(forms, strings.Trim(string(quoted), `"`))
	}
	for _, u := range users {
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(u+":"+secret)))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range forms {
		if !slices.ContainsFunc(r.values, func(v []byte) bool { return string(v) == f }) {
			r.values = append(r.values, []byte(f))
		}
	}
	slices.SortFunc(r.values, func(a, b []byte) int { return len(b) - len(a) })
}

// Redact returns the line with every known secret replaced.
func (r *Redactor) Redact(line []byte) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range r.values {
		line = bytes.ReplaceAll(line, v, []byte(hidden))
	}
	return line
}

// Writer returns a writer that passes whole lines on, redacted.
func (r *Redactor) Writer(w io.Writer) io.Writer { return redacting{r, w} }

type redacting struct {
	r *Redactor
	w io.Writer
}

// Write reports the length of what it was given, whatever became of it.
func (w redacting) Write(line []byte) (int, error) {
	if _, err := w.w.Write(w.r.Redact(bytes.Clone(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// secretKeys are attribute names whose values are never logged, known or not.
var secretKeys = []string{"token", "password", "secret", "authorization", "signature", "cookie", "private_key"}

func replaceSecretKeys(_ []string, a slog.Attr) slog.Attr {
	if slices.Contains(secretKeys, strings.ToLower(a.Key)) {
		return slog.String(a.Key, hidden)
	}
	return a
}

// newLogger writes lines of the wanted level and format through the redactor.
func newLogger(w io.Writer, l Log, r *Redactor) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // the schema allows only levels it knows
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: replaceSecretKeys}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(r.Writer(bridge.JSONWriter{To: w}), options))
	}
	return slog.New(slog.NewTextHandler(r.Writer(w), options))
}
