package world

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

// start starts or continues a bulk job here.
func (h *Half) start(jql string) *site.Job {
	h.T.Helper()
	j, err := h.Site.StartJob(context.Background(), Connection, jql, "test", 0)
	h.must(err)
	return j
}

func (h *Half) job(jql string) *site.Job {
	h.T.Helper()
	j, err := h.Site.Job(context.Background(), Connection, site.JobID(jql))
	h.must(err)
	return j
}

// one does the first task in the queue and says what kind it was.
func (h *Half) one() site.TaskKind {
	h.T.Helper()
	ds, err := h.Queue.Receive(context.Background(), 1, time.Minute)
	h.must(err)
	if len(ds) == 0 {
		return ""
	}
	h.must(h.Pool.Do(context.Background(), ds[0].Body))
	h.must(h.Queue.Delete(context.Background(), ds[0]))
	return kindOf(ds[0].Body)
}

func kindOf(body []byte) site.TaskKind {
	t, err := site.ParseTask(body)
	if err != nil {
		return "unreadable"
	}
	return t.Kind
}

func TestExistingIssuesComeUnderSyncInBulk(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		for i := range 30 {
			here.Create(fmt.Sprintf("old %d", i), nil)
		}
		other := here.Create("not meant", map[string]any{"labels": []string{"other"}})
		w.Settle()
		jql := fmt.Sprintf(`project = %s AND labels is EMPTY ORDER BY created DESC`, here.Demo.ProjectKey)
		here.start(jql)
		w.Settle()
		if got := there.issueCount(); got != 30 {
			t.Errorf("%d twins, want 30", got)
		}
		if j := here.job(jql); j.State != site.JobDone || j.Begun != 30 || j.Known != 0 || j.Trouble != 0 {
			t.Errorf("the job says %+v", j)
		}
		if here.Twin(other) != "" {
			t.Error("an issue that the query does not find came under sync")
		}
		here.start(jql) // once more: everything is in a pair
		w.Settle()
		if j := here.job(jql); j.State != site.JobDone || j.Begun != 0 || j.Known != 30 || there.issueCount() != 30 {
			t.Errorf("started again: %+v, %d issues there", j, there.issueCount())
		}
	})
}

func TestABulkJobIsContinued(t *testing.T) {
	w := New(t, manual)
	h := w.Public
	for i := range 120 {
		h.Create(fmt.Sprintf("old %d", i), nil)
	}
	w.Settle()
	const jql = "project = PUB"
	first := h.start(jql)
	if kind := h.one(); kind != site.BulkTask {
		t.Fatalf("the first task is %s", kind)
	}
	if j := h.job(jql); j.Begun != 100 || j.State != site.JobRuns {
		t.Fatalf("after one page: %+v", j)
	}
	// Somebody stops it, and somebody continues it while the old task is still in the queue.
	_, err := h.Site.UpdateJob(context.Background(), Connection, first.ID, func(j *site.Job) error { j.State = site.JobStopped; return nil })
	h.must(err)
	h.start(jql)
	w.Settle()
	if j := h.job(jql); j.Begun != 120 || j.State != site.JobDone || w.Private.issueCount() != 120 {
		t.Errorf("continued: %+v, %d twins", j, w.Private.issueCount())
	}
}

func TestLiveOvertakesBulk(t *testing.T) {
	w := New(t, manual)
	h := w.Public
	for i := range 3 {
		h.Create(fmt.Sprintf("old %d", i), nil)
	}
	w.Settle()
	h.start("project = PUB")
	h.must(h.Site.Send(context.Background(), site.Task{Kind: site.SyncTask, Connection: Connection, Issue: "PUB-2", By: "test"}, bridge.Live, ""))
	if kind := h.one(); kind != site.SyncTask {
		t.Errorf("%s went first", kind)
	}
	h.Drain()
	changes, _, err := h.Relay.Outgoing(context.Background(), Connection, 10, func(string, int64) bool { return false })
	h.must(err)
	if len(changes) != 3 || changes[0].Issue.Key != "PUB-2" || changes[0].Lane == bridge.Bulk || changes[1].Lane != bridge.Bulk {
		t.Errorf("the order out: %+v", changes)
	}
}

// What has to be fetched for one issue does not hold up the others.
func TestABulkJobPutsSeveralIssuesAtTheSameTime(t *testing.T) {
	w := New(t, manual)
	h := w.Public
	for i := range 8 {
		h.Create(fmt.Sprintf("old %d", i), nil)
	}
	w.Settle()
	all := make(chan struct{})
	var under atomic.Int32
	bulk := &reconcile.Bulk{Site: h.Site, Workers: 4, Put: func(ctx context.Context, connection string, is *jira.Issue, by string) (string, error) {
		if under.Add(1) == 4 {
			close(all)
		}
		select {
		case <-all:
		case <-time.After(10 * time.Second):
			t.Error("one issue waits for another")
		}
		return h.Pub.Put(ctx, connection, is, by)
	}}
	h.Pool.Handlers[site.BulkTask] = bulk.Page
	jql := "project = " + h.Demo.ProjectKey
	h.start(jql)
	w.Settle()
	if j := h.job(jql); j.State != site.JobDone || j.Begun != 8 || w.Private.issueCount() != 8 {
		t.Errorf("the job says %+v, %d twins", j, w.Private.issueCount())
	}
}
