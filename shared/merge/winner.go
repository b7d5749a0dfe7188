package merge

import "drawbridge/shared/bridge"

// Join unites two records of one site's entry: the higher Seq; at equal Seq the higher Saw, the higher stamp and the
// value of the higher rule revision. It is idempotent, commutative and associative, so records may arrive in any order
// and any number of times. It returns a, b or a new entry and changes neither.
func Join(a, b *bridge.Entry) *bridge.Entry {
	switch {
	case a == nil:
		return b
	case b == nil || a.Seq > b.Seq:
		return a
	case b.Seq > a.Seq:
		return b
	}
	e := *a
	e.Saw = max(a.Saw, b.Saw)
	if b.Stamp.Compare(a.Stamp) > 0 {
		e.Stamp = b.Stamp
	}
	if b.Rules > a.Rules || b.Rules == a.Rules && b.Value > a.Value {
		e.Rules, e.Value = b.Rules, b.Value
	}
	return &e
}

// Receive takes in what the remote site sent: in.Mine is its own entry, in.Theirs what it knows of ours. Entries that
// name the wrong site are ignored. Not to be called while a write of ours is open: its item, seen later, would count as
// made by the rules that came with in.
//
// forgotten reports that it knows an edit of ours that we do not (our state was restored or lost): read the changelog,
// Observe it and Receive again before deciding anything. If the changelog does not have the edit either, the local Jira
// itself went back in time, and a person has to say which side is right.
func Receive(f Field, s Site, in bridge.Entries) (_ Field, forgotten bool) {
	if in.Mine != nil && in.Mine.Stamp.Site == s.Role.Other() {
		f = f.join(in.Mine)
	}
	if s.Way == In || in.Theirs == nil || in.Theirs.Stamp.Site != s.Role {
		return f, false
	}
	if f.Mine == nil || in.Theirs.Seq > f.Mine.Seq {
		return f, true
	}
	if in.Theirs.Seq == f.Mine.Seq {
		f.Mine = Join(f.Mine, in.Theirs)
	}
	return f, false
}

// join unites the remote entry with what we have of it. The same edit with another value is new rules over there.
func (f Field) join(in *bridge.Entry) Field {
	before := f.Theirs
	f.Theirs = Join(before, in)
	if before != nil && before.Seq == f.Theirs.Seq && before.Value != f.Theirs.Value {
		return f.again()
	}
	return f
}

// A Verdict says how a winner was found, or why there is none.
type Verdict string

// The verdicts.
const (
	None    Verdict = "none"    // no edit is known
	Known   Verdict = "known"   // the only edit, or the one that saw the other
	Decided Verdict = "decided" // a conflict, decided by the policy; the Loser belongs into the history
	Waiting Verdict = "waiting" // a conflict under a policy revision that is not known here yet
	Behind  Verdict = "behind"  // Jira shows a remote edit later than the entry we have (restored state): it will be sent again
	Asking  Verdict = "asking"  // a conflict under the policy ask: a person has to Pick
)

// Winner is the edit that stands, nil unless the verdict is Known or Decided. Both sites find the same.
func Winner(f Field, s Site) (*bridge.Entry, Verdict) {
	a, b := f.Mine, f.Theirs
	switch s.Way {
	case In:
		a = nil
	case Out:
		b = nil
	}
	switch {
	case s.Way != Out && (b == nil && f.placed() > bridge.Unseen || b != nil && f.placed() > b.Seq):
		return nil, Behind
	case a == nil && b == nil:
		return nil, None
	case b == nil:
		return a, Known
	case a == nil:
		return b, Known
	}
	switch x, y := a.Saw >= b.Seq, b.Saw >= a.Seq; {
	case x && !y:
		return a, Known
	case y && !x:
		return b, Known
	default:
		return conflict(a, b, s, x && y)
	}
}

// conflict decides between two edits of which neither saw the other, or, after two persons picked differently at the
// same time (crossed), both did.
func conflict(a, b *bridge.Entry, s Site, crossed bool) (*bridge.Entry, Verdict) {
	policy, known := s.Policies[max(a.Stamp.Policy, b.Stamp.Policy)]
	switch {
	case !known:
		return nil, Waiting
	case policy == bridge.Ask && !crossed:
		return nil, Asking
	case policy == bridge.PublicSite && a.Stamp.Site == bridge.Public,
		policy == bridge.PrivateSite && a.Stamp.Site == bridge.Private:
		return a, Decided
	case policy == bridge.PublicSite, policy == bridge.PrivateSite:
		return b, Decided
	case a.Stamp.Compare(b.Stamp) > 0: // newest; and of two crossed picks the newer edit, because nobody is left to ask
		return a, Decided
	default:
		return b, Decided
	}
}

// Loser is the entry that the winner w stands over, nil if there is none.
func Loser(f Field, w *bridge.Entry) *bridge.Entry {
	if w == nil {
		return nil
	}
	if f.Mine != nil && w.ID() == f.Mine.ID() {
		return f.Theirs
	}
	return f.Mine
}

// Pick is a person's answer to Asking: of the two edits the one named stands. It makes that edit one that saw the other,
// which travels like any other knowledge, so that it may be done on either site and needs no call to Jira. A person who
// wants a third value picks the local edit and then edits it in Jira.
//
// picked is false, and nothing changes, unless the field is Asking and the edit is one of the two (someone may have
// edited again since the person looked).
func Pick(f Field, s Site, edit bridge.Edit) (_ Field, picked bool) {
	if _, v := Winner(f, s); v != Asking {
		return f, false
	}
	switch edit {
	case f.Mine.ID():
		e := *f.Mine
		e.Saw = f.Theirs.Seq
		f.Mine = &e
	case f.Theirs.ID():
		e := *f.Theirs
		e.Saw = f.Mine.Seq
		f.Theirs = &e
	default:
		return f, false
	}
	return f, true
}
