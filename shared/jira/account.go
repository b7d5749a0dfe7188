package jira

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
)

// account watches who Jira takes us for. An expired credential does not always give a 401: anonymous callers get empty
// lists. Both flavours name the caller in a header, X-AUSERNAME on Data Center, X-AACCOUNTID on Cloud; neither is promised.
type account struct {
	mu     sync.Mutex
	named  bool      // answers name the caller
	proven time.Time // when an answer last did, or Myself succeeded
}

// proofLasts is how long an empty answer is believed after the last proof of who we are.
const proofLasts = 30 * time.Second

func caller(h http.Header) string { return or(h.Get("X-Ausername"), h.Get("X-Aaccountid")) }

func (a *account) anonymous(h http.Header) bool { return strings.EqualFold(caller(h), "anonymous") }

// see notes whether the answer names us. It returns true where answers used to and this one does not.
func (a *account) see(h http.Header, now time.Time, ask bool) (doubt bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if caller(h) != "" {
		a.named, a.proven = true, now
		return false
	}
	return ask && a.named
}

// nameless reports that answers used to name us and this one does not.
func (a *account) nameless(h http.Header) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.named && caller(h) == ""
}

func (a *account) prove(now time.Time, named bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.proven, a.named = now, named
}

func (a *account) fresh(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	age := now.Sub(a.proven)
	return !a.proven.IsZero() && age >= 0 && age < proofLasts
}

// anonymous is the error of an answer that was given to nobody.
func anonymous(what string, status int) *bridge.Error {
	return (&fault{status: status}).with(bridge.Permanent("site-unauthenticated",
		"%s: jira takes us for an anonymous caller; renew the token", what), bridge.LevelSite)
}

// dispel asks Jira who we are, after an answer that no longer named us.
func (c *Client) dispel(ctx context.Context) *bridge.Error {
	if _, err := c.whoami(ctx); err != nil {
		return err
	}
	c.account.prove(c.opts.Now(), false)
	return nil
}

// vouch makes sure that an empty answer or a refusal is Jira's to us, not to an anonymous caller. One that does not name us
// although answers used to is never believed without asking.
func (c *Client) vouch(ctx context.Context, nameless bool) *bridge.Error {
	if nameless {
		return c.dispel(ctx)
	}
	if c.account.fresh(c.opts.Now()) {
		return nil
	}
	_, err := c.whoami(ctx)
	return err
}

// failsAll reports whether Jira does not even say who we are: what it failed at then is no one issue's trouble.
func (c *Client) failsAll(ctx context.Context) bool {
	_, err := c.whoami(ctx)
	return err != nil && err.Level == bridge.LevelSite
}

// Whoami asks Jira who we are. An anonymous answer is an error, whatever its status.
func (c *Client) Whoami(ctx context.Context) (User, error) {
	u, err := c.whoami(ctx)
	if err != nil {
		return User{}, err
	}
	return u, nil
}

func (c *Client) whoami(ctx context.Context) (User, *bridge.Error) {
	var u User
	if err := c.call(ctx, call{what: "ask who we are", method: http.MethodGet, route: "myself", path: "rest/api/2/myself", decode: into(&u)}); err != nil {
		if err.Name == "jira-failed" {
			err.Level = bridge.LevelSite
		}
		return User{}, err
	}
	if u.ID() == "" {
		return User{}, (&fault{status: http.StatusOK}).with(bridge.Permanent("site-unauthenticated",
			"ask who we are: jira names no user; renew the token"), bridge.LevelSite)
	}
	c.account.mu.Lock()
	c.account.proven = c.opts.Now()
	c.account.mu.Unlock()
	return u, nil
}

// Myself is the account this client speaks as.
func (c *Client) Myself(ctx context.Context) (User, error) { return c.Whoami(ctx) }
