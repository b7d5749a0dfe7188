package site

import (
	"context"
	"encoding/json"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// A Task is what the queue carries: a hint that there is work on one issue, with what caused it.
type Task struct {
	Kind       TaskKind       `json:"kind"`
	Connection string         `json:"connection,omitempty"`
	Issue      string         `json:"issue,omitempty"` // local issue id or key
	Body       []byte         `json:"body,omitempty"`  // event: the webhook body as received
	Delivery   string         `json:"delivery,omitempty"`
	Change     *bridge.Change `json:"change,omitempty"`
	By         string         `json:"by,omitempty"`    // who asked, for the history
	After      string         `json:"after,omitempty"` // sweep: the last issue of the page before
	All        bool           `json:"all,omitempty"`   // sweep: read every issue again
}

// A TaskKind says which flow takes a task.
type TaskKind string

// The kinds of tasks.
const (
	EventTask  TaskKind = "event"  // a webhook body: publish
	ChangeTask TaskKind = "change" // a change of the remote site: apply
	RetryTask  TaskKind = "retry"  // project a pair again: apply
	SyncTask   TaskKind = "sync"   // a person put an issue under sync: publish
	ReadTask   TaskKind = "read"   // read the issue and publish what it shows
	SweepTask  TaskKind = "sweep"  // compare a page of pairs with Jira: reconcile
)

// Group is the queue group of all work on one issue of this site.
func (s *Site) Group(issue string) string { return s.Name + "/" + issue }

// Send puts a task into the queue, in the group of its issue. Dedup makes sending it twice harmless.
func (s *Site) Send(ctx context.Context, t Task, lane bridge.Lane, dedup string) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if lane == "" {
		lane = bridge.Live
	}
	return s.Queue.Send(ctx, queue.Message{Group: s.Group(t.Issue), Dedup: dedup, Lane: lane, Body: body})
}
