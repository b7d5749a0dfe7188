package config

// Notify says who is told of what needs a person.
type Notify struct {
	Mail          *Mail    `json:"mail"`    // nil: none
	Webhook       *Post    `json:"webhook"` // nil: none
	Command       []string `json:"command"` // empty: none
	Digest        Duration `json:"digest"`
	HubSilent     Duration `json:"hub_silent"`
	WebhookSilent Duration `json:"webhook_silent"`
}

// Mail is how mail is sent.
type Mail struct {
	Server   string   `json:"server"`
	From     string   `json:"from"`
	To       []string `json:"to"`
	User     string   `json:"user"`
	Password Secret   `json:"password"`
	Security string   `json:"security"`
	CAFile   string   `json:"ca_file"`
}

// Post is a web request.
type Post struct {
	URL           string  `json:"url"`
	Authorization Secret  `json:"authorization"`
	Network       Network `json:"network"`
}

func (n *Notify) secrets() (out []*Secret) {
	if n.Mail != nil {
		out = append(out, &n.Mail.Password)
	}
	if n.Webhook != nil {
		out = append(out, &n.Webhook.Authorization, &n.Webhook.Network.ProxyPassword)
	}
	return out
}
