package site

import (
	"context"

	"drawbridge/shared/bridge"
)

// failsForAll is how many different issues in a row a line of the rules has to fail for, without a success in between,
// until it counts as failing for every issue.
const failsForAll = 10

// Ruled counts what became of one line of a connection's rules for one issue. Where it fails for every issue, the
// connection is broken on this side and says which line. Each process counts for itself: it sees enough of them.
func (s *Site) Ruled(connection, where, issue string, err error) {
	key := connection + " " + where
	s.mu.Lock()
	if err == nil || bridge.NameOf(err) != "rule-failed" {
		delete(s.failing, key)
		s.mu.Unlock()
		return
	}
	if s.failing == nil {
		s.failing = map[string]map[string]bool{}
	}
	if s.failing[key] == nil {
		s.failing[key] = map[string]bool{}
	}
	s.failing[key][issue] = true
	n := len(s.failing[key])
	if n >= failsForAll {
		delete(s.failing, key)
	}
	s.mu.Unlock()
	if n < failsForAll {
		return
	}
	broken := bridge.Permanent("rule-broken", "a rule fails for every issue, the last %d of them: %w; publish mended rules", n, err)
	h := bridge.Hold{State: bridge.Broken, Name: broken.Name, Why: broken.Message}
	if err := s.Hold(context.Background(), connection, &h); err != nil {
		s.Log.Error("connection could not be held", "connection", connection, "error", err)
	}
}

// Mended lifts a hold that the rules were the cause of, after others were published.
func (s *Site) Mended(ctx context.Context, connection string) error {
	c, err := s.Book.Connection(ctx, connection)
	if err != nil || c == nil {
		return err
	}
	if h := c.HoldOf(s.Role); h == nil || h.Name != "rule-broken" {
		return nil
	}
	return s.Hold(ctx, connection, nil)
}
