package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"drawbridge/shared/apply"
	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/relay"
	"drawbridge/shared/scan"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
	"drawbridge/shared/work"
)

// An engine is what both halves run: the flows on one site, the queue's workers, the search for changes.
type engine struct {
	site    *site.Site
	publish *publish.Flow
	pool    *work.Pool
	watch   *reconcile.Watch
	pause   time.Duration // between two searches
	between time.Duration // two comparisons of all pairs with Jira
	unready *relay.Unready
	metrics *metrics
	log     *slog.Logger

	mu      sync.Mutex
	trouble error // of the last search: the site cannot be reached, or does not know us
}

// wiring is what an engine is made of.
type wiring struct {
	role    bridge.Role
	site    config.Site
	home    string // what the site's state calls it
	db      *sqlitestore.DB
	watch   config.Watch
	limits  config.Limits
	scan    []string
	workers int
	history config.Days
	content site.Content
	now     func() int64
	log     *slog.Logger
}

func wire(w wiring) (*engine, error) {
	work.CollectLate()
	m := newMetrics()
	client, err := jiraClient(w.site, w.workers, m.call, w.log)
	if err != nil {
		return nil, err
	}
	s := &site.Site{
		Name: w.site.Name, Role: w.role, Jira: client, Queue: w.db.Queue(), Content: w.content, Log: w.log, Now: w.now,
		Book:          &pair.Book{Store: w.db.Store(), Site: w.home, Now: w.now, Keep: w.history.Std()},
		MaxAttachment: int64(w.limits.Attachment), Scan: scan.Program(w.scan).Scanned,
	}
	out, in := &publish.Flow{Site: s}, &apply.Flow{Site: s, IndexLag: w.watch.Overlap.Std()}
	e := &engine{site: s, publish: out, pause: w.watch.Interval.Std(), between: w.watch.Sweep.Std(), unready: new(relay.Unready), metrics: m, log: w.log}
	in.Worked = func(connection, remoteIssue string) {
		e.unready.Worked(connection, remoteIssue)
		s.Ring() // whoever holds an exchange may send the ack at once
	}
	e.watch = &reconcile.Watch{Site: s, Projects: w.site.Projects, Overlap: w.watch.Overlap.Std(), Hit: out.Hit, Workers: w.workers}
	// While as many as may wait for Jira do, as many others read, decide and store what comes next.
	e.pool = &work.Pool{Queue: s.Queue, Workers: 2 * w.workers, Log: w.log, Probe: s.Answers, Handlers: work.Handlers{
		site.EventTask: out.Event, site.SyncTask: out.Issue, site.StopTask: out.Stopping, site.ReadTask: out.Read, site.ChangeTask: in.Change, site.RetryTask: in.Retry,
		site.SweepTask: (&reconcile.Sweep{Site: s, Hit: out.Hit, Read: out.Read}).Page,
		site.PairTask:  out.Pair, site.MeetTask: out.Meet, site.AskTask: in.Preview, site.RingTask: (&relay.Relay{Site: s}).Wake,
		site.ParkedTask: (&reconcile.Parked{Site: s}).Page,
		site.EndTask:    (&reconcile.End{Site: s}).Page,
		site.BulkTask:   (&reconcile.Bulk{Site: s, Put: out.Put, Workers: w.workers}).Page,
	}}
	e.pool.Mark = func(ctx context.Context, t site.Task, cause error) (bool, error) {
		return reconcile.Mark(ctx, s, t, cause)
	}
	e.pool.Back = func(ctx context.Context) error { return reconcile.Back(ctx, s) }
	return e, nil
}

func jiraClient(s config.Site, workers int, onCall func(method, route string, status int, took time.Duration), log *slog.Logger) (*jira.Client, error) {
	transport, err := s.Network.Transport()
	if err != nil {
		return nil, fmt.Errorf("site %s: %w", s.Name, err)
	}
	kind := "pat"
	if s.Auth.User != "" {
		kind = "basic"
	}
	return jira.New(jira.Options{
		APIURL: s.APIURL, BrowseURL: s.BrowseURL, Flavour: s.Flavour, HTTP: &http.Client{Transport: transport},
		Auth:       jira.Auth{Kind: kind, User: s.Auth.User, Secret: s.Auth.Token.Reveal},
		AllowHosts: s.DownloadHosts, Workers: workers, OnCall: onCall, Log: log,
	})
}

// run runs everything until ctx is done and returns when all of it has stopped.
func (e *engine) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { e.pool.Run(ctx) })
	wg.Go(func() { every(ctx, e.pause, e.search) })
	wg.Go(func() { every(ctx, dueEvery, e.due) })
	wg.Go(func() { every(ctx, e.between, e.sweep) })
	wg.Wait()
}

const dueEvery = 2 * time.Second // parked pairs whose time has come

// every does something at once and then again with a pause between, until ctx is done.
func every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// search looks for changed issues once. An error is logged when it is another than last time.
func (e *engine) search(ctx context.Context) {
	_, err := e.watch.Once(ctx)
	if ctx.Err() != nil {
		return
	}
	e.mu.Lock()
	before := e.trouble
	e.trouble = err
	e.mu.Unlock()
	switch {
	case err != nil && (before == nil || before.Error() != err.Error()):
		e.log.Warn("search for changes failed", "name", bridge.NameOf(err), "error", err)
	case err == nil && before != nil:
		e.log.Info("search for changes works again")
	}
}

func (e *engine) due(ctx context.Context) {
	e.site.FlushDeliveries(ctx)
	if _, err := reconcile.Due(ctx, e.site); err != nil && ctx.Err() == nil {
		e.log.Warn("parked pairs could not be looked at", "error", err)
	}
}

// sweep asks for all pairs to be compared with Jira, in the bulk lane: it finds what neither events nor searches showed,
// deleted issues above all.
func (e *engine) sweep(ctx context.Context) {
	if err := reconcile.StartAll(ctx, e.site, "schedule"); err != nil && ctx.Err() == nil {
		e.log.Warn("pairs could not be compared with Jira", "error", err)
	}
}

// rejoin offers all pairs of a connection again and reads their changelogs: one side has another state than it had.
func (e *engine) rejoin(ctx context.Context, connection string, request, rules int64) error {
	return reconcile.Rejoin(ctx, e.site, connection, request, rules)
}

// problem is what stops the site, for a person; "" if nothing does.
func (e *engine) problem() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.trouble == nil || bridge.LevelOf(e.trouble) != bridge.LevelSite && !errors.Is(e.trouble, context.DeadlineExceeded) {
		return ""
	}
	return e.trouble.Error()
}
