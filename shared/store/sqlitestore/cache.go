package sqlitestore

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"drawbridge/shared/store"
)

// cache holds documents as they are in the file, for the process that owns it: a change passes through some twenty reads of
// the same few. While another process has the file open to write, nothing is held (see guests).
//
// What is being committed is not held either: its documents are let go before the commit, and held as they were written
// after it. So no read sees less than one before it.
type cache struct {
	mu      sync.Mutex
	guests  *guests                                     // nil: the file is not this process's own, nothing is held
	docs    recent[store.Key, *store.Doc]               // nil: there is none
	lists   recent[string, map[store.Range][]store.Doc] // by partition
	misses  map[*miss]struct{}                          // reads of the file that are under way
	writing map[string]bool                             // partitions of which something is being committed
	missed  bool                                        // something was, and meanwhile another process came
}

// miss is a read of the file, of one partition. What it finds may be too old to be held if that was written meanwhile.
type miss struct {
	part string
	late bool
}

// What is held at most: so many bytes of documents, and of lists; no larger document, no longer list, and no more of a partition.
const (
	heldDocs   = 4 << 20
	heldBody   = 32 << 10
	heldLists  = 1 << 20
	heldRanges = 16
	heldLines  = 64
)

// recent holds what was used last, as many bytes of it as it may.
type recent[K comparable, V any] struct {
	*simplelru.LRU[K, V]
	bytes, most int
	size        func(V) int
}

func (r *recent[K, V]) open(most int, size func(V) int) (err error) {
	r.most, r.size = most, size
	r.LRU, err = simplelru.NewLRU(most, func(_ K, v V) { r.bytes -= size(v) })
	return err
}

func (r *recent[K, V]) hold(k K, v V) {
	r.Remove(k)
	r.Add(k, v)
	for r.bytes += r.size(v); r.bytes > r.most; {
		r.RemoveOldest()
	}
}

// about is how many bytes it takes to hold anything: keys, places in maps and lists, the document around the body.
const about = 400

func sizeOf(d *store.Doc) int {
	if d == nil {
		return about
	}
	return about + len(d.Body)
}

func sizeOfLists(lists map[store.Range][]store.Doc) (n int) {
	for _, docs := range lists {
		n += about
		for i := range docs {
			n += sizeOf(&docs[i])
		}
	}
	return n
}

func (c *cache) open(g *guests) (err error) {
	c.misses = map[*miss]struct{}{}
	if err = c.docs.open(heldDocs, sizeOf); err == nil {
		err = c.lists.open(heldLists, sizeOfLists)
	}
	c.guests = g
	c.alone()
	return err
}

// alone reports whether anything may be held, and lets go of everything if somebody else may have written.
func (c *cache) alone() bool {
	if c.guests == nil {
		return false
	}
	alone, met := c.guests.look()
	if met {
		c.docs.Purge()
		c.lists.Purge()
		c.missed = true
		for m := range c.misses {
			m.late = true
		}
	}
	return alone
}

// get fills out with documents of one partition, if all are held. Otherwise the caller reads them, and ends the miss.
func (c *cache) get(keys []store.Key, out []*store.Doc, now int64) *miss {
	c.mu.Lock()
	defer c.mu.Unlock()
	alone := c.alone()
	for i, k := range keys {
		var d *store.Doc
		ok := alone
		if ok {
			d, ok = c.docs.Get(k)
		}
		if !ok || d != nil && !d.Expires.IsZero() && d.Expires.UnixMilli() <= now {
			clear(out)
			return c.miss(k.Part, alone)
		}
		if d != nil {
			found := *d
			out[i] = &found
		}
	}
	return nil
}

// list is get for a listing.
func (c *cache) list(part string, r store.Range) ([]store.Doc, *miss) {
	c.mu.Lock()
	defer c.mu.Unlock()
	alone := c.alone()
	if alone {
		lists, _ := c.lists.Get(part)
		if docs, ok := lists[r]; ok {
			return slices.Clone(docs), nil
		}
	}
	return nil, c.miss(part, alone)
}

func (c *cache) miss(part string, alone bool) *miss {
	m := &miss{part, !alone || c.writing[part]}
	if !m.late {
		c.misses[m] = struct{}{}
	}
	return m
}

// end ends a miss, and has what it found held by hold, if it may be.
func (c *cache) end(m *miss, err error, hold func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.misses, m)
	if !m.late && err == nil {
		hold()
	}
}

func (c *cache) holdAll(keys []store.Key, docs []*store.Doc) {
	for i, k := range keys {
		c.hold(k, docs[i])
	}
}

func (c *cache) hold(k store.Key, d *store.Doc) {
	if d != nil {
		if len(d.Body) > heldBody {
			return
		}
		d = new(*d)
	}
	c.docs.hold(k, d)
}

func (c *cache) holdList(part string, r store.Range, docs []store.Doc) {
	unfit := func(d store.Doc) bool { return !d.Expires.IsZero() || len(d.Body) > heldBody/heldLines }
	if len(docs) > heldLines || slices.ContainsFunc(docs, unfit) {
		return
	}
	lists, _ := c.lists.Get(part)
	if lists = maps.Clone(lists); lists == nil || len(lists) >= heldRanges {
		lists = map[store.Range][]store.Doc{}
	}
	lists[r] = slices.Clone(docs)
	c.lists.hold(part, lists)
}

// letGo forgets a document, and the lists that it may be in.
func (c *cache) letGo(k store.Key) {
	c.docs.Remove(k)
	lists, _ := c.lists.Get(k.Part)
	lists = maps.Clone(lists)
	maps.DeleteFunc(lists, func(r store.Range, _ []store.Doc) bool { return strings.HasPrefix(k.Sort, r.Prefix) })
	if len(lists) > 0 {
		c.lists.hold(k.Part, lists)
	} else {
		c.lists.Remove(k.Part)
	}
}

// before lets go of what is about to be written. Only the writer calls it, and after.
func (c *cache) before(batch []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.guests == nil {
		return
	}
	c.writing, c.missed = map[string]bool{}, false
	for _, j := range batch {
		for _, o := range j.ops {
			c.writing[o.Key().Part] = true
			c.letGo(o.Key())
		}
	}
	for m := range c.misses {
		m.late = m.late || c.writing[m.part]
	}
}

// after holds what was written, unless another process may have written since.
func (c *cache) after(batch []*job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = nil
	if !c.alone() || c.missed {
		return
	}
	for _, j := range batch {
		for _, o := range j.ops {
			if j.err == nil {
				c.wrote(o)
			}
		}
	}
}

func (c *cache) wrote(o store.Op) {
	d := o.Doc
	switch o.Kind {
	case store.OpCreate:
		d.Rev = 1
	case store.OpReplace:
		d.Rev++
	case store.OpDelete, store.OpDeleteRev:
		c.hold(d.Key, nil)
		return
	default: // the revision of what was put is not known
		return
	}
	if !d.Expires.IsZero() {
		d.Expires = time.UnixMilli(d.Expires.UnixMilli())
	}
	c.hold(d.Key, &d)
}
