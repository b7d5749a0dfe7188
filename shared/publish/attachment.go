package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// attached takes the event of a new attachment.
func (f *Flow) attached(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string) error {
	if ev.Issue != nil && ev.Issue.HasAttachments && !ev.Issue.Partial {
		return f.fold(ctx, c, p, observe.Seen{Issue: ev.Issue, Cause: cause}, bridge.Live)
	}
	return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
}

// detached takes the event of a deleted attachment.
func (f *Flow) detached(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string) error {
	if ev.Attachment == nil || ev.Attachment.ID == "" {
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	s, err := deleted(ctx, p, bridge.Attachment, ev.Attachment.ID, ev.At)
	if err != nil {
		return err
	}
	return f.takeDeleted(ctx, c, p, s, cause)
}

// attachments sees new attachments and missing ones. The content of what may leave is put where the remote site can get
// it before the change is offered.
func (f *Flow) attachments(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, comments []sight, now bool) ([]sight, error) {
	var out []sight
	owns, err := p.Owns(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range is.Attachments {
		s, err := f.attachment(ctx, v, p, a, func() (bool, bool) { return referred(a.Name, owns, comments, descriptions(v.Issue)) })
		if err != nil {
			return nil, err
		}
		if s != nil {
			out = append(out, *s)
		}
	}
	gone, err := missing(ctx, p, bridge.Attachment, listedAt(is, now), func(id string) bool {
		return slices.ContainsFunc(is.Attachments, func(a jira.Attachment) bool { return a.ID == id })
	})
	return append(out, gone...), err
}

func (f *Flow) attachment(ctx context.Context, v *observe.View, p *pair.Pair, a jira.Attachment, refs func() (open, hidden bool)) (*sight, error) {
	if original, err := p.CopyOf(ctx, bridge.Attachment, a.ID); err != nil || original != "" {
		return nil, err
	}
	own, err := p.Own(ctx, bridge.Attachment, a.ID)
	if err != nil {
		return nil, err
	}
	open, hidden := refs()
	secret := !open && (hidden || own != nil && own.Secret)
	if own != nil && (own.Gone || own.Secret == secret && (!own.Kept || own.Rules == v.Revision)) {
		return nil, nil // content never changes
	}
	if own != nil && own.Kept && own.Rev != 0 {
		return nil, nil // its withdrawal is under way, and would drop the content that is offered now
	}
	if own == nil && a.Author.Is(v.Account) {
		if copied, err := f.copied(ctx, p, a); err != nil || copied != nil {
			return copied, err
		}
		if p.State.Look != 0 {
			return nil, nil // most likely a copy that was forgotten: the remote site says so when it offers everything again
		}
	}
	if p.State.Kept != "" {
		return nil, nil
	}
	in := rule.Attachment{Name: a.Name, Type: a.MimeType, Size: a.Size, Author: a.Author.Person(), OnlyRestricted: secret}
	send, why := v.Rules.AttachmentOut(observe.Env(p, v, v.Issue), in)
	m := bridge.Member{
		Kind: bridge.Attachment, ID: a.ID, Seq: a.Created.UnixMilli(), Created: a.Created.UnixMilli(), Updated: a.Created.UnixMilli(),
		Author: v.Rules.Author(a.Author.Person()), Name: a.Name, Type: a.MimeType, Size: a.Size, Restricted: secret,
	}
	if send {
		if m.SHA256, m.Note, err = f.carry(ctx, v.Connection.ID, a); err != nil {
			return nil, err
		}
	}
	return &sight{Sight: merge.Sight{Seq: m.Seq, Rules: v.Revision, Hash: pair.Hash(m), Kept: !send}, offer: m, why: why, secret: secret, ours: a.Author.Is(v.Account)}, nil
}

// carry puts the content where the remote site can get it. What is too large to carry leaves as a note.
func (f *Flow) carry(ctx context.Context, connection string, a jira.Attachment) (sum, note string, err error) {
	if limit := f.Site.MaxAttachment; limit > 0 && a.Size > limit {
		return "", fmt.Sprintf("%s has %d bytes, more than the %d this connection carries", a.Name, a.Size, limit), nil
	}
	if sum := f.Site.Content.Known(ctx, connection, a.ID, a.Size); sum != "" {
		return sum, "", nil
	}
	r, err := f.Site.Jira.Download(ctx, a)
	if err != nil {
		return "", "", err
	}
	defer r.Close()
	sum, err = f.Site.Content.Offer(ctx, connection, a.ID, a.Size, r)
	return sum, "", err
}

// copied recognises an upload of ours whose event came before its record: an open intent of that name and size. Time says
// nothing here: the clocks may have been set since.
func (f *Flow) copied(ctx context.Context, p *pair.Pair, a jira.Attachment) (*sight, error) {
	copies, err := p.Copies(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range copies {
		w := c.Want
		if w.Kind == bridge.Attachment && c.LocalID == "" && c.Since != 0 && w.Name == a.Name && w.Size == a.Size {
			return &sight{adopt: w.ID, offer: bridge.Member{Kind: bridge.Attachment, ID: a.ID}}, nil
		}
	}
	return nil, nil
}

// referred says which texts refer to a file: one that everybody who sees the issue can read, and one that stays in or is for
// some only.
func referred(name string, owns []*pair.Own, fresh []sight, texts []string) (open, hidden bool) {
	see := func(closed bool, files []string) {
		if slices.Contains(files, name) {
			open, hidden = open || !closed, hidden || closed
		}
	}
	for _, s := range fresh {
		if s.offer.Kind == bridge.Comment && !s.Gone {
			see(s.Kept || s.secret, s.files)
		}
	}
	for _, o := range owns {
		if o.Offer.Kind == bridge.Comment && !o.Gone && !among(fresh, o) {
			see(o.Kept || o.Secret, o.Files)
		}
	}
	for _, t := range texts {
		open = open || strings.Contains(t, name)
	}
	return open, hidden
}

// among reports whether the original is among those just seen.
func among(fresh []sight, o *pair.Own) bool {
	return slices.ContainsFunc(fresh, func(s sight) bool { return s.offer.Kind == o.Offer.Kind && s.offer.ID == o.Offer.ID })
}

// descriptions are the texts of the issue that everybody who sees it can read.
func descriptions(is *rule.Issue) []string {
	var out []string
	for _, v := range is.Fields {
		if s, ok := v.(string); ok && strings.ContainsAny(s, "!^") {
			out = append(out, s)
		}
	}
	return out
}

// texts are the texts last seen in the fields of a pair.
func (f *Flow) texts(p *pair.Pair) []string {
	var out []string
	for _, field := range p.State.Fields {
		if s := field.Shown.Text(); strings.ContainsAny(s, "!^") {
			out = append(out, s)
		}
	}
	return out
}
