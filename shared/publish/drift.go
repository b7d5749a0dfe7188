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

// Drift reads the issue of a pair and compares it with what is stored: edits that were missed, and fields that do not show
// what stands. The flow's site must not carry attachments: see [NoContent].
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
	d.Fields = driftedFields(v, stored, now)
	d.Members, err = driftedMembers(ctx, stored, now)
	return d, err
}

// driftedFields are the fields with an edit that is not stored, and those that show something else than stands.
func driftedFields(v *observe.View, stored, now *pair.Pair) (out []Drifted) {
	for _, key := range now.State.Keys() {
		base, _, _ := merge.SplitKey(key)
		row, ok := v.Rules.Row(base)
		if !ok {
			continue
		}
		was, is := stored.State.Fields[key], now.State.Fields[key]
		if was == nil {
			was = &pair.Field{}
		}
		s := v.Merge(row)
		pending := row.In && merge.Decide(is.Field, s, func(e *bridge.Entry) bridge.Value { return e.Value }).Kind == merge.Write
		switch {
		case was.Shown != is.Shown || seq(was.Mine) != seq(is.Mine):
			out = append(out, Drifted{key, was.Shown, is.Shown})
		case pending:
			w, _ := merge.Winner(is.Field, s)
			out = append(out, Drifted{key, w.Value, is.Shown})
		}
	}
	return out
}

func seq(e *bridge.Entry) int64 {
	if e == nil {
		return -1
	}
	return e.Seq
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
