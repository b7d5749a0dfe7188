package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"drawbridge/shared/ingest"
)

func newWebhookButton(s *screen, path string) *cobra.Command {
	var stop bool
	var label, connection string
	c := s.operate(&cobra.Command{
		Use:   "button",
		Short: "Print an Automation rule for Jira: a button that sends, or stops",
		Long: `Prints a rule to import into Jira's Automation: an entry in the Actions menu of every issue that puts it under
sync, or with --stop takes it out. It tells this half by a web request that says the issue's key and nothing
else; what leaves is decided by the rules, as always. With --label it sets that label instead, for a trigger to
see. The rule holds a secret of its own, which follows from the webhook's: changing that means importing it anew.`,
		Example: "  " + path + "button --config hub.yaml > send.json\n  " + path + "button --stop --label keep-here --config hub.yaml > keep-here.json",
	}, func(ctx context.Context, h *half, _ []string) error {
		b := button{name: "Send to the other side", label: label}
		if stop {
			b.name = "Stop sending to the other side"
		}
		if label == "" {
			if err := h.request(&b, stop, connection); err != nil {
				return err
			}
		}
		return h.screen.data(b.rule())
	})
	c.Flags().BoolVar(&stop, "stop", false, "take the issue out of sync")
	c.Flags().StringVar(&label, "label", "", "set this label, for a trigger of the rules, instead of a web request")
	c.Flags().StringVar(&connection, "connection", "", "which connection, where there are several")
	return c
}

// A button is an entry in the Actions menu of an issue.
type button struct {
	name, label, url, secret string
}

// request fills in where the button's web request goes.
func (h *half) request(b *button, stop bool, connection string) error {
	w, err := h.hook()
	if err != nil {
		return err
	}
	secret, err := w.secret.Reveal()
	if err != nil {
		return err
	}
	query := url.Values{"do": {"send"}}
	if stop {
		query.Set("do", "stop")
	}
	if connection != "" {
		query.Set("connection", connection)
	}
	b.url, b.secret = w.URL+"?"+query.Encode(), ingest.ButtonSecret(secret)
	return nil
}

// rule is the button as Jira's Automation exports and imports it.
func (b *button) rule() object {
	action := object{"component": "ACTION", "schemaVersion": 12, "type": "jira.issue.edit", "value": object{
		"operations": []object{{"field": object{"type": "ID", "value": "labels"}, "fieldType": "labels", "type": "SET",
			"value": []object{{"type": "ADD", "value": b.label}}}},
		"sendNotifications": false,
	}}
	if b.url != "" {
		action = object{"component": "ACTION", "schemaVersion": 1, "type": "jira.issue.outgoing.webhook", "value": object{
			"url": b.url, "method": "POST", "contentType": "custom", "customBody": `{"issue": "{{issue.key}}"}`,
			"headers": []object{{"id": "_header_1", "name": "Authorization", "value": "Bearer " + b.secret, "headerSecure": true},
				{"id": "_header_2", "name": "Content-Type", "value": "application/json"}},
			"sendIssue": false, "responseEnabled": false, "continueOnErrorEnabled": false,
		}}
	}
	return object{"cloud": true, "rules": []object{{
		"name": b.name, "state": "ENABLED", "description": "Made by drawbridge webhook button.",
		"trigger":    object{"component": "TRIGGER", "schemaVersion": 1, "type": "jira.manual.trigger.issue", "value": object{"groups": []string{}}},
		"components": []object{action}, "ruleScope": object{"resources": []string{}},
	}}}
}
