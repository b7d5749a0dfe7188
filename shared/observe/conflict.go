package observe

import (
	"cmp"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

// NoteConflict notes a conflict of a field in the pair's history once, with both values. A conflict comes to light by an
// edit here that is seen late as well as by what the remote site sends, so both flows ask.
func NoteConflict(p *pair.Pair, key string, s merge.Site) {
	f := p.State.Field(key)
	w, verdict := merge.Winner(f.Field, s)
	if verdict != merge.Decided && verdict != merge.Asking || f.Mine == nil || f.Theirs == nil || f.Mine.Value == f.Theirs.Value {
		return // none, or nothing is lost by it
	}
	id := f.Mine.ID().String() + " " + f.Theirs.ID().String()
	if f.Conflict == id {
		return
	}
	f.Conflict = id
	e := pair.Event{What: "conflict", Field: key, Old: f.Mine.Value, New: f.Theirs.Value, Edit: id, Outcome: "waits for a person to pick"}
	if w != nil {
		e.Outcome = "won by " + w.ID().String()
		e.Old, e.New = merge.Loser(f.Field, w).Value, w.Value
	}
	p.Note(e)
}

// noteBuried notes edits here that a write of ours put an end to before they were seen, and that a later edit here buried
// in turn: they never become entries, but what they said was overwritten by an edit that did not know them.
func noteBuried(p *pair.Pair, key string, before merge.Field, items []merge.Item) {
	f := p.State.Field(key)
	if f.Mine == nil || f.Theirs == nil {
		return
	}
	if before.Held != nil {
		items = append(slices.Clone(items), *before.Held)
	}
	items = slices.SortedFunc(slices.Values(items), func(a, b merge.Item) int { return cmp.Compare(a.ID, b.ID) })
	for i, it := range items {
		if i == 0 || it.Carries == nil || it.Carries.Site != f.Theirs.Stamp.Site {
			continue
		}
		lost := items[i-1]
		seen := before.Mine != nil && lost.ID <= before.Mine.Seq
		if lost.Carries != nil || lost.Out == "" || seen || lost.ID >= f.Mine.Seq || f.Theirs.Saw >= lost.ID || lost.Out == f.Theirs.Value {
			continue
		}
		edit := bridge.Edit{Site: f.Mine.Stamp.Site, Seq: lost.ID}
		p.Note(pair.Event{What: "conflict", Field: key, Old: lost.Out, New: it.Value, Edit: edit.String() + " " + it.Carries.String(),
			Outcome: "won by " + it.Carries.String()})
	}
}
