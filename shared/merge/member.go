package merge

import "drawbridge/shared/bridge"

// A Member is what one site keeps about one comment, attachment, worklog or link of a pair: an original written here, or
// the copy of one written on the remote site. Members are not merged. They travel from original to copy only, whatever
// becomes of the copy (a copy never acts on its original), in the order of the original's own "updated".
type Member struct {
	LocalID  string `json:"local,omitempty"`  // on this site: of the original, or of its copy; empty while there is no copy
	RemoteID string `json:"remote,omitempty"` // on the remote site
	Copy     bool   `json:"copy,omitempty"`   // the original is over there
	// Seq orders what the remote site is told: the original's "updated", and higher than before for each thing told.
	Seq int64 `json:"seq"`
	// Updated is the original's own "updated" in ms of its Jira, as last seen; Rules is the revision of the outgoing rule
	// then, and Hash that of what it let out (never empty once something was).
	Updated int64  `json:"updated,omitempty"`
	Rules   int64  `json:"rules,omitempty"`
	Hash    string `json:"hash,omitempty"`
	// Gone says that the original was deleted and can never come back; of a copy, that it is to be gone.
	Gone bool `json:"gone,omitempty"`
	// Kept says that the original must not leave, or not any more (it became restricted). That may be lifted.
	Kept bool `json:"kept,omitempty"`
	// Lost says that a person here deleted the copy, Again that it was once made again after that.
	Lost  bool `json:"lost,omitempty"`
	Again bool `json:"again,omitempty"`
}

// A Sight is one observation of an original by its own site.
type Sight struct {
	Seq      int64 // its own "updated", in ms of the site's Jira; of a deletion the time at which it was seen
	Rules    int64
	Hash     string // of what the outgoing rule lets out of it
	Gone     bool   // it was deleted
	Kept     bool   // the rule does not let it out
	Unproven bool   // what was seen does not show whether it is restricted: it counts as restricted until something does
	// Now says that it was read after all that is known of it was seen: an earlier "updated" is then no sign that it is
	// late, but of a clock that was set back.
	Now bool
}

// See takes in a sight of a local original, in any order and any number of times. changed reports that the remote site
// has to be told; of an original that never left it is told nothing.
func See(m Member, s Sight) (_ Member, changed bool) {
	before := m
	switch {
	case m.Copy || m.Gone:
		return m, false // a changed copy leaves the original alone; a late "created" cannot raise the dead
	case s.Gone:
		m.Gone, changed = true, before.left()
	case m.known() && !s.Now && (s.Seq < m.Updated || s.Seq == m.Updated && (s.Unproven || s.Rules < m.Rules)):
		return m, false // late, or says less than is known
	case s.Kept || s.Unproven:
		m.Updated, m.Rules, m.Kept, changed = max(m.Updated, s.Seq), s.Rules, true, before.left()
	default:
		m.Updated, m.Rules, m.Kept, m.Hash = max(m.Updated, s.Seq), s.Rules, false, s.Hash
		changed = before.Kept || before.Hash != s.Hash
	}
	if changed {
		m.Seq = max(m.Updated, before.Seq+1)
	}
	return m, changed
}

// known reports that the original was seen, or told of, before.
func (m Member) known() bool { return m.Updated != 0 || m.Seq != 0 || m.Hash != "" || m.Kept || m.Gone }

// left reports that content of the original is out.
func (m Member) left() bool { return m.Hash != "" && !m.Kept }

// Tombstone reports that the member is gone as far as the remote site is concerned: what it is told says Deleted.
func (m Member) Tombstone() bool { return m.Gone || m.Kept }

// A Deed is what the local copy of a remote original needs.
type Deed string

// The deeds.
const (
	Leave  Deed = "nothing"
	Create Deed = "create"
	Edit   Deed = "edit"
	Delete Deed = "delete"
)

// Take decides what the sent member in, made by rules of that revision and with a content of that hash, asks of its
// local copy. Anew says that it is not certain what the copy shows, but at the same Seq: a deed was begun whose end is not
// known, or a state was lost or restored. Save the Member
// returned once the deed is done, with the copy's id in LocalID after Create.
func Take(m Member, in bridge.Member, rules int64, hash string, anew bool) (Member, Deed) {
	before := m
	if m.known() && (in.Seq < m.Seq || in.Seq == m.Seq && m.Gone) {
		return m, Leave // late
	}
	m.Lost = m.Lost && !anew
	m.Copy, m.RemoteID, m.Seq, m.Rules, m.Gone = true, in.ID, in.Seq, max(rules, m.Rules), in.Deleted
	if in.Deleted {
		if m.LocalID == "" || m.Lost {
			return m, Leave
		}
		return m, Delete
	}
	m.Hash = hash
	switch {
	case m.LocalID == "" || before.Gone: // never made, or withdrawn and let out again
		m.LocalID, m.Lost = "", false
		return m, Create
	case before.Hash == hash && (before.Seq == in.Seq || !anew):
		return m, Leave
	case !m.Lost:
		return m, Edit
	case !m.Again: // an edit beats a deletion that its author did not see: once
		m.LocalID, m.Lost, m.Again = "", false, true
		return m, Create
	default:
		return m, Leave
	}
}

// Lose notes that a person here deleted the copy. The original stays; if it is edited, the copy is made again once.
func Lose(m Member) Member {
	if m.Copy && m.LocalID != "" && !m.Gone {
		m.Lost = true
	}
	return m
}
