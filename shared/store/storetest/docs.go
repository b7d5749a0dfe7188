package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

func absent(s *suite) {
	s.lacks("a")
	s.listed(store.Range{})
	s.indexed("none", store.IndexRange{})
	s.apply(store.Delete(key("a")))
	s.apply()
}

func putAndGet(s *suite) {
	s.apply(store.Put(doc("a", 1)))
	s.holds("a", 1, 1)
	s.apply(store.Put(rev(doc("a", 2), 77)))
	s.holds("a", 2, 2)
	s.apply(store.Put(at(expires(doc("a", 3), time.Hour), "list", 5)))
	d := s.get(key("a"))
	if d.Index == nil || *d.Index != (store.Index{Name: "list", At: 5}) {
		s.Errorf("index came back as %+v", d.Index)
	}
	if left := time.Until(d.Expires); left < 59*time.Minute || left > time.Hour {
		s.Errorf("expiry in an hour came back as %v", d.Expires)
	}
	s.apply(store.Put(doc("a", 4)))
	if d := s.get(key("a")); d.Index != nil || !d.Expires.IsZero() || d.Rev != 4 {
		s.Errorf("put without index and expiry left %+v", d)
	}
	s.apply(store.Delete(key("a")))
	s.lacks("a")
	s.apply(store.Put(doc("a", 5)))
	s.holds("a", 5, 1)
}

func getMany(s *suite) {
	if docs, err := s.s.Get(s.ctx); err != nil || len(docs) != 0 {
		s.Errorf("Get of nothing: %v, %v", docs, err)
	}
	var keys []store.Key
	for i := range 230 {
		sort := fmt.Sprintf("%03d", i)
		keys = append(keys, key(sort))
		if i%2 == 0 {
			s.apply(store.Put(doc(sort, i)))
		}
	}
	keys = append(keys, keys[0], keys[1])
	docs, err := s.s.Get(s.ctx, keys...)
	if err != nil || len(docs) != len(keys) {
		s.Fatalf("Get of %d keys: %d documents, %v", len(keys), len(docs), err)
	}
	for i, d := range docs {
		there := (i%230)%2 == 0
		if there != (d != nil) || there && d.Key != keys[i] {
			s.Errorf("document %d: got %v", i, d)
		}
	}
}

func conditions(s *suite) {
	s.conflicts("a", store.Replace(rev(doc("a", 1), 1)))
	s.conflicts("a", store.DeleteRev(key("a"), 1))
	s.lacks("a")
	s.apply(store.Create(rev(doc("a", 1), 9)))
	s.holds("a", 1, 1)
	s.conflicts("a", store.Create(doc("a", 2)))
	s.conflicts("a", store.Replace(rev(doc("a", 2), 2)))
	s.conflicts("a", store.DeleteRev(key("a"), 2))
	s.holds("a", 1, 1)
	s.apply(store.Replace(rev(doc("a", 2), 1)))
	s.holds("a", 2, 2)
	s.conflicts("a", store.Replace(rev(doc("a", 3), 1)))
	s.apply(store.DeleteRev(key("a"), 2))
	s.lacks("a")
	s.apply(store.Create(doc("a", 4)))
	s.holds("a", 4, 1)
}

func checks(s *suite) {
	s.apply(store.Check(key("a"), 0))
	s.conflicts("a", store.Check(key("a"), 1))
	s.apply(store.Create(doc("a", 1)))
	s.apply(store.Check(key("a"), 1))
	s.conflicts("a", store.Check(key("a"), 0))
	s.conflicts("a", store.Check(key("a"), 2))
	s.apply(store.Check(key("a"), 1), store.Check(key("b"), 0), store.Put(doc("c", 1)))
	s.conflicts("b", store.Check(key("a"), 1), store.Check(key("b"), 1), store.Put(doc("c", 2)))
	s.holds("a", 1, 1)
	s.holds("c", 1, 1)
}

func expiry(s *suite) {
	s.apply(store.Put(expires(doc("past", 1), -time.Second)))
	s.apply(store.Put(expires(doc("soon", 1), 600*time.Millisecond)))
	s.apply(store.Put(expires(doc("later", 1), time.Hour)))
	s.lacks("past")
	s.holds("soon", 1, 1)
	s.holds("later", 1, 1)
	time.Sleep(700 * time.Millisecond)
	s.lacks("soon")
	s.listed(store.Range{}, "later")
}

// conditionsOnExpired: an expired document is an absent one for every
// condition, removed or not.
func conditionsOnExpired(s *suite) {
	gone := expires(doc("a", 1), -time.Second)
	s.apply(store.Put(gone))
	s.conflicts("a", store.Replace(rev(doc("a", 2), 1)))
	s.conflicts("a", store.DeleteRev(key("a"), 1))
	s.conflicts("a", store.Check(key("a"), 1))
	s.apply(store.Check(key("a"), 0), store.Put(doc("b", 1)))
	s.apply(store.Check(key("a"), 0))
	s.apply(store.Create(doc("a", 2)))
	s.holds("a", 2, 1)
	s.apply(store.Put(expires(doc("c", 1), -time.Second)))
	s.apply(store.Put(doc("c", 2)))
	if d := s.get(key("c")); d == nil || d.Rev < 1 {
		s.Errorf("put over an expired document: %v", d)
	}
	s.apply(store.Put(expires(doc("d", 1), -time.Second)))
	s.apply(store.Create(doc("d", 2)), store.Put(doc("e", 2)))
	s.holds("d", 2, 1)
}

func allOrNone(s *suite) {
	s.apply(store.Put(doc("b", 1)), store.Put(doc("z", 1)))
	bad := []store.Op{
		store.Create(doc("b", 9)), store.Replace(rev(doc("b", 9), 2)), store.DeleteRev(key("b"), 7), store.Check(key("b"), 0),
	}
	for _, o := range bad {
		s.conflicts("b", store.Put(doc("a", 2)), o, store.Put(doc("c", 2)), store.Delete(key("z")))
	}
	s.listed(store.Range{}, "b", "z")
	s.holds("b", 1, 1)
	s.conflicts("b", store.Put(doc("a", 2)), store.Create(doc("b", 2)), store.Create(doc("z", 2)))
}

func together(s *suite) {
	s.apply(store.Create(doc("a", 1)), store.Create(doc("b", 1)), store.Create(doc("c", 1)), store.Put(doc("d", 1)))
	s.apply(
		store.Replace(rev(doc("a", 2), 1)), store.DeleteRev(key("b"), 1), store.Delete(key("c")),
		store.Put(doc("d", 2)), store.Create(doc("e", 2)), store.Check(key("f"), 0), store.Delete(key("g")),
	)
	s.listed(store.Range{}, "a", "d", "e")
	s.holds("a", 2, 2)
	s.holds("d", 2, 2)
	s.holds("e", 2, 1)
}

func hundred(s *suite) {
	var ops []store.Op
	for i := range store.MaxOps {
		ops = append(ops, store.Create(doc(fmt.Sprintf("%03d", i), strings.Repeat("x", 20<<10))))
	}
	s.apply(ops...)
	if got := s.list(store.Range{}); len(got) != store.MaxOps {
		s.Errorf("%d documents after %d creations", len(got), store.MaxOps)
	}
	ops[0], ops[99] = store.Put(doc("000", 2)), store.Create(doc("099", 2))
	for i := 1; i < 99; i++ {
		ops[i] = store.Delete(ops[i].Key())
	}
	s.conflicts("099", ops...)
	if got := s.list(store.Range{}); len(got) != store.MaxOps {
		s.Errorf("a failed batch left %d of %d documents", len(got), store.MaxOps)
	}
}

func bodies(s *suite) {
	big := strings.Repeat("ä", (store.MaxBody-10)/2)
	for i, v := range []any{
		"", nil, 0.1, big, "quote ' \" \\ % _ ; --", "\x00\u2028\U0001F600", map[string]any{"deep": []any{1, "two"}},
	} {
		sort := fmt.Sprint(i)
		s.apply(store.Put(doc(sort, v)))
		s.holds(sort, v, 1)
	}
	spaced := store.Doc{Key: key("spaced"), Body: []byte("{ \"b\" : 1.50,\n \"a\":1e2 }")}
	s.apply(store.Put(spaced))
	if d := s.get(spaced.Key); string(d.Body) != string(spaced.Body) {
		s.Errorf("body %s came back as %s", spaced.Body, d.Body)
	}
}

func refused(s *suite) {
	long := strings.Repeat("k", store.MaxKey+1)
	huge := doc("a", strings.Repeat("x", store.MaxBody))
	index := func(name string, at int64) store.Doc {
		d := doc("a", 1)
		d.Index = &store.Index{Name: name, At: at}
		return d
	}
	raw := func(b string) store.Doc { return store.Doc{Key: key("a"), Body: []byte(b)} }
	ops := map[string][]store.Op{
		"no partition":      {store.Delete(store.Key{Sort: "a"})},
		"no sort key":       {store.Delete(store.Key{Part: "part"})},
		"long sort key":     {store.Put(doc(long, 1))},
		"key not UTF-8":     {store.Put(doc("\xff", 1))},
		"same key twice":    {store.Put(doc("a", 1)), store.Delete(key("a"))},
		"big body":          {store.Put(huge)},
		"no body":           {store.Put(raw(""))},
		"array":             {store.Put(raw("[]"))},
		"broken body":       {store.Put(raw(`{"a":`))},
		"body not UTF-8":    {store.Put(raw("{\"a\":\"\xff\"}"))},
		"index without At":  {store.Put(index("list", 0))},
		"index before 1970": {store.Put(index("list", -1))},
		"index of no name":  {store.Put(index("", 1))},
		"replace of none":   {store.Replace(doc("a", 1))},
		"delete of none":    {store.DeleteRev(key("a"), 0)},
		"negative check":    {store.Check(key("a"), -1)},
		"no constructor":    {{Doc: doc("a", 1)}},
	}
	for i := range store.MaxOps + 1 {
		ops["too many"] = append(ops["too many"], store.Put(doc(fmt.Sprint(i), 1)))
	}
	for i := range 10 {
		ops["too much"] = append(ops["too much"], store.Put(doc(fmt.Sprint(i), strings.Repeat("x", store.MaxBody-10))))
	}
	for name, batch := range ops {
		s.permanent(name, s.s.Apply(s.ctx, batch...))
	}
	s.listed(store.Range{})
	_, err := s.s.Get(s.ctx, store.Key{})
	s.permanent("Get of no key", err)
	_, err = s.s.List(s.ctx, "", store.Range{})
	s.permanent("List of no partition", err)
	_, err = s.s.Indexed(s.ctx, "", store.IndexRange{})
	s.permanent("Indexed of no name", err)
}

func cancelled(s *suite) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, getErr := s.s.Get(ctx, key("a"))
	_, listErr := s.s.List(ctx, "part", store.Range{})
	_, indexErr := s.s.Indexed(ctx, "list", store.IndexRange{})
	applyErr := s.s.Apply(ctx, store.Put(doc("a", 1)))
	for name, err := range map[string]error{"Get": getErr, "List": listErr, "Indexed": indexErr, "Apply": applyErr} {
		if !bridge.IsTemporary(err) || !errors.Is(err, context.Canceled) {
			s.Errorf("%s with a cancelled context: %v, want a temporary error that is context.Canceled", name, err)
		}
	}
	s.lacks("a")
}

// inOrder: a sequence does all its operations, whatever their kinds.
func inOrder(s *suite) {
	s.sequence()
	s.putAll("d", "e")
	s.sequence(store.Create(at(doc("a", 1), "list", 5)), store.Put(doc("b", 2)), store.Replace(rev(doc("d", 3), 1)), store.Delete(key("e")))
	s.holds("a", 1, 1)
	s.holds("b", 2, 1)
	s.holds("d", 3, 2)
	s.lacks("e")
	s.indexed("list", store.IndexRange{}, "a@5")
}

// stops: from the operation on whose condition fails, nothing of a sequence is done; what comes before it may be.
func stops(s *suite) {
	s.putAll("b")
	err := s.s.Sequence(s.ctx, store.Create(doc("a", 1)), store.Replace(rev(doc("b", 2), 7)), store.Create(doc("c", 3)))
	var c *store.Conflict
	if !errors.As(err, &c) || c.Key != key("b") {
		s.Fatalf("Sequence: got %v, want a conflict at b", err)
	}
	s.holds("b", "b", 1)
	s.lacks("c")
	if d := s.get(key("a")); d != nil && d.Rev != 1 {
		s.Errorf("what comes before is done %d times", d.Rev)
	}
	s.permanent("a key twice in a sequence", s.s.Sequence(s.ctx, store.Put(doc("x", 1)), store.Put(doc("x", 2))))
	s.lacks("x")
}
