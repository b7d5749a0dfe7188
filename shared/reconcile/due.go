package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Due sends a hint for every parked pair whose time to be tried again has come and for every pair marked by [Mark], and
// returns how many of the first. Sending it again before it was worked on is harmless.
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
	return len(due), s.Book.Looks(ctx, 100, func(d pair.Due) error {
		t := site.Task{Kind: site.ReadTask, Connection: d.Connection, Issue: d.Issue, By: givenUp}
		return s.Send(ctx, t, bridge.Bulk, "")
	})
}

const (
	givenUp   = "a task was given up" // why a marked pair is read
	lookAfter = 10 * time.Minute      // after a task was given up
	lookAgain = time.Hour             // after the look was given up too
)

// Mark marks the pairs that a task was about for reconciliation: it was tried in vain, and what it observed may be lost. It
// reports whether the mark is all that has to remain of the task: a look that failed says nothing that its mark does not, and
// while a site is down there is nothing to mend about the task.
func Mark(ctx context.Context, s *site.Site, t site.Task, cause error) (enough bool, err error) {
	switch t.Kind {
	case site.EventTask, site.ReadTask, site.RetryTask, site.SyncTask:
	default:
		return false, nil
	}
	all, err := s.Connections(ctx)
	if err != nil {
		return false, err
	}
	after := lookAfter
	if t.By == givenUp {
		after = lookAgain
	}
	marked := false
	for _, c := range all {
		if t.Connection != "" && t.Connection != c.ID {
			continue
		}
		is, e := s.Book.Look(ctx, c.ID, t.Issue, s.Now()+after.Milliseconds())
		marked, err = marked || is, errors.Join(err, e)
	}
	return marked && (t.By == givenUp || bridge.LevelOf(cause) == bridge.LevelSite), err
}
