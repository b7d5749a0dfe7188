package site

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// An Act is something a person did to a half, or the other side or Drawbridge itself did that a person would have to
// answer for: who, what, and what it changed.
type Act struct {
	At         int64             `json:"at"` // hub ms
	Who        string            `json:"who"`
	What       string            `json:"what"`                 // a command line, or what happened
	Connection string            `json:"connection,omitempty"` // id, where it is about one
	Before     map[string]string `json:"before,omitempty"`     // of what it changed
	After      map[string]string `json:"after,omitempty"`
	Failed     string            `json:"failed,omitempty"` // why it was not done, or not all of it
}

// ActsKept is how long acts are kept.
const ActsKept = 2 * 365 * 24 * time.Hour

const actMax = 300 // characters kept of every text of an act

// Record keeps an act, with what differs of Before and After.
func (s *Site) Record(ctx context.Context, a Act) error {
	a.At = s.Now()
	a.Who, a.What, a.Failed = brief(a.Who), brief(a.What), brief(a.Failed)
	a.Before, a.After = Differing(a.Before, a.After)
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	key := store.Key{Part: "audit/" + s.Book.Site, Sort: fmt.Sprintf("%013d-%s", a.At, rand.Text()[:8])}
	return s.Book.Store.Apply(ctx, store.Create(store.Doc{Key: key, Body: body, Expires: time.UnixMilli(a.At).Add(ActsKept)}))
}

func brief(text string) string {
	if r := []rune(text); len(r) > actMax {
		return string(r[:actMax]) + "…"
	}
	return text
}

// Secrets keeps by what the site's secrets are known now, and returns what they were where one is another; nil where all are as
// they were, or nothing was known of them.
func (s *Site) Secrets(ctx context.Context, now map[string]string) (before map[string]string, err error) {
	key := store.Key{Part: "site/" + s.Book.Site, Sort: "secrets"}
	docs, err := s.Book.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if docs[0] != nil {
		if err := json.Unmarshal(docs[0].Body, &before); err != nil || maps.Equal(before, now) {
			return nil, err
		}
	}
	body, err := json.Marshal(now)
	if err != nil {
		return nil, err
	}
	return before, s.Book.Store.Apply(ctx, store.Put(store.Doc{Key: key, Body: body}))
}

// Acts returns the newest acts, oldest first, at most limit (0: all); of one connection and what concerns all, if it is
// not "".
func (s *Site) Acts(ctx context.Context, connection string, limit int) ([]Act, error) {
	docs, err := s.Book.Store.List(ctx, "audit/"+s.Book.Site, store.Range{Reverse: true})
	if err != nil {
		return nil, err
	}
	var out []Act
	for _, d := range docs {
		var a Act
		if err := json.Unmarshal(d.Body, &a); err != nil {
			return nil, bridge.Permanent("state-damaged", "stored document %q cannot be read (%w): restore a backup, or run the repair command", d.Key.String(), err)
		}
		if connection != "" && a.Connection != "" && a.Connection != connection {
			continue
		}
		if out = append(out, a); len(out) == limit {
			break
		}
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, nil
}

// Differing leaves of two descriptions what is not the same in both.
func Differing(before, after map[string]string) (was, is map[string]string) {
	was, is = map[string]string{}, map[string]string{}
	for k, v := range before {
		if after[k] != v {
			was[k] = brief(v)
		}
	}
	for k, v := range after {
		if before[k] != v {
			is[k] = brief(v)
		}
	}
	return was, is
}

// Facts are what an act may change of a connection, for its record.
func (s *Site) Facts(ctx context.Context, c bridge.Connection) (map[string]string, error) {
	number, err := s.CurrentNumber(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	contracts, err := s.Contracts(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	policy, _ := c.Policy(c.Revision())
	f := map[string]string{"state": string(c.State), "name": c.Name, "rules": fmt.Sprint(number), "conflicts": string(policy)}
	for k, v := range map[string]string{"description": c.Description, "project": c.Project, "other side's name": c.Theirs,
		"contract": contracts.Ours.String(), "other side's contract": contracts.Theirs.String()} {
		if v != "" {
			f[k] = v
		}
	}
	for role, h := range c.Holds {
		f["held by the "+string(role)+" side"] = strings.TrimRight(string(h.State)+": "+h.Why, ": ")
	}
	return f, nil
}

// Watched does something to a connection that nobody at this half's command line did, and records what became of it.
func (s *Site) Watched(ctx context.Context, who, what, connection string, do func() error) error {
	before, err := s.factsOf(ctx, connection)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := s.factsOf(ctx, connection)
	if err != nil {
		return err
	}
	if before, after = Differing(before, after); len(before)+len(after) == 0 {
		return nil
	}
	return s.Record(ctx, Act{Who: who, What: what, Connection: connection, Before: before, After: after})
}

func (s *Site) factsOf(ctx context.Context, connection string) (map[string]string, error) {
	c, err := s.Book.Connection(ctx, connection)
	if err != nil || c == nil {
		return nil, err
	}
	return s.Facts(ctx, *c)
}
