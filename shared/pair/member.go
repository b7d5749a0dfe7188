package pair

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// Own is a comment, attachment, worklog or link written on this site: the original.
type Own struct {
	merge.Member
	Offer bridge.Member `json:"offer"`         // as it is, or was, offered to the remote site
	Rev   int64         `json:"rev,omitempty"` // head revision at which it last changed; 0 once acknowledged
	Why   string        `json:"why,omitempty"` // why it stays inside
	// Recalled says that a person withdrew it: it stays in whatever the rules say.
	Recalled bool     `json:"recalled,omitempty"`
	Files    []string `json:"files,omitempty"` // names of files a comment's text refers to
	// Secret says of a comment that not everybody who sees the issue sees it, and of an attachment that such a comment refers
	// to it, or did, and no open text does.
	Secret bool   `json:"secret,omitempty"`
	Parent string `json:"parent,omitempty"` // id of the comment that this one replies to
	Ours   bool   `json:"ours,omitempty"`   // written with our own login: by a person, or it is a copy that was forgotten
}

// Copy is a member written on the remote site, as wanted and as done here.
type Copy struct {
	merge.Member               // as done
	Want         bridge.Member `json:"want"`
	WantRules    int64         `json:"wantRules,omitempty"` // revision of the remote rules that made Want
	Since        int64         `json:"since,omitempty"`     // hub ms of the open intent: a retry looks before it creates or deletes
	Made         int64         `json:"made,omitempty"`      // Jira's time of the copy's creation, ms: an older list does not know it
	Tries        int           `json:"tries,omitempty"`
	Paired       bool          `json:"paired,omitempty"` // it stood here before: its content is taken to be the original's
	// Wrote is what the open intent to create a worklog, or a link, may have written, by [LogHash] or [LinkID], with the hash of
	// the wanted member.
	Wrote    map[string]string `json:"wrote,omitempty"`
	Original string            `json:"original,omitempty"` // the remote member is itself a copy of ours of this id
	Why      string            `json:"why,omitempty"`      // why it was not taken, or refused
}

// Next is what the copy needs, and the state it has once that is done. Anew says that a state was lost or restored, so that
// what the copy shows is not certain; nor is it where a deed was begun whose end is not noted.
func (c *Copy) Next(anew bool) (merge.Member, merge.Deed) {
	anew = anew || c.Since != 0
	if c.Original != "" {
		return c.Member, merge.Leave
	}
	if c.Paired && c.Hash == "" && !c.Want.Deleted {
		before := c.Member
		before.Hash = Hash(c.Want)
		return merge.Take(before, c.Want, c.WantRules, before.Hash, anew)
	}
	return merge.Take(c.Member, c.Want, c.WantRules, Hash(c.Want), anew)
}

// Adopt takes a local member for the copy that the open intent has made. Shows is what it shows, where that is known: what was
// written may not be what is wanted now.
func (c *Copy) Adopt(localID, shows string) {
	if !c.Want.Deleted {
		c.Member, _ = c.Next(false)
		if hash, ok := c.Wrote[shows]; ok {
			c.Hash = hash
		}
		c.Since, c.Wrote = 0, nil
	}
	c.LocalID = localID
}

// Receive takes in what the remote site sent of its member. A late one changes nothing.
func (c *Copy) Receive(m bridge.Member, rules int64) {
	if c.Want.ID == "" || m.Seq > c.Want.Seq || m.Seq == c.Want.Seq && (m.Deleted || rules >= c.WantRules && !c.Want.Deleted) {
		c.Want, c.WantRules = m, rules
	}
}

// Hash is of what makes the content of a member.
func Hash(m bridge.Member) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%d\x00%d\x00%d\x00%t\x00%s\x00%s", m.Body, m.Name, m.SHA256, m.Size, m.Started, m.Seconds, m.Restricted, m.Other, m.Note)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// LogHash is of what a worklog shows: where Jira keeps no marker on worklogs, our own are found again by it. Its time is
// compared to the second, its text by letters and digits: Jira changes the rest.
func LogHash(text string, started time.Time, seconds int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%d\x00%s", started.Unix(), seconds, letters(text)))
	return hex.EncodeToString(sum[:12])
}

// LinkID is by what a link stands at this site as a copy, seen from its source: two issues have one link of a type at most.
// Jira does not say the id of a link it makes.
func LinkID(linkType, destination string) string {
	return destination + "~" + strings.ToLower(linkType)
}

// MemberKey is how acks and dirty lists name a member: "comment/10001".
func MemberKey(kind bridge.MemberKind, id string) string { return string(kind) + "/" + id }

// SplitMemberKey is the inverse of [MemberKey].
func SplitMemberKey(key string) (bridge.MemberKind, string) {
	kind, id, _ := strings.Cut(key, "/")
	return bridge.MemberKind(kind), id
}

// Own returns the original of that kind and id, or nil. It reads the document the first time.
func (p *Pair) Own(ctx context.Context, kind bridge.MemberKind, id string) (*Own, error) {
	return load[Own](ctx, p, "own/"+MemberKey(kind, id))
}

// SetOwn stores the original; sent says that it is to be offered to the remote site at the head's present revision.
func (p *Pair) SetOwn(o *Own, send bool) {
	key := MemberKey(o.Offer.Kind, o.Offer.ID)
	if send {
		o.Rev = p.Head.Revision
		p.dirty(key)
	}
	p.put("own/"+key, o)
}

// dirty lists the member as not acknowledged.
func (p *Pair) dirty(key string) {
	h := &p.Head
	if h.Dirty == nil {
		h.Dirty = map[string]int64{}
	}
	if _, listed := h.Dirty[key]; !listed && len(h.Dirty) >= dirtyMax {
		h.Many = true
		return
	}
	h.Dirty[key] = h.Revision
}

// memberAcked takes the remote site's word that it handled our member at a revision.
func (p *Pair) memberAcked(key, copyID string, revision int64) {
	if at, ok := p.Head.Dirty[key]; ok && at <= revision {
		delete(p.Head.Dirty, key)
	}
	p.acked = append(p.acked, ackedMember{key, copyID, revision})
}

type ackedMember struct {
	key, copyID string
	revision    int64
}

// Copy returns the copy of the remote member of that kind and remote id, or nil.
func (p *Pair) Copy(ctx context.Context, kind bridge.MemberKind, remoteID string) (*Copy, error) {
	return load[Copy](ctx, p, "copy/"+MemberKey(kind, remoteID))
}

// SetCopy stores the copy, and the way from its local id to the original's.
func (p *Pair) SetCopy(c *Copy) {
	p.put("copy/"+MemberKey(c.Want.Kind, c.Want.ID), c)
	if c.LocalID != "" {
		p.put("copyof/"+MemberKey(c.Want.Kind, c.LocalID), &copyOf{Remote: c.Want.ID})
	}
}

type copyOf struct {
	Remote string `json:"remote"`
}

// CopyOf returns the remote id of the original of which the local member is a copy, or "".
func (p *Pair) CopyOf(ctx context.Context, kind bridge.MemberKind, localID string) (string, error) {
	c, err := load[copyOf](ctx, p, "copyof/"+MemberKey(kind, localID))
	if err != nil || c == nil {
		return "", err
	}
	return c.Remote, nil
}

// LinkCopy returns the copy that stands here as the link of that [LinkID], or nil: it is none of ours, or not any more.
func (p *Pair) LinkCopy(ctx context.Context, id string) (*Copy, error) {
	original, err := p.CopyOf(ctx, bridge.Link, id)
	if err != nil || original == "" {
		return nil, err
	}
	c, err := p.Copy(ctx, bridge.Link, original)
	if err != nil || c == nil || c.LocalID != id || c.Member.Gone || c.Lost {
		return nil, err
	}
	return c, nil
}

// Owns lists all originals of the pair.
func (p *Pair) Owns(ctx context.Context) ([]*Own, error) { return list[Own](ctx, p, "own/") }

// Copies lists all copies of the pair.
func (p *Pair) Copies(ctx context.Context) ([]*Copy, error) { return list[Copy](ctx, p, "copy/") }
