package merge

import "drawbridge/shared/bridge"

// A Field is everything one site keeps about one field of one pair, or about one element of a set-valued field. The zero
// Field knows nothing. Its size does not grow with the number of edits.
//
// Functions take a Field and return the next one; what a Field points to is never changed in place.
type Field struct {
	// Mine is the latest edit made here that the outgoing rule lets out; Theirs is the latest of the remote site we were told.
	Mine   *bridge.Entry `json:"mine,omitempty"`
	Theirs *bridge.Entry `json:"theirs,omitempty"`
	// Raw is the value of Mine as the local Jira showed it, before the outgoing rule.
	Raw bridge.Value `json:"raw,omitempty"`

	// Item is the id of the latest known changelog item of the field and Carries the edit that it put there: itself if it
	// is an edit made here; no edit at all if it is a halt of ours. No item is known as long as Carries is nil (0 is the id of
	// the creation).
	Item    int64        `json:"item,omitempty"`
	Carries *bridge.Edit `json:"carries,omitempty"`
	// Shown is the value Jira was last seen to show; empty if it was not seen.
	Shown bridge.Value `json:"shown,omitempty"`
	// Aside is the id of a later edit that is kept at home (its outgoing value is empty, or the row only takes): Jira
	// shows its value, but it is not merged, so Item stays. 0 if there is none.
	Aside int64 `json:"aside,omitempty"`

	// Placed is the latest remote edit that stood here after Mine was made, and from where on. One is enough: what saw an
	// older one did not see the latest, and only that is ever asked.
	Placed *Placed `json:"placed,omitempty"`
	// Silent says that an edit is shown although no item carries it.
	Silent *Silent `json:"silent,omitempty"`
	// Held is the latest edit seen while the place of one of our own writes is unknown.
	Held *Item `json:"held,omitempty"`
	// Redo is the Item that stood when the rules behind its value changed: it is written once more unless something else
	// came since.
	Redo *int64 `json:"redo,omitempty"`
}

// Placed says that the remote edit Seq stood here for all items after After: by a write of ours that carried it, because
// the same value was shown already, or because it was beaten.
type Placed struct {
	After int64 `json:"after"`
	Seq   int64 `json:"seq"`
}

// Silent says that Edit is shown by Item, which carries another edit of the same value.
type Silent struct {
	Edit bridge.Edit `json:"edit"`
	Item int64       `json:"item"`
}

// An Item is one changelog item of one field, as the local Jira reports it: an edit, or a write of ours.
type Item struct {
	// ID is its changelog id. The creation of the issue is item 0, whatever id a webhook may give it.
	ID int64 `json:"id"`
	// Value is the local value, in neutral form.
	Value bridge.Value `json:"value"`
	// Carries is the edit that our write put there, nil if the item is an edit. A write made for another connection or for
	// an earlier pair of this issue is an edit.
	Carries *bridge.Edit `json:"carries,omitempty"`
	// Halt says that our write shows here a value on its way to the edit's (a walk through a workflow): what is edited later
	// was made over that edit, but the edit is not there.
	Halt bool `json:"halt,omitempty"`
	// Out is what the outgoing rule makes of an edit's value, empty if it stays at home; Rules is the revision of that rule.
	Out   bridge.Value `json:"out,omitempty"`
	Rules int64        `json:"rules,omitempty"`
	// At is the time of the item in ms on the hub's timeline.
	At int64 `json:"at,omitempty"`
}

// A Way says in which directions a row carries its field.
type Way string

// The ways of a row, seen from the local site.
const (
	Both Way = ""    // two-way: the field is merged
	In   Way = "in"  // only taken: local edits make no entry and are left alone until the remote site edits again
	Out  Way = "out" // only sent: nothing is written here
)

// A Site is who is deciding, and under which policies. The highest revision in Policies stamps new edits.
type Site struct {
	Role     bridge.Role
	Policies map[int64]bridge.Policy
	Way      Way
}

func (s Site) revision() int64 {
	var top int64
	for r := range s.Policies {
		top = max(top, r)
	}
	return top
}

// Replica is what this site tells the remote one about the field.
func Replica(f Field, s Site) bridge.Entries {
	if s.Way == In {
		return bridge.Entries{Theirs: f.Theirs}
	}
	return bridge.Entries{Mine: f.Mine, Theirs: f.Theirs}
}
