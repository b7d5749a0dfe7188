package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/ingest"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
)

// newWebhook makes the commands about the webhook; under is the command they stand under, "" for drawbridge itself.
func newWebhook(s *screen, under string) *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook",
		Short: "Make, check, rotate and remove the webhook in this half's Jira",
		Long: `One webhook per site tells Drawbridge of changes at once; what it misses is found by search. Making it takes
an account with Jira's permission to administer; without that, an administrator makes it by hand from the
steps that every one of these commands prints then.`,
	}
	path := strings.TrimSpace("drawbridge "+under) + " webhook "
	c.AddCommand(newWebhookCreate(s, path), newWebhookShow(s, path), newWebhookCheck(s, path), newWebhookRotate(s, path), newWebhookRemove(s, path), newWebhookButton(s, path))
	return c
}

// hook is the webhook this half wants: where it goes and the secret it is signed with.
type hook struct {
	Name, URL string // with the word that an unsigned one is known by
	unsigned  bool   // Jira does not sign what it sends
	secret    config.Secret
}

// webhook is the webhook as this half's Jira can have it.
func (h *half) webhook(ctx context.Context) (hook, error) {
	w, err := h.hook()
	if err != nil {
		return w, err
	}
	if err := h.withJira(); err != nil {
		return w, err
	}
	signs, err := h.site.Jira.SignsWebhooks(ctx)
	if err != nil || signs {
		return w, err
	}
	secret, err := w.secret.Reveal()
	w.unsigned = true
	return w.under(secret), err
}

// under is the webhook under a secret.
func (w hook) under(secret string) hook {
	if w.unsigned {
		address, _, _ := strings.Cut(w.URL, "?")
		w.URL = address + "?token=" + ingest.Unsigned(secret)
	}
	return w
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
	return w.among(all), nil
}

// among are those of a Jira's webhooks that are this one.
func (w hook) among(all []jira.Webhook) (out []jira.Webhook) {
	for _, found := range all {
		if found.URL == w.URL || found.Name == w.Name {
			out = append(out, found)
		}
	}
	return out
}

func newWebhookCreate(s *screen, path string) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "create",
		Short: "Make the webhook, or make it anew with the present secret",
		Long: `Makes the webhook in this half's Jira, signed with the secret of the settings file. One that is there already
is replaced. Where the account may not, it prints what an administrator has to click, and exits with 3.`,
		Example:     "  " + path + "create --config hub.yaml",
		Annotations: map[string]string{"finding": "the account may not; the steps are printed"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.webhook(ctx)
		if err != nil {
			return err
		}
		secret, err := w.secret.Reveal()
		if err != nil {
			return err
		}
		made, err := h.register(ctx, w, secret, func() error { return nil })
		if err != nil {
			return h.orByHand(w, err)
		}
		return h.screen.show(made, func(out io.Writer) { fmt.Fprintf(out, "webhook %q sends to %s\n", w.Name, w.URL) })
	})
}

// register makes the webhook with a secret, lets keep store the secret, and removes the webhooks that were there before:
// at every moment there is one whose deliveries are taken.
func (h *half) register(ctx context.Context, w hook, secret string, keep func() error) (jira.Webhook, error) {
	old, err := h.ours(ctx, w)
	if err != nil {
		return jira.Webhook{}, err
	}
	w = w.under(secret)
	made, err := h.site.Jira.RegisterWebhook(ctx, jira.WebhookRequest{Name: w.Name, URL: w.URL, Events: jira.WebhookEvents, Secret: secret})
	if err != nil {
		return made, err
	}
	if err := keep(); err != nil {
		return made, errors.Join(err, h.site.Jira.DeleteWebhook(ctx, made.ID))
	}
	for _, o := range old {
		if err := h.site.Jira.DeleteWebhook(ctx, o.ID); err != nil {
			return made, err
		}
	}
	return made, nil
}

// orByHand prints the steps to click where the account may not do it, and passes every other error on.
func (h *half) orByHand(w hook, err error) error {
	if !mayNot(err) {
		return err
	}
	show := h.screen.show(map[string]any{"refused": err.Error(), "url": w.URL, "events": jira.WebhookEvents}, func(out io.Writer) {
		byHand(out, w, h.settings().Flavour, err)
	})
	return errors.Join(show, errFinding)
}

// mayNot reports whether Jira refused because the account is no administrator, or has a token that is not for webhooks.
func mayNot(err error) bool {
	return bridge.NameOf(err) == "forbidden" || bridge.NameOf(err) == "not-found"
}

func newWebhookShow(s *screen, path string) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "show",
		Short: "Show the webhook, or how to make it by hand",
		Long: `Shows the webhook of this half as Jira has it, and what came by it. Where the account may not look, it prints
what an administrator has to enter by hand. Exit code 3 if there is none.`,
		Example:     "  " + path + "show --config hub.yaml",
		Annotations: map[string]string{"finding": "there is no webhook"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.webhook(ctx)
		if err != nil {
			return err
		}
		heard, err := h.site.Deliveries(ctx)
		if err != nil {
			return err
		}
		found, err := h.ours(ctx, w)
		if err == nil && len(found) > 0 {
			return h.screen.show(map[string]any{"webhooks": found, "deliveries": heard}, func(out io.Writer) {
				printWebhooks(out, found)
				fmt.Fprintln(out, h.heardOf(heard))
			})
		}
		show := h.screen.show(map[string]any{"webhooks": []string{}, "url": w.URL, "events": jira.WebhookEvents, "deliveries": heard}, func(out io.Writer) {
			byHand(out, w, h.settings().Flavour, err)
			fmt.Fprintln(out, "\n"+h.heardOf(heard))
		})
		return errors.Join(show, errFinding)
	})
}

// heardOf is what came by the webhook, for a person.
func (h *half) heardOf(d site.Deliveries) string {
	if d.Last == 0 {
		return "no event came by it yet"
	}
	return fmt.Sprintf("%s came by it, the last at %s (%s)", plural(int(d.Count), "event", "events"), h.when(d.Last), d.Event)
}

func printWebhooks(w io.Writer, found []jira.Webhook) {
	for _, f := range found {
		state := "enabled"
		if !f.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s (%s, id %s) sends to %s\n", f.Name, state, f.ID, f.URL)
		fmt.Fprintf(w, "events: %s\n", strings.Join(f.Events, ", "))
		if f.JQL != "" {
			fmt.Fprintf(w, "only for issues of: %s\n", f.JQL)
		}
	}
}

// byHand says how to make the webhook in Jira's pages.
func byHand(w io.Writer, h hook, flavour bridge.Flavour, err error) {
	if err != nil {
		fmt.Fprintf(w, "the account may not do that: %v\n\n", err)
	}
	way := "Settings (the cog) > System > WebHooks > Create a WebHook"
	if flavour == bridge.DataCenter {
		way = "Administration (the cog) > System > Advanced > WebHooks > Create a WebHook"
	}
	secret := "     Secret  what " + h.secret.Source() + " holds; paste it, never generate another\n"
	if h.unsigned {
		secret = "" // there is no field for it: the address is the secret
		fmt.Fprintln(w, "This release of Jira signs nothing: whoever knows the URL below, with its token, can send what Jira would.")
	}
	fmt.Fprintf(w, `An administrator of Jira makes the webhook once:
  1. %s
  2. Name    %s
     Status  enabled
     URL     %s
%s  3. Issue related events: leave the JQL empty, or name your projects: project in (SUP)
  4. Tick these events:
       %s
  5. Leave "Exclude body" off, and Create.
Where there is one already, edit that one. Then: drawbridge webhook check
`, way, h.Name, h.URL, secret, strings.Join(jira.WebhookEvents, "\n       "))
}

func newWebhookCheck(s *screen, path string) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "check",
		Short: "Check that Jira has the webhook, and that it gets through",
		Long: `Looks whether the webhook is in Jira, enabled, signed and complete; sends this half a test event by the
address Jira uses, which shows that the way is open and that the running half has the same secret; and says
when Jira last delivered. Exit code 3 if something is wrong.`,
		Example:     "  " + path + "check --config hub.yaml",
		Annotations: map[string]string{"finding": "something is wrong with the webhook"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.webhook(ctx)
		if err != nil {
			return err
		}
		heard, err := h.site.Deliveries(ctx)
		if err != nil {
			return err
		}
		found := []finding{h.registered(ctx, w), w.through(ctx), h.delivering(heard)}
		return h.report(found)
	})
}

// registered says how the webhook stands in Jira.
func (h *half) registered(ctx context.Context, w hook) finding {
	f := finding{What: "in Jira", Verdict: fine}
	ours, err := h.ours(ctx, w)
	switch {
	case mayNot(err):
		f.Verdict, f.Note = unsure, "the account may not look: "+err.Error()
	case err != nil:
		f.Verdict, f.Note = missing, err.Error()
	case len(ours) == 0:
		f.Verdict, f.Note = missing, "there is none that sends to "+w.URL
	default:
		f.Note = strings.Join(h.flaws(ours[0], w), "; ")
		if f.Note != "" {
			f.Verdict = missing
		}
	}
	return f
}

// flaws are the differences between the webhook in Jira and the one that is wanted.
func (h *half) flaws(is jira.Webhook, w hook) (out []string) {
	if !is.Enabled {
		out = append(out, "it is disabled")
	}
	if is.URL != w.URL {
		out = append(out, fmt.Sprintf("it sends to %s instead of %s", is.URL, w.URL))
	}
	if is.ExcludeBody {
		out = append(out, "its body is excluded")
	}
	if h.settings().Flavour == bridge.Cloud && !is.Signed {
		out = append(out, "it has no secret: what it sends is refused")
	}
	var lacks []string
	for _, e := range jira.WebhookEvents {
		if !slices.Contains(is.Events, e) {
			lacks = append(lacks, e)
		}
	}
	if len(lacks) > 0 {
		out = append(out, "it leaves out "+strings.Join(lacks, ", "))
	}
	return out
}

// through sends this half a signed event of no interest the way Jira's come.
func (w hook) through(ctx context.Context) finding {
	f := finding{What: "test event to " + w.URL, Verdict: missing}
	secret, err := w.secret.Reveal()
	if err != nil {
		f.Note = err.Error()
		return f
	}
	body := []byte(`{"webhookEvent":"drawbridge:check"}`)
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		f.Note = err.Error()
		return f
	}
	req.Header.Set("Content-Type", "application/json")
	if !w.unsigned {
		req.Header.Set("X-Hub-Signature", jira.Signature(secret, body))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.Note = err.Error() + wayOut(err)
		return f
	}
	_ = resp.Body.Close() // the status says it
	switch resp.StatusCode {
	case http.StatusAccepted:
		f.Verdict, f.Note = fine, "taken"
	case http.StatusUnauthorized:
		f.Note = "the running half has another secret than " + w.secret.Source()
	default:
		f.Note = "answered " + resp.Status + ": is that this half?"
	}
	return f
}

// delivering says whether Jira uses the webhook.
func (h *half) delivering(d site.Deliveries) finding {
	f := finding{What: "deliveries", Verdict: fine, Note: h.heardOf(d)}
	if silent := d.Silent(h.now()); silent > h.patience() {
		f.Verdict, f.Note = missing, webhookSilent(silent)+"; "+f.Note
	}
	return f
}

func webhookSilent(d time.Duration) string {
	return "for " + span(d) + " changes have been found by search that no webhook told of"
}

// patience is how long the webhook may say nothing although there are changes.
func (h *half) patience() time.Duration {
	if d := h.notify().WebhookSilent.Std(); d != 0 {
		return d
	}
	return webhookPatience
}

func (h *half) notify() config.Notify {
	if h.role == bridge.Public {
		return h.hub.Notify
	}
	return h.poller.Notify
}

// webhookPatience is the patience of a hub on AWS, which has no settings file; its alarm has the same.
const webhookPatience = 15 * time.Minute

func newWebhookRotate(s *screen, path string) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "rotate",
		Short: "Give the webhook a fresh secret",
		Long: `Makes a fresh secret, a webhook that signs with it, writes the secret into the file the settings name, and removes
the webhook with the old one: at no moment is a delivery lost. The running half reads the file each time.
Where the secret is kept elsewhere (environment, AWS), change it there and say webhook create; until that is
done, changes are found by search.`,
		Example:     "  " + path + "rotate --config hub.yaml",
		Annotations: map[string]string{"finding": "the account may not; the steps are printed"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.webhook(ctx)
		if err != nil {
			return err
		}
		if w.secret.File() == "" {
			return bridge.Permanent("secret-elsewhere", "the webhook's secret is in %s: change it there, then say %screate", w.secret.Source(), path)
		}
		secret := rand.Text() + rand.Text()
		_, err = h.register(ctx, w, secret, func() error {
			// In place, so that the file keeps its owner. Whoever reads it in between finds it empty, and Jira tries again.
			return os.WriteFile(w.secret.File(), []byte(secret+"\n"), 0o600)
		})
		if err != nil {
			return h.orByHand(w, err)
		}
		return h.screen.show(map[string]any{"rotated": w.Name}, func(out io.Writer) {
			fmt.Fprintf(out, "webhook %q has a fresh secret, kept in %s\n", w.Name, w.secret.File())
		})
	})
}

func newWebhookRemove(s *screen, path string) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:         "remove",
		Short:       "Remove the webhook from Jira",
		Long:        `Removes the webhook of this half from its Jira. Changes are then found by search only.`,
		Example:     "  " + path + "remove --config hub.yaml",
		Annotations: map[string]string{"finding": "the account may not; the steps are printed"},
	}, func(ctx context.Context, h *half, _ []string) error {
		w, err := h.webhook(ctx)
		if err != nil {
			return err
		}
		found, err := h.ours(ctx, w)
		if mayNot(err) {
			show := h.screen.show(map[string]any{"refused": err.Error()}, func(out io.Writer) {
				fmt.Fprintf(out, "the account may not do that: %v\nAn administrator of Jira deletes %q under System > WebHooks.\n", err, w.Name)
			})
			return errors.Join(show, errFinding)
		}
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
