package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"slices"
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
	fields = "seq, lane, grp, body, sent, attempt"
	// ready finds messages of a lane, oldest first, whose group has nothing in
	// flight or delayed. Arguments: lane, now, now.
	ready = ` FROM msg WHERE dead = 0 AND lane = ? AND hidden <= ?
		AND grp NOT IN (SELECT grp` + held + `) ORDER BY seq`
	// held are the messages in flight or delayed. Argument: now. "hidden > 0" makes the index usable; without it SQLite plans
	// the query anew for every value. Left to itself, it reads every message that waits instead.
	held = " FROM msg INDEXED BY msg_hidden WHERE hidden > 0 AND hidden > ? AND dead = 0"
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
	err := q.db.write(ctx, "send", func(w *tx) error {
		now := q.db.millis()
		for _, m := range ms {
			if err := send(w, m, now); err != nil {
				return err
			}
		}
		return nil
	})
	q.db.bell.ring(len(ms))
	return err
}

func send(w *tx, m queue.Message, now int64) error {
	lane := laneNumber(m.Lane)
	if m.Dedup != "" {
		const text = `INSERT INTO dedup (lane, grp, name, until) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET until = excluded.until WHERE until <= ?`
		r, err := w.exec(text, lane, m.Group, m.Dedup, now+queue.DedupWindow.Milliseconds(), now)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
	_, err := w.exec("INSERT INTO msg (lane, grp, body, sent) VALUES (?, ?, ?, ?)", lane, m.Group, m.Body, now)
	return err
}

// Receive implements queue.Queue. That a message is in flight is not waited for on the disk: whoever forgets it receives it
// again.
func (q messages) Receive(ctx context.Context, max int, visibility time.Duration) ([]queue.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, q.db.failed("receive", err)
	}
	if q.db.dry.Load() && q.db.dying.Load() == 0 { // what is deleted now may let its group go on
		if there, _, err := q.look(); err != nil || !there {
			return nil, err
		}
	}
	q.db.dry.Store(false)
	var out []queue.Delivery
	err := q.db.note(ctx, "receive", func(w *tx) (err error) {
		now := q.db.millis()
		for lane := 0; lane < 2 && len(out) == 0 && err == nil; lane++ {
			out, err = q.take(w, lane, min(max, queue.MaxReceive), now, visibility)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		q.db.dry.Store(true)
	}
	return out, nil
}

// bury makes dead letters of what may not be received again.
func (q messages) bury(w *tx, now int64) error {
	_, err := w.exec("UPDATE msg INDEXED BY msg_hidden SET dead = 1, receipt = NULL WHERE dead = 0 AND hidden > 0 AND hidden <= ? AND attempt >= ?",
		now, q.db.o.MaxAttempts)
	return err
}

// find lists what can be received; it buries what was received too often first.
func (q messages) find(w *tx, lane, max int, now int64) ([]queue.Message, error) {
	for {
		rows, err := w.query("SELECT "+fields+ready+limit(max), lane, now, now)
		if err != nil {
			return nil, err
		}
		found, err := scanMessages(rows)
		if err != nil || !slices.ContainsFunc(found, func(m queue.Message) bool { return m.Attempt >= q.db.o.MaxAttempts }) {
			return found, err
		}
		if err := q.bury(w, now); err != nil {
			return nil, err
		}
	}
}

func (q messages) take(w *tx, lane, max int, now int64, visibility time.Duration) ([]queue.Delivery, error) {
	found, err := q.find(w, lane, max, now)
	if err != nil {
		return nil, err
	}
	var out []queue.Delivery
	for _, m := range found {
		m.Attempt++
		d := queue.Delivery{Message: m, Receipt: rand.Text()}
		_, err := w.exec("UPDATE msg SET attempt = ?, hidden = ?, receipt = ? WHERE seq = ?",
			m.Attempt, now+millisUp(visibility), d.Receipt, m.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// millisUp rounds up to whole milliseconds.
func millisUp(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

func scanMessages(rows *sql.Rows) ([]queue.Message, error) {
	defer rows.Close()
	var out []queue.Message
	for rows.Next() {
		var m queue.Message
		var seq, sent int64
		var lane int
		if err := rows.Scan(&seq, &lane, &m.Group, &m.Body, &sent, &m.Attempt); err != nil {
			return nil, err
		}
		m.ID, m.Lane, m.Sent = strconv.FormatInt(seq, 10), laneName(lane), time.UnixMilli(sent)
		out = append(out, m)
	}
	return out, rows.Err()
}

// Delete implements queue.Queue. It does not wait for the disk: what a crash brings back is received once more, as
// the port allows. A deletion shares the commit of what its worker receives next.
func (q messages) Delete(ctx context.Context, ds ...queue.Delivery) error {
	if err := ctx.Err(); err != nil {
		return q.db.failed("delete", err)
	}
	q.db.dying.Add(1)
	err := q.db.later("delete", func(w *tx) error {
		for _, d := range ds {
			if _, err := w.exec("DELETE FROM msg WHERE receipt = ? AND dead = 0", d.Receipt); err != nil {
				return err
			}
		}
		return nil
	}, func() {
		q.db.dying.Add(-1)
		q.db.bell.ring(len(ds))
	})
	if err != nil {
		q.db.dying.Add(-1)
	}
	return err
}

// Release implements queue.Queue.
func (q messages) Release(ctx context.Context, d queue.Delivery, delay time.Duration) error {
	err := q.db.note(ctx, "release", func(w *tx) error {
		now := q.db.millis()
		_, err := w.exec("UPDATE msg SET hidden = ?, receipt = NULL WHERE receipt = ? AND hidden > ? AND dead = 0",
			now+millisUp(delay), d.Receipt, now)
		return err
	})
	q.db.bell.ring(1)
	return err
}

// Dead implements queue.Queue.
func (q messages) Dead(ctx context.Context, limit int) ([]queue.Message, error) {
	if err := q.buryNow(ctx); err != nil {
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
	out, err := scanMessages(rows)
	return out, q.db.failed("read the dead letters", err)
}

func (q messages) buryNow(ctx context.Context) error {
	if q.db.o.ReadOnly {
		return q.db.failed("use", ctx.Err())
	}
	return q.db.write(ctx, "bury", func(w *tx) error { return q.bury(w, q.db.millis()) })
}

// Redrive implements queue.Queue. A redriven message gets a new id.
func (q messages) Redrive(ctx context.Context, ids ...string) (int, error) {
	n := 0
	err := q.db.write(ctx, "redrive", func(w *tx) error {
		if len(ids) == 0 {
			return moved(&n, w, "")
		}
		for _, id := range ids {
			if err := moved(&n, w, " AND seq = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
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

// Depth implements queue.Queue.
func (q messages) Depth(ctx context.Context) (d queue.Depth, err error) {
	if err := q.buryNow(ctx); err != nil {
		return d, err
	}
	s, err := q.db.reader(`SELECT count(*) FILTER (WHERE dead = 0 AND hidden <= ?1), count(*) FILTER (WHERE dead = 0 AND hidden > ?1),
		count(*) FILTER (WHERE dead = 1), coalesce(?1 - min(sent) FILTER (WHERE dead = 0), 0) FROM msg`)
	if err != nil {
		return d, q.db.failed("measure the queue", err)
	}
	var age int64
	err = s.QueryRow(q.db.millis()).Scan(&d.Waiting, &d.InFlight, &d.Dead, &age)
	d.OldestAge = time.Duration(age) * time.Millisecond
	return d, q.db.failed("measure the queue", err)
}

// Wait implements queue.Waiter.
func (q messages) Wait(ctx context.Context) error {
	for {
		heard := q.db.bell.listen()
		there, next, err := q.look()
		if err == nil && !there {
			err = ctx.Err()
		}
		if err != nil || there {
			q.db.bell.leave(heard)
			return err
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

// lookText asks for a message of either lane, and for when the next one comes into sight.
const lookText = "SELECT EXISTS (SELECT 1" + ready + ") OR EXISTS (SELECT 1" + ready + "), (SELECT min(hidden)" + held + ")"

// look says whether a message can be received now, and if not, when to look again.
func (q messages) look() (there bool, next time.Duration, err error) {
	s, err := q.db.reader(lookText)
	if err != nil {
		return false, 0, q.db.failed("look into the queue", err)
	}
	now := q.db.millis()
	var hidden sql.NullInt64
	if err := s.QueryRow(0, now, now, 1, now, now, now).Scan(&there, &hidden); err != nil {
		return false, 0, q.db.failed("look into the queue", err)
	}
	next = lookEvery
	if hidden.Valid {
		next = min(next, time.Duration(hidden.Int64-now)*time.Millisecond)
	}
	return there, next, nil
}
