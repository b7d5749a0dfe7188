// Package reconcile finds what events missed, by asking Jira what changed: the private side watches this way all the
// time, the public side now and then beside its webhooks.
//
// Stored keys (partition, then sort key; S is a site):
//
//	watch/S   mark    how far the watch has come: "updated" of the newest issue seen, in ms of Jira's clock
//
// Start reading at [Watch.Once]; due.go brings parked pairs back when their time has come.
package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/several"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// Watch asks for recently updated issues and hands each to Hit.
type Watch struct {
	Site     *site.Site
	Projects []string // keys; none: every project the account sees
	// Overlap is how far a search reaches back behind the mark, once in a wideEvery: it has to exceed the rounding of JQL
	// dates to minutes and the lag of the search index. The searches between reach back over a usual lag only.
	Overlap time.Duration
	Hit     func(ctx context.Context, is *jira.Issue, readAt int64, cause string) error
	Workers int // hits taken in at the same time; at least 1

	mu   sync.Mutex
	seen map[string]int64 // by issue id: "updated" of the observation already handed on
	wide time.Time        // when a search last reached back over all of Overlap
}

// DefaultOverlap covers the minute precision of dates and an index that lags by minutes.
const DefaultOverlap = 3 * time.Minute

// Between two searches over the whole overlap.
const (
	wideEvery = time.Minute
	usualLag  = 10 * time.Second
)

// Once asks which issues were updated from the mark on, and reads those whose update is not known yet. It returns how
// many were. The mark moves only when all of them were taken in.
func (w *Watch) Once(ctx context.Context) (int, error) {
	if err := w.Site.Check(ctx); err != nil {
		return 0, err // who cannot say who he is must not take an empty answer for "nothing happened"
	}
	mark, rev, err := w.mark(ctx)
	if err != nil {
		return 0, err
	}
	began, overlap := time.Now(), w.overlap()
	fresh, top, err := w.look(ctx, mark, overlap)
	if err != nil {
		return 0, err
	}
	if err := w.read(ctx, fresh, mark); err != nil {
		return len(fresh), err
	}
	if overlap > usualLag {
		w.wide = began
	}
	if top == mark && rev != 0 {
		return len(fresh), nil
	}
	return len(fresh), w.setMark(ctx, top, rev)
}

// overlap is how far back to reach now.
func (w *Watch) overlap() time.Duration {
	overlap := w.Overlap
	if overlap == 0 {
		overlap = DefaultOverlap
	}
	if time.Since(w.wide) < wideEvery {
		return min(overlap, usualLag)
	}
	return overlap
}

// lookPage is how many issues one page of a look may list: it carries nothing but when they were updated.
const lookPage = 1000

// look lists the issues whose update was not handed on yet, and when the newest was updated.
func (w *Watch) look(ctx context.Context, mark int64, overlap time.Duration) (fresh []string, top int64, err error) {
	top = mark
	o := jira.SearchOptions{Fields: []string{"updated"}, Page: lookPage}
	err = w.Site.Jira.Search(ctx, w.jql(mark, overlap), o, func(is *jira.Issue) error {
		updated := is.Updated().UnixMilli()
		top = max(top, updated)
		if !w.known(is.ID, updated) {
			fresh = append(fresh, is.ID)
		}
		return nil
	})
	return fresh, top, err
}

// readPage is how many issues are read whole at once, pagesAhead how many such pages: one is on its way while another is taken in.
const (
	readPage   = 50
	pagesAhead = 2
)

// read reads issues with their changelogs and comments and hands them on, some at the same time.
func (w *Watch) read(ctx context.Context, ids []string, mark int64) error {
	hits, pages := several.Hands(w.Workers), several.Hands(min(pagesAhead, w.Workers))
	var err error
	for some := range slices.Chunk(ids, readPage) {
		if err = pages.Do(func() error { return w.page(ctx, some, mark, hits) }); err != nil {
			break
		}
	}
	return errors.Join(err, pages.Wait(), hits.Wait())
}

// page reads one page of issues. It returns when all of them are in somebody's hands.
func (w *Watch) page(ctx context.Context, ids []string, mark int64, hits *several.Crew) error {
	readAt := w.Site.Now()
	each := func(is *jira.Issue) error {
		return hits.Do(func() error { return w.hit(ctx, is, readAt, is.Updated().UnixMilli(), mark) })
	}
	err := w.Site.Jira.Search(ctx, among(ids), jira.SearchOptions{Histories: true, Comments: true, Page: readPage}, each)
	if jira.StatusOf(err) == 400 {
		return w.oneByOne(ctx, ids, each) // some Jiras refuse a query that names a deleted issue
	}
	return err
}

func (w *Watch) oneByOne(ctx context.Context, ids []string, each func(*jira.Issue) error) error {
	for _, id := range ids {
		is, err := w.Site.Jira.Issue(ctx, id, jira.IssueOptions{Histories: true, Comments: true})
		if jira.StatusOf(err) == 404 {
			continue
		}
		if err != nil {
			return err
		}
		if err := each(is); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watch) hit(ctx context.Context, is *jira.Issue, readAt, updated, mark int64) error {
	err := w.Hit(ctx, is, readAt, "search")
	switch {
	case err != nil && !bridge.IsTemporary(err) && bridge.LevelOf(err) == bridge.LevelPair:
		w.Site.Log.Error("issue not taken in", "issue", is.Key, "error", err, "name", bridge.NameOf(err)) // the others go on
	case err != nil:
		return fmt.Errorf("%s: %w", is.Key, err)
	}
	w.remember(is.ID, updated, mark)
	return nil
}

func (w *Watch) jql(mark int64, overlap time.Duration) string {
	clause := fmt.Sprintf("updated >= %d ORDER BY updated ASC, key ASC", mark-overlap.Milliseconds())
	if len(w.Projects) == 0 {
		return clause
	}
	quoted := make([]string, len(w.Projects))
	for i, p := range w.Projects {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
	}
	return "project in (" + strings.Join(quoted, ", ") + ") AND " + clause
}

// mark is how far the watch has come; the first time, now.
func (w *Watch) mark(ctx context.Context) (mark, rev int64, err error) {
	docs, err := w.Site.Book.Store.Get(ctx, w.key())
	if err != nil {
		return 0, 0, err
	}
	if docs[0] == nil {
		return time.Now().Add(w.Site.Jira.ClockOffset()).UnixMilli(), 0, nil
	}
	var m struct{ Mark int64 }
	err = json.Unmarshal(docs[0].Body, &m)
	return m.Mark, docs[0].Rev, err
}

// Watched says up to when (hub ms) the watch of a site has searched; 0: it has not begun.
func Watched(ctx context.Context, st store.Store, site string) (int64, error) {
	docs, err := st.Get(ctx, store.Key{Part: "watch/" + site, Sort: "mark"})
	if err != nil || docs[0] == nil {
		return 0, err
	}
	var m struct{ Mark int64 }
	err = json.Unmarshal(docs[0].Body, &m)
	return m.Mark, err
}

// WatchFrom makes the watch of a site begin at a time (hub ms) where it has none yet, or a later one: what happened since
// may be in no pair.
func WatchFrom(ctx context.Context, st store.Store, site string, at int64) error {
	key := store.Key{Part: "watch/" + site, Sort: "mark"}
	docs, err := st.Get(ctx, key)
	if err != nil {
		return err
	}
	var m struct{ Mark int64 }
	if docs[0] != nil {
		if err := json.Unmarshal(docs[0].Body, &m); err != nil || m.Mark <= at {
			return err
		}
	}
	return st.Apply(ctx, store.Put(store.Doc{Key: key, Body: fmt.Appendf(nil, `{"mark":%d}`, at)}))
}

func (w *Watch) setMark(ctx context.Context, mark, rev int64) error {
	d := store.Doc{Key: w.key(), Body: fmt.Appendf(nil, `{"mark":%d}`, mark), Rev: rev}
	if rev == 0 {
		return w.Site.Book.Store.Apply(ctx, store.Create(d))
	}
	return w.Site.Book.Store.Apply(ctx, store.Replace(d))
}

func (w *Watch) key() store.Key { return store.Key{Part: "watch/" + w.Site.Book.Site, Sort: "mark"} }

func (w *Watch) known(id string, updated int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id] == updated // not "at least": Jira's clock may have been set back
}

// remember keeps what was handed on for as long as a search may show it again.
func (w *Watch) remember(id string, updated, mark int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]int64{}
	}
	w.seen[id] = updated
	if len(w.seen) < 10000 {
		return
	}
	for k, u := range w.seen {
		if u < mark-2*DefaultOverlap.Milliseconds() {
			delete(w.seen, k)
		}
	}
}
