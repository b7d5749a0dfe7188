package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
)

// A role says what a command does to a half, and so who may say it where the settings name people.
type role string

const (
	looks    role = "viewer"
	rules    role = "rule editor"
	operates role = "operator"
)

// roles say what each command on a half needs, by its path without "drawbridge".
var roles = map[string]role{
	"audit": looks, "connection list": looks, "connection show": looks, "contract diff": looks, "contract show": looks, "doctor": looks, "errors list": looks, "poller status": looks,
	"rules check": looks, "rules diff": looks, "rules history": looks, "rules show": looks, "rules test": looks, "status": looks,
	"sync explain": looks, "sync export": looks, "sync list": looks, "sync shadow": looks, "sync show": looks, "users suggest": looks,
	"webhook check": looks, "webhook show": looks,

	"contract approve": rules, "contract publish": rules, "contract withdraw": rules, "rules publish": rules, "rules rollback": rules,

	"connection create": operates, "connection edit": operates, "connection end": operates, "connection invite": operates,
	"connection pause": operates, "connection resume": operates, "connection revoke": operates, "erase": operates,
	"errors dismiss": operates, "errors retry": operates, "hub": operates, "hub rotate": operates, "poller accept": operates, "poller once": operates,
	"poller repair": operates, "poller rotate": operates, "poller run": operates, "recall": operates, "site accept": operates, "site restored": operates, "sync bulk": operates,
	"sync check": operates, "sync import": operates, "sync issue": operates, "sync pair": operates, "sync pick": operates, "sync rebase": operates,
	"sync retry": operates, "sync stop": operates, "webhook button": operates, "webhook create": operates, "webhook remove": operates, "webhook rotate": operates,
}

// rolePath is a command's name in the table. The webhook's commands stand under hub too.
func rolePath(c *cobra.Command) string {
	_, path, _ := strings.Cut(c.CommandPath(), " ")
	return strings.Replace(path, "hub webhook", "webhook", 1)
}

// roleFor is what a command needs; one that nobody has thought of needs the most.
func roleFor(c *cobra.Command) role {
	if r, ok := roles[rolePath(c)]; ok {
		return r
	}
	return operates
}

// admits says in which connections a person has the role; connection "" asks for a role in all of them.
func admits(r *config.Roles, needed role, person, connection string) bool {
	switch {
	case r == nil:
		return true
	case needed == rules:
		return config.Named(r.RuleEditors, person, connection)
	case needed == operates:
		return config.Named(r.Operators, person, connection)
	}
	return config.Named(r.Viewers, person, connection) || config.Named(r.RuleEditors, person, connection) || config.Named(r.Operators, person, connection)
}

// admit refuses a person whom the settings name for no such thing, and shows one who is named for some connections only
// those. What makes connections or runs the half itself (whole) needs the role in all of them.
func (h *half) admit(c *cobra.Command, whole bool) error {
	needed, r, person := roleFor(c), h.hub.Roles, whoAsks()
	if h.role == bridge.Private {
		r = h.poller.Roles
	}
	if h.stack != nil {
		return nil // there IAM decides
	}
	if whole || r == nil {
		return allowed(r, needed, person)
	}
	h.book.Only = func(c bridge.Connection) bool { return admits(r, needed, person, c.Name) }
	all, err := h.book.Connections(c.Context())
	if err == nil && len(all) == 0 {
		err = allowed(r, needed, person)
	}
	return err
}

// mayRun refuses a person who starts a half by sudo and is no operator; what the machine starts is not asked.
func mayRun(r *config.Roles) error {
	if os.Getenv("SUDO_USER") == "" {
		return nil
	}
	return allowed(r, operates, whoAsks())
}

// allowed refuses a person who does not have the role in all connections.
func allowed(r *config.Roles, needed role, person string) error {
	if admits(r, needed, person, "") {
		return nil
	}
	return bridge.Permanent("role-missing", "%s is no %s of this half: the settings file says who is, under roles", person, needed)
}
