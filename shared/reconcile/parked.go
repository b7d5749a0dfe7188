package reconcile

import (
	"context"
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Parked brings parked pairs back before their time, because the cause of one error may have gone: a pair that it parked
// works again.
type Parked struct {
	Site *site.Site
}

// Page takes a task that names the error.
func (w *Parked) Page(ctx context.Context, t site.Task) error {
	return early(ctx, w.Site, t.By, func(p *pair.Pair) bool { return p.Head.Connection == t.Connection && p.Head.Parked.Name == t.Name })
}

// Back brings every pair back that waits for its next try: the site answers again.
func Back(ctx context.Context, s *site.Site) error {
	return early(ctx, s, "the site is back", func(*pair.Pair) bool { return true })
}

// early sends a hint for every pair that is tried again by itself and for which it may help now.
func early(ctx context.Context, s *site.Site, why string, may func(*pair.Pair) bool) error {
	return s.Book.EachDue(ctx, func(d pair.Due) error { return hint(ctx, s, d.Connection, d.Issue, why, may) })
}

// hint sends a hint for a pair, if it is parked and it may help.
func hint(ctx context.Context, s *site.Site, connection, issue, why string, may func(*pair.Pair) bool) error {
	p, err := s.Book.Load(ctx, connection, issue)
	if err != nil || p == nil || p.Head.Parked == nil || !may(p) {
		return err
	}
	t := site.Task{Kind: site.RetryTask, Connection: connection, Issue: issue, By: why}
	return s.Send(ctx, t, bridge.Bulk, fmt.Sprintf("parked/%s/%s/%d", connection, issue, p.Head.Parked.Tries))
}

// Published brings back everything whose cause may have been the rules.
func Published(ctx context.Context, s *site.Site, connection string) error {
	if err := s.Mended(ctx, connection); err != nil {
		return err
	}
	if _, err := s.Book.AskAgain(ctx, connection, bridge.Refused, bridge.Parked); err != nil {
		return err
	}
	may := func(p *pair.Pair) bool { return p.Head.Parked.Name != "automations-fighting" }
	err := s.Book.Each(ctx, connection, func(l pair.Line) error { return hint(ctx, s, connection, l.Issue, "rules published", may) })
	if err != nil {
		return err
	}
	s.Ring()
	return Start(ctx, s, connection, "rules published", true)
}
