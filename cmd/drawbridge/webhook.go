package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
)

func newWebhook(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook",
		Short: "Make, look at and remove the webhook in this half's Jira",
		Long: `One webhook per site tells Drawbridge of changes at once; what it misses is found by search. Making it takes
an account with Jira's permission to administer; without that, an administrator makes it by hand from what
drawbridge webhook show prints.`,
	}
	c.AddCommand(newWebhookCreate(s), newWebhookShow(s), newWebhookRemove(s))
	return c
}

// hook is the webhook this half wants: where it goes and the secret it is signed with.
type hook struct {
	Name, URL string
	secret    config.Secret
}

func (h *half) hook() (hook, error) {
	w := hook{Name: "Drawbridge " + h.settings().Name}
	switch {
	case h.role == bridge.Public && h.hub.Webhook != nil:
		w.URL, w.secret = strings.TrimRight(h.hub.PublicURL, "/")+ingest.Path+h.hub.Site.Name, h.hub.Webhook.Secret
	case h.role == bridge.Private && h.poller.Watch.Webhook != nil:
		w.URL, w.secret = "http://"+h.poller.Watch.Webhook.Listen+ingest.Path+h.poller.Site.Name, h.poller.Watch.Webhook.Secret
	default:
		return w, bridge.Permanent("webhook-unconfigured", "the settings have no webhook with a secret; see docs/configuration.md")
	}
	return w, nil
}

// ours are the webhooks in Jira that point at this half.
func (h *half) ours(ctx context.Context, w hook) ([]jira.Webhook, error) {
	if err := h.withJira(); err != nil {
		return nil, err
	}
	all, err := h.site.Jira.ListWebhooks(ctx)
	if err != nil {
		return nil, err
	}
	var out []jira.Webhook
	for _, found := range all {
		if found.URL == w.URL || found.Name == w.Name {
			out = append(out, found)
		}
	}
	return out, nil
}

func newWebhookCreate(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "create",
		Short: "Make the webhook, or make it anew with the present secret",
		Long: `Makes the webhook in this half's Jira, signed with the secret of the settings file. One that is there already
is replaced, which is also how its secret is changed: write the new secret, then run this.`,
		Example: "  drawbridge webhook create --config hub.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.hook()
		if err != nil {
			return err
		}
		old, err := h.ours(ctx, w)
		if err != nil {
			return err
		}
		secret, err := w.secret.Reveal()
		if err != nil {
			return err
		}
		made, err := h.site.Jira.RegisterWebhook(ctx, jira.WebhookRequest{Name: w.Name, URL: w.URL, Events: jira.WebhookEvents, Secret: secret})
		if err != nil {
			return err
		}
		for _, o := range old {
			if err := h.site.Jira.DeleteWebhook(ctx, o.ID); err != nil {
				return err
			}
		}
		return h.screen.show(made, func(out io.Writer) { fmt.Fprintf(out, "webhook %q sends to %s\n", w.Name, w.URL) })
	})
}

func newWebhookShow(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "show",
		Short: "Show the webhook, or how to make it by hand",
		Long: `Shows the webhook of this half as Jira has it. Where the account may not look, it prints what an administrator
has to enter by hand. Exit code 3 if there is none.`,
		Example:     "  drawbridge webhook show --config hub.yaml",
		Annotations: map[string]string{"finding": "there is no webhook"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.hook()
		if err != nil {
			return err
		}
		found, err := h.ours(ctx, w)
		if err == nil && len(found) > 0 {
			return h.screen.show(map[string]any{"webhooks": found}, func(out io.Writer) { printWebhooks(out, found) })
		}
		show := h.screen.show(map[string]any{"webhooks": []string{}, "url": w.URL, "events": jira.WebhookEvents}, func(out io.Writer) { byHand(out, w, err) })
		if show != nil {
			return show
		}
		return errFinding
	})
}

func printWebhooks(w io.Writer, found []jira.Webhook) {
	for _, f := range found {
		state := "enabled"
		if !f.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s (%s, id %s) sends to %s\n", f.Name, state, f.ID, f.URL)
	}
}

// byHand says how to make the webhook in Jira's pages.
func byHand(w io.Writer, h hook, err error) {
	if err != nil {
		fmt.Fprintf(w, "the account may not look: %v\n\n", err)
	}
	fmt.Fprintf(w, `there is no webhook for Drawbridge. An administrator makes one in Jira:
  Settings > System > WebHooks > Create
  Name    %s
  URL     %s
  Secret  what %s holds
  Events  %s
  Body    leave "exclude body" off
`, h.Name, h.URL, h.secret.Source(), strings.Join(jira.WebhookEvents, ", "))
}

func newWebhookRemove(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:     "remove",
		Short:   "Remove the webhook from Jira",
		Long:    `Removes the webhook of this half from its Jira. Changes are then found by search only.`,
		Example: "  drawbridge webhook remove --config hub.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.hook()
		if err != nil {
			return err
		}
		found, err := h.ours(ctx, w)
		if err != nil {
			return err
		}
		for _, f := range found {
			if err := h.site.Jira.DeleteWebhook(ctx, f.ID); err != nil {
				return err
			}
		}
		return h.screen.show(map[string]any{"removed": len(found)}, func(out io.Writer) {
			fmt.Fprintf(out, "%s removed\n", plural(len(found), "webhook", "webhooks"))
		})
	})
}
