package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// Hub is what hub.yaml says, defaults filled in and paths absolute or relative to the working directory.
type Hub struct {
	Listen    string   `json:"listen"`
	PublicURL string   `json:"public_url"`
	State     string   `json:"state"`
	Blobs     string   `json:"blobs"`
	TLS       TLS      `json:"tls"`
	Site      Site     `json:"site"`
	Webhook   *Webhook `json:"webhook"` // nil: none, changes are found by search
	Watch     Watch    `json:"watch"`
	Pace      string   `json:"pace"` // normal or cheap
	Workers   int      `json:"workers"`
	Limits    Limits   `json:"limits"`
	Roles     *Roles   `json:"roles"` // nil: who has the files may do everything
	Notify    Notify   `json:"notify"`
	Scan      []string `json:"scan_command"`
	Log       Log      `json:"log"`
	History   Days     `json:"history_days"` // how long the history holds values

	redactor *Redactor
}

// Poller is what poller.yaml says.
type Poller struct {
	State   string   `json:"state"`
	Blobs   string   `json:"blobs"`
	Site    Site     `json:"site"`
	Watch   Watch    `json:"watch"`
	Metrics *Metrics `json:"metrics"` // nil: none
	Hub     Target   `json:"hub"`
	Workers int      `json:"workers"`
	Limits  Limits   `json:"limits"`
	Roles   *Roles   `json:"roles"` // nil: who has the files may do everything
	Notify  Notify   `json:"notify"`
	Scan    []string `json:"scan_command"`
	Log     Log      `json:"log"`
	History Days     `json:"history_days"` // how long the history holds values

	redactor *Redactor
}

// Site is one Jira and how to reach it.
type Site struct {
	Name              string         `json:"name"`
	Flavour           bridge.Flavour `json:"flavour"`
	APIURL            string         `json:"api_url"`
	BrowseURL         string         `json:"browse_url"` // the API address if the file names none
	Auth              Auth           `json:"auth"`
	CredentialExpires Date           `json:"credential_expires"`
	Projects          []string       `json:"projects"` // empty: any the account sees
	DownloadHosts     []string       `json:"download_hosts"`
	Network           Network        `json:"network"`
}

// Auth is the account: with a user basic authentication, without one the token alone as bearer.
type Auth struct {
	User  string `json:"user"`
	Token Secret `json:"token"`
}

// TLS says who serves TLS.
type TLS struct {
	Cert        string `json:"cert"`
	Key         string `json:"key"`
	BehindProxy bool   `json:"behind_proxy"`
	AllowHTTP   bool   `json:"allow_http"`
}

// Webhook is how a Jira tells of changes. Listen is empty on the hub, which takes webhooks where it takes everything.
type Webhook struct {
	Listen string `json:"listen"`
	Secret Secret `json:"secret"`
}

// Watch is the search for changed issues.
type Watch struct {
	Interval Duration `json:"interval"`
	Overlap  Duration `json:"overlap"`
	Sweep    Duration `json:"sweep"`   // between two comparisons of all pairs
	Webhook  *Webhook `json:"webhook"` // poller only
}

// Metrics is where numbers and health are served.
type Metrics struct {
	Listen string `json:"listen"`
}

// Target is the way to the hub.
type Target struct {
	AllowHTTP bool    `json:"allow_http"`
	Network   Network `json:"network"`
}

// Limits are limits towards a Jira.
type Limits struct {
	Attachment Size `json:"attachment"` // largest carried
}

// Log is what is logged.
type Log struct {
	Level  string `json:"level"`
	Format string `json:"format"`
}

// A Duration is written "30s" or "1h30m".
type Duration time.Duration

// UnmarshalJSON reads the written form.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	*d = Duration(v)
	return err
}

// Std is the duration as Go has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Days is a number of days.
type Days int

// Std is the time as Go has it.
func (d Days) Std() time.Duration { return time.Duration(d) * 24 * time.Hour }

// A Size is a number of bytes, written "100MB"; the units are powers of 1024.
type Size int64

// UnmarshalJSON reads the written form.
func (s *Size) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	unit := map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[text[max(0, len(text)-2):]]
	n, err := strconv.ParseInt(strings.TrimRight(text, "KMGB"), 10, 64)
	if err != nil || unit == 0 || n > 1<<33 {
		return fmt.Errorf("size %q: expected a number with KB, MB or GB", text)
	}
	*s = Size(n * unit)
	return nil
}

// A Date is a day, written "2027-03-31"; the zero value is none.
type Date struct{ time.Time }

// UnmarshalJSON reads the written form. A day the month does not have (February 30) is one of the next month.
func (d *Date) UnmarshalJSON(raw []byte) error {
	var year, month, day int
	if _, err := fmt.Sscanf(string(raw), `"%d-%d-%d"`, &year, &month, &day); err != nil {
		return fmt.Errorf("date %s: %w", raw, err)
	}
	d.Time = time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return nil
}

// LoadHub reads hub.yaml. The error holds every mistake of the file at once, secrets that are not there included; errors.As
// gives them as [Mistakes].
func LoadHub(path string) (Hub, error) {
	h := Hub{redactor: &Redactor{}}
	if err := load(HubFile, path, &h); err != nil {
		return Hub{}, err
	}
	h.Site.complete()
	for _, s := range h.secrets() {
		s.seen = h.redactor
	}
	return h, h.Site.remember(h.redactor)
}

// LoadPoller reads poller.yaml, as [LoadHub] reads hub.yaml.
func LoadPoller(path string) (Poller, error) {
	p := Poller{redactor: &Redactor{}}
	if err := load(PollerFile, path, &p); err != nil {
		return Poller{}, err
	}
	p.Site.complete()
	for _, s := range p.secrets() {
		s.seen = p.redactor
	}
	return p, p.Site.remember(p.redactor)
}

// Logger writes to w what the file asks for, without secrets.
func (h Hub) Logger(w io.Writer) *slog.Logger { return newLogger(w, h.Log, h.known()) }

// Logger writes to w what the file asks for, without secrets.
func (p Poller) Logger(w io.Writer) *slog.Logger { return newLogger(w, p.Log, p.known()) }

func (h Hub) known() *Redactor    { return orNew(h.redactor) }
func (p Poller) known() *Redactor { return orNew(p.redactor) }

func orNew(r *Redactor) *Redactor {
	if r == nil {
		return &Redactor{}
	}
	return r
}

// Check reports every mistake in the text of a settings file, without looking at the environment: what the JSON
// Schema refuses, this refuses, and the other way round.
func Check(k Kind, file string, data []byte) Mistakes {
	_, found := read(k, file, data, false)
	return found
}

// load fills out from the file.
func load(k Kind, path string, out any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	value, found := read(k, path, data, true)
	if len(found) > 0 {
		return found
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("settings %s: %w", path, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields() // a setting the schema allows and nothing reads is a bug
	if err := dec.Decode(out); err != nil {
		return fmt.Errorf("settings %s: %w", path, err)
	}
	return nil
}

func read(k Kind, file string, data []byte, outside bool) (any, Mistakes) {
	all, err := parsed()
	if err != nil {
		return nil, Mistakes{{File: file, Line: 1, Column: 1, Message: err.Error()}}
	}
	root, problems := parse(data)
	c := checker{base: filepath.Dir(file), outside: outside, problems: problems}
	var value any
	if root != nil {
		value = c.value(root, all[k], "")
	}
	return value, mistakes(file, data, c.problems)
}

// complete fills in what follows from other settings.
func (s *Site) complete() {
	s.APIURL = strings.TrimRight(s.APIURL, "/")
	s.BrowseURL = strings.TrimRight(s.BrowseURL, "/")
	if s.BrowseURL == "" {
		s.BrowseURL = s.APIURL
	}
}

// remember tells the redactor the site's secrets in the form basic authentication sends them.
func (s *Site) remember(r *Redactor) error {
	token, err := s.Auth.Token.Reveal()
	if err != nil {
		return errors.Join(errors.New("site.auth.token"), err)
	}
	r.Add(token, s.Auth.User)
	return nil
}

func (h *Hub) secrets() []*Secret {
	out := append(h.Site.secrets(), h.Notify.secrets()...)
	if h.Webhook != nil {
		out = append(out, &h.Webhook.Secret)
	}
	return out
}

func (p *Poller) secrets() []*Secret {
	out := append(append(p.Site.secrets(), &p.Hub.Network.ProxyPassword), p.Notify.secrets()...)
	if p.Watch.Webhook != nil {
		out = append(out, &p.Watch.Webhook.Secret)
	}
	return out
}

func (s *Site) secrets() []*Secret { return []*Secret{&s.Auth.Token, &s.Network.ProxyPassword} }
