package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/queue"
	"drawbridge/shared/queue/queuetest"
	"drawbridge/shared/store"
	"drawbridge/shared/store/storetest"
)

func open(t *testing.T, path string, o Options) *DB {
	t.Helper()
	db, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "state.db") }

func TestStoreConformance(t *testing.T) {
	storetest.Conformance(t, func(t *testing.T) store.Store { return open(t, path(t), Options{Exclusive: true}).Store() })
}

func TestQueueConformance(t *testing.T) {
	queuetest.Conformance(t, queuetest.Options{MaxAttempts: 3}, func(t *testing.T) queue.Queue {
		return open(t, path(t), Options{Exclusive: true, MaxAttempts: 3}).Queue()
	})
}

func doc(sort string) store.Doc {
	return store.Doc{Key: store.Key{Part: "p", Sort: sort}, Body: []byte(`{"a":1}`)}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused demands a permanent error that says all of this.
func refused(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil || bridge.IsTemporary(err) {
		t.Fatalf("got %v, want a permanent error", err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func count(t *testing.T, db *DB) int {
	t.Helper()
	docs, err := db.Store().List(t.Context(), "p", store.Range{})
	must(t, err)
	return len(docs)
}

func TestStateOutlivesTheProcess(t *testing.T) {
	p := path(t)
	db, err := Open(p, Options{Exclusive: true})
	must(t, err)
	must(t, db.Store().Apply(t.Context(), store.Create(doc("a"))))
	must(t, db.Queue().Send(t.Context(), queue.Message{Group: "g", Lane: bridge.Live, Body: []byte("m")}))
	if ds, err := db.Queue().Receive(t.Context(), 1, time.Hour); err != nil || len(ds) != 1 {
		t.Fatal(ds, err)
	}
	must(t, db.Close())
	db = open(t, p, Options{Exclusive: true})
	if count(t, db) != 1 {
		t.Error("the document is gone")
	}
	ds, err := db.Queue().Receive(t.Context(), 1, time.Hour)
	if err != nil || len(ds) != 1 || ds[0].Attempt != 2 {
		t.Errorf("the message in the dead process's hands: %v, %v", ds, err)
	}
}

func TestFilesAreForThisUserOnly(t *testing.T) {
	p := path(t)
	must(t, os.WriteFile(p, nil, 0o644))
	db := open(t, p, Options{Exclusive: true})
	must(t, db.Store().Apply(t.Context(), store.Create(doc("a"))))
	must(t, db.Backup(t.Context(), p+".backup"))
	files, _ := filepath.Glob(p + "*")
	if len(files) < 4 {
		t.Errorf("expected file, journal, lock and backup, found %v", files)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", f, info.Mode(), err)
		}
	}
}

func TestOneOwner(t *testing.T) {
	p := path(t)
	db, err := Open(p, Options{Exclusive: true})
	must(t, err)
	_, err = Open(p, Options{Exclusive: true})
	refused(t, err, p, "in use", fmt.Sprint(os.Getpid()))
	guest := open(t, p, Options{})
	must(t, guest.Store().Apply(t.Context(), store.Create(doc("a"))))
	if count(t, db) != 1 {
		t.Error("the owner does not see what a guest wrote")
	}
	must(t, db.Close())
	open(t, p, Options{Exclusive: true})
}

func TestReadOnly(t *testing.T) {
	p := path(t)
	_, err := Open(p, Options{ReadOnly: true})
	refused(t, err, p)
	owner := open(t, p, Options{Exclusive: true})
	must(t, owner.Store().Apply(t.Context(), store.Create(doc("a"))))
	guest := open(t, p, Options{ReadOnly: true})
	if count(t, guest) != 1 {
		t.Error("a reader does not see the document")
	}
	if err := guest.Store().Apply(t.Context(), store.Create(doc("b"))); err == nil {
		t.Error("a reader wrote")
	}
	if _, err := guest.Queue().Depth(t.Context()); err != nil {
		t.Errorf("Depth: %v", err)
	}
}

func TestNewerStateIsRefused(t *testing.T) {
	p := path(t)
	db, err := Open(p, Options{Version: "1.4.0"})
	must(t, err)
	_, err = db.sql.Exec("PRAGMA user_version = 99")
	must(t, err)
	must(t, db.Close())
	before, _ := os.ReadFile(p)
	_, err = Open(p, Options{Version: "1.3.0"})
	refused(t, err, p, "newer than this drawbridge", "use version >= 1.4.0")
	if after, _ := os.ReadFile(p); string(before) != string(after) {
		t.Error("the refused file was changed")
	}
}

func TestMigrationKeepsACopy(t *testing.T) {
	p := path(t)
	db, err := Open(p, Options{})
	must(t, err)
	must(t, db.Store().Apply(t.Context(), store.Create(doc("a"))))
	next := append(migrations[:len(migrations):len(migrations)], "CREATE TABLE extra (x INTEGER)")
	must(t, db.migrate(next))
	must(t, db.migrate(next))
	var extra int
	must(t, db.sql.QueryRow("SELECT count(*) FROM extra").Scan(&extra))
	must(t, db.Close())
	_, err = Open(p, Options{})
	refused(t, err, "newer")
	old := open(t, fmt.Sprintf("%s.schema-%d", p, len(migrations)), Options{})
	if count(t, old) != 1 {
		t.Error("the copy lacks the document")
	}
}

func TestFailedMigrationChangesNothing(t *testing.T) {
	p := path(t)
	db := open(t, p, Options{})
	if err := db.migrate(append(migrations[:len(migrations):len(migrations)], "CREATE TABLE extra (x INTEGER); NONSENSE")); err == nil {
		t.Fatal("a broken migration succeeded")
	}
	again := open(t, p, Options{})
	if _, err := again.sql.Exec("SELECT * FROM extra"); err == nil {
		t.Error("half a migration is in the file")
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	whole := path(t)
	db, err := Open(whole, Options{})
	must(t, err)
	for i := range 50 {
		d := doc(fmt.Sprint(i))
		d.Body = []byte(`{"a":"` + strings.Repeat("x", 3000) + `"}`)
		must(t, db.Store().Apply(t.Context(), store.Create(d)))
	}
	must(t, db.Close())
	good, err := os.ReadFile(whole)
	must(t, err)
	for name, bad := range map[string]string{
		"text":     "this is not a database, but long enough to look like one to somebody who only counts bytes in files of a folder",
		"cut":      string(good[:len(good)/2]),
		"scribble": string(good[:4096]) + strings.Repeat("scribble", 2048) + string(good[4096+8*2048:]),
	} {
		p := path(t)
		must(t, os.WriteFile(p, []byte(bad), 0o600))
		_, err := Open(p, Options{})
		if err == nil || !strings.Contains(err.Error(), "damaged") || !strings.Contains(err.Error(), p) || bridge.IsTemporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForeignFileIsRefused(t *testing.T) {
	p := path(t)
	other, err := sql.Open("sqlite", p)
	must(t, err)
	_, err = other.Exec("CREATE TABLE theirs (x)")
	must(t, err)
	must(t, other.Close())
	_, err = Open(p, Options{})
	refused(t, err, p, "not one of Drawbridge")
}

func TestUnwritablePath(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	_, err := Open(filepath.Join(dir, "file", "state.db"), Options{})
	refused(t, err, "state.db")
}

func TestUnusualPath(t *testing.T) {
	p := filepath.Join(t.TempDir(), "ä %3f?#&=.db")
	db := open(t, p, Options{})
	must(t, db.Store().Apply(t.Context(), store.Create(doc("a"))))
	if _, err := os.Stat(p); err != nil {
		t.Error(err)
	}
}

func TestBackupIsWholeAndUsable(t *testing.T) {
	p := path(t)
	db := open(t, p, Options{})
	must(t, os.WriteFile(p+".backup", []byte("old"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			a, b := doc(fmt.Sprint("a", i)), doc(fmt.Sprint("b", i))
			db.Store().Apply(t.Context(), store.Create(a), store.Create(b))
		}
	})
	for count(t, db) < 20 {
		time.Sleep(time.Millisecond)
	}
	must(t, db.Backup(t.Context(), p+".backup"))
	cancel()
	wg.Wait()
	if n := count(t, open(t, p+".backup", Options{})); n == 0 || n%2 != 0 {
		t.Errorf("the backup holds %d documents written in twos", n)
	}
	if left, _ := filepath.Glob(p + "*.part-*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestGroupCommit: writes that wait together share a commit, and a conflict
// among them takes back only itself.
func TestGroupCommit(t *testing.T) {
	db := open(t, path(t), Options{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	conflicts := 0
	for i := range 200 {
		wg.Go(func() {
			err := db.Store().Apply(t.Context(), store.Put(doc(fmt.Sprint("x", i))), store.Create(doc(fmt.Sprint("y", i%150))))
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, store.ErrConflict) {
				conflicts++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); conflicts != 50 || n != 300 {
		t.Errorf("%d conflicts and %d documents, want 50 and 300", conflicts, n)
	}
}

func TestClosedFile(t *testing.T) {
	db, err := Open(path(t), Options{})
	must(t, err)
	must(t, db.Close())
	must(t, db.Close())
	if err := db.Store().Apply(t.Context(), store.Create(doc("a"))); !bridge.IsTemporary(err) {
		t.Errorf("Apply: %v", err)
	}
	if _, err := db.Store().Get(t.Context(), doc("a").Key); !bridge.IsTemporary(err) {
		t.Errorf("Get: %v", err)
	}
	if err := queue.Wait(t.Context(), db.Queue()); err == nil {
		t.Error("Wait on a closed file returned nothing")
	}
}

func TestSweepRemovesWhatExpired(t *testing.T) {
	var ahead atomic.Int64 // read by the writer too
	db := open(t, path(t), Options{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	d := doc("a")
	d.Expires = time.Now().Add(time.Minute)
	must(t, db.Store().Apply(t.Context(), store.Create(d), store.Create(doc("b"))))
	ahead.Store(int64(time.Hour))
	must(t, write(t.Context(), db, "sweep", db.sweep))
	var n int
	must(t, db.sql.QueryRow("SELECT count(*) FROM doc").Scan(&n))
	if n != 1 {
		t.Errorf("%d rows left, want 1", n)
	}
}

func TestSendFromAnotherProcessWakes(t *testing.T) {
	p := path(t)
	worker, other := open(t, p, Options{Exclusive: true}), open(t, p, Options{})
	time.AfterFunc(30*time.Millisecond, func() {
		other.Queue().Send(context.Background(), queue.Message{Group: "g", Lane: bridge.Live, Body: []byte("m")})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	must(t, queue.Wait(ctx, worker.Queue()))
}

func BenchmarkApply(b *testing.B) {
	db, err := Open(filepath.Join(b.TempDir(), "state.db"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for name, parallel := range map[string]int{"alone": 1, "32 at once": 32} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(parallel)
			if parallel == 1 {
				for i := 0; b.Loop(); i++ {
					db.Store().Apply(b.Context(), store.Put(doc(fmt.Sprint(i%1000))))
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					db.Store().Apply(b.Context(), store.Put(doc(fmt.Sprint(i%1000))))
				}
			})
		})
	}
}

// TestALargeFileIsCheckedBesideItsUse: the file opens at once, and nothing is written any more once it is known to be
// damaged.
func TestALargeFileIsCheckedBesideItsUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path, Options{})
	body := append([]byte(`{"x":"`), append(bytes.Repeat([]byte("x"), 300<<10), `"}`...)...)
	for i := range 60 {
		if err := db.Store().Apply(t.Context(), store.Put(store.Doc{Key: store.Key{Part: "p", Sort: fmt.Sprint(i)}, Body: body})); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 4096), 3*4096); err != nil {
		t.Fatal(err)
	}
	f.Close()
	db, err = Open(path, Options{})
	if err != nil {
		t.Fatalf("a large file opens before it is read as a whole: %v", err)
	}
	defer db.Close()
	db.checking.Wait()
	err = db.Store().Apply(t.Context(), store.Put(store.Doc{Key: store.Key{Part: "q", Sort: "s"}, Body: []byte("{}")}))
	if bridge.NameOf(err) != "state-damaged" {
		t.Errorf("a write into a damaged file: %v", err)
	}
}

// TestOnlyHintsDoNotWaitForTheDisk: what must not be lost is on disk when its write returns, whatever was written before.
func TestOnlyHintsDoNotWaitForTheDisk(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"), Options{})
	ctx := t.Context()
	const normal, full = 1, 2 // https://www.sqlite.org/pragma.html#pragma_synchronous
	mode := -1
	ask := func(w *tx) error {
		rows, err := w.query("PRAGMA synchronous")
		if err != nil {
			return err
		}
		defer rows.Close()
		rows.Next()
		return rows.Scan(&mode)
	}
	for i, c := range []struct {
		write func() error
		want  int
	}{
		{func() error { return write(ctx, db, "write", ask) }, full},
		{func() error { return db.note(ctx, "note", ask) }, normal},
		{func() error { return db.note(ctx, "note", ask) }, normal},
		{func() error { return write(ctx, db, "write", ask) }, full},
	} {
		if err := c.write(); err != nil || mode != c.want {
			t.Errorf("write %d: synchronous is %d (%v), want %d", i, mode, err, c.want)
		}
	}
	hint := &job{ctx: ctx, do: func(*tx) error { return nil }, hint: true}
	must := &job{ctx: ctx, do: ask}
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := &tx{conn: conn, stmts: map[string]*sql.Stmt{}, lazy: true}
	defer w.close()
	db.commit(w, []*job{hint, must, hint})
	if must.err != nil || mode != full {
		t.Errorf("a batch with one that must not be lost: synchronous is %d (%v)", mode, must.err)
	}
}

// TestCompactLeavesNothing looks into the file itself for what was deleted.
func TestCompactLeavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := Open(path, Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := Open(path, Options{Version: "test"}) // the running half
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	key := store.Key{Part: "p", Sort: "s"}
	long := strings.Repeat("unforgettable ", 3000)
	for _, op := range []store.Op{store.Put(store.Doc{Key: key, Body: []byte(`{"v":"` + long + `"}`)}), store.Delete(key)} {
		if err := other.Store().Apply(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	holds := func() (where []string) {
		for _, f := range []string{path, path + "-wal"} {
			if raw, err := os.ReadFile(f); err == nil && strings.Contains(string(raw), "unforgettable") {
				where = append(where, f)
			}
		}
		return where
	}
	if len(holds()) == 0 {
		t.Fatal("a deletion left nothing: this test shows nothing")
	}
	if err := db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if where := holds(); len(where) > 0 {
		t.Errorf("compacted, and %v hold what was deleted", where)
	}
}

// BenchmarkReceive is one message received and deleted, with so many others that wait.
func BenchmarkReceive(b *testing.B) {
	for _, waiting := range []int{10, 3000} {
		b.Run(fmt.Sprint(waiting, " waiting"), func(b *testing.B) {
			db, err := Open(filepath.Join(b.TempDir(), "state.db"), Options{Exclusive: true})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			q, n := db.Queue(), 0
			send := func(count int) {
				var ms []queue.Message
				for range count {
					n++
					ms = append(ms, queue.Message{Group: fmt.Sprint("issue-", n), Lane: bridge.Live, Body: make([]byte, 4096)})
				}
				if err := q.Send(b.Context(), ms...); err != nil {
					b.Fatal(err)
				}
			}
			send(waiting)
			b.ReportAllocs()
			for b.Loop() {
				ds, err := q.Receive(b.Context(), 1, time.Minute)
				if err != nil || len(ds) != 1 {
					b.Fatalf("%d messages, %v", len(ds), err)
				}
				if err := q.Delete(b.Context(), ds...); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				send(1)
				b.StartTimer()
			}
		})
	}
}

// write has one thing written, and waits for the disk.
func write(ctx context.Context, db *DB, what string, do func(*tx) error) error {
	return db.submit(ctx, what, &job{ctx: ctx, do: do, done: make(chan struct{})})
}
