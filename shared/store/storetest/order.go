package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

func (s *suite) putAll(sorts ...string) {
	s.Helper()
	for _, sort := range sorts {
		s.apply(store.Put(doc(sort, sort)))
	}
}

func listOrder(s *suite) {
	s.putAll("b", "a/10", "a/9", "a", "ab", "B", "a/1", "é", "~", "\x01")
	s.apply(store.Put(store.Doc{Key: store.Key{Part: "part2", Sort: "a"}, Body: body(1)}))
	s.apply(store.Put(store.Doc{Key: store.Key{Part: "par", Sort: "a"}, Body: body(1)}))
	want := []string{"\x01", "B", "a", "a/1", "a/10", "a/9", "ab", "b", "~", "é"}
	s.listed(store.Range{}, want...)
	slices.Reverse(want)
	s.listed(store.Range{Reverse: true}, want...)
}

func listRanges(s *suite) {
	s.putAll("a", "b/1", "b/2", "b/3", "b0", "c")
	s.listed(store.Range{Prefix: "b/"}, "b/1", "b/2", "b/3")
	s.listed(store.Range{Prefix: "b/", Reverse: true}, "b/3", "b/2", "b/1")
	s.listed(store.Range{Prefix: "b/", After: "b/1"}, "b/2", "b/3")
	s.listed(store.Range{Prefix: "b/", After: "b/3", Reverse: true}, "b/2", "b/1")
	s.listed(store.Range{Prefix: "b/", After: "b/1x"}, "b/2", "b/3")
	s.listed(store.Range{Prefix: "b/", After: "a"}, "b/1", "b/2", "b/3")
	s.listed(store.Range{Prefix: "b/", After: "c"})
	s.listed(store.Range{Prefix: "b/", After: "c", Reverse: true}, "b/3", "b/2", "b/1")
	s.listed(store.Range{Prefix: "b/", After: "a", Reverse: true})
	s.listed(store.Range{Prefix: "b/", After: "b/", Reverse: true})
	s.listed(store.Range{Prefix: "b/2"}, "b/2")
	s.listed(store.Range{Prefix: "nothing"})
	s.listed(store.Range{After: "b/3"}, "b0", "c")
	s.listed(store.Range{After: "b/1", Reverse: true}, "a")
	s.listed(store.Range{Limit: 2}, "a", "b/1")
	s.listed(store.Range{Limit: 2, Reverse: true}, "c", "b0")
	s.listed(store.Range{Prefix: "b/", After: "b/1", Limit: 1}, "b/2")
}

func listPages(s *suite) {
	var want []string
	for i := range 57 {
		want = append(want, fmt.Sprintf("%02d", i))
	}
	s.putAll(want...)
	for _, reverse := range []bool{false, true} {
		var got []string
		r := store.Range{Limit: 10, Reverse: reverse}
		for {
			page := s.list(r)
			got = append(got, page...)
			if len(page) < r.Limit {
				break
			}
			r.After = page[len(page)-1]
		}
		if reverse {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			s.Errorf("pages (reverse %v) give %q", reverse, got)
		}
	}
}

// listExpired: a limit counts what is returned, not what was looked at.
func listExpired(s *suite) {
	for i := range 20 {
		s.apply(store.Put(expires(doc(fmt.Sprintf("a%02d", i), i), -time.Second)))
	}
	s.putAll("b", "c", "d")
	s.listed(store.Range{Limit: 2}, "b", "c")
	s.listed(store.Range{Prefix: "a", Limit: 2})
}

// listBig: a list longer than any page of the engine comes whole.
func listBig(s *suite) {
	for i := range 8 {
		s.apply(store.Put(doc(fmt.Sprint(i), strings.Repeat("x", 300<<10))))
	}
	s.listed(store.Range{}, "0", "1", "2", "3", "4", "5", "6", "7")
	s.listed(store.Range{Limit: 6, Reverse: true}, "7", "6", "5", "4", "3", "2")
	var keys []store.Key
	for i := range 8 {
		keys = append(keys, key(fmt.Sprint(i)))
	}
	docs, err := s.s.Get(s.ctx, keys...)
	if err != nil {
		s.Fatalf("Get: %v", err)
	}
	for i, d := range docs {
		if d == nil || len(d.Body) < 300<<10 {
			s.Errorf("big document %d came back as %v", i, d)
		}
	}
}

var strangeKeys = []string{
	" ", "'", "\"", "%", "_", "a%", "a_", "--", ";", "\\", "/", "#", "a#b", "a b", "\t", "\n", "\x00", "a\x00b", "a\x00",
	"日本", "é", "e\u0301", "\U0001F600", "\u2028", "null", "0", "00", "-1", "{}", "$x", ":v",
}

func anyKeys(s *suite) {
	for _, k := range strangeKeys {
		s.apply(store.Create(at(store.Doc{Key: store.Key{Part: k, Sort: k}, Body: body(k)}, "list/"+k, 1)))
		s.apply(store.Create(doc(k, k)))
	}
	for _, k := range strangeKeys {
		d := s.get(store.Key{Part: k, Sort: k})
		if d == nil || d.Key != (store.Key{Part: k, Sort: k}) || string(d.Body) != string(body(k)) {
			s.Errorf("key %q came back as %v", k, d)
		}
		docs, err := s.s.List(s.ctx, k, store.Range{Prefix: k})
		if err != nil || len(docs) != 1 {
			s.Errorf("List of partition %q: %d documents, %v", k, len(docs), err)
		}
		s.indexed("list/"+k, store.IndexRange{}, k+"@1")
	}
	want := slices.Sorted(slices.Values(strangeKeys))
	s.listed(store.Range{}, want...)
	s.listed(store.Range{Prefix: "a"}, "a\x00", "a\x00b", "a b", "a#b", "a%", "a_")
}

func longKeys(s *suite) {
	long := strings.Repeat("é", store.MaxKey/2)
	k := store.Key{Part: long, Sort: long}
	s.apply(store.Create(at(store.Doc{Key: k, Body: body(1)}, long, 1)))
	if d := s.get(k); d == nil || d.Key != k {
		s.Errorf("longest key came back as %v", d)
	}
	s.indexed(long, store.IndexRange{}, long+"@1")
}

func indexOrder(s *suite) {
	s.apply(store.Put(at(doc("x", 1), "list", 30)))
	s.apply(store.Put(at(doc("y", 1), "list", 10)))
	s.apply(store.Put(at(doc("z", 1), "list", 20)))
	s.apply(store.Put(at(doc("o", 1), "list2", 15)))
	s.apply(store.Put(doc("n", 1)))
	s.indexed("list", store.IndexRange{}, "y@10", "z@20", "x@30")
	s.indexed("list", store.IndexRange{Limit: 2}, "y@10", "z@20")
	s.indexed("list", store.IndexRange{Until: 20}, "y@10", "z@20")
	s.indexed("list", store.IndexRange{Until: 9})
	after := store.IndexHit{Key: key("y"), At: 10}
	s.indexed("list", store.IndexRange{After: after}, "z@20", "x@30")
	s.indexed("list", store.IndexRange{After: after, Until: 20}, "z@20")
	s.indexed("list", store.IndexRange{After: store.IndexHit{Key: key("x"), At: 30}, Until: 20})
	s.indexed("list2", store.IndexRange{}, "o@15")
	s.indexed("lis", store.IndexRange{})
}

func indexFollows(s *suite) {
	s.apply(store.Create(at(doc("a", 1), "list", 10)))
	s.indexed("list", store.IndexRange{}, "a@10")
	s.apply(store.Replace(rev(at(doc("a", 2), "list", 20), 1)))
	s.indexed("list", store.IndexRange{}, "a@20")
	for _, h := range s.hits("list", store.IndexRange{}) {
		if h.Rev != 0 && h.Rev != 2 {
			s.Errorf("the index tells revision %d of a document that has 2", h.Rev)
		}
	}
	s.apply(store.Put(at(doc("a", 3), "other", 20)))
	s.indexed("list", store.IndexRange{})
	s.indexed("other", store.IndexRange{}, "a@20")
	s.apply(store.Put(doc("a", 4)))
	s.indexed("other", store.IndexRange{})
	s.apply(store.Replace(rev(at(doc("a", 5), "list", 5), 4)))
	s.indexed("list", store.IndexRange{}, "a@5")
	s.apply(store.DeleteRev(key("a"), 5))
	s.indexed("list", store.IndexRange{})
}

// indexTies: many documents at the same time are paged without loss.
func indexTies(s *suite) {
	var ops []store.Op
	for i := range 25 {
		ops = append(ops, store.Put(at(doc(fmt.Sprintf("%02d", i), i), "list", 7)))
	}
	s.apply(ops...)
	deadline := time.Now().Add(10 * time.Second)
	for len(s.hits("list", store.IndexRange{})) != 25 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	got := map[string]int{}
	r := store.IndexRange{Limit: 4}
	for {
		page := s.hits("list", r)
		for _, h := range page {
			got[h.Key.Sort]++
		}
		if len(page) < r.Limit {
			break
		}
		r.After = page[len(page)-1]
	}
	if len(got) != 25 {
		s.Errorf("pages show %d of 25 documents: %v", len(got), got)
	}
}

func indexBatch(s *suite) {
	s.apply(store.Put(at(doc("a", 1), "list", 1)), store.Put(at(doc("b", 1), "list", 2)), store.Put(doc("c", 1)))
	s.indexed("list", store.IndexRange{}, "a@1", "b@2")
	s.conflicts("a", store.Delete(key("b")), store.Create(at(doc("a", 2), "list", 9)))
	s.indexed("list", store.IndexRange{}, "a@1", "b@2")
	s.apply(store.Delete(key("b")), store.Replace(rev(doc("a", 2), 1)), store.Put(at(doc("c", 2), "list", 3)))
	s.indexed("list", store.IndexRange{}, "c@3")
}

// race runs f n times at once and returns how often it won.
func (s *suite) race(n int, f func(i int) error) int {
	s.Helper()
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !bridge.IsTemporary(err):
				s.Errorf("racer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return int(won.Load())
}

func oneCreator(s *suite) {
	for round := range 5 {
		k := fmt.Sprint(round)
		single := func(i int) error { return s.s.Apply(s.ctx, store.Create(doc(k, i))) }
		if won := s.race(12, single); won != 1 {
			s.Errorf("%d of 12 creators won", won)
		}
		batch := func(i int) error {
			return s.s.Apply(s.ctx, store.Create(doc("b"+k, i)), store.Create(doc("c"+k, i)))
		}
		if won := s.race(8, batch); won > 1 {
			s.Errorf("%d of 8 creating batches won", won)
		}
	}
}

// noLostUpdate: read, add one, replace; what is counted is what succeeded.
func noLostUpdate(s *suite) {
	s.apply(store.Create(doc("n", 0)))
	const racers, each = 6, 5
	s.race(racers, func(int) error {
		for done := 0; done < each; {
			d := s.get(key("n"))
			err := s.s.Apply(s.ctx, store.Replace(rev(doc("n", d.Rev), d.Rev)))
			if err == nil {
				done++
			} else if !bridge.IsTemporary(err) {
				return err
			}
		}
		return nil
	})
	s.holds("n", racers*each, racers*each+1)
}

// isolated: two documents that are always written together are always equal.
func isolated(s *suite) {
	s.apply(store.Put(doc("a", 0)), store.Put(doc("b", 0)))
	s.race(4, func(i int) error {
		for n := range 6 {
			err := s.s.Apply(s.ctx, store.Put(doc("a", i*100+n)), store.Put(doc("b", i*100+n)))
			if err != nil && !bridge.IsTemporary(err) {
				return err
			}
		}
		return nil
	})
	docs, err := s.s.Get(s.ctx, key("a"), key("b"))
	if err != nil {
		s.Fatal(err)
	}
	if string(docs[0].Body) != string(docs[1].Body) || docs[0].Rev != docs[1].Rev {
		s.Errorf("batches mixed: %s at %d, %s at %d", docs[0].Body, docs[0].Rev, docs[1].Body, docs[1].Rev)
	}
}
