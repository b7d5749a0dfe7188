package pair

import (
	"drawbridge/shared/bridge"
)

// Status is where a pair is in its life, at this site.
type Status string

// The statuses of a pair.
const (
	Waiting Status = "waiting" // its twin does not exist yet, as far as this site knows
	Synced  Status = "synced"  // both issues exist
	Stopped Status = "stopped" // no longer kept in sync; both issues stay
)

// Head is the part of a pair that is read most: it says what waits and what is acknowledged. Stored, it carries what changed of
// the state since that was written; it stays under 1 KB (see stored.go).
type Head struct {
	Connection string      `json:"connection"`
	Local      bridge.Ref  `json:"local"`
	Remote     bridge.Ref  `json:"remote"`
	Status     Status      `json:"status"`
	Origin     bridge.Role `json:"origin"` // the site on which the issue was first

	// Revision counts what this site knows that is worth sending. A change carries it, an ack names it.
	Revision int64       `json:"revision"`
	Acked    int64       `json:"acked"`           // the highest revision the remote site has acknowledged
	Since    int64       `json:"since,omitempty"` // hub ms since when a change waits; 0: nothing waits
	Lane     bridge.Lane `json:"lane,omitempty"`  // of the waiting change
	// Dirty are the members the remote site has not acknowledged, with the revision that made them so. Where there are
	// more than dirtyMax, Many is set and the member documents say which.
	Dirty map[string]int64 `json:"dirty,omitempty"`
	Many  bool             `json:"many,omitempty"`

	Received int64       `json:"received,omitempty"` // the highest revision of the remote site that was taken in
	Applied  int64       `json:"applied,omitempty"`  // the remote site's revision that was applied here
	Outcome  *bridge.Ack `json:"outcome,omitempty"`  // what was answered to it, when it was not plainly applied
	Answer   *bridge.Ack `json:"answer,omitempty"`   // what the remote site last answered, when it was not plainly applied
	Parked   *Parked     `json:"parked,omitempty"`
	Gone     bridge.Gone `json:"gone,omitempty"`    // our issue was deleted or stopped
	Left     bridge.Gone `json:"left,omitempty"`    // the remote issue was
	Updated  int64       `json:"updated,omitempty"` // Jira's "updated" of our issue as last observed, ms of Jira's clock
	Bare     bool        `json:"bare,omitempty"`    // there are no documents about members
	Rules    int64       `json:"rules,omitempty"`   // revision of the outgoing rules that made the values
}

// Unmade is what the remote site answered if it wants to make the twin and its Jira refused; nil: it has one, or waits, or its
// rules want none.
func (h *Head) Unmade() *bridge.Ack {
	if a := h.Answer; h.Status == Waiting && a != nil && a.Outcome == bridge.Parked {
		return a
	}
	return nil
}

// Parked says why a pair's change cannot be applied now. The rest of the connection goes on.
type Parked struct {
	Name   string `json:"name"` // catalogue name of the error
	Reason string `json:"reason"`
	Since  int64  `json:"since,omitempty"` // hub ms
	Retry  int64  `json:"retry,omitempty"` // hub ms of the next try by itself; 0: when its cause goes, or by hand
	Tries  int    `json:"tries,omitempty"`
}

const dirtyMax = 12

// Mark notes that something worth sending changed, at the given time, and returns the revision it has now.
func (p *Pair) Mark(now int64, lane bridge.Lane) int64 {
	h := &p.Head
	h.Revision++
	switch {
	case h.Since == 0:
		h.Since, h.Lane = now, lane
	case lane == bridge.Live:
		h.Lane = lane // a live change overtakes what waited in bulk
	}
	return h.Revision
}

// Leave notes that our issue is gone, and marks the pair so that the remote site is told.
func (p *Pair) Leave(why bridge.Gone, now int64, cause string) {
	if p.Head.Gone != "" {
		return
	}
	p.Head.Gone = why
	p.State.Intents = nil // the place of a write to it will never be seen
	p.Unpark()
	p.Mark(now, bridge.Live)
	p.Note(Event{What: "gone", Note: string(why), Cause: cause})
}

// Over reports whether the pair is out of sync, by whichever side.
func (h *Head) Over() bool { return h.Status == Stopped || h.Gone != "" || h.Left != "" }

// Waits reports whether the pair has a change for the remote site.
func (h *Head) Waits() bool {
	return h.Since != 0 && h.Status != Stopped || h.Since != 0 && h.Gone != ""
}

// Acknowledge takes the remote site's ack of one of our changes. A late or doubled ack changes nothing.
func (p *Pair) Acknowledge(a bridge.Ack) {
	h := &p.Head
	if a.Revision > h.Revision {
		return // of a state that was lost here: the resend settles it
	}
	if a.Twin.ID != "" && h.Status == Waiting {
		h.Remote, h.Status = a.Twin, Synced
	}
	if a.Twin.ID == h.Remote.ID && a.Twin.Key != "" {
		h.Remote = a.Twin
	}
	for key, copyID := range a.Members {
		p.memberAcked(key, copyID, a.Revision)
	}
	if a.Revision < h.Acked {
		return
	}
	h.Acked = a.Revision
	h.Answer = nil
	if a.Outcome == bridge.Applied && a.Revision >= p.State.Lists {
		p.State.Lists = 0
	}
	if a.Outcome != bridge.Applied || len(a.Refused) > 0 {
		h.Answer = &bridge.Ack{Outcome: a.Outcome, Reason: a.Reason, Refused: a.Refused, Revision: a.Revision}
	}
	// Members of which an answer that is no says nothing wait for the next change; offering them again at once would only
	// get the same answer.
	if no := a.Outcome != bridge.Applied; h.Acked >= h.Revision && (no || len(h.Dirty) == 0 && !h.Many) {
		h.Since, h.Lane = 0, ""
	}
}
