package site

import (
	"context"
	"encoding/json"
	"net"
	"net/url"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/store"
)

// Identity is which Jira this is, so that a clone of it (a test system with the same state file) is told from it.
type Identity struct {
	Server string `json:"server,omitempty"` // server id, where the Jira says one
	URL    string `json:"url,omitempty"`    // base URL, as the Jira itself says it
}

func identityOf(i jira.ServerInfo) Identity {
	return Identity{Server: i.ServerID, URL: home(i.BaseURL)}
}

// home is a base URL in the form in which two are the same Jira; a Jira on this very machine may have any port.
func home(base string) string {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		host = "localhost"
	}
	return host + u.Path
}

func identityKey(site string) store.Key { return store.Key{Part: "site/" + site, Sort: "identity"} }

// same makes sure that this is the Jira it always was; the first time it is remembered.
func (s *Site) same(ctx context.Context) error {
	info, err := s.Jira.ServerInfo(ctx)
	if err != nil {
		return err
	}
	docs, err := s.Book.Store.Get(ctx, identityKey(s.Name))
	if err != nil {
		return err
	}
	now := identityOf(info)
	if docs[0] == nil {
		return s.remember(ctx, now)
	}
	var was Identity
	if err := json.Unmarshal(docs[0].Body, &was); err != nil {
		return err
	}
	differs := func(a, b string) bool { return a != "" && b != "" && a != b }
	if differs(was.Server, now.Server) || differs(was.URL, now.URL) {
		return bridge.Permanent("site-replaced", "site %s was %s %s and says now that it is %s %s: a clone, or it has moved. Nothing is synced; if it has moved, say drawbridge site accept",
			s.Name, was.URL, was.Server, now.URL, now.Server).At(bridge.LevelSite)
	}
	return nil
}

func (s *Site) remember(ctx context.Context, i Identity) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: identityKey(s.Name), Body: body}))
}

// Accept takes a person's word that the Jira that answers now is the one this state belongs to.
func (s *Site) Accept(ctx context.Context) (Identity, error) {
	info, err := s.Jira.ServerInfo(ctx)
	if err != nil {
		return Identity{}, err
	}
	return identityOf(info), s.remember(ctx, identityOf(info))
}

// ForgetAccount makes the next use ask anew who we are and which Jira this is.
func (s *Site) ForgetAccount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account = nil
}
