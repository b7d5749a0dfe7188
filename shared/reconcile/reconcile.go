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
	"strings"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

// Watch asks for recently updated issues and hands each to Hit.
type Watch struct {
	Site     *site.Site
	Projects []string // keys; none: every project the account sees
	// Overlap is how far each search reaches back behind the mark: it has to exceed the rounding of JQL dates to minutes
	// and the lag of the search index.
	Overlap time.Duration
	Hit     func(ctx context.Context, is *jira.Issue, readAt int64, cause string) error
	Workers int // hits taken in at the same time; at least 1

	mu   sync.Mutex
	seen map[string]int64 // by issue id: "updated" of the observation already handed on
}

// DefaultOverlap covers the minute precision of dates and an index that lags by minutes.
const DefaultOverlap = 3 * time.Minute

// Once does one search from the mark on. It returns how many issues were new. The mark moves only when all of them were
// taken in.
func (w *Watch) Once(ctx context.Context) (int, error) {
	if _, err := w.Site.Account(ctx); err != nil {
		return 0, err // who cannot say who he is must not take an empty answer for "nothing happened"
	}
	mark, rev, err := w.mark(ctx)
	if err != nil {
		return 0, err
	}
	readAt := w.Site.Now()
	top, n := mark, 0
	hits := newHits(max(1, w.Workers))
	err = w.Site.Jira.Search(ctx, w.jql(mark), jira.SearchOptions{Histories: true, Comments: true}, func(is *jira.Issue) error {
		updated := is.Updated().UnixMilli()
		top = max(top, updated)
		if w.known(is.ID, updated) {
			return nil
		}
		n++
		return hits.do(func() error { return w.hit(ctx, is, readAt, updated, mark) })
	})
	err = errors.Join(err, hits.wait())
	if err != nil || top == mark && rev != 0 {
		return n, err
	}
	return n, w.setMark(ctx, top, rev)
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

func (w *Watch) jql(mark int64) string {
	overlap := w.Overlap
	if overlap == 0 {
		overlap = DefaultOverlap
	}
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

func (w *Watch) setMark(ctx context.Context, mark, rev int64) error {
	d := store.Doc{Key: w.key(), Body: fmt.Appendf(nil, `{"mark":%d}`, mark), Rev: rev}
	if rev == 0 {
		return w.Site.Book.Store.Apply(ctx, store.Create(d))
	}
	return w.Site.Book.Store.Apply(ctx, store.Replace(d))
}

func (w *Watch) key() store.Key { return store.Key{Part: "watch/" + w.Site.Name, Sort: "mark"} }

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
