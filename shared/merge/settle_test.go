package merge

import (
	"testing"

	"drawbridge/shared/bridge"
)

func TestSettle(t *testing.T) {
	entry := func(site bridge.Role, at int64, v bridge.Value) *bridge.Entry {
		return &bridge.Entry{Seq: 5, Saw: bridge.Unseen, Value: v, Stamp: bridge.Stamp{At: at, Site: site, Policy: 1}}
	}
	s := Site{Role: bridge.Public, Policies: map[int64]bridge.Policy{1: bridge.Ask}}
	for _, c := range []struct {
		name         string
		mine, theirs *bridge.Entry
		by           bridge.Values
		want         bridge.Role // whose edit stands
	}{
		{"ours by role", entry(bridge.Public, 1, `"a"`), entry(bridge.Private, 2, `"b"`), bridge.ByPublic, bridge.Public},
		{"theirs by role", entry(bridge.Public, 3, `"a"`), entry(bridge.Private, 2, `"b"`), bridge.ByPrivate, bridge.Private},
		{"the newer", entry(bridge.Public, 3, `"a"`), entry(bridge.Private, 2, `"b"`), bridge.ByNewest, bridge.Public},
		{"nothing is cleared", entry(bridge.Public, 3, bridge.Cleared), entry(bridge.Private, 2, `"b"`), bridge.ByPublic, bridge.Private},
		{"sets are united", entry(bridge.Public, 3, bridge.False), entry(bridge.Private, 2, bridge.True), bridge.ByNewest, bridge.Private},
		{"only ours", entry(bridge.Public, 3, `"a"`), nil, bridge.ByPrivate, bridge.Public},
	} {
		f := Settle(Field{Mine: c.mine, Theirs: c.theirs}, Prefer(Field{Mine: c.mine, Theirs: c.theirs}, c.by))
		w, verdict := Winner(f, s)
		if w == nil || w.Stamp.Site != c.want || verdict != Known {
			t.Errorf("%s: %v wins, %s", c.name, w, verdict)
		}
		if again := Settle(f, !Prefer(f, c.by)); again != f {
			t.Errorf("%s: it is settled twice", c.name)
		}
	}
}
