package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"slices"
	"time"

	"drawbridge/shared/store"
)

// batchSize is how many waiting writes share one commit.
const batchSize = 64

// sweepEvery is how often what has expired is removed, sweepRows how much at once.
const (
	sweepEvery = time.Minute
	sweepRows  = 500
)

var (
	errClosed   = errors.New("the file is closed")
	errReadOnly = errors.New("the file was opened to be read only")
)

// job is one write: all of it or nothing. One that fails with a conflict has written nothing; with any other failure the
// transaction is lost.
type job struct {
	ctx  context.Context
	do   func(*tx) error
	ops  []store.Op // what it does to documents
	err  error
	done chan struct{} // closed when it is durable; nil: nobody waits
	then func()        // called before that, by the writer
	// hint: it may be lost with the power, not with the process.
	hint bool
}

func (j *job) finish() {
	if j.then != nil {
		j.then()
	}
	if j.done != nil {
		close(j.done)
	}
}

// note runs do in a transaction that it may share with other writes. What it writes may be lost when the power fails: it does
// not wait for the disk where only its like is written.
func (db *DB) note(ctx context.Context, what string, do func(*tx) error) error {
	return db.submit(ctx, what, &job{ctx: ctx, do: do, done: make(chan struct{}), hint: true})
}

// submit has a job done, and returns when it is durable. It may run while ctx ends; it is not run if ctx had ended before.
func (db *DB) submit(ctx context.Context, what string, j *job) error {
	if db.o.ReadOnly {
		return db.failed(what, errReadOnly)
	}
	if err := ctx.Err(); err != nil {
		return db.failed(what, err)
	}
	if broken := db.broken.Load(); broken != nil {
		return *broken
	}
	select {
	case db.jobs <- j:
	case <-ctx.Done():
		return db.failed(what, ctx.Err())
	case <-db.quit:
		return db.failed(what, errClosed)
	}
	select {
	case <-j.done:
		return db.failed(what, j.err)
	case <-db.ended: // closed, and perhaps this job was not reached
		select {
		case <-j.done:
			return db.failed(what, j.err)
		default:
			return db.failed(what, errClosed)
		}
	}
}

func (db *DB) startWriter() error {
	if db.o.ReadOnly {
		close(db.ended)
		return nil
	}
	conn, err := db.sql.Conn(context.Background())
	if err != nil {
		return db.failed("open", err)
	}
	w := &tx{conn: conn, stmts: map[string]*sql.Stmt{}}
	if db.o.Exclusive {
		if err := db.openLine(w); err != nil {
			return db.failed("open", err)
		}
	}
	go db.loop(w)
	return nil
}

func (db *DB) loop(w *tx) {
	defer close(db.ended)
	defer w.close()
	var swept time.Time
	for {
		select {
		case <-db.quit:
			if db.line != nil && db.broken.Load() == nil {
				db.commit(w, []*job{{ctx: context.Background(), do: db.leave, hint: true}})
			}
			return
		case first := <-db.jobs:
			db.commit(w, db.waiting(first))
		}
		if now := time.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			db.commit(w, []*job{{ctx: context.Background(), do: db.sweep}})
		}
	}
}

// waiting returns the job with all that wait behind it. Where the processor is busy, others are about to write: they may come
// first, as long as any does, for a commit costs more than all that is in it. Where it is not, nobody is waited for.
func (db *DB) waiting(first *job) []*job {
	batch, asked := []*job{first}, false
	for len(batch) < batchSize {
		select {
		case j := <-db.jobs:
			batch, asked = append(batch, j), false
		default:
			if asked {
				return batch
			}
			asked = true
			runtime.Gosched()
		}
	}
	return batch
}

// commit runs the jobs in one transaction and reports to each.
func (db *DB) commit(w *tx, batch []*job) {
	db.cache.before(batch)
	err := w.sync(slices.ContainsFunc(batch, func(j *job) bool { return !j.hint }))
	if err == nil {
		err = w.begin()
	}
	if err == nil {
		ended := db.line.done()
		if err = w.end(w.all(batch, ended)); err == nil {
			db.line.deleted(len(ended))
		}
	}
	for _, j := range batch {
		if j.err == nil {
			j.err = err
		}
	}
	db.cache.after(batch)
	for _, j := range batch {
		j.finish()
	}
}

// sweep removes some of what has expired.
func (db *DB) sweep(w *tx) error {
	now := db.millis()
	_, err := w.exec("DELETE FROM doc WHERE rowid IN (SELECT rowid FROM doc WHERE expires <= ? LIMIT ?)", now, sweepRows)
	if err != nil {
		return err
	}
	_, err = w.exec("DELETE FROM dedup WHERE until <= ?", now)
	return err
}

// tx is the writer's connection inside a transaction.
type tx struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	lazy  bool // commits do not wait for the disk
}

// sync says whether the next commit waits for the disk, and with it all before. Either way a commit outlives the process.
func (w *tx) sync(wait bool) error {
	if w.lazy != wait {
		return nil
	}
	mode := "NORMAL"
	if wait {
		mode = "FULL"
	}
	_, err := w.conn.ExecContext(context.Background(), "PRAGMA synchronous = "+mode) // prepared, it would work only once
	if err == nil {
		w.lazy = !wait
	}
	return err
}

func (w *tx) begin() error {
	_, err := w.exec("BEGIN IMMEDIATE")
	return err
}

// end commits, or rolls back after a failure.
func (w *tx) end(failure error) error {
	if failure == nil {
		if _, failure = w.exec("COMMIT"); failure == nil {
			return nil
		}
	}
	w.exec("ROLLBACK") // fails if SQLite has done it already
	return failure
}

// all runs the jobs, and deletes the messages that are done. An error means that the transaction is lost.
func (w *tx) all(batch []*job, done []int64) error {
	for _, j := range batch {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if j.err = j.do(w); j.err != nil && !errors.Is(j.err, store.ErrConflict) {
			return j.err
		}
	}
	for _, seq := range done {
		if _, err := w.exec("DELETE FROM msg WHERE seq = ?", seq); err != nil {
			return err
		}
	}
	return nil
}

func (w *tx) stmt(text string) (*sql.Stmt, error) {
	if s := w.stmts[text]; s != nil {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), text)
	if err == nil {
		w.stmts[text] = s
	}
	return s, err
}

func (w *tx) exec(text string, args ...any) (sql.Result, error) {
	s, err := w.stmt(text)
	if err != nil {
		return nil, err
	}
	return s.Exec(args...)
}

func (w *tx) query(text string, args ...any) (*sql.Rows, error) {
	s, err := w.stmt(text)
	if err != nil {
		return nil, err
	}
	return s.Query(args...)
}

func (w *tx) close() {
	for _, s := range w.stmts {
		s.Close()
	}
	w.conn.Close()
}
