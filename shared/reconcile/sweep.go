package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

// Sweep goes through all pairs of a connection and compares Jira with what is stored: scheduled, after rules were
// published, after a restore, on demand. While nothing is wrong it costs one search per page of pairs.
type Sweep struct {
	Site *site.Site
	Hit  func(ctx context.Context, is *jira.Issue, readAt int64, cause string) error
	Read func(ctx context.Context, t site.Task) error // reads one issue: it moved out of sight, or was deleted
}

// pairsPerPage is how many pairs one search asks for.
const pairsPerPage = 100

// Start sends the task for the first page. All makes every issue be read again; else only those that changed since they
// were last observed.
func Start(ctx context.Context, s *site.Site, connection, why string, all bool) error {
	return next(ctx, s, site.Task{Kind: site.SweepTask, Connection: connection, By: why, All: all})
}

// rejoining is why a sweep offers everything again.
const rejoining = "rejoin"

// StartAll sends the tasks for the first pages of all connections, those that have ended too: of them the history fades.
func StartAll(ctx context.Context, s *site.Site, why string) error {
	all, err := s.Book.Connections(ctx)
	for _, c := range all {
		if c.State != bridge.Pending {
			err = errors.Join(err, Start(ctx, s, c.ID, why, false))
		}
	}
	return err
}

// Rejoin sends the task for the first page of a sweep that offers everything of every pair again and reads every
// changelog: one side has another state than it had. Asking twice for the same request is asking once. Rules is the highest
// revision of this side's rules that the other one knows of.
func Rejoin(ctx context.Context, s *site.Site, connection string, request, rules int64) error {
	known, done, err := s.Book.Rejoining(ctx, connection)
	if err != nil || known == request && done {
		return err
	}
	if known != request {
		s.Log.Warn("one side's state was lost or restored: all pairs are offered again", "connection", connection)
		if err := s.Outnumber(ctx, connection, rules); err != nil {
			return err
		}
		if err := s.Book.SetRejoin(ctx, connection, request, false); err != nil {
			return err
		}
	}
	t := site.Task{Kind: site.SweepTask, Connection: connection, Issue: "sweep-" + connection, By: rejoining, Request: request}
	return s.Send(ctx, t, bridge.Live, fmt.Sprintf("rejoin/%s/%d", connection, request))
}

func next(ctx context.Context, s *site.Site, t site.Task) error {
	t.Issue = "sweep-" + t.Connection
	return s.Send(ctx, t, bridge.Bulk, "")
}

// Page does one page and sends the task for the next.
func (w *Sweep) Page(ctx context.Context, t site.Task) error {
	if t.Request != 0 {
		return w.rejoin(ctx, t)
	}
	c, err := w.Site.Book.Connection(ctx, t.Connection)
	if err != nil || c == nil {
		return err
	}
	if t.After == "" && c.State != bridge.Ended { // twins that this Jira refused: it may take them now
		if n, err := w.Site.Book.AskAgain(ctx, t.Connection, bridge.Parked); err != nil {
			return err
		} else if n > 0 {
			w.Site.Ring()
		}
	}
	lines, err := w.Site.Book.List(ctx, t.Connection, t.After, pairsPerPage)
	if err != nil || len(lines) == 0 {
		return err
	}
	for _, l := range lines {
		if err := w.Site.Book.Fade(ctx, t.Connection, l.Issue); err != nil {
			return err
		}
	}
	if c.State != bridge.Ended {
		if err := w.page(ctx, t, lines); err != nil {
			return err
		}
	}
	t.After = lines[len(lines)-1].Issue
	if len(lines) < pairsPerPage {
		return nil
	}
	return next(ctx, w.Site, t)
}

// page compares the pairs of a page with Jira.
func (w *Sweep) page(ctx context.Context, t site.Task, lines []pair.Line) error {
	if err := w.Site.Check(ctx); err != nil {
		return err // an issue that nobody may see is not one that was deleted
	}
	if t.All {
		w.Site.Notice(t.Connection) // rules were published a moment ago, most likely
	}
	found, err := w.compare(ctx, t.Connection, lines, t.All)
	if err != nil {
		return err
	}
	if err := w.observe(ctx, t, found.changed); err != nil {
		return err
	}
	for _, id := range found.refused {
		again := site.Task{Kind: site.RetryTask, Connection: t.Connection, Issue: id, By: t.By, All: true}
		if err := w.Site.Send(ctx, again, bridge.Bulk, ""); err != nil {
			return err
		}
	}
	for _, id := range found.odd {
		if err := w.Read(ctx, site.Task{Kind: site.ReadTask, Connection: t.Connection, Issue: id, By: t.By}); err != nil {
			return err
		}
	}
	return nil
}

// rejoin marks all pairs of a connection to be offered again; then Jira is asked what they show.
func (w *Sweep) rejoin(ctx context.Context, t site.Task) error {
	book, after := w.Site.Book, ""
	request, done, err := book.Rejoining(ctx, t.Connection)
	if err != nil || request != t.Request || done {
		return err
	}
	for {
		lines, err := book.List(ctx, t.Connection, after, pairsPerPage)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := book.RejoinPair(ctx, t.Connection, l.Issue, request); err != nil {
				return err
			}
			after = l.Issue
		}
		if len(lines) < pairsPerPage {
			break
		}
	}
	if err := Start(ctx, w.Site, t.Connection, rejoining, true); err != nil {
		return err
	}
	defer w.Site.Ring()
	return book.SetRejoin(ctx, t.Connection, request, true)
}

// Look goes through all pairs of a connection as a sweep does, and hands on the issues that have to be read, or all of them.
// It returns how many pairs there are.
func (w *Sweep) Look(ctx context.Context, connection string, all bool, each func(issue string) error) (pairs int, err error) {
	if err := w.Site.Check(ctx); err != nil {
		return 0, err
	}
	for after := ""; ; {
		lines, err := w.Site.Book.List(ctx, connection, after, pairsPerPage)
		if err != nil || len(lines) == 0 {
			return pairs, err
		}
		found, err := w.compare(ctx, connection, lines, all)
		if err != nil {
			return pairs, err
		}
		for _, id := range append(found.changed, found.odd...) {
			if err := each(id); err != nil {
				return pairs, err
			}
		}
		pairs, after = pairs+len(lines), lines[len(lines)-1].Issue
		if len(lines) < pairsPerPage {
			return pairs, nil
		}
	}
}

// compared is what a page of pairs came to, by issue.
type compared struct {
	changed []string // since they were last observed
	odd     []string // to be read one by one: not found, or older than what was observed (a late index, or a clock that was set back)
	refused []string // something of them was refused here
}

// compare asks Jira for the issues of the pairs.
func (w *Sweep) compare(ctx context.Context, connection string, lines []pair.Line, all bool) (found compared, err error) {
	want := map[string]int64{}
	var ids []string
	for _, l := range lines {
		p, err := w.Site.Book.Load(ctx, connection, l.Issue)
		if err != nil {
			return found, err
		}
		if p == nil || p.Head.Status == pair.Stopped {
			continue
		}
		want[l.Issue] = p.Head.Updated
		ids = append(ids, l.Issue)
		if p.State.Refuses() {
			found.refused = append(found.refused, l.Issue)
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	err = w.Site.Jira.Search(ctx, among(ids), jira.SearchOptions{Fields: []string{"updated"}, Page: pairsPerPage}, func(is *jira.Issue) error {
		switch updated := is.Updated().UnixMilli(); {
		case updated < want[is.ID]:
			return nil
		case all || updated > want[is.ID]:
			found.changed = append(found.changed, is.ID)
		}
		delete(want, is.ID)
		return nil
	})
	if jira.StatusOf(err) == 400 {
		found.changed, found.odd = nil, ids // some Jiras refuse a query that names a deleted issue
		return found, nil
	}
	for _, id := range ids {
		if _, is := want[id]; is {
			found.odd = append(found.odd, id)
		}
	}
	return found, err
}

// observe reads the changed ones whole and takes in what they show.
func (w *Sweep) observe(ctx context.Context, t site.Task, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	readAt := w.Site.Now()
	return w.Site.Jira.Search(ctx, among(ids), jira.SearchOptions{Histories: true, Comments: true, Page: pairsPerPage}, func(is *jira.Issue) error {
		if err := w.Hit(ctx, is, readAt, t.By); err != nil {
			return fmt.Errorf("%s: %w", is.Key, err)
		}
		return nil
	})
}

func among(ids []string) string { return "id in (" + strings.Join(ids, ", ") + ") ORDER BY key ASC" }
