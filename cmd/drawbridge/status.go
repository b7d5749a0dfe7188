package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
)

// quiet is how long a poller may be silent before status says so.
const quiet = 5 * time.Minute

// statusView is a half at a glance.
type statusView struct {
	Half        string           `json:"half"` // hub or poller
	Site        string           `json:"site"`
	Version     string           `json:"version"`
	State       string           `json:"state"`
	Connections []connectionView `json:"connections"`
	Webhook     *webhookView     `json:"webhook,omitempty"` // nil: the settings have none
	Bulk        []site.Job       `json:"bulk,omitempty"`    // the bulk starts under way
	Queue       queue.Depth      `json:"queue"`
	Attention   []string         `json:"attention"` // what somebody should look at; empty: nothing
}

// webhookView is the webhook at a glance.
type webhookView struct {
	site.Deliveries
	SilentMS int64 `json:"silent_ms,omitempty"` // for how long it has not told of changes
}

func newStatus(s *screen, example string) *cobra.Command {
	c := s.operate(&cobra.Command{
		Use:   "status",
		Short: "Say how this half is, and what needs attention",
		Long: `Shows the connections, what waits, what is parked, how far bulk starts are, the queue, what came by the webhook,
and on the hub when each poller was last seen.
Exit code 3 if something needs attention, so that a monitor can call it.`,
		Example:     "  " + example,
		Annotations: map[string]string{"finding": "something needs attention"},
	}, func(ctx context.Context, h *half, _ []string) error {
		v, err := h.status(ctx)
		if err != nil {
			return err
		}
		if err := h.screen.show(v, func(w io.Writer) { h.printStatus(w, v) }); err != nil {
			return err
		}
		if len(v.Attention) > 0 {
			return errFinding
		}
		return nil
	})
	return c
}

func (h *half) status(ctx context.Context) (v statusView, err error) {
	v = statusView{Half: "hub", Site: h.settings().Name, Version: version, State: h.statePath(), Attention: []string{}}
	if h.role == bridge.Private {
		v.Half = "poller"
	}
	if v.Connections, err = h.views(ctx, true); err != nil {
		return v, err
	}
	if v.Queue, err = h.queue.Depth(ctx); err != nil {
		return v, err
	}
	for _, c := range v.Connections {
		jobs, err := h.site.Jobs(ctx, c.ID)
		if err != nil {
			return v, err
		}
		v.Bulk = append(v.Bulk, slices.DeleteFunc(jobs, func(j site.Job) bool { return j.State != site.JobRuns })...)
		v.Attention = append(v.Attention, h.attention(c)...)
		if late := behind(version, c.OtherVersion, c.Name, v.Half); late != "" && c.State != bridge.Ended {
			v.Attention = append(v.Attention, late)
		}
	}
	if v.Queue.Dead > 0 {
		v.Attention = append(v.Attention, plural(v.Queue.Dead, "dead letter: a message", "dead letters: messages")+" could not be worked on; see drawbridge errors list")
	}
	if err := h.withWebhook(ctx, &v); err != nil {
		return v, err
	}
	return withExpiry(v, h.settings().CredentialExpires.Time), nil
}

// withWebhook adds what came by the webhook, and that nothing does although there are changes.
func (h *half) withWebhook(ctx context.Context, v *statusView) error {
	if _, err := h.hook(); err != nil {
		return nil // none is wanted
	}
	d, err := h.site.Deliveries(ctx)
	if err != nil {
		return err
	}
	silent := d.Silent(h.now())
	v.Webhook = &webhookView{d, silent.Milliseconds()}
	if silent > h.patience() {
		v.Attention = append(v.Attention, webhookSilent(silent)+"; see drawbridge webhook check")
	}
	return nil
}

// withExpiry adds the warning about a credential that expires soon.
func withExpiry(v statusView, expires time.Time) statusView {
	if left := time.Until(expires); !expires.IsZero() && left < 30*24*time.Hour {
		what := "expires in " + span(left)
		if left < 0 {
			what = "has expired"
		}
		v.Attention = append(v.Attention, fmt.Sprintf("the credential for site %s %s (%s)", v.Site, what, expires.Format(time.DateOnly)))
	}
	return v
}

// attention says what somebody should look at about a connection.
func (h *half) attention(c connectionView) (out []string) {
	switch {
	case c.State == bridge.Broken:
		out = append(out, fmt.Sprintf("connection %s is broken: %s", c.Name, c.Why))
	case c.State == bridge.Active && c.Poller != nil && c.Poller.Seen != 0 && h.now()-c.Poller.Seen > quiet.Milliseconds():
		out = append(out, fmt.Sprintf("the poller of %s was last seen %s", c.Name, h.when(c.Poller.Seen)))
	}
	if c.State != bridge.Ended && c.Trouble.Lasts(time.UnixMilli(h.now()), quiet) {
		out = append(out, fmt.Sprintf("nothing is exchanged with the hub of %s since %s: %s", c.Name, h.when(c.Trouble.Since), c.Trouble.Why))
	}
	if c.ToApprove > 0 && c.State != bridge.Ended {
		out = append(out, fmt.Sprintf("contract revision %d of the other side of %s waits for your approval; see drawbridge contract diff", c.ToApprove, c.Name))
	}
	if c.Parked > 0 {
		out = append(out, fmt.Sprintf("%s of %s parked; see drawbridge errors list", plural(c.Parked, "pair", "pairs"), c.Name))
	}
	if c.Unmade > 0 {
		out = append(out, fmt.Sprintf("%s of %s whose twin the other side could not make; see drawbridge errors list", plural(c.Unmade, "issue", "issues"), c.Name))
	}
	if c.Poller != nil && c.Poller.Problem != "" {
		out = append(out, fmt.Sprintf("the poller of %s says: %s", c.Name, c.Poller.Problem))
	}
	return out
}

func (h *half) printStatus(w io.Writer, v statusView) {
	fmt.Fprintf(w, "%s of site %s, Drawbridge %s, state %s\n\n", v.Half, h.screen.bold(v.Site), v.Version, v.State)
	h.printConnections(w, v.Connections)
	fmt.Fprintln(w)
	rows := [][]string{{"PAIRS", "PARKED", "WAITING SINCE", "RULES HERE", "THERE", "VERSION THERE", "CONNECTION"}}
	for _, c := range v.Connections {
		since := "-"
		if c.Oldest != 0 {
			since = h.when(c.Oldest)
		}
		rows = append(rows, []string{fmt.Sprint(c.Pairs), fmt.Sprint(c.Parked), since, ruleNumber(c.Rules), ruleNumber(c.There), cmp.Or(c.OtherVersion, "-"), c.Name})
	}
	if len(v.Connections) > 0 {
		table(w, rows)
		fmt.Fprintln(w)
	}
	if v.Webhook != nil {
		fmt.Fprintln(w, "webhook: "+h.heardOf(v.Webhook.Deliveries))
	}
	for i := range v.Bulk {
		fmt.Fprintln(w, "bulk start: "+howFar(&v.Bulk[i]))
	}
	fmt.Fprintf(w, "queue: %d waiting or in work, %s\n", v.Queue.Waiting+v.Queue.InFlight, plural(v.Queue.Dead, "dead letter", "dead letters"))
	if len(v.Attention) == 0 {
		fmt.Fprintln(w, h.screen.green("nothing needs attention"))
		return
	}
	fmt.Fprintln(w)
	for _, line := range v.Attention {
		fmt.Fprintf(w, "%s %s\n", h.screen.red("!"), bridge.OneLine(line))
	}
}
