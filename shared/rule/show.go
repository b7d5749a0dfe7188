package rule

import "drawbridge/shared/bridge"

// Shows are the fields of this site in which people see how their issue stands, by id; empty: none. Nothing else writes to
// them, and they are never sent.
type Shows struct {
	Twin  string // the twin's key
	State string // in sync, problem, parked, stopped
}

// Shows returns the fields that show the sync.
func (r *Rules) Shows() Shows { return r.shows }

// Identity says how much of an issue's own identity leaves with it: full (key and address), key, none. The id always does.
func (r *Rules) Identity() string { return r.set.identity.or("full") }

// Ref is an issue of this site as the other site may know it.
func (r *Rules) Ref(ref bridge.Ref) bridge.Ref {
	switch r.Identity() {
	case "key":
		ref.URL = ""
	case "none":
		ref.URL, ref.Key = "", ""
	}
	return ref
}

func (b *binder) showRules() {
	b.rules.shows = Shows{Twin: b.shown(b.set.showTwin), State: b.shown(b.set.showState)}
}

func (b *binder) shown(w word) string {
	if !w.set() {
		return ""
	}
	f := b.field(w)
	if f == nil {
		return ""
	}
	if !textual(f.Kind) || !f.Custom {
		b.problem(w.at, "make a custom text field for it", "show: field %q is no custom text field", w.text)
		return ""
	}
	for _, row := range b.rules.rows {
		if row.Out && row.Source == f.ID || row.In && row.Target == f.ID {
			b.problem(w.at, "", "show: field %q is in a row already; it cannot both show the sync and be synced", w.text)
			return ""
		}
	}
	return f.ID
}
