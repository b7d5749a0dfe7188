package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// A Webhook is a registered webhook as its administrator sees it.
type Webhook struct {
	ID, Name, URL string
	Events        []string
	JQL           string
	Enabled       bool
	Signed        bool // Cloud: it has a secret
	ExcludeBody   bool // what it sends says nothing
}

// WebhookRequest registers a webhook. JQL limits the events of issues, comments, worklogs and attachments; empty is all.
type WebhookRequest struct {
	Name, URL   string
	Events      []string
	JQL, Secret string
}

// WebhookEvents are the events that carry what DecodeEvent understands.
var WebhookEvents = []string{
	"jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated", "comment_deleted",
	"worklog_created", "worklog_updated", "worklog_deleted", "attachment_created", "attachment_deleted",
	"issuelink_created", "issuelink_deleted", "issue_property_set", "issue_property_deleted",
}

type wireWebhook struct {
	ID          text            `json:"id"`
	Self        text            `json:"self"`
	Name        text            `json:"name"`
	URL         text            `json:"url"`
	Events      []string        `json:"events"`
	Filters     json.RawMessage `json:"filters"`
	Enabled     *truth          `json:"enabled"`
	Active      *truth          `json:"active"`
	IsSigned    truth           `json:"isSigned"`
	ExcludeBody truth           `json:"excludeBody"`
}

const issueFilter = "issue-related-events-section"

func (w wireWebhook) webhook() Webhook {
	h := Webhook{ID: or(string(w.ID), lastSegment(string(w.Self))), Name: string(w.Name), URL: string(w.URL), Events: w.Events, Signed: bool(w.IsSigned), ExcludeBody: bool(w.ExcludeBody), Enabled: true}
	var filters map[string]text
	if json.Unmarshal(w.Filters, &filters) == nil {
		h.JQL = string(filters[issueFilter])
	}
	for _, on := range []*truth{w.Enabled, w.Active} {
		if on != nil {
			h.Enabled = bool(*on)
		}
	}
	return h
}

// SignsWebhooks reports whether this Jira signs what its webhooks send: Data Center does from 10.0 on.
func (c *Client) SignsWebhooks(ctx context.Context) (bool, error) {
	if c.cloud() {
		return true, nil
	}
	info, err := c.serverInfo(ctx)
	return info.Major() >= 10, err
}

// webhookPath is where administrators' webhooks are: Data Center moved them at 10.0.
func (c *Client) webhookPath(ctx context.Context) (string, error) {
	if moved, err := c.SignsWebhooks(ctx); err != nil {
		return "", err
	} else if moved && !c.cloud() {
		return "rest/jira-webhook/1.0/webhooks", nil
	}
	return "rest/webhooks/1.0/webhook", nil
}

// ListWebhooks lists the administrators' webhooks. Our account must be an administrator.
func (c *Client) ListWebhooks(ctx context.Context) ([]Webhook, error) {
	path, err := c.webhookPath(ctx)
	if err != nil {
		return nil, err
	}
	var w []wireWebhook
	if err := c.get(ctx, "list the webhooks", "webhook", path, into(&w)); err != nil {
		return nil, err
	}
	list := []Webhook{}
	for _, h := range w {
		list = append(list, h.webhook())
	}
	return list, nil
}

// RegisterWebhook makes an administrator's webhook: it does not expire, and Cloud signs its bodies with the secret.
func (c *Client) RegisterWebhook(ctx context.Context, r WebhookRequest) (Webhook, error) {
	path, err := c.webhookPath(ctx)
	if err != nil {
		return Webhook{}, err
	}
	body := map[string]any{"name": r.Name, "url": r.URL, "events": r.Events, "excludeBody": false}
	if r.JQL != "" {
		body["filters"] = map[string]string{issueFilter: r.JQL}
	}
	if r.Secret != "" {
		body["secret"] = r.Secret
	}
	var w wireWebhook
	err = c.do(ctx, call{what: "register webhook " + r.Name, method: http.MethodPost, route: "webhook", path: path, body: body, decode: into(&w)})
	return w.webhook(), err
}

// DeleteWebhook removes an administrator's webhook.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	path, err := c.webhookPath(ctx)
	if err != nil {
		return err
	}
	return c.do(ctx, call{what: "delete webhook " + id, method: http.MethodDelete, route: "webhook/{webhook}", path: path + "/" + url.PathEscape(id)})
}
