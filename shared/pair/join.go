package pair

import (
	"context"

	"drawbridge/shared/bridge"
)

// Joining is what is left to do to make a pair of two issues that both exist.
type Joining struct {
	Remote string        `json:"remote"` // key or id of the issue over there, as a person gave it
	Values bridge.Values `json:"values"`
	By     string        `json:"by,omitempty"`
	// Was is the id that our issue had before its Jira was rebuilt elsewhere; the remote site knows it under that.
	Was string `json:"was,omitempty"`
	// Members are the remote site's, at the site that was asked, until it has looked which of them stand here.
	Members []bridge.Sketch `json:"members,omitempty"`
	// Meets says that the remote site asked: our issue has to be read before any change is applied to it.
	Meets bool `json:"meets,omitempty"`
}

// Means reports whether the joining is with that issue of the remote site.
func (j *Joining) Means(r bridge.Ref) bool {
	return j != nil && j.Remote != "" && (j.Remote == r.Key || j.Remote == r.ID)
}

// Meeting reports that the pair was joined from the other side and our own issue has not been read yet.
func (p *Pair) Meeting() bool { return p.State.Join != nil && p.State.Join.Meets }

// asks is what a change says of a joining that the remote site has not answered.
func (p *Pair) asks(ctx context.Context) (*bridge.Join, error) {
	j := p.State.Join
	if j == nil || p.Head.Remote.ID != "" {
		return nil, nil
	}
	members, err := p.sketches(ctx)
	return &bridge.Join{Values: j.Values, Members: members, Was: j.Was}, err
}

// Met takes in the remote site's issue as the twin of an issue that is not in a pair of its own yet: ours was to be
// joined with it as well, or its change came before the ack.
func (p *Pair) Met(remote bridge.Ref, j *Joining) {
	p.Head.Remote, p.Head.Status = remote, Synced
	p.State.Join = j
	p.Note(Event{What: "paired", Note: p.Head.Local.Key + " with " + remote.Key})
}

// Pairs notes members that stand on both sites: of each the older is the original, the other its copy. Nothing is copied.
func (p *Pair) Pairs(ms []Match, role bridge.Role) (originals map[string]string) {
	originals = map[string]string{}
	for _, m := range ms {
		want := bridge.Member{Kind: m.Theirs.Kind, ID: m.Theirs.ID}
		if m.OursFirst(role) {
			p.SetCopy(&Copy{Want: want, Original: m.Ours.ID})
			originals[MemberKey(m.Ours.Kind, m.Ours.ID)] = m.Theirs.ID
		} else {
			p.CopyKnown(want, m.Ours.ID)
		}
		p.Note(Event{What: "paired", Field: MemberKey(want.Kind, want.ID), Note: "stands here as " + string(want.Kind) + " " + m.Ours.ID})
	}
	return originals
}

// Tell offers originals of ours again that were offered before it was known that copies of them stand over there.
func (p *Pair) Tell(ctx context.Context, originals map[string]string) error {
	for _, key := range sortedKeys(originals) {
		kind, id := SplitMemberKey(key)
		own, err := p.Own(ctx, kind, id)
		if err != nil {
			return err
		}
		if own != nil && !own.Tombstone() {
			own.Offer.Copied = originals[key]
			p.SetOwn(own, true)
		}
	}
	return nil
}

// CopyKnown notes a local member, which was not copied under this pair, as the copy of a remote one.
func (p *Pair) CopyKnown(want bridge.Member, local string) *Copy {
	c := &Copy{Want: want, Paired: true}
	c.Member.Copy, c.LocalID, c.RemoteID, c.Made = true, local, want.ID, want.Created
	p.SetCopy(c)
	return c
}

// Claimed takes the remote site's word that one of our members is its member's copy, if it is one of ours and says the
// same; else the member is copied like any other.
func (p *Pair) Claimed(ctx context.Context, m bridge.Member) (*Copy, error) {
	if m.Copied == "" || !p.State.Joined {
		return nil, nil
	}
	own, err := p.Own(ctx, m.Kind, m.Copied)
	if err != nil || own == nil || !Alike(Sketch(own.Offer), Sketch(m)) {
		return nil, err
	}
	return p.CopyKnown(m, m.Copied), nil
}
