package jira

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	gojira "github.com/andygrunwald/go-jira"
)

// callTimeout is for one call with its whole answer. A large Data Center search takes a while.
const callTimeout = 90 * time.Second

// httpClients makes the client for calls and the one for streams of the caller's: its transport (proxy, certificates), our
// sign-in, our redirect rules.
func (c *Client) httpClients() (calls, stream *http.Client) {
	base := http.DefaultTransport
	timeout := callTimeout
	if h := c.opts.HTTP; h != nil {
		if h.Transport != nil {
			base = h.Transport
		}
		if h.Timeout > 0 {
			timeout = h.Timeout
		}
	}
	signed := &signer{api: c.api, auth: c.opts.Auth, next: keepAlive(base, max(c.opts.Workers, 1))}
	calls = &http.Client{Transport: signed, Timeout: timeout, CheckRedirect: c.redirectCall}
	stream = &http.Client{Transport: signed, CheckRedirect: c.redirectDownload}
	return calls, stream
}

// keepAlive makes a transport keep a connection per worker.
func keepAlive(rt http.RoundTripper, workers int) http.RoundTripper {
	t, ok := rt.(*http.Transport)
	if !ok || t.MaxIdleConnsPerHost >= workers {
		return rt
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = max(workers, 4)
	if t.ResponseHeaderTimeout == 0 {
		t.ResponseHeaderTimeout = callTimeout
	}
	return t
}

// signer signs requests to the API's own origin, and no other, with go-jira's transports.
type signer struct {
	api  *url.URL
	auth Auth
	next http.RoundTripper
}

// secretError says that the secret itself could not be had.
type secretError struct{ cause error }

func (e *secretError) Error() string { return e.cause.Error() }

func (s *signer) RoundTrip(req *http.Request) (*http.Response, error) {
	if !sameOrigin(req.URL, s.api) {
		return s.next.RoundTrip(req)
	}
	secret, err := s.auth.Secret()
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &secretError{err}
	}
	secret = strings.TrimSpace(secret) // a file ends in a newline
	if s.auth.Kind == "pat" {
		return (&gojira.PATAuthTransport{Token: secret, Transport: s.next}).RoundTrip(req)
	}
	return (&gojira.BasicAuthTransport{Username: s.auth.User, Password: secret, Transport: s.next}).RoundTrip(req)
}

// redirectCall follows a read within the site, to anything but a login page. Everything else comes back as the redirect
// that it is: following a write would turn it into a read, and another host is not ours to call.
func (c *Client) redirectCall(req *http.Request, via []*http.Request) error {
	h := http.Header{"Location": {req.URL.String()}}
	if via[0].Method != http.MethodGet || len(via) > 4 || !sameOrigin(req.URL, c.api) || toLogin(h) {
		return http.ErrUseLastResponse
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
