package reconcile

import (
	"context"
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

// Due sends a hint for every parked pair whose time to be tried again has come, and returns how many. Sending it again
// before it was worked on is harmless.
func Due(ctx context.Context, s *site.Site) (int, error) {
	due, err := s.Book.Due(ctx, 100)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		p, err := s.Book.Load(ctx, d.Connection, d.Issue)
		if err != nil {
			return 0, err
		}
		if p == nil || p.Head.Parked == nil {
			continue
		}
		t := site.Task{Kind: site.RetryTask, Connection: d.Connection, Issue: d.Issue, By: "schedule"}
		dedup := fmt.Sprintf("due/%s/%s/%d", d.Connection, d.Issue, p.Head.Parked.Retry)
		if err := s.Send(ctx, t, bridge.Live, dedup); err != nil {
			return 0, err
		}
	}
	return len(due), nil
}
