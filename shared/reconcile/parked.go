package reconcile

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Parked brings parked pairs back at once, because their cause may have gone: the site answers again, a permission was
// granted, rules were published.
type Parked struct {
	Site *site.Site
}

// Page takes a task that names the error whose cause has gone, or "" for every one that is tried by itself.
func (w *Parked) Page(ctx context.Context, t site.Task) error {
	return Retry(ctx, w.Site, t.Connection, t.By, func(p *pair.Pair) bool { return p.Head.Parked.Name == t.Name })
}

// Retry sends a hint for every parked pair of a connection for which it may help.
func Retry(ctx context.Context, s *site.Site, connection, why string, may func(*pair.Pair) bool) error {
	return s.Book.Each(ctx, connection, func(l pair.Line) error {
		p, err := s.Book.Load(ctx, connection, l.Issue)
		if err != nil || p == nil || p.Head.Parked == nil || !may(p) {
			return err
		}
		t := site.Task{Kind: site.RetryTask, Connection: connection, Issue: l.Issue, By: why}
		return s.Send(ctx, t, bridge.Bulk, fmt.Sprintf("parked/%s/%s/%d", connection, l.Issue, p.Head.Parked.Tries))
	})
}

// Back brings every pair back that waits for its next try: the site answers again.
func Back(ctx context.Context, s *site.Site) error {
	all, err := s.Connections(ctx)
	for _, c := range all {
		err = errors.Join(err, Retry(ctx, s, c.ID, "the site is back", func(p *pair.Pair) bool { return p.Head.Parked.Retry != 0 }))
	}
	return err
}

// Published brings back everything whose cause may have been the rules.
func Published(ctx context.Context, s *site.Site, connection string) error {
	if err := s.Mended(ctx, connection); err != nil {
		return err
	}
	if _, err := s.Book.AskAgain(ctx, connection, bridge.Refused, bridge.Parked); err != nil {
		return err
	}
	err := Retry(ctx, s, connection, "rules published", func(p *pair.Pair) bool { return p.Head.Parked.Name != "automations-fighting" })
	if err != nil {
		return err
	}
	s.Ring()
	return Start(ctx, s, connection, "rules published", true)
}
