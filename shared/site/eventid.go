package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"drawbridge/shared/jira"
	"drawbridge/shared/store"
)

// TrustsEvents reports whether the changelog ids in this Jira's events are the ids of its changelog. Nothing of Atlassian's
// says so, and edits are ordered by them, so the first event is compared with the changelog of its issue. The answer is
// kept for good.
func (s *Site) TrustsEvents(ctx context.Context, issue string, history int64) (bool, error) {
	s.mu.Lock()
	known := s.trusted
	s.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	trusted, err := s.storedTrust(ctx)
	if err == nil && trusted == nil {
		trusted, err = s.proveTrust(ctx, issue, history)
	}
	if err != nil || trusted == nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusted = trusted
	return *trusted, nil
}

func (s *Site) trustKey() store.Key { return store.Key{Part: "site/" + s.Book.Site, Sort: "event-ids"} }

type trust struct {
	Trusted bool `json:"trusted"`
}

func (s *Site) storedTrust(ctx context.Context) (*bool, error) {
	docs, err := s.Book.Store.Get(ctx, s.trustKey())
	if err != nil || docs[0] == nil {
		return nil, err
	}
	var t trust
	return &t.Trusted, json.Unmarshal(docs[0].Body, &t)
}

// proveTrust looks for the event's entry in the changelog. Nil: the issue is gone, so nothing is proven.
func (s *Site) proveTrust(ctx context.Context, issue string, history int64) (*bool, error) {
	is, err := s.Jira.Issue(ctx, issue, jira.IssueOptions{Fields: []string{"summary"}, Histories: true})
	if jira.StatusOf(err) == 404 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := trust{slices.ContainsFunc(is.Histories, func(h jira.History) bool { return h.ID == history })}
	if !t.Trusted && !is.AllHistories {
		if err := s.Jira.Histories(ctx, issue, func(h jira.History) error {
			t.Trusted = t.Trusted || h.ID == history
			return nil
		}); err != nil {
			return nil, err
		}
	}
	err = s.Book.Store.Apply(ctx, store.Create(store.Doc{Key: s.trustKey(), Body: fmt.Appendf(nil, `{"trusted":%t}`, t.Trusted)}))
	if errors.Is(err, store.ErrConflict) {
		return s.storedTrust(ctx)
	}
	return &t.Trusted, err
}
