package jira

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
)

// stall is how long a download may stand still.
const stall = time.Minute

// Download opens an attachment's content, to be read and closed by the caller. Cloud redirects to another host, which gets none of
// our credentials and must be a public one; Data Center serves it itself.
func (c *Client) Download(ctx context.Context, a Attachment) (io.ReadCloser, error) {
	what := fmt.Sprintf("download attachment %s (%q)", a.ID, a.Name)
	path, err := c.contentPath(a)
	if err != nil {
		return nil, (&fault{cause: err}).with(bridge.Permanent("content-elsewhere", "%s: %v", what, err), bridge.LevelPair)
	}
	body, fault := c.fetch(ctx, call{what: what, method: http.MethodGet, route: "attachment/content/{attachment}", path: path})
	if StatusOf(fault) == http.StatusNotFound && c.cloud() && strings.Contains(a.Content, "/secure/attachment/") {
		if path, err := c.sitePath(a.Content); err == nil {
			return c.fetch(ctx, call{what: what, method: http.MethodGet, route: "secure/attachment/{attachment}", path: path})
		}
	}
	return body, fault
}

// fetch opens a content, again after a temporary failure.
func (c *Client) fetch(ctx context.Context, k call) (io.ReadCloser, error) {
	for n := 1; ; n++ {
		body, err := c.open(ctx, &k)
		if err == nil {
			return body, nil
		}
		pause, again := c.again(ctx, &k, err, n)
		if !again || sleep(ctx, pause) != nil {
			return nil, err
		}
	}
}

// contentPath is where the content is below the API URL. A content address of the site's own is taken as it is, except for its
// base: the site may call itself by a name that only browsers use.
func (c *Client) contentPath(a Attachment) (string, error) {
	if c.cloud() && a.ID != "" {
		return "rest/api/2/attachment/content/" + url.PathEscape(a.ID), nil
	}
	return c.sitePath(a.Content)
}

// sitePath is a content address of the site's own, below the API URL.
func (c *Client) sitePath(content string) (string, error) {
	u, err := url.Parse(content)
	if err != nil || content == "" {
		return "", errors.New("jira does not say where the content is")
	}
	for _, base := range c.bases() {
		if rest, ok := strings.CutPrefix(u.EscapedPath(), base.Path); ok && (u.Host == "" && u.Scheme == "" || sameOrigin(u, base)) {
			if u.RawQuery != "" {
				rest += "?" + u.RawQuery
			}
			return rest, nil
		}
	}
	return "", fmt.Errorf("the content is said to be at %s, which is not this site; set the browse URL if it is", u.Host)
}

// bases are the addresses the site is known by, each ending in a slash.
func (c *Client) bases() []*url.URL {
	list := []*url.URL{c.api}
	c.mu.Lock()
	names := []string{c.opts.BrowseURL}
	if c.info != nil {
		names = append(names, c.info.BaseURL)
	}
	c.mu.Unlock()
	for _, n := range names {
		if u, err := url.Parse(strings.TrimRight(n, "/") + "/"); err == nil && n != "" {
			list = append(list, u)
		}
	}
	return list
}

// open makes one attempt at a download.
func (c *Client) open(ctx context.Context, k *call) (io.ReadCloser, *bridge.Error) {
	switch wait, err := c.limits.wait(ctx, k.method, ""); {
	case err != nil && ctx.Err() != nil:
		return nil, lost(ctx, k.what, err, false)
	case err != nil || wait > 0:
		return nil, after(wait, (&fault{cause: err}).with(bridge.Temporary("rate-limited", "%s: not called: the site's rate limit is used up", k.what), bridge.LevelPair))
	}
	held, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(stall, cancel)
	req, err := c.gj.newRawRequest(held, k.method, k.path, nil)
	if err != nil {
		timer.Stop()
		cancel()
		return nil, (&fault{cause: err}).with(bridge.Permanent("request-unwritable", "%s: %v", k.what, err), bridge.LevelPair)
	}
	req.Header.Del("Content-Type")
	req.Header.Set("User-Agent", "drawbridge")
	began := c.opts.Now()
	res, err := c.stream.Do(req)
	took := c.opts.Now().Sub(began)
	timer.Stop()
	if err != nil {
		defer cancel()
		c.count(k, 0, took)
		return nil, c.unopened(ctx, held, k, err)
	}
	c.count(k, res.StatusCode, took)
	if res.StatusCode != http.StatusOK || loginPage(res) {
		defer cancel()
		defer res.Body.Close()
		if !sameOrigin(res.Request.URL, c.api) {
			return nil, brokenOff(k.what, &fault{status: res.StatusCode})
		}
		return nil, c.refused(ctx, k, res)
	}
	return &watched{what: k.what, body: res.Body, timer: timer, cancel: cancel}, nil
}

// loginPage reports whether a web page came that Jira did not mean as an attachment.
func loginPage(res *http.Response) bool {
	return isHTML(res.Header, nil) && res.Header.Get("Content-Disposition") == "" && toLogin(http.Header{"Location": {res.Request.URL.String()}})
}

// brokenOff is a failure of the content's own host, which says nothing about the site.
func brokenOff(what string, f *fault) *bridge.Error {
	return f.with(bridge.Temporary("content-unreadable", "%s: the content cannot be read: %v", what, f), bridge.LevelPair)
}

var errStalled = fmt.Errorf("not a byte for %v", stall)

// unopened is the error of a download that got no answer.
func (c *Client) unopened(ctx, held context.Context, k *call, err error) *bridge.Error {
	var away *awayError
	var broken *secretError
	var at *url.Error
	if ctx.Err() == nil && held.Err() != nil {
		err = errStalled
	}
	switch {
	case errors.As(err, &away):
		return (&fault{cause: away}).with(bridge.Permanent("content-elsewhere", "%s: %v", k.what, away), bridge.LevelPair)
	case errors.As(err, &broken):
		return (&fault{cause: err}).with(bridge.Permanent("site-unauthenticated", "%s: the secret cannot be read: %v", k.what, broken.cause), bridge.LevelSite)
	case errors.As(err, &at) && ctx.Err() == nil:
		if u, bad := url.Parse(at.URL); bad == nil && !sameOrigin(u, c.api) {
			return brokenOff(k.what, &fault{cause: at.Err})
		}
	}
	return lost(ctx, k.what, err, false)
}

// awayError is a redirect that is not followed.
type awayError struct{ why string }

func (e *awayError) Error() string { return e.why }

// redirectDownload decides where content may come from: the site itself, an allowed host, or a public host over HTTPS. An
// address inside our network is refused, or a Jira could make us read what only we can reach.
func (c *Client) redirectDownload(req *http.Request, via []*http.Request) error {
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	u := req.URL
	switch {
	case len(via) > 5:
		return &awayError{"redirected too often"}
	case sameOrigin(u, c.api), slices.Contains(c.opts.AllowHosts, u.Host):
		return nil
	case u.Scheme != "https":
		return &awayError{fmt.Sprintf("redirected to %s over %s; only https is followed", u.Host, u.Scheme)}
	case inside(req.Context(), u.Hostname()):
		return &awayError{fmt.Sprintf("redirected to %s, inside the network; allow the host if this is meant", u.Host)}
	}
	return nil
}

// inside reports whether a host is not on the public Internet. A name that does not resolve here is left to the proxy.
func inside(ctx context.Context, host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return private(addr)
	}
	low := strings.ToLower(strings.TrimSuffix(host, "."))
	if !strings.Contains(low, ".") || low == "localhost" || strings.HasSuffix(low, ".localhost") || strings.HasSuffix(low, ".local") || strings.HasSuffix(low, ".internal") {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(addrs, private)
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func private(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast() ||
		a.IsMulticast() || a.IsUnspecified() || shared.Contains(a)
}

// watched is a body that is given up when it stands still.
type watched struct {
	what   string
	body   io.ReadCloser
	timer  *time.Timer
	cancel context.CancelFunc
	once   sync.Once
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(stall)
	n, err := w.body.Read(p)
	stopped := w.timer.Stop() // a slow reader is not a slow site
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case !stopped:
		err = errStalled
	}
	return n, brokenOff(w.what, &fault{status: http.StatusOK, cause: err})
}

func (w *watched) Close() error {
	err := error(nil)
	w.once.Do(func() {
		w.timer.Stop()
		err = w.body.Close()
		w.cancel()
	})
	return err
}
