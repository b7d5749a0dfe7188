package main

import (
	"bytes"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// TestWhatNewRulesChange counts by what was edited where: publishing is no edit, so a side sends and writes again only what
// it had to say, or was told.
func TestWhatNewRulesChange(t *testing.T) {
	entry := func(seq, saw int64) *bridge.Entry { return &bridge.Entry{Seq: seq, Saw: saw} }
	first := &pair.Pair{Head: pair.Head{Origin: bridge.Public}, State: pair.State{Fields: map[string]*pair.Field{
		"ours":   {Field: merge.Field{Mine: entry(1, bridge.Unseen)}},
		"theirs": {Field: merge.Field{Theirs: entry(2, bridge.Unseen)}},
		"over":   {Field: merge.Field{Mine: entry(3, 2), Theirs: entry(2, bridge.Unseen)}},
	}}}
	second := &pair.Pair{Head: pair.Head{Origin: bridge.Private}, State: pair.State{Fields: map[string]*pair.Field{"over": first.State.Fields["over"]}}}
	out := func(v string) rule.Out { return rule.Out{Value: bridge.ValueOf(v)} }
	in := func(v string) rule.In { return rule.In{Field: "f", Value: bridge.ValueOf(v)} }
	v := allView{Fields: map[string]*effect{}}
	changed := 0
	for _, p := range []*pair.Pair{first, second} {
		a := v.leave(p, bridge.Public, map[string]rule.Out{"ours": out("a"), "theirs": out("a"), "gone": out("a"), "same": out("a")},
			map[string]rule.Out{"ours": out("b"), "theirs": out("b"), "new": out("b"), "same": out("a"), "bad": {Err: errFinding}})
		b := v.write(p, map[string]rule.In{"theirs": in("a"), "over": in("a")}, map[string]rule.In{"theirs": {Field: "f", Leave: true}, "over": in("b")})
		if a || b {
			changed++
		}
	}
	v.Pairs, v.Changed, v.Some = 2, changed, []string{"SUP-1"}
	var b bytes.Buffer
	(&half{screen: &screen{}}).printAll(&b, v)
	const want = `2 pairs looked at, 2 would change

FIELD   LEAVES                 IS WRITTEN HERE  FAILS
bad     -                      -                2
gone    no more: 1             -                -
new     for the first time: 1  -                -
ours    another value: 1       -                -
theirs  -                      no more: 2       -

for instance SUP-1; see one with drawbridge rules test SUP-1 --rules FILE
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestAPreviewIsADiff(t *testing.T) {
	var b bytes.Buffer
	(&half{screen: &screen{}}).printPreview(&b, bridge.Preview{Outcome: bridge.Applied, Twin: bridge.Ref{ID: "1", Key: "OPS-1"}, Rules: 3, Fields: []bridge.PreviewField{
		{Field: "Description", Old: bridge.ValueOf("1\n2\n3\n4\n5\n6\n7\n8"), New: bridge.ValueOf("1\n2\n3\n4\nfive\n6\n7\n8")},
		{Field: "Priority", Old: bridge.ValueOf("Low"), New: bridge.ValueOf("High")},
		{Field: "Assignee", New: bridge.Cleared},
		{Field: "Severity", Note: "this site has nothing for it"},
	}, Members: []bridge.PreviewMember{{Member: "comment/7", What: "create"}}})
	const want = `
the other side would write to OPS-1 (its rules: revision 3)
+ Assignee: (empty)
  Description:
    …
    3
    4
  - 5
  + five
    6
    7
    …
- Priority: Low
+ Priority: High
  Severity: this site has nothing for it
  comment/7: create 
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
