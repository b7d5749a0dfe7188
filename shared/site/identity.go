package site

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/store"
)

// Identity is which Jira this is, so that a clone of it (a test system with the same state file) is told from it.
type Identity struct {
	Server string `json:"server,omitempty"` // server id, where the Jira says one
	URL    string `json:"url,omitempty"`    // base URL, as the Jira itself says it
	// Flavour is the kind of Jira: one that became another kind was migrated, and its ids are others.
	Flavour bridge.Flavour `json:"flavour,omitempty"`
}

func (s *Site) identity(i jira.ServerInfo) Identity {
	return Identity{Server: i.ServerID, URL: home(i.BaseURL), Flavour: s.Jira.Flavour()}
}

// String is the identity for a person.
func (i Identity) String() string {
	return strings.Join(strings.Fields(i.URL+" "+i.Server+" "+string(i.Flavour)), " ")
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

// Home is what a site was called when its state began. Its keys carry that name, so that the site may be renamed: the settings
// say what people call it now.
func Home(ctx context.Context, st store.Store, name string) (string, error) {
	key := store.Key{Part: "site", Sort: "name"}
	for {
		docs, err := st.Get(ctx, key)
		if err != nil {
			return "", err
		}
		if docs[0] != nil {
			var began struct{ Name string }
			return began.Name, json.Unmarshal(docs[0].Body, &began)
		}
		body, err := json.Marshal(map[string]string{"name": name})
		if err != nil {
			return "", err
		}
		if err := st.Apply(ctx, store.Create(store.Doc{Key: key, Body: body})); !errors.Is(err, store.ErrConflict) {
			return name, err
		}
	}
}

func identityKey(site string) store.Key { return store.Key{Part: "site/" + site, Sort: "identity"} }

// same makes sure that this is the Jira it always was; the first time it is remembered.
func (s *Site) same(ctx context.Context) error {
	info, err := s.Jira.ServerInfo(ctx)
	if err != nil {
		return err
	}
	docs, err := s.Book.Store.Get(ctx, identityKey(s.Book.Site))
	if err != nil {
		return err
	}
	now := s.identity(info)
	switch {
	case docs[0] == nil && s.Visitor:
		return nil
	case docs[0] == nil:
		return s.remember(ctx, now)
	}
	var was Identity
	if err := json.Unmarshal(docs[0].Body, &was); err != nil {
		return err
	}
	differs := func(a, b string) bool { return a != "" && b != "" && a != b }
	if differs(was.Server, now.Server) || differs(was.URL, now.URL) || differs(string(was.Flavour), string(now.Flavour)) {
		return bridge.Permanent("site-replaced", "site %s was %s and says now that it is %s: a clone, or it has moved. Nothing is synced; if it has moved with its ids, say drawbridge site accept; if it was migrated, drawbridge sync rebase",
			s.Name, was, now).At(bridge.LevelSite)
	}
	return nil
}

func (s *Site) remember(ctx context.Context, i Identity) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: identityKey(s.Book.Site), Body: body}))
}

// Accept takes a person's word that the Jira that answers now is the one this state belongs to.
func (s *Site) Accept(ctx context.Context) (Identity, error) {
	info, err := s.Jira.ServerInfo(ctx)
	if err != nil {
		return Identity{}, err
	}
	return s.identity(info), s.remember(ctx, s.identity(info))
}

// Nobody says that no Jira is the one this state belongs to, until one is accepted: work on that is under way.
func (s *Site) Nobody(ctx context.Context) error {
	return errors.Join(s.remember(ctx, Identity{URL: "nobody: drawbridge sync rebase is under way"}), s.Book.Store.Apply(ctx, store.Delete(s.trustKey())))
}

// Migrating learns who we are on a Jira that is not the one it was, without asking which it is.
func (s *Site) Migrating(ctx context.Context) error {
	u, err := s.Jira.Myself(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account, s.asked = &u, time.Now().Add(migration)
	return nil
}

// migration is the longest that one takes.
const migration = 7 * 24 * time.Hour

// ForgetAccount makes the next use ask anew who we are and which Jira this is.
func (s *Site) ForgetAccount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.account = nil
}
