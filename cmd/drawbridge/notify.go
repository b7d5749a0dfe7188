package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/notify"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// A herald looks at its half once a minute and tells people what needs them.
type herald struct {
	site     *site.Site
	settings config.Notify
	expires  time.Time // the credential; zero: not known
	hooked   bool      // Jira is meant to tell of changes by webhook
	desk     *notify.Desk
	// silent says why and since when the other half is out of reach, by connection id; nil: that cannot be seen here.
	silent func(ctx context.Context) map[string]silence
	// problem is what stops the site, "" if nothing does.
	problem func() string

	looked time.Time // at all pairs, for the digest
	parked []notify.Notice
	terms  map[string][]notify.Notice // of contracts, by connection id, as last seen
}

type silence struct {
	since time.Time
	why   string
}

const heraldEvery = time.Minute

// pause is the time between two looks: none of the settings is shorter.
func (h *herald) pause() time.Duration {
	return max(time.Second, min(heraldEvery, h.settings.Digest.Std(), h.settings.HubSilent.Std(), h.settings.WebhookSilent.Std()))
}

// newHerald returns nil where the settings name nobody to tell.
func newHerald(e *engine, n config.Notify, expires time.Time, hooked bool) (*herald, error) {
	senders, err := senders(n)
	if err != nil || len(senders) == 0 {
		return nil, err
	}
	desk := &notify.Desk{Store: e.site.Book.Store, Site: e.site.Name, Home: e.site.Book.Site, Senders: senders, Now: e.site.Now, Log: e.log}
	return &herald{site: e.site, settings: n, expires: expires, hooked: hooked, desk: desk, problem: e.problem}, nil
}

func senders(n config.Notify) (out []notify.Sender, err error) {
	if m := n.Mail; m != nil {
		roots, err := config.Authorities(m.CAFile)
		if err != nil {
			return nil, fmt.Errorf("notify.mail: %w", err)
		}
		out = append(out, notify.Mail{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, Server: m.Server, From: m.From, To: m.To, User: m.User, Password: m.Password.Reveal, Security: m.Security})
	}
	if w := n.Webhook; w != nil {
		transport, err := w.Network.Transport()
		if err != nil {
			return nil, fmt.Errorf("notify.webhook: %w", err)
		}
		post := notify.Post{URL: w.URL, HTTP: &http.Client{Transport: transport}}
		if w.Authorization.IsSet() {
			post.Auth = w.Authorization.Reveal
		}
		out = append(out, post)
	}
	if len(n.Command) > 0 {
		out = append(out, notify.Command{Args: n.Command})
	}
	return out, nil
}

// look tells what is wrong now.
func (h *herald) look(ctx context.Context) {
	now, err := h.wrong(ctx)
	if err == nil {
		err = h.desk.Tell(ctx, now)
	}
	if err != nil && ctx.Err() == nil {
		h.site.Log.Warn("people could not be told", "error", err)
	}
}

func (h *herald) wrong(ctx context.Context) (out []notify.Notice, err error) {
	all, err := h.site.Book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.State == bridge.Broken {
			out = append(out, notify.Notice{Key: "broken/" + c.ID, Name: "connection-broken", Subject: "connection " + c.Name + " is broken", Text: c.Why})
		}
		if c.State != bridge.Ended && c.State != bridge.Pending {
			h.agreed(ctx, c)
			out = append(out, h.terms[c.ID]...)
		}
	}
	if h.silent != nil {
		out = append(out, h.unreachable(h.silent(ctx), all)...)
	}
	if p := h.problem(); p != "" {
		out = append(out, notify.Notice{Key: "site", Name: "site-stopped", Subject: "site " + h.site.Name + " stands still", Text: p})
	}
	if n, err := h.webhook(ctx); err != nil {
		return nil, err
	} else if n != nil {
		out = append(out, *n)
	}
	out = append(out, expiring(h.site.Name, h.expires, time.Now())...)
	digest, err := h.digest(ctx, all)
	return append(out, digest...), err
}

// agreed looks at the contracts of a connection. While this site's Jira cannot say what the rules name, all stays as it was.
func (h *herald) agreed(ctx context.Context, c bridge.Connection) {
	known, err := h.site.Contracts(ctx, c.ID)
	if err != nil || known.Ours.Latest == nil && known.Theirs.Latest == nil {
		return
	}
	r, _, err := h.site.Rules(ctx, c.ID)
	if err != nil {
		return
	}
	if a, err := agree(ctx, h.site, c.ID, r); err == nil {
		if h.terms == nil {
			h.terms = map[string][]notify.Notice{}
		}
		h.terms[c.ID] = a.notices(c)
	}
}

func (h *herald) unreachable(silent map[string]silence, all []bridge.Connection) (out []notify.Notice) {
	for _, c := range all {
		s, is := silent[c.ID]
		if is && c.State == bridge.Active && time.Since(s.since) > h.settings.HubSilent.Std() {
			out = append(out, notify.Notice{Key: "silent/" + c.ID, Name: "hub-unreachable", Subject: "the other half of " + c.Name + " is out of reach", Text: s.why})
		}
	}
	return out
}

// webhook says that Jira does not tell of changes any more.
func (h *herald) webhook(ctx context.Context) (*notify.Notice, error) {
	if !h.hooked {
		return nil, nil
	}
	d, err := h.site.Deliveries(ctx)
	silent := d.Silent(h.site.Now())
	if err != nil || silent <= h.settings.WebhookSilent.Std() {
		return nil, err
	}
	return &notify.Notice{Key: "webhook", Name: "webhook-silent", Subject: "the webhook of site " + h.site.Name + " tells of nothing",
		Text: webhookSilent(silent) + "; changes arrive late until it is mended. drawbridge webhook check says what is wrong."}, nil
}

// expiring warns 30, 7 and 1 days ahead, and when it is too late; each is a notice of its own.
func expiring(name string, expires, now time.Time) []notify.Notice {
	if expires.IsZero() {
		return nil
	}
	day := expires.Format(time.DateOnly)
	left := expires.Sub(now)
	for _, step := range []int{0, 1, 7, 30} {
		if left > time.Duration(step)*24*time.Hour {
			continue
		}
		n := notify.Notice{Key: fmt.Sprintf("credential/%s/%d", day, step), Name: "credential-expires",
			Subject: fmt.Sprintf("the credential for site %s expires on %s", name, day), Text: "Renew it and put the new one where the settings say; no restart is needed. Then set credential_expires."}
		if step == 0 {
			n.Subject = fmt.Sprintf("the credential for site %s has expired on %s", name, day)
		}
		return []notify.Notice{n}
	}
	return nil
}

// digest lists the parked pairs of every connection, and the members that were kept out, as they were when all pairs were last looked at.
func (h *herald) digest(ctx context.Context, all []bridge.Connection) ([]notify.Notice, error) {
	if time.Since(h.looked) < h.settings.Digest.Std() {
		return h.parked, nil
	}
	var out []notify.Notice
	for _, c := range all {
		n, pairs := notify.Notice{Key: "parked/" + c.ID, Name: "parked"}, 0
		err := h.site.Book.Each(ctx, c.ID, func(l pair.Line) error {
			p, err := h.site.Book.Load(ctx, c.ID, l.Issue)
			if err != nil || p == nil {
				return err
			}
			before := len(n.Items)
			if k := p.Head.Parked; k != nil {
				n.Items = append(n.Items, fmt.Sprintf("%s: %s: %s", l.Key, k.Name, k.Reason))
			}
			for _, key := range slices.Sorted(maps.Keys(p.State.Refused)) {
				n.Items = append(n.Items, l.Key+": "+p.State.Refused[key])
			}
			if len(n.Items) > before {
				pairs++
			}
			return nil
		})
		if err != nil {
			return h.parked, err
		}
		if len(n.Items) > 0 {
			n.Subject = fmt.Sprintf("%s of %s parked", plural(pairs, "pair", "pairs"), c.Name)
			n.Text = "Everything else goes on. drawbridge errors list says more; errors show NAME explains an error."
			n.Items = n.Items[:min(len(n.Items), digestMax)]
			out = append(out, n)
		}
	}
	h.looked, h.parked = time.Now(), out
	return out, nil
}

const digestMax = 100 // parked pairs named in a digest

// quietPollers are the pollers that the hub has not heard of.
func quietPollers(ctx context.Context, e *engine, last func(context.Context, string) (time.Time, error)) map[string]silence {
	out := map[string]silence{}
	all, err := e.site.Book.Connections(ctx)
	for _, c := range all {
		seen, e := last(ctx, c.ID)
		err = errors.Join(err, e)
		if !seen.IsZero() {
			out[c.ID] = silence{seen, "its poller was last seen " + seen.UTC().Format("2006-01-02 15:04 UTC")}
		}
	}
	if err != nil && ctx.Err() == nil {
		e.log.Warn("pollers could not be looked at", "error", err)
	}
	return out
}
