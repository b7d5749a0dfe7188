package sqlitestore

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"drawbridge/shared/store"
)

func revision(t *testing.T, db *DB, k store.Key) int64 {
	t.Helper()
	docs, err := db.Store().Get(t.Context(), k)
	must(t, err)
	if docs[0] == nil {
		return 0
	}
	return docs[0].Rev
}

// TestOwnerReadsOnce: what it read or wrote it does not read again; shown by a change that nobody could have told it of.
func TestOwnerReadsOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is held on Windows")
	}
	db := open(t, path(t), Options{Exclusive: true})
	a, b := doc("a"), doc("b")
	must(t, db.Store().Apply(t.Context(), store.Create(a)))
	count(t, db)
	if _, err := db.sql.Exec("UPDATE doc SET rev = 7; INSERT INTO doc (part, sort, rev, body) VALUES ('p', 'b', 7, '{}')"); err != nil {
		t.Fatal(err)
	}
	if r, n := revision(t, db, a.Key), count(t, db); r != 1 || n != 1 {
		t.Errorf("revision %d, %d documents: read again", r, n)
	}
	if r := revision(t, db, b.Key); r != 7 {
		t.Errorf("revision %d: what was never read is not there", r)
	}
}

// TestListsOutliveOtherWrites: a list is read again when something of it was written, and only then.
func TestListsOutliveOtherWrites(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is held on Windows")
	}
	db := open(t, path(t), Options{Exclusive: true})
	list := func(r store.Range) (sorts []string) {
		t.Helper()
		found, err := db.Store().List(t.Context(), "p", r)
		must(t, err)
		for _, d := range found {
			sorts = append(sorts, d.Key.Sort)
		}
		return sorts
	}
	own, all := store.Range{Prefix: "own/"}, store.Range{}
	must(t, db.Store().Apply(t.Context(), store.Create(doc("own/1"))))
	list(own)
	list(all)
	if _, err := db.sql.Exec("INSERT INTO doc (part, sort, rev, body) VALUES ('p', 'own/2', 1, '{}')"); err != nil {
		t.Fatal(err)
	}
	must(t, db.Store().Apply(t.Context(), store.Put(doc("head"))))
	if a, o := list(all), list(own); len(a) != 3 || len(o) != 1 {
		t.Errorf("after another document was written all are %q, and one list is %q: read again", a, o)
	}
	must(t, db.Store().Apply(t.Context(), store.Put(doc("own/3"))))
	if o := list(own); len(o) != 3 {
		t.Errorf("after a document of its own was written the list is %q", o)
	}
}

// TestWhatIsHeldIsBounded: what was used least lately goes first, whatever is written anew or let go.
func TestWhatIsHeldIsBounded(t *testing.T) {
	var c cache
	must(t, c.open(nil))
	r := rand.New(rand.NewPCG(1, 1))
	key := func(n int) store.Key { return store.Key{Part: fmt.Sprint("p", n/10), Sort: fmt.Sprint("d", n)} }
	for n := range 10000 {
		d := store.Doc{Key: key(n), Body: make([]byte, r.IntN(2000))}
		c.hold(d.Key, &d)
		c.hold(key(max(0, n-r.IntN(500))), []*store.Doc{nil, &d}[r.IntN(2)])
		c.holdList(d.Key.Part, store.Range{After: fmt.Sprint(r.IntN(20))}, make([]store.Doc, r.IntN(heldLines)))
		if n%20 == 0 {
			c.letGo(key(max(0, n-1-r.IntN(500))))
		}
	}
	docs, lists := 0, 0
	for _, d := range c.docs.Values() {
		docs += sizeOf(d)
	}
	for _, l := range c.lists.Values() {
		lists += sizeOfLists(l)
	}
	if docs != c.docs.bytes || lists != c.lists.bytes || docs > heldDocs || lists > heldLists || docs < heldDocs-3000 || lists < heldLists/2 {
		t.Errorf("%d bytes of documents, counted as %d, and %d of lists, counted as %d", docs, c.docs.bytes, lists, c.lists.bytes)
	}
	if c.docs.Contains(key(0)) || !c.docs.Contains(key(9999)) {
		t.Error("an old document is held, or a new one is not")
	}
}

// TestOwnerSeesEveryWrite: every read sees each write that returned before it began, of this process or of another.
func TestOwnerSeesEveryWrite(t *testing.T) {
	p := path(t)
	owner := open(t, p, Options{Exclusive: true})
	keys := make([]store.Key, 5)
	written := make([]atomic.Int64, len(keys)) // the revision of the last write that returned
	for i := range keys {
		keys[i] = doc(fmt.Sprint(i)).Key
	}
	var work sync.WaitGroup
	raise := func(db *DB, i int) {
		d := doc(fmt.Sprint(i))
		docs, err := db.Store().Get(t.Context(), d.Key)
		if err != nil {
			t.Error(err)
			return
		}
		op := store.Create(d)
		if docs[0] != nil {
			d.Rev = docs[0].Rev
			op = store.Replace(d)
		}
		if db.Store().Apply(t.Context(), op) != nil {
			return // another was faster
		}
		for now := written[i].Load(); now < d.Rev+1 && !written[i].CompareAndSwap(now, d.Rev+1); now = written[i].Load() {
		}
	}
	for range 3 {
		work.Go(func() {
			for range 400 {
				i := rand.IntN(len(keys))
				least := written[i].Load()
				if r := revision(t, owner, keys[i]); r < least {
					t.Errorf("read revision %d after %d was written", r, least)
				}
				raise(owner, rand.IntN(len(keys)))
			}
		})
	}
	work.Go(func() {
		for range 10 {
			guest, err := Open(p, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for range 10 {
				raise(guest, rand.IntN(len(keys)))
			}
			if err := guest.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	work.Wait()
	for i, k := range keys {
		if r := revision(t, owner, k); r != written[i].Load() || r < 10 {
			t.Errorf("%s has revision %d, %d was written", k, r, written[i].Load())
		}
	}
}

// TestTooOldToBeHeld: a read that another write overtook leaves nothing behind.
func TestTooOldToBeHeld(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("nothing is held on Windows")
	}
	p, d := path(t), doc("a")
	d.Rev = 1
	keys, old := []store.Key{d.Key}, []*store.Doc{&d}
	write := []*job{{ops: []store.Op{store.Replace(d)}}}
	guest := func() {
		f, err := visit(p)
		must(t, err)
		must(t, f.Close())
	}
	type run struct {
		*cache
		read  func() *miss
		found func(*miss)
	}
	for name, c := range map[string]struct {
		do    func(run)
		holds int64 // the revision; 0: nothing
	}{
		"read":                         {func(r run) { r.found(r.read()) }, 1},
		"read that failed":             {func(r run) { r.end(r.read(), errClosed, func() { t.Error("held") }) }, 0},
		"written":                      {func(r run) { r.before(write); r.after(write) }, 2},
		"read, then being written":     {func(r run) { r.found(r.read()); r.before(write) }, 0},
		"read while being written":     {func(r run) { r.before(write); r.found(r.read()) }, 0},
		"read until after the write":   {func(r run) { r.before(write); m := r.read(); r.after(write); r.found(m) }, 2},
		"read until into the write":    {func(r run) { m := r.read(); r.before(write); r.found(m) }, 0},
		"read across the write":        {func(r run) { m := r.read(); r.before(write); r.after(write); r.found(m) }, 2},
		"a guest came after":           {func(r run) { r.found(r.read()); guest() }, 0},
		"a guest came meanwhile":       {func(r run) { m := r.read(); guest(); r.alone(); r.found(m) }, 0},
		"a guest came while we wrote":  {func(r run) { r.before(write); guest(); r.after(write) }, 0},
		"a guest was seen as we wrote": {func(r run) { r.before(write); guest(); r.alone(); r.after(write) }, 0},
	} {
		g, err := newGuests(p)
		must(t, err)
		var held cache
		must(t, held.open(g))
		c.do(run{
			&held,
			func() *miss { return held.get(keys, make([]*store.Doc, 1), 0) },
			func(m *miss) { held.end(m, nil, func() { held.holdAll(keys, old) }) },
		})
		var is int64
		if out := make([]*store.Doc, 1); held.get(keys, out, 0) == nil {
			is = out[0].Rev
		}
		if is != c.holds {
			t.Errorf("%s: revision %d is held, want %d", name, is, c.holds)
		}
		must(t, g.f.Close())
	}
	f, err := visit(p)
	must(t, err)
	defer f.Close()
	g, err := newGuests(p)
	must(t, err)
	defer g.f.Close()
	if alone, _ := g.look(); alone {
		t.Error("alone, while a guest is there")
	}
}

// BenchmarkGet reads a head and a state, as every step of a change does: of the owner, and of another process.
func BenchmarkGet(b *testing.B) {
	for _, owner := range []bool{true, false} {
		b.Run(fmt.Sprintf("owner=%t", owner), func(b *testing.B) {
			db, err := Open(b.TempDir()+"/state.db", Options{Exclusive: owner})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			head, state := doc("head"), doc("state")
			if err := db.Store().Apply(b.Context(), store.Create(head), store.Create(state)); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := db.Store().Get(b.Context(), head.Key, state.Key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
