package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// health is what the alarms look at. It is written as one log line in
// CloudWatch's embedded metric format, which makes metrics of the numbers.
type health struct {
	PollerSilence     float64 // seconds since the most silent poller of an active connection was heard of
	ConnectionsBroken int
	PairsParked       int     // on both sides, as far as known
	ClockSkew         float64 // seconds between Jira's clock and ours
	WebhookSilence    float64 // seconds for which changes were made that no webhook told of

	CredentialDays *float64 `json:",omitempty"` // until the token of the Jira expires; nil: not known when
}

// maxParked is how many parked pairs are counted; the alarm is far below.
const maxParked = 1000

// Health measures and writes the line. A Jira that does not answer is an error
// after the line was written: the rest is worth knowing all the same.
func (h *Hub) Health(ctx context.Context, local *site.Site, stack string, w io.Writer) error {
	var out health
	if err := h.connections(ctx, local, &out); err != nil {
		return err
	}
	due, err := h.Store.List(ctx, "due/"+h.Site, store.Range{Limit: maxParked})
	if err != nil {
		return err
	}
	out.PairsParked += len(due)
	heard, err := local.Deliveries(ctx)
	if err != nil {
		return err
	}
	out.WebhookSilence = heard.Silent(local.Now()).Seconds()
	if day, ok := h.expires(); ok {
		left := time.Until(day).Hours() / 24
		out.CredentialDays = &left
	}
	_, jiraErr := local.Account(ctx)
	out.ClockSkew = local.Jira.ClockOffset().Abs().Seconds()
	line, err := out.line(stack, time.Now())
	if err == nil {
		_, err = w.Write(line)
	}
	return errors.Join(jiraErr, err)
}

func (h *Hub) connections(ctx context.Context, local *site.Site, out *health) error {
	all, err := local.Book.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.State == bridge.Broken {
			out.ConnectionsBroken++
		}
		if c.State != bridge.Active && c.State != bridge.Broken {
			continue
		}
		p, err := exchange.Book{Store: h.Store}.Poller(ctx, c.ID)
		if err != nil {
			return err
		}
		if p != nil {
			out.PairsParked += p.Status.Parked
		}
		if p != nil && !p.Seen.IsZero() {
			out.PollerSilence = max(out.PollerSilence, time.Since(p.Seen).Seconds())
		}
	}
	return nil
}

// healthMetrics are those of the line; the last one is not always there.
var healthMetrics = []metric{
	{"PollerSilence", "Seconds"}, {"ConnectionsBroken", "Count"}, {"PairsParked", "Count"}, {"ClockSkew", "Seconds"}, {"WebhookSilence", "Seconds"},
	{"CredentialDays", "None"},
}

// line is the log line.
func (m health) line(stack string, now time.Time) ([]byte, error) {
	made := healthMetrics
	if m.CredentialDays == nil {
		made = made[:len(made)-1]
	}
	line, err := json.Marshal(struct {
		AWS   embedded `json:"_aws"`
		Stack string
		Msg   string `json:"msg"`
		health
	}{
		embed(now, made),
		stack, "health", m,
	})
	return append(line, '\n'), err
}

// stack is the stack's name: the last word of the secrets' prefix.
func (s Settings) stack() string {
	p := strings.TrimSuffix(s.Secrets, "/")
	return p[strings.LastIndex(p, "/")+1:]
}
