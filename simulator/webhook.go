package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// webhookBody is a registration as both flavours' admin APIs take it. Data
// Center 10 keeps the secret in `configuration`, older ones have none.
type webhookBody struct {
	Name          string            `json:"name"`
	URL           string            `json:"url"`
	Events        []string          `json:"events"`
	Filters       map[string]string `json:"filters"`
	ExcludeBody   bool              `json:"excludeBody"`
	Secret        *string           `json:"secret"`
	Enabled       *bool             `json:"enabled"`
	Active        *bool             `json:"active"`
	Configuration map[string]string `json:"configuration"`
}

const filterSection = "issue-related-events-section"

func (c *call) needAdmin() error {
	if c.user.may("ADMINISTER") {
		return nil
	}
	return refuse(http.StatusForbidden, "Only administrators can manage webhooks.")
}

// fill copies a body into a registration; a secret left out stays.
func (c *call) fill(w *Webhook) error {
	var b webhookBody
	if err := c.decode(&b); err != nil {
		return err
	}
	u, err := url.Parse(b.URL)
	if b.Name == "" || err != nil || u.Host == "" {
		return refuse(http.StatusBadRequest, "A webhook needs a name and a valid URL.")
	}
	w.Name, w.URL, w.Events, w.ExcludeBody = b.Name, b.URL, b.Events, b.ExcludeBody
	w.JQL = b.Filters[filterSection]
	if w.JQL == "" {
		w.JQL = b.Configuration["FILTERS"]
	}
	if w.JQL != "" {
		if _, err := c.jql(w.JQL); err != nil {
			return err
		}
	}
	switch {
	case b.Secret != nil:
		w.Secret = *b.Secret
	case b.Configuration["SECRET"] != "":
		w.Secret = b.Configuration["SECRET"]
	}
	if b.Configuration["EXCLUDE_BODY"] == "true" {
		w.ExcludeBody = true
	}
	for _, on := range []*bool{b.Enabled, b.Active} {
		if on != nil {
			w.Disabled = !*on
		}
	}
	w.Updated = c.now
	return nil
}

func (c *call) createWebhook() (answer, error) {
	if err := c.needAdmin(); err != nil {
		return answer{}, err
	}
	w := new(Webhook)
	if err := c.fill(w); err != nil {
		return answer{}, err
	}
	w.ID = c.s.next("webhook")
	w.LastSuccess = c.now
	c.s.st.Webhooks = append(c.s.st.Webhooks, w)
	return created(c.showWebhook(w))
}

func (c *call) webhookNamed() (*Webhook, error) {
	if err := c.needAdmin(); err != nil {
		return nil, err
	}
	id := parseID(c.r.PathValue("id"))
	w := pick(c.s.st.Webhooks, func(w *Webhook) bool { return w.ID == id })
	if w == nil {
		return nil, refuse(http.StatusNotFound, "The webhook does not exist.")
	}
	return w, nil
}

func (c *call) getWebhook() (answer, error) {
	w, err := c.webhookNamed()
	if err != nil {
		return answer{}, err
	}
	return ok(c.showWebhook(w))
}

func (c *call) editWebhook() (answer, error) {
	w, err := c.webhookNamed()
	if err != nil {
		return answer{}, err
	}
	fresh := *w
	if err := c.fill(&fresh); err != nil {
		return answer{}, err
	}
	*w = fresh
	return ok(c.showWebhook(w))
}

func (c *call) deleteWebhook() (answer, error) {
	w, err := c.webhookNamed()
	if err != nil {
		return answer{}, err
	}
	c.s.st.Webhooks = slices.DeleteFunc(slices.Clone(c.s.st.Webhooks), func(x *Webhook) bool { return x == w })
	return noContent()
}

func (c *call) listWebhooks() (answer, error) {
	if err := c.needAdmin(); err != nil {
		return answer{}, err
	}
	return c.listOf(len(c.s.st.Webhooks), func(_ *view, i int) any { return c.showWebhook(c.s.st.Webhooks[i]) })
}

// showWebhook never gives the secret back.
func (c *call) showWebhook(w *Webhook) obj {
	path := newWebhooks
	if !c.s.serves(from10) {
		path = oldWebhooks
	}
	out := obj{"name": w.Name, "url": w.URL, "events": orEmpty(w.Events), "excludeBody": w.ExcludeBody, "enabled": !w.Disabled,
		"self": c.s.base + path + "/" + strconv.FormatInt(w.ID, 10), "lastUpdated": w.Updated.UnixMilli(), "isSigned": w.Secret != "",
		"lastUpdatedUser": c.user.Name, "lastUpdatedDisplayName": c.user.Display, "filters": obj{filterSection: w.JQL}}
	if path == newWebhooks {
		out["id"], out["active"], out["sslVerificationRequired"] = w.ID, !w.Disabled, true
		out["configuration"] = obj{"FILTERS": w.JQL, "EXCLUDE_BODY": strconv.FormatBool(w.ExcludeBody)}
	}
	return out
}

// dynamicWebhooks is POST /webhook, for apps only.
func (c *call) dynamicWebhooks() (answer, error) {
	return answer{}, refuse(http.StatusForbidden, "Only Connect and OAuth 2.0 apps can use this operation.")
}
