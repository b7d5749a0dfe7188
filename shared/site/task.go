package site

import (
	"bytes"
	"context"
	"encoding/json"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// A Task is what the queue carries: a hint that there is work on one issue, with what caused it.
type Task struct {
	Kind       TaskKind       `json:"kind"`
	Connection string         `json:"connection,omitempty"` // id; of a button the name, or "" for the only one
	Issue      string         `json:"issue,omitempty"`      // local issue id or key
	Body       []byte         `json:"body,omitempty"`       // event: the webhook body as received
	Delivery   string         `json:"delivery,omitempty"`
	Change     *bridge.Change `json:"change,omitempty"`
	By         string         `json:"by,omitempty"`      // who asked, for the history
	Name       string         `json:"name,omitempty"`    // parked: the error whose cause has gone
	Insist     bool           `json:"insist,omitempty"`  // retry: a person asked
	After      string         `json:"after,omitempty"`   // sweep: the last issue of the page before
	All        bool           `json:"all,omitempty"`     // sweep: read every issue again; retry: what was refused too
	Job        string         `json:"job,omitempty"`     // bulk: id of the job
	Turn       int64          `json:"turn,omitempty"`    // bulk: whose turn; a task of an earlier turn does nothing
	Request    int64          `json:"request,omitempty"` // sweep: everything is offered again because of this request
	Join       *Wanted        `json:"join,omitempty"`    // pair: which issue over there
	// Question is what the remote site asks: what would become of this change here?
	Question *bridge.Question `json:"question,omitempty"`
}

// Message is the task as the queue carries it: one line of JSON, and behind it the webhook body, whose every byte would else be
// written and read anew.
func (t Task) Message() ([]byte, error) {
	event := t.Body
	t.Body = nil
	m, err := json.Marshal(t)
	if event != nil {
		m = append(append(m, '\n'), event...)
	}
	return m, err
}

// ParseTask reads a message of the queue.
func ParseTask(message []byte) (t Task, err error) {
	head, event, some := bytes.Cut(message, []byte("\n"))
	if err = json.Unmarshal(head, &t); err == nil && some {
		t.Body = event
	}
	return t, err
}

// Wanted names the issue of the remote site that an issue is to be joined with.
type Wanted struct {
	Remote string        `json:"remote"` // key or id over there
	Values bridge.Values `json:"values"`
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
	ParkedTask TaskKind = "parked" // try the pairs again that an error parked: reconcile
	EndTask    TaskKind = "end"    // take an ended connection apart: reconcile
	BulkTask   TaskKind = "bulk"   // put a page of a query's issues under sync: reconcile
	PairTask   TaskKind = "pair"   // a person joins an issue with one over there: publish
	MeetTask   TaskKind = "meet"   // the remote site joins one of its issues with ours: publish
	StopTask   TaskKind = "stop"   // a button in Jira takes an issue out of sync: publish
	RingTask   TaskKind = "ring"   // another process left something for the remote site: relay
	AskTask    TaskKind = "ask"    // the remote site asks what would become of a change: apply
)

// Group is the queue group of all work on one issue of this site.
func (s *Site) Group(issue string) string { return s.Book.Site + "/" + issue }

// Send puts a task into the queue, in the group of its issue. Dedup makes sending it twice harmless.
func (s *Site) Send(ctx context.Context, t Task, lane bridge.Lane, dedup string) error {
	m, err := s.message(t, lane, dedup)
	if err != nil {
		return err
	}
	return s.Queue.Send(ctx, m)
}

// SendAll is Send for several tasks in one write; each goes into the lane that lane names for it.
func (s *Site) SendAll(ctx context.Context, ts []Task, lane func(Task) bridge.Lane) error {
	ms := make([]queue.Message, 0, len(ts))
	for _, t := range ts {
		m, err := s.message(t, lane(t), "")
		if err != nil {
			return err
		}
		ms = append(ms, m)
	}
	if len(ms) == 0 {
		return nil
	}
	return s.Queue.Send(ctx, ms...)
}

func (s *Site) message(t Task, lane bridge.Lane, dedup string) (queue.Message, error) {
	body, err := t.Message()
	if lane == "" {
		lane = bridge.Live
	}
	return queue.Message{Group: s.Group(t.Issue), Dedup: dedup, Lane: lane, Body: body}, err
}
