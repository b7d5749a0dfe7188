package merge

import "drawbridge/shared/bridge"

// Observe takes in changelog items of the field, in any order, any of them again. open says that a write of ours to this
// field has no known place yet (the call was answered without it, or we crashed): edits are then held, because the write
// may stand before them, and they must say that they saw it. Call it with open false, with or without items, to let go.
//
// changed reports that Mine changed, so that the remote site has to be told.
func Observe(f Field, s Site, open bool, items ...Item) (_ Field, changed bool) {
	before := f.Mine
	for _, it := range items {
		f = f.see(it, s)
	}
	if !open {
		f = f.release(s)
	}
	return f, f.Mine != nil && (before == nil || *before != *f.Mine)
}

// see files one item. The cases are exclusive: ours, an edit that stays at home, an edit that counts.
func (f Field) see(it Item, s Site) Field {
	switch {
	case it.Carries != nil:
		e := *it.Carries
		if it.Halt {
			e = bridge.Edit{}
		}
		f = f.stands(it, e)
		if it.Carries.Site == s.Role.Other() {
			f = f.place(it.ID, it.Carries.Seq)
		}
	case s.Way == In || it.Out == "":
		f = f.aside(it)
	case f.Held == nil || it.ID > f.Held.ID || it.ID == f.Held.ID && it.Rules > f.Held.Rules:
		f.Held = &it // of several edits only the latest ever becomes the entry
	}
	return f
}

// release turns the held edit into the entry. All our writes with a lower id are known now.
func (f Field) release(s Site) Field {
	if f.Held == nil {
		return f
	}
	it := *f.Held
	f.Held = nil
	f = f.stands(it, bridge.Edit{Site: s.Role, Seq: it.ID})
	switch {
	case f.Mine == nil || it.ID > f.Mine.Seq:
		f.Mine, f.Raw = f.entry(it, s), it.Value
		if f.Placed != nil && f.Placed.After < it.ID {
			f.Placed = nil // said by Mine.Saw now, which the next edit inherits
		}
	case it.ID == f.Mine.Seq && it.Rules > f.Mine.Rules:
		e := *f.Mine
		e.Value, e.Rules = it.Out, it.Rules
		f.Mine = &e
	}
	return f
}

// entry makes the entry of an edit later than Mine: what Mine saw or beat it has seen too.
func (f Field) entry(it Item, s Site) *bridge.Entry {
	e := bridge.Entry{Seq: it.ID, Saw: bridge.Unseen, Value: it.Out, Rules: it.Rules,
		Stamp: bridge.Stamp{At: it.At, Site: s.Role, Policy: s.revision()}}
	if f.Mine != nil {
		e.Saw = f.Mine.Saw
	}
	if f.Placed != nil && f.Placed.After < it.ID {
		e.Saw = max(e.Saw, f.Placed.Seq)
	}
	return &e
}

// stands notes the item as the latest, if it is.
func (f Field) stands(it Item, e bridge.Edit) Field {
	if f.Carries != nil && it.ID <= f.Item {
		return f
	}
	f.Item, f.Carries = it.ID, &e
	if it.ID > f.Aside || f.Aside == 0 {
		f.Shown, f.Aside = it.Value, 0
	}
	return f
}

// aside notes the value of an edit that stays at home, if it is the latest.
func (f Field) aside(it Item) Field {
	if it.ID >= f.Aside && (f.Carries == nil || it.ID > f.Item) {
		f.Aside, f.Shown = it.ID, it.Value
	}
	return f
}

// place notes that the remote edit seq stands for all items after after.
func (f Field) place(after, seq int64) Field {
	switch {
	case f.Mine != nil && seq <= f.Mine.Saw:
		return f
	case f.Mine != nil && after < f.Mine.Seq:
		e := *f.Mine
		e.Saw = seq
		f.Mine = &e
		if f.Placed != nil && f.Placed.Seq <= seq {
			f.Placed = nil
		}
	case f.Placed == nil || seq > f.Placed.Seq || seq == f.Placed.Seq && after < f.Placed.After:
		f.Placed = &Placed{After: after, Seq: seq}
	}
	return f
}

// placed is the latest remote edit known to have stood here, Unseen if there is none.
func (f Field) placed() int64 {
	seq := bridge.Unseen
	if f.Mine != nil {
		seq = f.Mine.Saw
	}
	if f.Placed != nil {
		seq = max(seq, f.Placed.Seq)
	}
	return seq
}

// Again is a field whose incoming value rests on more than its own edit, and what else it rests on has changed: the value
// is made anew, and written if it differs, unless something else came since. It is no edit.
func Again(f Field) Field { return f.again() }

// again asks for the value shown to be written once more.
func (f Field) again() Field {
	if f.Carries != nil || f.Silent != nil {
		item := f.Item
		f.Redo = &item
	}
	return f
}

// Republish takes in newly published rules, which are no edit: what was sent is made again by the outgoing rule out of
// revision rules, and what was written here is written again if its value differs. Not to be called while a write of
// ours is open. changed reports that the remote site has to be told.
func Republish(f Field, out func(bridge.Value) bridge.Value, rules int64) (_ Field, changed bool) {
	f = f.again()
	if f.Held != nil && f.Held.Rules < rules {
		h := *f.Held
		h.Out, h.Rules = out(h.Value), rules
		f.Held = &h
	}
	if f.Mine == nil || f.Mine.Rules >= rules {
		return f, false
	}
	v := out(f.Raw)
	if v == "" {
		return f, false // no longer let out: what the remote site has, it has; publish sends the field no more
	}
	e := *f.Mine
	e.Value, e.Rules = v, rules
	changed = e.Value != f.Mine.Value
	f.Mine = &e
	return f, changed
}
