package publish

import (
	"context"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// A Drift is how an issue differs from what is stored of its pair. Nothing of it is stored or sent.
type Drift struct {
	Issue   bridge.Ref `json:"issue"`
	Gone    bool       `json:"gone,omitempty"` // Jira does not show the issue any more
	Fields  []Drifted  `json:"fields,omitempty"`
	Members []Drifted  `json:"members,omitempty"` // comments and attachments; Stored and Shown say what became of them
}

// Drifted is a field, or a member, that differs.
type Drifted struct {
	Name   string       `json:"name"`
	Stored bridge.Value `json:"stored,omitempty"`
	Shown  bridge.Value `json:"shown,omitempty"`
}

// None reports whether nothing differs.
func (d Drift) None() bool { return !d.Gone && len(d.Fields)+len(d.Members) == 0 }

// Drift reads the issue of a pair and compares it with what is stored: it names the edits that were missed. The flow's site must not carry attachments: see [NoContent].
func (f *Flow) Drift(ctx context.Context, c *bridge.Connection, issue string) (d Drift, err error) {
	stored, err := f.Site.Book.Load(ctx, c.ID, issue)
	if err != nil || stored == nil {
		return d, err
	}
	d.Issue = stored.Head.Local
	is, err := f.whole(ctx, issue)
	if jira.StatusOf(err) == 404 {
		d.Gone = true
		return d, nil
	}
	if err != nil {
		return d, err
	}
	v, err := observe.Load(ctx, f.Site, c, is, bridge.Live)
	if err != nil {
		return d, err
	}
	now, err := f.Site.Book.Load(ctx, c.ID, issue)
	if err != nil || now == nil {
		return d, err
	}
	seen := observe.Seen{Issue: is, Histories: is.Histories, All: true, ReadAt: f.Site.Now(), Now: true, Cause: "check"}
	ms, err := f.members(ctx, v, now, is, true)
	if err != nil {
		return d, err
	}
	observe.Fold(now, v, seen)
	if err := takeAll(ctx, now, v, ms, seen.Cause); err != nil {
		return d, err
	}
	d.Fields = driftedFields(stored, now)
	d.Members, err = driftedMembers(ctx, stored, now)
	return d, err
}

// driftedFields are the fields of which an edit was missed. What we wrote and did not read back is none, and what is known to
// wait here, or was refused, is told by the pair's errors.
func driftedFields(stored, now *pair.Pair) (out []Drifted) {
	for _, key := range now.State.Keys() {
		was, is := stored.State.Fields[key], now.State.Fields[key]
		if was == nil {
			was = &pair.Field{}
		}
		if lastEdit(is.Field) > lastEdit(was.Field) {
			out = append(out, Drifted{key, stood(stored, key, was), is.Shown})
		}
	}
	return out
}

// lastEdit is the changelog id of the latest edit made here that is known.
func lastEdit(f merge.Field) int64 {
	last := bridge.Unseen
	if f.Mine != nil {
		last = f.Mine.Seq
	}
	if f.Held != nil {
		last = max(last, f.Held.ID)
	}
	return max(last, f.Aside)
}

// stood is what Jira was left to show in a field: what we wrote last, if that was not read back, else what was seen.
func stood(p *pair.Pair, key string, f *pair.Field) bridge.Value {
	v := f.Shown
	for _, in := range p.State.Intents {
		if w, ok := in.Writes[key]; ok && in.Until != 0 {
			v = w.Value
		}
	}
	return v
}

// driftedMembers are the comments and attachments of which something was missed, and copies that somebody deleted.
func driftedMembers(ctx context.Context, stored, now *pair.Pair) (out []Drifted, err error) {
	was, err := standing(ctx, stored)
	if err != nil {
		return nil, err
	}
	is, err := standing(ctx, now)
	if err != nil {
		return nil, err
	}
	for key, shown := range is {
		if was[key] != shown {
			out = append(out, Drifted{key, bridge.ValueOf(was[key].word), bridge.ValueOf(shown.word)})
		}
	}
	slices.SortFunc(out, func(a, b Drifted) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// stands is how a member stands: in a word, and by its content.
type stands struct{ word, hash string }

func standing(ctx context.Context, p *pair.Pair) (map[string]stands, error) {
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]stands{}
	for _, o := range owns {
		s := stands{"there", o.Hash}
		switch {
		case o.Gone:
			s.word = "deleted"
		case o.Kept:
			s.word = "kept in"
		}
		out[pair.MemberKey(o.Offer.Kind, o.Offer.ID)] = s
	}
	copies, err := p.Copies(ctx)
	for _, c := range copies {
		if c.LocalID != "" {
			out["copy of "+pair.MemberKey(c.Want.Kind, c.Want.ID)] = stands{map[bool]string{false: "there", true: "deleted here"}[c.Lost], ""}
		}
	}
	return out, err
}
