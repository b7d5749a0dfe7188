package merge_test

import (
	"encoding/json"
	"maps"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

var (
	us   = merge.Site{Role: bridge.Private, Policies: map[int64]bridge.Policy{1: bridge.Newest}}
	asIs = func(e *bridge.Entry) bridge.Value { return e.Value }
)

func edit(id int64, v bridge.Value) merge.Item { return merge.Item{ID: id, Value: v, Out: v, At: id} }

func theirs(seq, saw int64, v bridge.Value) bridge.Entries {
	return bridge.Entries{Mine: &bridge.Entry{Seq: seq, Saw: saw, Value: v,
		Stamp: bridge.Stamp{At: 100 + seq, Site: bridge.Public, Policy: 1}}}
}

func TestAnUnseenCreationIsNotSeen(t *testing.T) {
	f, changed := merge.Observe(merge.Field{}, us, false, edit(5, `"ours"`))
	if !changed || f.Mine.Saw != bridge.Unseen {
		t.Fatalf("an edit that saw nothing: %+v, changed %v", f.Mine, changed)
	}
	f, _ = merge.Receive(f, us, theirs(0, bridge.Unseen, `"created"`))
	if w, v := merge.Winner(f, us); v != merge.Decided || w != f.Theirs || merge.Loser(f, w) != f.Mine {
		t.Errorf("edit 0 and an edit that did not see it: %v %+v, want a conflict won by the newer", v, w)
	}
}

func TestTheTwinSawTheCreation(t *testing.T) {
	f, _ := merge.Receive(merge.Field{}, us, theirs(0, bridge.Unseen, `"created"`))
	d := merge.Decide(f, us, asIs)
	if d.Kind != merge.Write || d.Value != `"created"` {
		t.Fatalf("decision %+v", d)
	}
	f = merge.Wrote(merge.Note(f, d), 0, `"created"`, d.Edit)
	if d := merge.Decide(f, us, asIs); d.Kind != merge.Nothing {
		t.Fatalf("after the creation: %+v", d)
	}
	f, _ = merge.Observe(f, us, false, edit(1, `"ours"`))
	if w, v := merge.Winner(f, us); w != f.Mine || v != merge.Known {
		t.Errorf("an edit of the twin lost: %v %+v", v, w)
	}
}

func TestForgottenIsRead(t *testing.T) {
	in := theirs(3, 9, `"theirs"`)
	in.Theirs = &bridge.Entry{Seq: 9, Saw: 2, Stamp: bridge.Stamp{Site: bridge.Private}}
	f, forgotten := merge.Receive(merge.Field{}, us, in)
	if !forgotten {
		t.Fatal("an edit of ours that only they know was not noticed")
	}
	f, _ = merge.Observe(f, us, false, edit(9, `"ours"`))
	if f, forgotten = merge.Receive(f, us, in); forgotten || f.Mine.Saw != 2 {
		t.Errorf("after the changelog was read: forgotten %v, %+v", forgotten, f.Mine)
	}
}

func TestEntriesOfTheWrongSiteAreIgnored(t *testing.T) {
	in := theirs(3, 0, `"x"`)
	in.Mine.Stamp.Site = bridge.Private
	in.Theirs = &bridge.Entry{Seq: 9, Stamp: bridge.Stamp{Site: bridge.Public}}
	if f, forgotten := merge.Receive(merge.Field{}, us, in); f != (merge.Field{}) || forgotten {
		t.Errorf("%+v, forgotten %v", f, forgotten)
	}
}

func asking(t *testing.T) (merge.Field, merge.Site) {
	t.Helper()
	s := merge.Site{Role: bridge.Private, Policies: map[int64]bridge.Policy{1: bridge.Ask}}
	f, _ := merge.Observe(merge.Field{}, s, false, edit(5, `"ours"`))
	f, _ = merge.Receive(f, s, theirs(3, bridge.Unseen, `"theirs"`))
	if d := merge.Decide(f, s, asIs); d.Kind != merge.AskPerson {
		t.Fatalf("decision %+v", d)
	}
	return f, s
}

func TestPickEither(t *testing.T) {
	f, s := asking(t)
	if _, ok := merge.Pick(f, s, bridge.Edit{Site: bridge.Public, Seq: 2}); ok {
		t.Error("an edit that is not one of the two was picked")
	}
	g, ok := merge.Pick(f, s, f.Theirs.ID())
	if d := merge.Decide(g, s, asIs); !ok || d.Kind != merge.Write || d.Value != `"theirs"` {
		t.Errorf("theirs picked: %v %+v", ok, d)
	}
	g, ok = merge.Pick(f, s, f.Mine.ID())
	if d := merge.Decide(g, s, asIs); !ok || d.Kind != merge.Nothing {
		t.Errorf("ours picked, which Jira shows: %v %+v", ok, d)
	}
	if _, ok = merge.Pick(g, s, f.Mine.ID()); ok {
		t.Error("picked twice")
	}
	if f.Mine.Saw != bridge.Unseen || f.Theirs.Saw != bridge.Unseen {
		t.Error("Pick changed its argument")
	}
}

func TestCrossedPicksEnd(t *testing.T) {
	f, s := asking(t)
	g, _ := merge.Pick(f, s, f.Mine.ID())
	other, _ := merge.Pick(f, s, f.Theirs.ID()) // on the remote site at the same time
	g, _ = merge.Receive(g, s, bridge.Entries{Mine: other.Theirs, Theirs: other.Mine})
	if w, v := merge.Winner(g, s); v != merge.Decided || w.Stamp.Site != bridge.Public {
		t.Errorf("two persons picked differently: %v %+v, want the newer edit", v, w)
	}
}

func TestARuleThatTakesNothingCountsAsShown(t *testing.T) {
	f, _ := merge.Receive(merge.Field{Shown: `"here"`}, us, theirs(3, bridge.Unseen, `"theirs"`))
	d := merge.Decide(f, us, func(*bridge.Entry) bridge.Value { return "" })
	f = merge.Note(f, d)
	if d.Kind != merge.NoteShown || merge.Decide(f, us, asIs).Kind != merge.Nothing {
		t.Fatalf("%+v", d)
	}
	if f, _ = merge.Observe(f, us, false, edit(4, `"ours"`)); f.Mine.Saw != 3 {
		t.Errorf("a later edit here saw %d, want 3", f.Mine.Saw)
	}
}

func TestAnEditThatStaysAtHomeIsNotFought(t *testing.T) {
	f, _ := merge.Observe(merge.Field{}, us, false, edit(4, `"out"`), merge.Item{ID: 6, Value: `"secret"`})
	if d := merge.Decide(f, us, asIs); d.Kind != merge.Nothing || f.Shown != `"secret"` || f.Mine.Seq != 4 {
		t.Fatalf("%+v, decision %+v", f, d)
	}
	f, _ = merge.Receive(f, us, theirs(3, 4, `"theirs"`))
	if d := merge.Decide(f, us, asIs); d.Kind != merge.Write {
		t.Errorf("a later remote edit is written over it: %+v", d)
	}
}

func TestAWriteRacedByAnotherIsDecidedAnew(t *testing.T) {
	f, _ := merge.Receive(merge.Field{Shown: `"a"`}, us, theirs(3, bridge.Unseen, `"theirs"`))
	d := merge.Decide(f, us, asIs)
	f, _ = merge.Observe(f, us, false, edit(7, `"ours"`))
	if g := merge.Shown(f, 0, d.Edit); g != f {
		t.Errorf("shown at item 0, but item 7 came since: %+v", g)
	}
}

// TestStoredForm fixes what is stored: a Field written by an older binary must still be read.
func TestStoredForm(t *testing.T) {
	item := int64(9)
	f := merge.Field{
		Mine: &bridge.Entry{Seq: 7, Saw: -1, Value: `"o"`, Stamp: bridge.Stamp{At: 1, Site: bridge.Private, Policy: 2}, Rules: 3},
		Raw:  `"r"`, Item: 9, Carries: &bridge.Edit{Site: bridge.Public, Seq: 4}, Shown: bridge.Cleared, Aside: 11,
		Placed: &merge.Placed{After: 9, Seq: 4}, Silent: &merge.Silent{Edit: bridge.Edit{Site: bridge.Public, Seq: 4}, Item: 9},
		Held: &merge.Item{ID: 12, Value: "1", Out: "2", Rules: 3, At: 5}, Redo: &item,
	}
	const want = `{"mine":{"seq":7,"saw":-1,"value":"o","stamp":{"at":1,"site":"private","policy":2},"rules":3},"raw":"r","item":9,` +
		`"carries":{"site":"public","seq":4},"shown":null,"aside":11,"placed":{"after":9,"seq":4},` +
		`"silent":{"edit":{"site":"public","seq":4},"item":9},"held":{"id":12,"value":1,"out":2,"rules":3,"at":5},"redo":9}`
	raw, err := json.Marshal(f)
	if err != nil || string(raw) != want {
		t.Fatalf("stored as %s, %v", raw, err)
	}
	var back merge.Field
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if again, _ := json.Marshal(back); string(again) != want {
		t.Errorf("came back as %s", again)
	}
}

func TestKeys(t *testing.T) {
	for _, k := range [][2]string{{"labels", "urgent"}, {"a/b", "c/d"}, {"~", "~1"}, {"labels", ""}, {"fixVersions", "1.0/2"}} {
		f, e, set := merge.SplitKey(merge.ElementKey(k[0], k[1]))
		if f != k[0] || e != k[1] || !set {
			t.Errorf("%q came back as %q %q %v", k, f, e, set)
		}
	}
	if merge.ElementKey("labels", "urgent") != "labels/urgent" {
		t.Error("the usual key must read as it is")
	}
	if f, e, set := merge.SplitKey(merge.FieldKey("Story/Points")); f != "Story/Points" || e != "" || set {
		t.Errorf("whole field came back as %q %q %v", f, e, set)
	}
}

func TestDiffSet(t *testing.T) {
	got := merge.DiffSet(map[string]bool{"kept": true, "gone": true, "off": false}, map[string]bool{"kept": true, "new": true, "no": false})
	if want := (map[string]bridge.Value{"gone": bridge.False, "new": bridge.True}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestAnAbsentElementNeedsNoRemoval(t *testing.T) {
	f, _ := merge.Receive(merge.Element(), us, theirs(3, bridge.Unseen, bridge.False))
	if d := merge.Decide(f, us, asIs); d.Kind != merge.NoteShown {
		t.Errorf("%+v", d)
	}
}

func TestUnusual(t *testing.T) {
	for _, c := range []struct {
		merge.Counts
		unusual bool
	}{
		{merge.Counts{Pairs: 1000, Gone: 24}, false},
		{merge.Counts{Pairs: 30, Gone: 24, Cleared: 24, Deleted: 24}, false}, // a small connection is a person's work
		{merge.Counts{Pairs: 1000, Gone: 200}, false},
		{merge.Counts{Pairs: 1000, Gone: 201}, true},
		{merge.Counts{Pairs: 30, Cleared: 25}, true},
		{merge.Counts{Pairs: 30, Deleted: 25}, true},
		{merge.Counts{Pairs: 150, Rewritten: 99}, false},
		{merge.Counts{Pairs: 150, Rewritten: 100}, true},
		{merge.Counts{Pairs: 1000, Rewritten: 500}, false},
		{merge.Counts{Pairs: 10, Created: 199}, false},
		{merge.Counts{Pairs: 399, Created: 200}, true},
		{merge.Counts{Pairs: 4000, Created: 2000}, false},
		{merge.Counts{}, false},
	} {
		if got := merge.Unusual(c.Counts); (got != "") != c.unusual {
			t.Errorf("%+v: %q", c.Counts, got)
		}
	}
}

func BenchmarkField(b *testing.B) {
	in := theirs(3, bridge.Unseen, `"theirs"`)
	carries := in.Mine.ID()
	b.ReportAllocs()
	for b.Loop() {
		f, _ := merge.Observe(merge.Field{}, us, false, edit(1, `"a"`), edit(2, `"b"`))
		f, _ = merge.Receive(f, us, in)
		d := merge.Decide(f, us, asIs)
		f = merge.Note(f, d)
		f, _ = merge.Observe(f, us, false, merge.Item{ID: 4, Value: d.Value, Carries: &carries})
		if d := merge.Decide(f, us, asIs); d.Kind != merge.Nothing {
			b.Fatalf("%+v", d)
		}
	}
}
