package publish

import (
	"context"
	"fmt"
	"io"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// A Draft is what would leave of an issue. Nothing of it is stored or sent.
type Draft struct {
	Issue   bridge.Ref
	Pair    *pair.Pair // as it would be; its stored self is untouched
	Replica rule.Replica
	Rules   *rule.Rules // that say so
	Change  bridge.Change
	Kept    []Stays // members that would stay in
	Why     string  // why nothing would leave
}

// Stays is a comment, attachment or worklog that would stay on this site.
type Stays struct {
	Member string `json:"member"`
	Why    string `json:"why"`
}

// Draft works out what would leave of an issue under the given rules, or those in force (nil). It reads the issue once.
// With a joining it is the change that would ask for a pair with an existing issue. The flow's site must not carry
// attachments: see [NoContent].
func (f *Flow) Draft(ctx context.Context, c *bridge.Connection, issue string, rules *rule.Rules, join *pair.Joining) (d Draft, err error) {
	is, err := f.whole(ctx, issue)
	if err != nil {
		return d, err
	}
	v, err := observe.Load(ctx, f.Site, c, is, bridge.Live)
	if err != nil {
		return d, err
	}
	if rules != nil {
		v.Rules, v.Revision = rules, v.Revision+1
	}
	d.Rules = v.Rules
	d.Issue = bridge.Ref{ID: is.ID, Key: is.Key, URL: f.Site.Jira.Browse(is.Key)}
	if d.Pair, err = f.Site.Book.Load(ctx, c.ID, is.ID); err != nil {
		return d, err
	}
	asked := d.Pair
	if asked == nil {
		asked = f.fresh(c, is)
	}
	if d.Why, err = f.Site.Kept(ctx, v.Rules, observe.Env(asked, v, v.Issue), is.ID); err != nil || d.Why != "" {
		return d, err
	}
	if d.Pair == nil {
		err = f.draftNew(ctx, v, &d, entire(is, "draft"), join)
	} else {
		err = f.draftKnown(ctx, v, &d, entire(is, "draft"))
	}
	if err != nil {
		return d, err
	}
	if d.Replica, err = v.Rules.Outgoing(observe.Env(d.Pair, v, v.Issue)); err != nil {
		d.Why = err.Error()
		return d, nil
	}
	return d, f.finish(ctx, &d, v)
}

func (f *Flow) draftNew(ctx context.Context, v *observe.View, d *Draft, seen observe.Seen, join *pair.Joining) (err error) {
	asked := join
	if asked == nil {
		asked = &pair.Joining{By: "draft"}
	}
	d.Pair, err = f.joining(ctx, v, seen.Issue, asked)
	if join == nil && err == nil {
		d.Pair.State.Join, d.Pair.State.Joined = nil, false
	}
	return err
}

// draftKnown looks at the pair's issue as if it were seen now; the pair is our own copy of what is stored.
func (f *Flow) draftKnown(ctx context.Context, v *observe.View, d *Draft, seen observe.Seen) error {
	ms, err := f.members(ctx, v, d.Pair, seen.Issue, false)
	if err != nil {
		return err
	}
	seen.Base, d.Pair.State.Kept = false, ""
	observe.Fold(d.Pair, v, seen)
	return takeAll(ctx, d.Pair, v, ms, seen.Cause)
}

// finish makes the change, whole: the other side is to say what all of it does.
func (f *Flow) finish(ctx context.Context, d *Draft, v *observe.View) error {
	d.Pair.Head.Acked, d.Pair.Head.Rules = 0, v.Revision
	c, err := d.Pair.Change(ctx)
	if err != nil {
		return err
	}
	if c.Join != nil {
		for i := range c.Join.Members {
			c.Join.Members[i].SHA256 = "" // contents are not read for a draft
		}
	}
	for key := range c.Fields {
		if row, ok := v.Rules.Row(baseKey(key)); !ok || !row.Out {
			delete(c.Fields, key)
		}
	}
	d.Change = *c
	d.Change.Issue = d.Rules.Ref(c.Issue)
	owns, err := d.Pair.Owns(ctx)
	for _, o := range owns {
		if o.Tombstone() && o.Why != "" {
			d.Kept = append(d.Kept, Stays{pair.MemberKey(o.Offer.Kind, o.Offer.ID), o.Why})
		}
	}
	return err
}

func baseKey(key string) string {
	base, _, _ := merge.SplitKey(key)
	return base
}

// NoContent carries no attachment: drafts say that one would leave without reading it.
type NoContent struct{}

// Known implements site.Content: everything is there already.
func (NoContent) Known(context.Context, string, string, int64) string { return strings.Repeat("0", 64) }

// Offer implements site.Content.
func (NoContent) Offer(context.Context, string, string, int64, io.Reader) (string, error) {
	return "", fmt.Errorf("publish: a draft carries no content")
}

// Fetch implements site.Content.
func (NoContent) Fetch(context.Context, string, bridge.Member) (io.ReadCloser, error) {
	return nil, fmt.Errorf("publish: a draft fetches no content")
}
