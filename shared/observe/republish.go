package observe

import (
	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// republish takes newly published rules into the pair, once a whole body is at hand: publishing is no edit, so entries
// keep their order and only their values are made again. A row that is new begins with what is shown.
func (f *fold) republish() {
	is := f.seen.Issue
	if f.seen.Base || is == nil || is.Partial || f.p.Head.Rules >= f.v.Revision {
		return
	}
	for _, key := range f.p.State.Keys() {
		if f.p.State.Open(key) {
			return // the place of a write has to be known first; the next whole body comes soon
		}
	}
	for _, key := range f.p.State.Keys() {
		base, _, _ := merge.SplitKey(key)
		if _, ok := f.v.Rules.Row(base); !ok {
			field := f.p.State.Field(key)
			field.Problem, field.Failed = "", "" // its row is gone, and the trouble with it
		}
	}
	for _, row := range f.v.Rules.Rows() {
		f.republishRow(row)
	}
	f.p.Head.Rules = f.v.Revision
	f.p.State.Redo = true
}

func (f *fold) republishRow(row rule.Row) {
	for _, key := range f.p.State.Keys() {
		base, _, isElem := merge.SplitKey(key)
		if base != row.Key {
			continue
		}
		field := f.p.State.Field(key)
		out := func(v bridge.Value) bridge.Value { return v }
		if !isElem {
			out = func(v bridge.Value) bridge.Value { return f.outAgain(row, v) }
		}
		next, changed := merge.Republish(field.Field, out, f.v.Revision)
		field.Field = next
		if changed {
			f.changed = append(f.changed, key)
		}
	}
	// What a twin shows in a row that is new may be nobody's edit: only the site on which the issue was first begins it.
	if row.Out && f.p.Head.Origin == f.v.Role && !f.knows(row) {
		f.begin(row)
	}
}

// knows reports whether either site has told anything of a row.
func (f *fold) knows(row rule.Row) bool {
	for key, field := range f.p.State.Fields {
		if base, _, _ := merge.SplitKey(key); base == row.Key && (field.Mine != nil || field.Theirs != nil) {
			return true
		}
	}
	return false
}

// begin is the first entry of a row that the rules did not have before, or of each element that its set has now. Where the
// histories at hand have an edit of it, what follows takes that, with its own id and time.
func (f *fold) begin(row rule.Row) {
	if !row.Kind.Set() && len(f.touching(row)) > 0 {
		return
	}
	seen := f.seen
	defer func() { f.seen = seen }()
	for _, h := range f.seen.Histories {
		f.seen.First = max(f.seen.First, h.ID)
	}
	if row.Kind.Set() {
		f.seen.Base = true
		f.set(row)
		return
	}
	field, ok := f.watched(row)
	if !ok {
		return
	}
	if items := f.base(row, field); len(items) > 0 {
		f.observe(row, row.Key, items)
	}
}

// outAgain is what the new outgoing rule makes of a local value.
func (f *fold) outAgain(row rule.Row, raw bridge.Value) bridge.Value {
	field, ok := f.watched(row)
	if !ok {
		return ""
	}
	if field.ID == "" {
		return f.outValue(row, f.out())
	}
	if shown, _, known := site.Shown(field, f.seen.Issue); known && shown == raw {
		return f.outValue(row, f.out())
	}
	return f.outValue(row, f.evaluate(f.having(field, raw)))
}
