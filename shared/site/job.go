package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// A Job is work on many issues that goes on in the running half: how far it has come is stored after every page, so that
// it can be stopped, watched, and continued by anybody.
type Job struct {
	ID         string   `json:"id"`
	Connection string   `json:"connection"`
	JQL        string   `json:"jql"`
	By         string   `json:"by"`
	State      JobState `json:"state"`
	Turn       int64    `json:"turn"` // raised whenever somebody starts or continues it; older tasks end
	Started    int64    `json:"started"`
	Updated    int64    `json:"updated"`          // hub ms of the last page
	Total      int      `json:"total"`            // issues found when it was started; an estimate on Cloud
	Cursor     string   `json:"cursor,omitempty"` // of the page to be read next
	Pass       int      `json:"pass"`             // a query is gone through until a pass finds nothing new
	Fresh      int      `json:"fresh,omitempty"`  // put under sync in this pass

	Looked  int       `json:"looked"`         // issues looked at in this pass
	Begun   int       `json:"begun"`          // put under sync
	Known   int       `json:"known"`          // were in a pair already, in the first pass
	Kept    []Failure `json:"kept,omitempty"` // the rules keep them in: the first ones, with the reason
	KeptAll int       `json:"kept_all,omitempty"`
	Failed  []Failure `json:"failed,omitempty"` // tried again by themselves: the first ones
	Trouble int       `json:"trouble,omitempty"`
}

// A Failure is an issue that was not put under sync, and why.
type Failure struct {
	Key string `json:"key"`
	Why string `json:"why"`
}

// A JobState is where a job is.
type JobState string

// The states of a job.
const (
	JobRuns    JobState = "running"
	JobStopped JobState = "stopped" // by a person
	JobDone    JobState = "done"
)

// JobID is the id of the bulk job of a query: asking for the same again continues it.
func JobID(jql string) string {
	sum := sha256.Sum256([]byte(jql))
	return hex.EncodeToString(sum[:6])
}

func jobKey(connection, id string) store.Key { return store.Key{Part: "jobs/" + connection, Sort: id} }

// Job returns a job, nil if there is none.
func (s *Site) Job(ctx context.Context, connection, id string) (*Job, error) {
	j, _, err := s.job(ctx, connection, id)
	return j, err
}

func (s *Site) job(ctx context.Context, connection, id string) (*Job, int64, error) {
	docs, err := s.Book.Store.Get(ctx, jobKey(connection, id))
	if err != nil || docs[0] == nil {
		return nil, 0, err
	}
	var j Job
	if err := json.Unmarshal(docs[0].Body, &j); err != nil {
		return nil, 0, bridge.Permanent("state-damaged", "stored document %q cannot be read (%w): restore a backup, or run the repair command", docs[0].Key.String(), err)
	}
	return &j, docs[0].Rev, nil
}

// Jobs lists the jobs of a connection.
func (s *Site) Jobs(ctx context.Context, connection string) ([]Job, error) {
	docs, err := s.Book.Store.List(ctx, "jobs/"+connection, store.Range{})
	if err != nil {
		return nil, err
	}
	out := make([]Job, len(docs))
	for i, d := range docs {
		if err := json.Unmarshal(d.Body, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UpdateJob changes a job, making it if there is none; change may run more than once, and what it fails with is returned.
func (s *Site) UpdateJob(ctx context.Context, connection, id string, change func(*Job) error) (*Job, error) {
	for try := 0; ; try++ {
		j, rev, err := s.job(ctx, connection, id)
		if err != nil {
			return nil, err
		}
		if j == nil {
			j = &Job{ID: id, Connection: connection}
		}
		if err := change(j); err != nil {
			return j, err
		}
		body, err := json.Marshal(j)
		if err != nil {
			return nil, err
		}
		d := store.Doc{Key: jobKey(connection, id), Body: body, Rev: rev}
		op := store.Create(d)
		if rev > 0 {
			op = store.Replace(d)
		}
		if err = s.Book.Store.Apply(ctx, op); !errors.Is(err, store.ErrConflict) || try == maxJobTries {
			return j, err
		}
	}
}

const maxJobTries = 20

// StartJob starts the bulk job of a query, or continues it where it stands: a finished one is gone through again. The
// work is a task in the bulk lane.
func (s *Site) StartJob(ctx context.Context, connection, jql, by string, total int) (*Job, error) {
	j, err := s.UpdateJob(ctx, connection, JobID(jql), func(j *Job) error {
		if j.State != JobRuns && j.State != JobStopped {
			*j = Job{ID: j.ID, Connection: connection, Turn: j.Turn, Started: s.Now(), Pass: 1}
		}
		j.JQL, j.By, j.State, j.Updated = jql, by, JobRuns, s.Now()
		j.Total = max(total, j.Total)
		j.Turn++
		return nil
	})
	if err != nil {
		return nil, err
	}
	return j, s.SendJob(ctx, j)
}

// SendJob sends the task for a job's next page.
func (s *Site) SendJob(ctx context.Context, j *Job) error {
	t := Task{Kind: BulkTask, Connection: j.Connection, Issue: "job-" + j.ID, Job: j.ID, Turn: j.Turn}
	return s.Send(ctx, t, bridge.Bulk, "")
}
