package merge

import "drawbridge/shared/bridge"

// A Kind is what a Decision asks for.
type Kind string

// The kinds of decisions.
const (
	Nothing   Kind = "nothing" // Jira shows the winner, and we have noted so
	NoteShown Kind = "note"    // nothing to write; Note and save
	Write     Kind = "write"   // write Value to the local Jira, saying Edit in the call
	Wait      Kind = "wait"    // for a policy revision or for the remote site's latest entry, both on their way
	AskPerson Kind = "ask"     // a person has to Pick
)

// A Decision is what is to be done about a field. Pass every decision to Note.
type Decision struct {
	Kind  Kind
	Edit  bridge.Edit  // Write, NoteShown: the winner
	Value bridge.Value // Write: the local value
	// Beaten, if not nil, is the remote edit that lost here and from where on local edits count as made over it.
	Beaten *Placed
	same   bool // the winner is shown by the latest item, which does not carry it
}

// Decide says what the local Jira needs so that it shows the winner. local makes the local value of a remote winner (the
// incoming rule); it is not called for our own, which goes back as it was. An empty value means that the rule takes
// nothing of it: what is shown then stands for it. Not to be called while a write of ours is open.
//
// What Jira made of a value we wrote is never compared with what we wrote: Jira normalises, and would be fought.
func Decide(f Field, s Site, local func(*bridge.Entry) bridge.Value) Decision {
	w, v := Winner(f, s)
	switch v {
	case None:
		return Decision{Kind: Nothing}
	case Waiting, Behind:
		return Decision{Kind: Wait}
	case Asking:
		return Decision{Kind: AskPerson}
	}
	d := Decision{Kind: Nothing, Edit: w.ID(), Beaten: f.beaten(s, w)}
	own := d.Edit.Site == s.Role
	switch {
	case f.shows(d.Edit) && (own || !f.redo()):
	case own:
		d = f.compare(d, f.Raw)
	default:
		d = f.compare(d, local(w))
	}
	if d.Kind == Nothing && d.Beaten != nil {
		d.Kind = NoteShown
	}
	return d
}

// shows reports whether the latest item puts the edit there, or happens to have the same value.
func (f Field) shows(e bridge.Edit) bool {
	return f.Carries != nil && *f.Carries == e ||
		f.Silent != nil && f.Silent.Edit == e && f.Silent.Item == f.Item
}

// redo reports that the rules behind the value shown have changed and nothing else came since.
func (f Field) redo() bool { return f.Redo != nil && *f.Redo == f.Item && f.Aside == 0 }

func (f Field) compare(d Decision, v bridge.Value) Decision {
	if v == "" || v == f.Shown {
		d.Kind, d.same = NoteShown, true
	} else {
		d.Kind, d.Value = Write, v
	}
	return d
}

// beaten is the remote edit that w, if it is ours, stands over and that is not yet known to have stood here.
func (f Field) beaten(s Site, w *bridge.Entry) *Placed {
	if w.Stamp.Site != s.Role || f.Theirs == nil || s.Way != Both || f.placed() >= f.Theirs.Seq {
		return nil
	}
	return &Placed{After: f.Item, Seq: f.Theirs.Seq}
}

// Note records a decision: that its winner is shown already, and which remote edit was beaten, so that later edits here
// count as made over it. Save it before writing; it is idempotent.
func Note(f Field, d Decision) Field {
	if d.Beaten != nil {
		f = f.place(d.Beaten.After, d.Beaten.Seq)
	}
	if d.same {
		f = Shown(f, f.Item, d.Edit)
	}
	return f
}

// Shown records that the winner stands although no item carries it: its value is there already, or our write of it was
// accepted while item was the latest and left no item of its own. If another item came since, nothing is recorded:
// decide again.
func Shown(f Field, item int64, e bridge.Edit) Field {
	if f.Item != item {
		return f
	}
	f.Silent, f.Redo = &Silent{Edit: e, Item: f.Item}, nil
	if f.remote(e) {
		f = f.place(max(f.Item, f.Aside), e.Seq)
	}
	return f
}

// Wrote records that our write of the edit has the item id and that Jira shows the value shown. It is Observe of that
// one item, except that edits held stay held until the next Observe.
func Wrote(f Field, id int64, shown bridge.Value, e bridge.Edit) Field {
	f = f.stands(Item{ID: id, Value: shown}, e)
	if f.remote(e) {
		f = f.place(id, e.Seq)
	}
	return f
}

// remote reports whether the edit was made on the other site: our own are written back only while we have an entry.
func (f Field) remote(e bridge.Edit) bool { return f.Mine == nil || e.Site != f.Mine.Stamp.Site }
