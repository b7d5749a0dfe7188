package sqlitestore

import (
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"drawbridge/shared/queue"
)

// line is the queue as the owner of the file knows it, who alone receives: what waits, and what is in flight or delayed. A
// message is in the file before it is here, and leaves the file with the next commit after it has left the line.
//
// That a message is in flight stands here alone when it is received for the first time: a process that dies has forgotten
// it, and whoever comes after receives it again. From its second delivery on its attempts are in the file before a worker
// has it, and so they are if it was there when this process began: the process before may have died of it.
//
// Only so many are held of each lane, oldest first. Of the rest the file knows: what did not fit, and what another process
// sent, which leaves a gap in the numbers or was there to be seen (guests).
type line struct {
	guests *guests
	began  int64 // the last message of earlier processes

	mu     sync.Mutex
	top    int64 // the last message known of
	gaps   int   // counts those that were noticed
	lanes  [2]lane
	flight map[string]*entry   // by receipt
	hidden map[*entry]struct{} // in flight or delayed, perhaps until a moment ago
	ended  []int64             // to be deleted from the file
	soon   bool                // that is done before long
	bodies int                 // bytes held
}

// lane is one lane of a line.
type lane struct {
	waits []*entry // by number; what is in flight keeps its place
	next  int64    // of the messages from this one on, only the hidden ones are here
}

// entry is a message of a line.
type entry struct {
	queue.Message
	seq     int64
	until   int64  // hidden until then
	hold    bool   // Body is here, not only in the file
	receipt string // of the delivery in flight
}

// What is held at most: so many messages of a lane, and so many bytes of bodies.
const (
	heldMessages = 4000
	heldBodies   = 4 << 20
)

// complete is lane.next where the file holds nothing that is not here.
const complete = math.MaxInt64

// number finds the place of a message.
func (l *lane) number(seq int64) (int, bool) {
	return slices.BinarySearchFunc(l.waits, seq, func(e *entry, seq int64) int {
		return int(min(max(e.seq-seq, -1), 1))
	})
}

func (l *lane) add(e *entry) {
	if i, there := l.number(e.seq); !there {
		l.waits = slices.Insert(l.waits, i, e)
	}
}

func (l *line) lane(e *entry) *lane { return &l.lanes[laneNumber(e.Lane)] }

// sent is told of what this process has put into the file, in the order of its numbers.
func (l *line) sent(es []*entry, err error) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil { // some may be there all the same
		l.gap()
		return
	}
	for _, e := range es {
		if e.seq != l.top+1 {
			l.gap()
		}
		l.top = e.seq
		lane := l.lane(e)
		switch {
		case lane.next != complete:
		case len(lane.waits) >= heldMessages:
			lane.next = e.seq
		default:
			if e.hold = l.bodies+len(e.Body) <= heldBodies; e.hold {
				e.Body = slices.Clone(e.Body)
				l.bodies += len(e.Body)
			}
			lane.add(e)
		}
	}
}

// missed says that the file may have messages that nobody told of.
func (l *line) missed() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gap()
}

func (l *line) gap() {
	l.gaps++
	for i := range l.lanes {
		l.lanes[i].next = min(l.lanes[i].next, l.top+1)
	}
}

// loaded is told what the file had of a lane from its next message on: all of it, or as much as was asked for.
func (l *line) loaded(n int, from int64, gaps int, es []*entry, all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lane := &l.lanes[n]
	if from == complete || lane.next != from { // it was loaded meanwhile
		return
	}
	all = all && gaps == l.gaps
	for _, e := range es {
		lane.add(e)
		from = e.seq + 1
	}
	if from-1 > l.top {
		l.gap()
		l.top = from - 1
	}
	if lane.next = from; all {
		lane.next = complete
	}
}

// over brings into sight what was hidden until now, but for what was received too often: that is returned.
func (l *line) over(now int64, attempts int) (es []*entry) {
	for e := range l.hidden {
		switch {
		case e.until > now:
		case e.Attempt >= attempts:
			es = append(es, e)
		default:
			delete(l.hidden, e)
		}
	}
	return es
}

// receivable finds messages of a lane whose group has nothing hidden, oldest first. They may not all be here: more says so.
func (l *line) receivable(n, most int) (found []*entry, more bool) {
	busy := make(map[string]bool, len(l.hidden))
	for e := range l.hidden {
		busy[e.Group] = true
	}
	for _, e := range l.lanes[n].waits {
		if len(found) >= most {
			break
		}
		if !busy[e.Group] {
			found = append(found, e)
		}
	}
	return found, len(found) == 0 && l.lanes[n].next != complete
}

// take takes messages out of sight.
func (l *line) take(n, most int, now int64, visibility time.Duration, attempts int) (ds []queue.Delivery, es []*entry, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over(now, attempts)
	es, more = l.receivable(n, most)
	for _, e := range es {
		delete(l.flight, e.receipt)
		e.Attempt++
		e.until, e.receipt = now+millisUp(visibility), e.ID+"/"+strconv.Itoa(e.Attempt)
		l.flight[e.receipt], l.hidden[e] = e, struct{}{}
		ds = append(ds, queue.Delivery{Message: e.Message, Receipt: e.receipt})
		if e.hold {
			l.bodies -= len(e.Body)
			e.Body, e.hold = nil, false
		}
	}
	return ds, es, more
}

// back gives back what was taken.
func (l *line) back(es []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range es {
		delete(l.flight, e.receipt)
		e.until = 0
	}
}

// inFlight returns the message that a receipt stands for, if its visibility has not ended.
func (l *line) inFlight(receipt string, now int64) (seq int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.flight[receipt]
	if e == nil || e.until <= now {
		return 0, false
	}
	return e.seq, true
}

// out counts what is in flight or delayed.
func (l *line) out(now int64) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := range l.hidden {
		if e.until > now {
			n++
		}
	}
	return n
}

// release hides a message until then, in nobody's hands.
func (l *line) release(receipt string, until int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.flight[receipt]; e != nil {
		delete(l.flight, receipt)
		e.until = until
	}
}

// drop forgets a message.
func (l *line) drop(e *entry) {
	delete(l.flight, e.receipt)
	delete(l.hidden, e)
	lane := l.lane(e)
	if i, there := lane.number(e.seq); there {
		lane.waits = slices.Delete(lane.waits, i, i+1)
	}
}

// end forgets what was done, and notes to delete it. late: nobody has promised to do that yet.
func (l *line) end(ds []queue.Delivery) (late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range ds {
		if e := l.flight[d.Receipt]; e != nil {
			l.drop(e)
			l.ended = append(l.ended, e.seq)
			late = !l.soon
		}
	}
	l.soon = l.soon || late
	return late
}

// look says whether there is something to receive or to bury, or to be loaded first, and if nothing, when to look again.
func (l *line) look(now int64, attempts int) (there, more bool, next time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.over(now, attempts)) > 0 {
		return true, false, 0
	}
	for n := range l.lanes {
		found, unseen := l.receivable(n, 1)
		if len(found) > 0 {
			return true, false, 0
		}
		more = more || unseen
	}
	next = lookEvery
	for e := range l.hidden {
		next = min(next, time.Duration(e.until-now)*time.Millisecond)
	}
	return false, more, next
}

// openLine reads what is hidden, and makes the owner the one who receives. What a dead process had in flight returns at once.
func (db *DB) openLine(w *tx) error {
	g, err := newGuests(db.path)
	if err != nil {
		return err
	}
	db.line = &line{guests: g, flight: map[string]*entry{}, hidden: map[*entry]struct{}{}}
	if _, err := w.exec("UPDATE msg SET hidden = 1, receipt = NULL WHERE receipt IS NOT NULL AND dead = 0"); err != nil {
		return err
	}
	rows, err := w.query("SELECT " + fields + " FROM msg WHERE hidden > 0 AND dead = 0")
	if err != nil {
		return err
	}
	es, err := scanMessages(rows)
	if err != nil {
		return err
	}
	for _, e := range es {
		e.Body = nil
		db.line.lane(e).add(e)
		db.line.hidden[e] = struct{}{}
	}
	rows, err = w.query("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'msg'")
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	if err := rows.Scan(&db.line.top); err != nil {
		return err
	}
	db.line.began = db.line.top
	return rows.Err()
}

// meet notices what other processes have sent.
func (db *DB) meet() error {
	l := db.line
	l.mu.Lock()
	alone, met := l.guests.look()
	if met && alone {
		l.gap()
	}
	top := l.top
	l.mu.Unlock()
	if alone {
		return nil
	}
	s, err := db.reader("SELECT EXISTS (SELECT 1 FROM msg WHERE seq > ?)")
	if err != nil {
		return err
	}
	var more bool
	if err := s.QueryRow(top).Scan(&more); err != nil {
		return err
	}
	if more {
		l.missed()
	}
	return nil
}

// load reads more of a lane. The writer does it, who tells of what is sent: so nothing is missed or comes twice.
func (db *DB) load(ctx context.Context, n int) error {
	const page = heldMessages / 4
	var es []*entry
	var from int64
	var gaps int
	j := &job{ctx: ctx, done: make(chan struct{}), hint: true, do: func(w *tx) error {
		db.line.mu.Lock()
		from, gaps = db.line.lanes[n].next, db.line.gaps
		db.line.mu.Unlock()
		if from == complete { // another worker was faster
			return nil
		}
		rows, err := w.query("SELECT "+unread+" FROM msg WHERE dead = 0 AND lane = ? AND seq >= ? AND hidden = 0 ORDER BY seq"+limit(page), n, from)
		if err != nil {
			return err
		}
		es, err = scanMessages(rows)
		return err
	}}
	j.then = func() {
		if j.err == nil {
			db.line.loaded(n, from, gaps, es, len(es) < page)
		}
	}
	return db.submit(ctx, "receive", j)
}

// endWithin is how long a deletion waits for a commit that somebody needs before it makes one.
const endWithin = 50 * time.Millisecond

// endSoon promises that what was done is deleted from the file before long.
func (db *DB) endSoon() {
	time.AfterFunc(endWithin, func() {
		db.line.mu.Lock()
		db.line.soon = false
		none := len(db.line.ended) == 0
		db.line.mu.Unlock()
		if !none {
			_ = db.note(context.Background(), "delete", func(*tx) error { return nil }) // every commit does it
		}
	})
}

// done returns what is to be deleted from the file, deleted is told how much of it was.
func (l *line) done() []int64 {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *line) deleted(n int) {
	if n == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = slices.Delete(l.ended, 0, n)
}

// attempted notes how often a message was received, and until when it is hidden: 1 is in the past.
const attempted = "UPDATE msg SET attempt = ?, hidden = ? WHERE seq = ?"

// leave notes in the file what is in flight when the owner closes it.
func (db *DB) leave(w *tx) error {
	db.line.mu.Lock()
	defer db.line.mu.Unlock()
	for _, e := range db.line.flight {
		if _, err := w.exec(attempted, e.Attempt, 1, e.seq); err != nil {
			return err
		}
	}
	return nil
}
