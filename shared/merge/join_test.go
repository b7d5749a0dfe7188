package merge_test

import (
	"testing"

	"pgregory.net/rapid"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

func entries() *rapid.Generator[*bridge.Entry] {
	return rapid.Custom(func(t *rapid.T) *bridge.Entry {
		if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
			return nil
		}
		small := func(name string) int64 { return int64(rapid.IntRange(0, 2).Draw(t, name)) } // collisions are the point
		return &bridge.Entry{Seq: small("seq"), Saw: small("saw") - 1, Rules: small("rules"),
			Value: rapid.SampledFrom([]bridge.Value{"1", "2", bridge.Cleared}).Draw(t, "value"),
			Stamp: bridge.Stamp{At: small("at"), Site: bridge.Public, Policy: small("policy")}}
	})
}

func equal(a, b *bridge.Entry) bool { return a == b || a != nil && b != nil && *a == *b }

func TestJoinLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := entries().Draw(t, "a"), entries().Draw(t, "b"), entries().Draw(t, "c")
		ab := merge.Join(a, b)
		if !equal(merge.Join(a, a), a) {
			t.Errorf("not idempotent: %+v", a)
		}
		if !equal(ab, merge.Join(b, a)) {
			t.Errorf("not commutative: %+v, %+v", a, b)
		}
		if l, r := merge.Join(ab, c), merge.Join(a, merge.Join(b, c)); !equal(l, r) {
			t.Errorf("not associative: %+v, %+v, %+v: %+v and %+v", a, b, c, l, r)
		}
		if !equal(merge.Join(ab, a), ab) {
			t.Errorf("not an upper bound: %+v of %+v, %+v", ab, a, b)
		}
	})
}

// TestWinnerIsOne: two sites with the same two entries and the same policies find the same winner.
func TestWinnerIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := entries().Draw(t, "a"), entries().Draw(t, "b")
		if b != nil {
			b.Stamp.Site = bridge.Private
		}
		policy := map[int64]bridge.Policy{}
		for r := range int64(rapid.IntRange(0, 3).Draw(t, "revisions")) {
			policy[r] = rapid.SampledFrom(policies).Draw(t, "policy")
		}
		x, v := merge.Winner(merge.Field{Mine: a, Theirs: b}, merge.Site{Role: bridge.Public, Policies: policy})
		y, u := merge.Winner(merge.Field{Mine: b, Theirs: a}, merge.Site{Role: bridge.Private, Policies: policy})
		if v == merge.Behind || u == merge.Behind {
			return // one of them knows that the other's entry is old
		}
		if !equal(x, y) || v != u {
			t.Errorf("%+v, %+v: one site finds %v %+v, the other %v %+v", a, b, v, x, u, y)
		}
	})
}

// FuzzObserve: the order in which items are seen, and how often, changes nothing.
func FuzzObserve(f *testing.F) {
	f.Add([]byte{3, 0, 1, 4, 2, 5})
	f.Add([]byte{0, 0, 0, 9, 8, 7, 200, 13})
	f.Fuzz(func(t *testing.T, order []byte) {
		items := []merge.Item{
			{ID: 0, Value: `"a"`, Out: `"a"`},
			{ID: 2, Value: `"b"`, Carries: &bridge.Edit{Site: bridge.Public, Seq: 4}},
			{ID: 3, Value: `"c"`, Out: `"c"`, At: 7},
			{ID: 5, Value: `"d"`}, // stays at home
			{ID: 6, Value: `"e"`, Carries: &bridge.Edit{Site: bridge.Public, Seq: 9}},
			{ID: 8, Value: `"f"`, Out: `"f"`, At: 9},
			{ID: 9, Value: `"g"`, Carries: &bridge.Edit{Site: bridge.Private, Seq: 8}},
			{ID: 12, Value: `"h"`, Carries: &bridge.Edit{Site: bridge.Public, Seq: 11}},
		}
		s := merge.Site{Role: bridge.Private, Policies: map[int64]bridge.Policy{1: bridge.Newest}}
		want, _ := merge.Observe(merge.Field{}, s, false, items...)
		var got merge.Field
		for _, b := range order {
			open := b >= 128
			got, _ = merge.Observe(got, s, open, items[int(b)%len(items)])
		}
		got, _ = merge.Observe(got, s, false, items...)
		if got.Mine.Saw < got.Placed.Seq {
			got.Mine.Saw = want.Mine.Saw // nobody asks what it saw before the latest
		}
		if !equal(got.Mine, want.Mine) || got.Item != want.Item || *got.Carries != *want.Carries || got.Shown != want.Shown ||
			got.Raw != want.Raw || *got.Placed != *want.Placed || got.Held != nil {
			t.Errorf("order %v: %+v, want %+v", order, got, want)
		}
	})
}
