// Package sqlitestore keeps the documents and the queue of one machine in one
// SQLite file: the embedded driver of the ports store and queue.
//
// One writer goroutine commits what waits in one transaction (group commit,
// one fsync), readers run beside it on the write-ahead log. Tables: doc holds
// documents with their place in the index, msg messages and dead letters,
// dedup the remembered message names, meta the version that wrote the file.
// Start reading at [Open], then writer.go.
//
// The file may be opened by several processes; only one may hold it with
// Options.Exclusive, as the hub and the poller do. It holds in memory what it
// used last (cache.go), while no other may write (guests_unix.go). It alone
// receives messages, and which are in flight stands in its memory (line.go).
package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/store"
)

// Options of a file. The zero value is that of a command that reads and writes
// beside a running hub or poller.
type Options struct {
	Version     string           // of this binary; written into the file, named when an older binary refuses it
	Exclusive   bool             // refuse if another process holds the file so; messages in flight return at once
	ReadOnly    bool             // change nothing, not even the schema
	MaxAttempts int              // receives before a message is a dead letter; zero: queue.MaxAttempts
	Now         func() time.Time // the clock for expiry and visibility; nil: time.Now
}

// DB is an open state file.
type DB struct {
	path  string
	o     Options
	sql   *sql.DB
	lock  *lock
	jobs  chan *job
	quit  chan struct{}
	ended chan struct{}
	once  sync.Once
	bell  bell
	line  *line    // nil: another process may be the owner
	stmts sync.Map // read statements by their text
	cache cache
	visit *os.File // of the guest book, where another process may be the owner

	checking sync.WaitGroup
	uncheck  context.CancelFunc
	broken   atomic.Pointer[error] // what the check of a large file found: nothing is written any more
}

// Open opens or creates the file, readable by this user only, checks its
// integrity and brings its schema up to date, keeping a copy of the old file.
// It fails with a permanent error that names the way out if the file is in
// use, damaged, not ours, or newer than this binary.
func Open(path string, o Options) (*DB, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = queue.MaxAttempts
	}
	db := &DB{path: path, o: o, jobs: make(chan *job, batchSize), quit: make(chan struct{}), ended: make(chan struct{})}
	if err := db.open(); err != nil {
		db.release()
		return nil, err
	}
	return db, nil
}

func (db *DB) open() (err error) {
	if err := db.prepareFile(); err != nil {
		return err
	}
	if err := db.enter(); err != nil {
		return err
	}
	if db.sql, err = sql.Open("sqlite", db.dsn()); err != nil {
		return db.failed("open", err)
	}
	db.sql.SetMaxOpenConns(6)
	db.sql.SetMaxIdleConns(6)
	if err := db.check(); err != nil {
		return err
	}
	if err := db.migrate(migrations); err != nil {
		return err
	}
	return db.startWriter()
}

// enter takes the owner's lock, or says in the guest book that this process may write beside the owner.
func (db *DB) enter() (err error) {
	switch {
	case db.o.ReadOnly:
		return nil
	case !db.o.Exclusive:
		db.visit, err = visit(db.path)
		return err
	}
	if db.lock, err = lockFile(db.path); err != nil {
		return err
	}
	g, err := newGuests(db.path)
	if err != nil {
		return err
	}
	return db.cache.open(g)
}

// prepareFile creates the file with mode 0600, and tightens a wider one: the
// journal files take their mode from it.
func (db *DB) prepareFile() error {
	if db.o.ReadOnly {
		if _, err := os.Stat(db.path); err != nil {
			return bridge.Permanent("state-missing", "state file %s: %w", db.path, err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(db.path), 0o700); err != nil {
		return bridge.Permanent("state-unwritable", "state file %s: %w; give a folder that this user may write", db.path, err)
	}
	f, err := os.OpenFile(db.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return bridge.Permanent("state-unwritable", "state file %s: %w; give a file that this user may write", db.path, err)
	}
	defer f.Close()
	return f.Chmod(0o600)
}

func (db *DB) dsn() string {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "cache_size(-500)"}} // KB a connection: the system keeps pages too
	if db.o.ReadOnly {
		q.Set("mode", "ro")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous(FULL)")
		q.Add("_pragma", "journal_size_limit(67108864)")
	}
	path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(db.path)
	return "file:" + path + "?" + q.Encode()
}

// checkedAtOnce is the size up to which a file is read as a whole before it is used: some 30 ms. A larger one is read
// while it is used; SQLite refuses a damaged page by itself whenever it meets one.
const checkedAtOnce = 16 << 20

// check reads the whole file's structure. A file known to be damaged is never written to.
func (db *DB) check() error {
	if db.o.ReadOnly {
		return nil
	}
	info, err := os.Stat(db.path)
	if err != nil {
		return db.failed("open", err)
	}
	if info.Size() <= checkedAtOnce {
		return db.quickCheck(context.Background())
	}
	ctx, stop := context.WithCancel(context.Background())
	db.checking.Go(func() {
		if err := db.quickCheck(ctx); err != nil && ctx.Err() == nil {
			db.broken.Store(&err)
		}
	})
	db.uncheck = stop
	return nil
}

func (db *DB) quickCheck(ctx context.Context) error {
	var result string
	err := db.sql.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result)
	if err == nil && result != "ok" {
		err = errors.New(result)
	}
	if err == nil {
		return nil
	}
	if isBusy(err) {
		return db.failed("check", err)
	}
	return db.damaged(err)
}

func (db *DB) damaged(err error) error {
	return bridge.Permanent("state-damaged",
		"state file %s is damaged or not a state file: %w; move it away and restore a backup, or start without it", db.path, err).At(bridge.LevelSite)
}

// failed wraps an error of SQLite; what says what was attempted.
func (db *DB) failed(what string, err error) error {
	var known *bridge.Error
	var conflict *store.Conflict
	if err == nil || errors.As(err, &known) || errors.As(err, &conflict) {
		return err
	}
	switch code(err) {
	case sqliteCorrupt, sqliteNotADB:
		return db.damaged(err)
	case sqliteReadOnly:
		return bridge.Permanent("state-unwritable", "state file %s: %s: %w", db.path, what, err).At(bridge.LevelSite)
	}
	return bridge.Temporary("store-unavailable", "state file %s: %s: %w", db.path, what, err).At(bridge.LevelSite)
}

// Primary result codes (https://www.sqlite.org/rescode.html).
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
	sqliteCorrupt  = 11
	sqliteNotADB   = 26
)

func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

func isBusy(err error) bool { return code(err) == sqliteBusy || code(err) == sqliteLocked }

// Store returns the document store in the file.
func (db *DB) Store() store.Store { return docs{db} }

// Queue returns the work queue in the file. It is a queue.Waiter.
func (db *DB) Queue() queue.Queue { return messages{db} }

// Path returns the path the file was opened with.
func (db *DB) Path() string { return db.path }

// Backup writes a consistent copy of the file to path, replacing what is
// there, while reads and writes go on. Only this user may read it.
func (db *DB) Backup(ctx context.Context, path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-") // mode 0600, empty
	if err != nil {
		return bridge.Permanent("backup-unwritable", "back up to %s: %w", path, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if _, err := db.sql.ExecContext(ctx, "VACUUM INTO ?", tmp.Name()); err != nil {
		return db.failed("back up to "+path, err)
	}
	if err := tmp.Sync(); err != nil {
		return db.failed("back up to "+path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return db.failed("back up to "+path, err)
	}
	return nil
}

// Compact writes the file anew without what was deleted: until then that stays in free pages, for whoever reads the file by
// other means. Reads go on meanwhile, writes wait.
func (db *DB) Compact(ctx context.Context) error {
	_, err := db.sql.ExecContext(ctx, "VACUUM")
	if err == nil {
		_, err = db.sql.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return db.failed("compact", err)
}

// Close ends what is being written and closes the file. Later calls fail with
// a temporary error.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		close(db.quit)
		<-db.ended
		err = db.release()
	})
	return err
}

func (db *DB) release() error {
	var errs []error
	if db.uncheck != nil {
		db.uncheck()
		db.checking.Wait()
	}
	if db.sql != nil {
		errs = append(errs, db.sql.Close())
	}
	if db.visit != nil {
		errs = append(errs, db.visit.Close())
	}
	if db.cache.guests != nil {
		errs = append(errs, db.cache.guests.f.Close())
	}
	if db.line != nil && db.line.guests != nil {
		errs = append(errs, db.line.guests.f.Close())
	}
	if db.lock != nil {
		errs = append(errs, db.lock.release())
	}
	return errors.Join(errs...)
}

// reader returns a prepared statement for reads, made once for each text.
func (db *DB) reader(text string) (*sql.Stmt, error) {
	if s, ok := db.stmts.Load(text); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := db.sql.Prepare(text)
	if err != nil {
		return nil, err
	}
	if other, loaded := db.stmts.LoadOrStore(text, s); loaded {
		s.Close()
		s = other.(*sql.Stmt)
	}
	return s, nil
}

// millis is the time as the file holds it.
func (db *DB) millis() int64 { return db.o.Now().UnixMilli() }

// String names the file in logs.
func (db *DB) String() string { return fmt.Sprintf("state file %s", db.path) }
