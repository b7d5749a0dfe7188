package merge

import "drawbridge/shared/bridge"

// A Member is what one site keeps about one comment, attachment, worklog or link of a pair: an original written here, or
// the copy of one written on the remote site. Members are not merged. They travel from original to copy only, whatever
// becomes of the copy (a copy never acts on its original), in the order of the original's own "updated".
type Member struct {
	LocalID  string `json:"local,omitempty"`  // on this site: of the original, or of its copy; empty while there is no copy
	RemoteID string `json:"remote,omitempty"` // on the remote site
	Copy     bool   `json:"copy,omitempty"`   // the original is over there
	Seq      int64  `json:"seq"`              // the original's "updated" in ms of its own Jira, as last taken in
	Rules    int64  `json:"rules,omitempty"`  // revision of the outgoing rule that made Hash
	Hash     string `json:"hash,omitempty"`   // of what the rule lets out of the content
	// Gone is a tombstone of an original: it was deleted and can never come back.
	Gone bool `json:"gone,omitempty"`
	// Kept says that the original must not leave, or not any more (it became restricted). A later Seq may lift it.
	Kept bool `json:"kept,omitempty"`
	// Lost is how often a person here deleted the copy, Again whether it was made again since.
	Lost  bool `json:"lost,omitempty"`
	Again bool `json:"again,omitempty"`
}

// A Sight is one observation of an original by its own site.
type Sight struct {
	Seq   int64
	Rules int64
	Hash  string
	Gone  bool // it was deleted
	Kept  bool // the rule does not let it out: restricted, or not proven unrestricted
}

// See takes in a sight of a local original, in any order and any number of times. changed reports that the remote site
// has to be told; it is told about a kept original only after that original had left.
func See(m Member, s Sight) (_ Member, changed bool) {
	switch before := m; {
	case m.Copy || m.Gone:
		return m, false // a changed copy leaves the original alone; a late "created" cannot raise the dead
	case s.Gone:
		m.Gone = true
		return m, left(before)
	case m.known() && (s.Seq < m.Seq || s.Seq == m.Seq && s.Rules < m.Rules):
		return m, false // late
	default:
		m.Seq, m.Rules, m.Kept = s.Seq, s.Rules, s.Kept
		if !s.Kept {
			m.Hash = s.Hash
		}
		if s.Kept || before.Kept {
			return m, s.Kept != before.Kept && (!s.Kept || left(before))
		}
		return m, before.Hash != m.Hash
	}
}

// known reports that the member was seen before.
func (m Member) known() bool { return m.Seq != 0 || m.Hash != "" || m.Kept || m.Gone }

// left reports that content of the original was let out before.
func left(m Member) bool { return m.Hash != "" && !m.Kept }

// Tombstone reports that the remote site must be told that the member is gone, as far as it is concerned.
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

// Take decides what the sent member in, made by rules of revision rules and with content hash, asks of its local copy.
// The Member returned is to be saved once the deed is done, with the copy's id in LocalID after Create.
func Take(m Member, in bridge.Member, rules int64, hash string) (Member, Deed) {
	before := m
	switch {
	case m.known() && (in.Seq < m.Seq || in.Seq == m.Seq && (m.Gone && !in.Deleted || rules < m.Rules)):
		return m, Leave // late, or already deleted by what it said at the same time
	case in.Deleted:
		m.Copy, m.RemoteID, m.Seq, m.Rules, m.Gone = true, in.ID, in.Seq, rules, true
		if m.LocalID == "" || m.Lost {
			return m, Leave
		}
		return m, Delete
	}
	m.Copy, m.RemoteID, m.Seq, m.Rules, m.Hash, m.Gone = true, in.ID, in.Seq, rules, hash, false
	switch {
	case m.LocalID == "" || before.Gone:
		m.LocalID, m.Lost = "", false // never made, or withdrawn and let out again
		return m, Create
	case before.Hash == hash:
		return m, Leave
	case !m.Lost:
		return m, Edit
	case !m.Again:
		m.LocalID, m.Lost, m.Again = "", false, true // an edit beats a deletion that its author did not see: once
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
