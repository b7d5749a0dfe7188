package observe

import (
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

// NoteConflict notes a conflict of a field in the pair's history once, with both values. A conflict comes to light by an
// edit here that is seen late as well as by what the remote site sends, so both flows ask.
func NoteConflict(p *pair.Pair, key string, s merge.Site) {
	f := p.State.Field(key)
	w, verdict := merge.Winner(f.Field, s)
	if verdict != merge.Decided && verdict != merge.Asking || f.Mine == nil || f.Theirs == nil {
		return
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
