package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"drawbridge/shared/config"
	"drawbridge/shared/poll"
)

// doorTime bounds one knock.
const doorTime = 15 * time.Second

// door knocks at an address as this half would, and says by which proxy it went and whose certificate it met. Any answer
// but a proxy's refusal counts: who we are is another line's matter.
func door(ctx context.Context, t *http.Transport, what, url string) finding {
	f := finding{What: what, Verdict: fine, Needed: true}
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		f.Verdict, f.Note = missing, err.Error()
		return f
	}
	how := "directly"
	if p, err := t.Proxy(req); err == nil && p != nil {
		how = "through the proxy " + p.Host
	}
	resp, err := t.RoundTrip(req)
	for knocks := 1; err != nil && wayOut(err) == "" && knocks < 3; knocks++ { // whoever hangs up may have said why, unheard
		resp, err = t.RoundTrip(req)
	}
	if err != nil {
		f.Verdict, f.Note = missing, fmt.Sprintf("%s, %s: %v%s", req.URL.Host, how, err, wayOut(err))
		return f
	}
	_ = resp.Body.Close() // that it answered is all
	if resp.StatusCode == http.StatusProxyAuthRequired {
		f.Verdict, f.Note = missing, fmt.Sprintf("%s, %s: the proxy wants to know who asks; say proxy_user and proxy_password", req.URL.Host, how)
		return f
	}
	f.Note = req.URL.Host + ", " + how + ", " + certificate(resp)
	return f
}

// certificate says who vouches for the server, and until when.
func certificate(resp *http.Response) string {
	if resp.TLS == nil {
		return "plain HTTP"
	}
	cert := resp.TLS.PeerCertificates[0]
	return fmt.Sprintf("certificate of %s, good for %s", cert.Issuer, span(time.Until(cert.NotAfter)))
}

func wayOut(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &unknown):
		return "; name the authority's file with network: {ca_file: FILE}"
	case errors.As(err, &name):
		return "; the certificate is for another name: check the address"
	case strings.Contains(err.Error(), "Proxy Authentication Required"):
		return "; say network: {proxy_user: NAME, proxy_password: {env: NAME}}"
	case strings.Contains(err.Error(), "certificate required"), strings.Contains(err.Error(), "bad certificate"):
		return "; it wants a client certificate: network: {client_cert: FILE, client_key: FILE}"
	}
	return ""
}

// wayToHub knocks at a hub.
func wayToHub(ctx context.Context, n config.Network, hub string) finding {
	t, err := n.Transport()
	if err != nil {
		return finding{What: "way to the hub", Verdict: missing, Needed: true, Note: err.Error()}
	}
	return door(ctx, t, "way to the hub", strings.TrimRight(hub, "/")+"/v1/")
}

// reachHubs says for each connection how its hub is reached, whether it knows us, and whether its object store is within
// reach.
func (h *half) reachHubs(ctx context.Context) (found []finding) {
	links, err := poll.Book{Store: h.book.Store}.Links(ctx)
	if err != nil {
		return []finding{{What: "hubs", Verdict: unsure, Note: err.Error()}}
	}
	for _, l := range links {
		c, err := h.book.Connection(ctx, l.Connection)
		if err != nil || c == nil || c.State == "ended" {
			continue
		}
		way := wayToHub(ctx, h.poller.Hub.Network, l.HubURL)
		if found = append(found, way); way.Verdict == fine {
			found = append(found, h.knownToHub(ctx, l, c.Name)...)
		}
	}
	return found
}

func (h *half) knownToHub(ctx context.Context, l poll.Link, name string) []finding {
	f := finding{What: "hub of " + name, Verdict: fine, Needed: true, Note: "knows this poller"}
	hc, err := hubClient(h.poller.Hub.Network)
	if err != nil {
		return nil // the way to it says so
	}
	client, err := l.Client(hc)
	if err != nil {
		f.Verdict, f.Note = missing, err.Error()
		return []finding{f}
	}
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	where, unreached, err := client.ObjectStore(ctx)
	if err != nil {
		f.Verdict, f.Note = missing, err.Error()
		return []finding{f}
	}
	if offset, known := client.Clock.Offset(); known {
		f.Note += "; its clock differs by " + offset.Round(time.Millisecond).String()
	}
	o := finding{What: "object store of " + name, Verdict: fine, Note: where}
	switch {
	case where == "":
		o.Note = "the hub has none; attachments go through the hub in parts of 4 MB"
	case unreached != nil:
		o.Verdict, o.Note = spare, fmt.Sprintf("%s cannot be reached from here (%v); attachments go through the hub in parts of 4 MB", where, unreached)
	}
	return []finding{f, o}
}
