package sqlitestore

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
)

// messages is the queue port on a file.
type messages struct{ db *DB }

// lookEvery is how often a waiting worker looks for what other processes have
// sent. What this process sends wakes it at once.
const lookEvery = 200 * time.Millisecond

const (
	fields = "seq, lane, grp, body, sent, attempt, hidden"
	unread = "seq, lane, grp, NULL, sent, attempt, hidden"
)

func laneNumber(l bridge.Lane) int {
	if l == bridge.Live {
		return 0
	}
	return 1
}

func laneName(n int) bridge.Lane {
	if n == 0 {
		return bridge.Live
	}
	return bridge.Bulk
}

// Send implements queue.Queue.
func (q messages) Send(ctx context.Context, ms ...queue.Message) error {
	if err := queue.Valid(ms); err != nil {
		return err
	}
	var sent []*entry
	j := &job{ctx: ctx, done: make(chan struct{}), do: func(w *tx) error {
		now := q.db.millis()
		for _, m := range ms {
			e, err := send(w, m, now)
			if err != nil {
				return err
			}
			if e != nil {
				sent = append(sent, e)
			}
		}
		return nil
	}}
	j.then = func() { q.db.line.sent(sent, j.err) }
	err := q.db.submit(ctx, "send", j)
	q.db.bell.ring(len(ms))
	return err
}

// send returns nothing for a message that is known already.
func send(w *tx, m queue.Message, now int64) (*entry, error) {
	lane := laneNumber(m.Lane)
	if m.Dedup != "" {
		const text = `INSERT INTO dedup (lane, grp, name, until) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET until = excluded.until WHERE until <= ?`
		r, err := w.exec(text, lane, m.Group, m.Dedup, now+queue.DedupWindow.Milliseconds(), now)
		if err != nil {
			return nil, err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return nil, err
		}
	}
	r, err := w.exec("INSERT INTO msg (lane, grp, body, sent) VALUES (?, ?, ?, ?)", lane, m.Group, m.Body, now)
	if err != nil {
		return nil, err
	}
	seq, err := r.LastInsertId()
	m.ID, m.Dedup, m.Attempt, m.Sent = strconv.FormatInt(seq, 10), "", 0, time.UnixMilli(now)
	return &entry{Message: m, seq: seq}, err
}

// ready returns why a call may not start that only the owner of the file makes.
func (q messages) ready(ctx context.Context, what string) error {
	if q.db.line == nil {
		return bridge.Permanent("queue-request", "state file %s: %s: only the process that owns the file receives", q.db.path, what)
	}
	select {
	case <-q.db.quit:
		return q.db.failed(what, errClosed)
	default:
		return q.db.failed(what, ctx.Err())
	}
}

// Receive implements queue.Queue. What it writes is not waited for on the disk: whoever forgets that a message is in flight
// receives it again.
func (q messages) Receive(ctx context.Context, max int, visibility time.Duration) ([]queue.Delivery, error) {
	if err := q.ready(ctx, "receive"); err != nil {
		return nil, err
	}
	if err := q.db.meet(); err != nil {
		return nil, q.db.failed("receive", err)
	}
	if err := q.bury(ctx); err != nil {
		return nil, err
	}
	for lane := range q.db.line.lanes {
		ds, es, more := q.take(lane, max, visibility)
		for ; more; ds, es, more = q.take(lane, max, visibility) {
			if err := q.db.load(ctx, lane); err != nil {
				return nil, err
			}
		}
		if len(ds) == 0 {
			continue
		}
		err := q.deliver(ctx, ds, es)
		if err != nil {
			q.db.line.back(es)
			return nil, q.db.failed("receive", err)
		}
		return ds, nil
	}
	return nil, nil
}

func (q messages) take(lane, max int, visibility time.Duration) ([]queue.Delivery, []*entry, bool) {
	return q.db.line.take(lane, min(max, queue.MaxReceive), q.db.millis(), visibility, q.db.o.MaxAttempts)
}

// deliver writes the attempts that may not be forgotten, and reads the bodies that are not at hand.
func (q messages) deliver(ctx context.Context, ds []queue.Delivery, es []*entry) error {
	var again []int
	for i, d := range ds {
		if es[i].seq <= q.db.line.began || d.Attempt > 1 {
			again = append(again, i)
		}
		if d.Body != nil {
			continue
		}
		s, err := q.db.reader("SELECT body FROM msg WHERE seq = ?")
		if err != nil {
			return err
		}
		if err := s.QueryRow(es[i].seq).Scan(&ds[i].Body); err != nil {
			return err
		}
	}
	if len(again) == 0 {
		return nil
	}
	return q.db.note(ctx, "receive", func(w *tx) error {
		for _, i := range again {
			if _, err := w.exec(attempted, ds[i].Attempt, 1, es[i].seq); err != nil {
				return err
			}
		}
		return nil
	})
}

// bury makes dead letters of what may not be received again.
func (q messages) bury(ctx context.Context) error {
	l := q.db.line
	l.mu.Lock()
	over := l.over(q.db.millis(), q.db.o.MaxAttempts)
	l.mu.Unlock()
	if len(over) == 0 {
		return nil
	}
	err := q.db.note(ctx, "bury", func(w *tx) error {
		for _, e := range over {
			if _, err := w.exec("UPDATE msg SET dead = 1, attempt = ?, receipt = NULL WHERE seq = ?", e.Attempt, e.seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range over {
		l.drop(e)
	}
	return nil
}

// millisUp rounds up to whole milliseconds.
func millisUp(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

func scanMessages(rows *sql.Rows) ([]*entry, error) {
	defer rows.Close()
	var out []*entry
	for rows.Next() {
		e := &entry{}
		var sent int64
		var lane int
		if err := rows.Scan(&e.seq, &lane, &e.Group, &e.Body, &sent, &e.Attempt, &e.until); err != nil {
			return nil, err
		}
		e.ID, e.Lane, e.Sent = strconv.FormatInt(e.seq, 10), laneName(lane), time.UnixMilli(sent)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Delete implements queue.Queue. It does not wait for the file: what a crash brings back is received once more, as
// the port allows. A deletion shares the commit of whatever is written next.
func (q messages) Delete(ctx context.Context, ds ...queue.Delivery) error {
	if err := q.ready(ctx, "delete"); err != nil {
		return err
	}
	if q.db.line.end(ds) {
		q.db.endSoon()
	}
	q.db.bell.ring(len(ds))
	return nil
}

// Release implements queue.Queue.
func (q messages) Release(ctx context.Context, d queue.Delivery, delay time.Duration) error {
	if err := q.ready(ctx, "release"); err != nil {
		return err
	}
	now := q.db.millis()
	seq, ok := q.db.line.inFlight(d.Receipt, now)
	if !ok {
		return nil
	}
	until := now + millisUp(delay)
	err := q.db.note(ctx, "release", func(w *tx) error {
		_, err := w.exec(attempted, d.Attempt, until, seq)
		return err
	})
	if err != nil {
		return err
	}
	q.db.line.release(d.Receipt, until)
	q.db.bell.ring(1)
	return nil
}

// Dead implements queue.Queue.
func (q messages) Dead(ctx context.Context, limit int) ([]queue.Message, error) {
	if err := q.settle(ctx); err != nil {
		return nil, err
	}
	if limit == 0 {
		limit = 100
	}
	s, err := q.db.reader("SELECT " + fields + " FROM msg WHERE dead = 1 ORDER BY seq LIMIT ?")
	if err != nil {
		return nil, q.db.failed("read the dead letters", err)
	}
	rows, err := s.Query(limit)
	if err != nil {
		return nil, q.db.failed("read the dead letters", err)
	}
	es, err := scanMessages(rows)
	var out []queue.Message
	for _, e := range es {
		out = append(out, e.Message)
	}
	return out, q.db.failed("read the dead letters", err)
}

// settle has the file show what the owner knows: what was received too often, and what was done.
func (q messages) settle(ctx context.Context) error {
	if q.db.line == nil {
		return q.db.failed("use", ctx.Err())
	}
	if err := q.bury(ctx); err != nil {
		return err
	}
	return q.db.note(ctx, "settle", func(*tx) error { return nil })
}

// Redrive implements queue.Queue. A redriven message gets a new id.
func (q messages) Redrive(ctx context.Context, ids ...string) (int, error) {
	n := 0
	j := &job{ctx: ctx, done: make(chan struct{}), do: func(w *tx) error {
		if len(ids) == 0 {
			return moved(&n, w, "")
		}
		for _, id := range ids {
			if err := moved(&n, w, " AND seq = ?", id); err != nil {
				return err
			}
		}
		return nil
	}}
	j.then = q.db.line.missed
	err := q.db.submit(ctx, "redrive", j)
	q.db.bell.ring(n)
	return n, err
}

// moved sends the dead letters that match again and adds their number to n.
func moved(n *int, w *tx, match string, args ...any) error {
	r, err := w.exec("INSERT INTO msg (lane, grp, body, sent) SELECT lane, grp, body, sent FROM msg WHERE dead = 1"+match+" ORDER BY seq", args...)
	if err != nil {
		return err
	}
	count, err := r.RowsAffected()
	if err != nil {
		return err
	}
	*n += int(count)
	_, err = w.exec("DELETE FROM msg WHERE dead = 1"+match, args...)
	return err
}

// Depth implements queue.Queue. What is in flight only the owner knows: to others it waits.
func (q messages) Depth(ctx context.Context) (d queue.Depth, err error) {
	if err := q.settle(ctx); err != nil {
		return d, err
	}
	s, err := q.db.reader(`SELECT count(*) FILTER (WHERE dead = 0 AND hidden <= ?1), count(*) FILTER (WHERE dead = 0 AND hidden > ?1),
		count(*) FILTER (WHERE dead = 1), coalesce(?1 - min(sent) FILTER (WHERE dead = 0), 0) FROM msg`)
	if err != nil {
		return d, q.db.failed("measure the queue", err)
	}
	var age int64
	now := q.db.millis()
	err = s.QueryRow(now).Scan(&d.Waiting, &d.InFlight, &d.Dead, &age)
	if q.db.line != nil {
		all := d.Waiting + d.InFlight
		d.InFlight = min(all, q.db.line.out(now))
		d.Waiting = all - d.InFlight
	}
	d.OldestAge = time.Duration(age) * time.Millisecond
	return d, q.db.failed("measure the queue", err)
}

// Wait implements queue.Waiter.
func (q messages) Wait(ctx context.Context) error {
	for {
		if err := q.ready(ctx, "wait"); err != nil {
			return err
		}
		if err := q.db.meet(); err != nil {
			return q.db.failed("wait", err)
		}
		heard := q.db.bell.listen()
		there, more, next := q.db.line.look(q.db.millis(), q.db.o.MaxAttempts)
		if there || more {
			q.db.bell.leave(heard)
		}
		if there {
			return nil
		}
		if more {
			for lane := range q.db.line.lanes {
				if err := q.db.load(ctx, lane); err != nil {
					return err
				}
			}
			continue
		}
		timer := time.NewTimer(next)
		select {
		case <-heard:
		case <-timer.C:
			q.db.bell.leave(heard)
		case <-ctx.Done():
			q.db.bell.leave(heard)
		case <-q.db.quit:
			return q.db.failed("wait", errClosed)
		}
		timer.Stop()
	}
}
