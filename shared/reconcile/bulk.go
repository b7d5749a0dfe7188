package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/several"
	"drawbridge/shared/site"
)

// Bulk puts every issue of a query under sync, a page at a time. Between two pages everything live goes first. It works
// from the stored [site.Job] alone, so a crash repeats at most a page, and what is in a pair already is passed over.
type Bulk struct {
	Site *site.Site
	// Put puts one issue under sync. Why says that the rules keep it in.
	Put     func(ctx context.Context, connection string, is *jira.Issue, by string) (why string, err error)
	Workers int // issues put under sync at the same time; at least 1
}

const (
	idsPerPage = 100              // issues one page looks at
	perSearch  = 25               // issues read whole at once
	pageTime   = 60 * time.Second // then the next page begins, so that live work comes in between
	jobPasses  = 5
	listed     = 50 // failures kept by name
)

// errTurn says that somebody else has the work now.
var errTurn = errors.New("reconcile: the job was stopped, or is in other hands")

// Page does one page of a job and sends the task for the next.
func (b *Bulk) Page(ctx context.Context, t site.Task) error {
	job, err := b.Site.Job(ctx, t.Connection, t.Job)
	if err != nil || job == nil || job.State != site.JobRuns || job.Turn != t.Turn {
		return err
	}
	if err := b.Site.Check(ctx); err != nil {
		return err
	}
	ids, next, err := b.ids(ctx, job)
	if err != nil {
		return err
	}
	fresh, known, err := b.fresh(ctx, job, ids)
	if err != nil {
		return err
	}
	w := &bulkPage{b: b, job: job, until: time.Now().Add(pageTime)}
	if err := w.put(ctx, fresh); err != nil {
		return errors.Join(err, b.save(ctx, job, w, nil))
	}
	err = b.save(ctx, job, w, func(j *site.Job) {
		if w.early {
			return // the same page again: what was done is passed over
		}
		j.Looked += len(ids)
		if j.Pass == 1 {
			j.Known += known
		}
		b.turn(j, next)
	})
	if errors.Is(err, errTurn) {
		return nil
	}
	if err != nil || job.State != site.JobRuns {
		return err
	}
	return b.Site.SendJob(ctx, job)
}

// ids reads the ids of a page. A cursor that Jira does not know any more begins the pass anew.
func (b *Bulk) ids(ctx context.Context, job *site.Job) (ids []string, next string, err error) {
	o := jira.SearchOptions{Fields: []string{}, Page: idsPerPage}
	page, next, err := b.Site.Jira.SearchPage(ctx, jira.ByKey(job.JQL), o, job.Cursor)
	if jira.StatusOf(err) == 400 && job.Cursor != "" {
		page, next, err = b.Site.Jira.SearchPage(ctx, jira.ByKey(job.JQL), o, "")
	}
	for _, is := range page {
		ids = append(ids, is.ID)
	}
	return ids, next, err
}

// fresh are the issues of a page that are in no pair yet.
func (b *Bulk) fresh(ctx context.Context, job *site.Job, ids []string) (fresh []string, known int, err error) {
	for _, id := range ids {
		p, err := b.Site.Book.Load(ctx, job.Connection, id)
		if err != nil {
			return nil, 0, err
		}
		if p == nil {
			fresh = append(fresh, id)
		}
	}
	return fresh, len(ids) - len(fresh), nil
}

// turn moves the job on: to the next page, to another pass, or to its end.
func (b *Bulk) turn(j *site.Job, next string) {
	j.Cursor = next
	switch {
	case next != "":
	case j.Fresh > 0 && j.Pass < jobPasses:
		j.Pass, j.Fresh, j.Looked = j.Pass+1, 0, 0 // issues that moved while pages were read are found by another pass
	default:
		j.State = site.JobDone
	}
}

// save stores how far the job has come; job is brought up to date.
func (b *Bulk) save(ctx context.Context, job *site.Job, w *bulkPage, then func(*site.Job)) error {
	now, err := b.Site.UpdateJob(ctx, job.Connection, job.ID, func(j *site.Job) error {
		if j.Turn != job.Turn || j.State != site.JobRuns {
			return errTurn
		}
		j.Updated = b.Site.Now()
		w.count(j)
		if then != nil {
			then(j)
		}
		return nil
	})
	if err == nil {
		*job = *now
	}
	return err
}

// bulkPage is one page under way.
type bulkPage struct {
	b     *Bulk
	job   *site.Job
	until time.Time
	early bool // time ran out before the page was done

	mu     sync.Mutex
	begun  int
	kept   []site.Failure
	failed []site.Failure
}

func (w *bulkPage) put(ctx context.Context, ids []string) error {
	hits := several.Hands(w.b.Workers)
	each := func(is *jira.Issue) error {
		return hits.Do(func() error { return w.one(ctx, is) })
	}
	var err error
	for len(ids) > 0 && err == nil {
		if time.Now().After(w.until) {
			w.early = true
			break
		}
		some := ids[:min(perSearch, len(ids))]
		ids = ids[len(some):]
		err = w.b.Site.Jira.Search(ctx, among(some), jira.SearchOptions{Histories: true, Comments: true, Page: perSearch}, each)
	}
	return errors.Join(err, hits.Wait())
}

// one puts one issue under sync. What a single issue fails with does not stop the others: it is tried again by itself
// where that may help.
func (w *bulkPage) one(ctx context.Context, is *jira.Issue) error {
	why, err := w.b.Put(ctx, w.job.Connection, is, w.job.By)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil && why == "":
		w.begun++
	case err == nil:
		w.kept = append(w.kept, site.Failure{Key: is.Key, Why: why})
	case bridge.LevelOf(err) != bridge.LevelPair || ctx.Err() != nil:
		return fmt.Errorf("%s: %w", is.Key, err)
	default:
		w.failed = append(w.failed, site.Failure{Key: is.Key, Why: err.Error()})
		if bridge.IsTemporary(err) {
			t := site.Task{Kind: site.SyncTask, Connection: w.job.Connection, Issue: is.ID, By: w.job.By}
			return w.b.Site.Send(ctx, t, bridge.Bulk, "bulk/"+w.job.ID+"/"+is.ID)
		}
	}
	return nil
}

func (w *bulkPage) count(j *site.Job) {
	j.Begun, j.Fresh = j.Begun+w.begun, j.Fresh+w.begun
	if j.Pass > 1 {
		return // what is kept in, or fails, was counted
	}
	j.KeptAll, j.Trouble = j.KeptAll+len(w.kept), j.Trouble+len(w.failed)
	j.Kept = first(append(j.Kept, w.kept...))
	j.Failed = first(append(j.Failed, w.failed...))
}

func first(all []site.Failure) []site.Failure { return all[:min(len(all), listed)] }
