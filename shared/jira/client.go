package jira

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gojira "github.com/andygrunwald/go-jira"

	"drawbridge/shared/bridge"
)

// Options say which Jira a client speaks to and how.
type Options struct {
	// APIURL is where the API is called: "https://acme.atlassian.net", or "https://jira.acme.example/jira" with its
	// context path.
	APIURL string
	// BrowseURL is what people have in their browsers, where it differs from APIURL.
	BrowseURL string
	Flavour   bridge.Flavour
	Auth      Auth
	// HTTP carries proxy and certificates; nil is a client with time-outs. Its redirect policy and cookie jar are not used.
	HTTP *http.Client
	// AllowHosts are hosts ("media.acme.example", "127.0.0.1:8081") that a download may be redirected to although they are
	// inside the network or speak plain HTTP.
	AllowHosts []string
	Now        func() time.Time
	Log        *slog.Logger
	// Workers is how many calls wait for Jira at once, downloads aside; as many connections are kept alive. 0 is any number.
	Workers int
	// Share is this process's part of Cloud's rate limits, when several share one site: 0.25 for one of four. 0 is all; more
	// than 1 is for a site that was granted more.
	Share float64
	// Steady pauses are not spread by chance, for runs that have to repeat.
	Steady bool
	// OnCall is told of every attempt on the wire: "GET", "issue/{issue}", 200. Status 0: no answer came.
	OnCall func(method, route string, status int, took time.Duration)
	// OnGate is told when Jira asked this client to be silent until then, so that other processes can be told too.
	OnGate func(until time.Time)
}

// Auth is how a client signs in.
type Auth struct {
	Kind string // "basic": User with a password or API token; "pat": a personal access token of Data Center
	User string
	// Secret is asked before every call, so that a rotated secret needs no restart.
	Secret func() (string, error)
}

// A Client speaks to one Jira. It is safe for concurrent use.
type Client struct {
	opts    Options
	api     *url.URL // ends in a slash
	gj      underneath
	stream  *http.Client // for attachments: no total time-out
	limits  *limits
	turns   chan struct{} // of the calls that wait for Jira; nil: any number may
	account account
	clock   clock

	mu     sync.Mutex
	schema *Schema
	names  *Names
	info   *ServerInfo
	loud   bool // notifyUsers=false was refused here: the account is no administrator
}

// New makes a client. It calls nothing.
func New(o Options) (*Client, error) {
	if err := check(&o); err != nil {
		return nil, err
	}
	api, err := url.Parse(strings.TrimRight(o.APIURL, "/") + "/")
	if err != nil || api.Host == "" || api.Scheme != "http" && api.Scheme != "https" || api.User != nil {
		return nil, bridge.Permanent("site-misconfigured", "api URL %q: write it like https://jira.example.org, without user and password", o.APIURL).At(bridge.LevelSite)
	}
	c := &Client{opts: o, api: api, limits: newLimits(o.Flavour, o.Share, o.OnGate)}
	if o.Workers > 0 {
		c.turns = make(chan struct{}, o.Workers)
	}
	calls, stream := c.httpClients()
	c.stream = stream
	gj, err := gojira.NewClient(calls, api.String())
	if err != nil {
		return nil, bridge.Permanent("site-misconfigured", "api URL %q: %w", o.APIURL, err).At(bridge.LevelSite)
	}
	c.gj = underneath{gj.NewRequestWithContext, gj.NewRawRequestWithContext, gj.Do}
	return c, nil
}

// underneath are the methods of go-jira's client that are used. A field holding the client itself would have the linker
// keep every service of it in the functions on AWS.
type underneath struct {
	newRequest    func(ctx context.Context, method, path string, body any) (*http.Request, error)
	newRawRequest func(ctx context.Context, method, path string, body io.Reader) (*http.Request, error)
	do            func(r *http.Request, v any) (*gojira.Response, error)
}

// check fills in what was left out and refuses what cannot work.
func check(o *Options) error {
	switch {
	case !o.Flavour.Valid():
		return bridge.Permanent("site-misconfigured", "flavour %q: cloud or datacenter", o.Flavour).At(bridge.LevelSite)
	case o.Auth.Kind != "basic" && o.Auth.Kind != "pat":
		return bridge.Permanent("site-misconfigured", "kind of sign-in %q: basic or pat", o.Auth.Kind).At(bridge.LevelSite)
	case o.Auth.Kind == "basic" && o.Auth.User == "":
		return bridge.Permanent("site-misconfigured", "sign-in basic: needs a user").At(bridge.LevelSite)
	case o.Auth.Secret == nil:
		return bridge.Permanent("site-misconfigured", "sign-in %s: needs a secret", o.Auth.Kind).At(bridge.LevelSite)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Share <= 0 {
		o.Share = 1
	}
	return nil
}

// Flavour is the kind of Jira this client speaks to.
func (c *Client) Flavour() bridge.Flavour { return c.opts.Flavour }

// Browse is the address of an issue for a browser.
func (c *Client) Browse(key string) string {
	base := c.opts.BrowseURL
	if base == "" {
		base = c.opts.APIURL
	}
	return strings.TrimRight(base, "/") + "/browse/" + url.PathEscape(key)
}

func (c *Client) cloud() bool { return c.opts.Flavour == bridge.Cloud }
