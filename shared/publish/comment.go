package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// commented takes a comment event. On Data Center its body has no issue, so rules see the little that is known.
func (f *Flow) commented(ctx context.Context, c *bridge.Connection, p *pair.Pair, ev jira.Event, cause string) error {
	if ev.Comment == nil || ev.Comment.ID == "" {
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	rules, _, err := f.Site.Rules(ctx, c.ID)
	if err != nil {
		return err
	}
	is := ev.Issue
	if is == nil || is.Project() == "" || slices.ContainsFunc(rules.Guards(), func(id string) bool { _, ok := is.Fields[id]; return !ok }) {
		fields := append([]string{"summary", "project", "issuetype", "status", "attachment", "security", "updated"}, rules.Guards()...)
		if is, err = f.Site.Jira.Issue(ctx, ev.IssueID, jira.IssueOptions{Fields: fields}); err != nil {
			return err
		}
	}
	v, kept, whole, err := f.viewed(ctx, c, p, is, cause)
	if err != nil {
		return err
	}
	if whole {
		return f.read(ctx, c, ev.IssueID, cause, bridge.Live)
	}
	ms, err := f.commentSights(ctx, v, p, is, ev)
	if err != nil {
		return err
	}
	if opened, err := opens(ctx, p, ms); err != nil || opened {
		if err == nil {
			err = f.read(ctx, c, ev.IssueID, cause, bridge.Live)
		}
		return err
	}
	err = f.change(f.Site.Book.Change(ctx, p, func(p *pair.Pair) error {
		keep(p, kept, cause)
		return takeAll(ctx, p, v, ms, cause)
	}))
	if err != nil {
		return err
	}
	return f.drop(ctx, c.ID, ms)
}

func (f *Flow) commentSights(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, ev jira.Event) ([]sight, error) {
	if ev.Kind == jira.CommentDeleted {
		s, err := deleted(ctx, p, bridge.Comment, ev.Comment.ID, ev.At)
		return []sight{s}, err
	}
	s, err := f.comment(ctx, v, p, is, *ev.Comment, false)
	if err != nil || s == nil {
		return nil, err
	}
	return f.along(ctx, p, []sight{*s})
}

// comment proves whether a comment may leave: by what is at hand, else by one read. So does one that says something else
// than is known and is not newer by its "updated": it is late, or Jira's clock was set back. Nil: it is a copy of ours, or
// was seen before. Now says that it was read after the pair.
func (f *Flow) comment(ctx context.Context, v *observe.View, p *pair.Pair, is *jira.Issue, c jira.Comment, now bool) (*sight, error) {
	if original, err := p.CopyOf(ctx, bridge.Comment, c.ID); err != nil || original != "" {
		return nil, err
	}
	own, err := p.Own(ctx, bridge.Comment, c.ID)
	if err != nil {
		return nil, err
	}
	if own != nil && own.Member.Updated == c.Updated.UnixMilli() && own.Rules == v.Revision && !c.Complete {
		return nil, nil
	}
	mine := own == nil && c.Author.Is(v.Account)
	if !proven(c, v.Issue.Service) || mine && !c.HasProperties || !now && contradicts(own, c, ruled(v, p, c)) {
		now = true
		c, err = f.Site.Jira.GetComment(ctx, is.ID, c.ID)
		if jira.StatusOf(err) == 404 {
			return nil, nil // deleted since; its event, or the next read, says so
		}
		if err != nil {
			return nil, err
		}
	}
	if original := markerOf(c.Properties, v.Connection.ID); mine && original != "" {
		return f.adoptable(ctx, p, bridge.Comment, c.ID, original)
	}
	if mine {
		if shows, err := showsCopies(ctx, p, c.Body); err != nil || shows {
			return nil, err
		}
	}
	if p.State.Kept != "" {
		return nil, nil
	}
	if c.ParentID != "" {
		if err := f.inherit(ctx, v, p, is, &c); err != nil {
			return nil, err
		}
	}
	s := ruled(v, p, c)
	s.Now = now && own != nil
	return s, nil
}

// showsCopies reports whether a comment of our account does nothing but show files that are copies of ours: Jira makes it where a
// file is attached for customers to see.
func showsCopies(ctx context.Context, p *pair.Pair, body string) (bool, error) {
	files, rest := jira.Files(body), body
	if len(files) == 0 {
		return false, nil
	}
	copies, err := p.Copies(ctx)
	if err != nil {
		return false, err
	}
	for _, name := range files {
		if !slices.ContainsFunc(copies, func(c *pair.Copy) bool { return c.Want.Kind == bridge.Attachment && c.Want.Name == name }) {
			return false, nil
		}
	}
	for _, line := range strings.Split(rest, "\n") {
		if line = strings.TrimSpace(line); line != "" && len(jira.Files(line)) != 1 || !bare(line) {
			return false, nil
		}
	}
	return true, nil
}

// bare reports whether a line is a reference to a file and nothing else.
func bare(line string) bool {
	return line == "" || strings.HasPrefix(line, "[^") && strings.HasSuffix(line, "]") || strings.HasPrefix(line, "!") && strings.HasSuffix(line, "!")
}

// contradicts reports whether a comment says something else than is known although it is not newer.
func contradicts(own *pair.Own, c jira.Comment, s *sight) bool {
	return own != nil && !own.Gone && !own.Recalled && c.Updated.UnixMilli() <= own.Member.Updated && s.Rules == own.Rules &&
		(s.Kept != own.Kept || !s.Kept && s.Hash != own.Hash)
}

// proven reports whether what is at hand says for certain who may see the comment.
func proven(c jira.Comment, service bool) bool {
	return c.Complete && (c.Internal != nil || !service)
}

// markerOf is the remote id of the member of which one with these properties is our copy, "" if it is not one.
func markerOf(properties map[string]json.RawMessage, connection string) string {
	var m site.Marker
	if json.Unmarshal(properties[site.MarkerKey], &m) != nil || m.Connection != connection {
		return ""
	}
	return m.Remote
}

// adoptable is a copy of ours whose event came before its record.
func (f *Flow) adoptable(ctx context.Context, p *pair.Pair, kind bridge.MemberKind, id, original string) (*sight, error) {
	known, err := p.Copy(ctx, kind, original)
	if err != nil || known == nil || known.LocalID != "" {
		return nil, err
	}
	return &sight{adopt: original, offer: bridge.Member{Kind: kind, ID: id}}, nil
}

// mostComment is how many bytes of a comment are carried: what a document of the store can hold. Jira's own limit, which an
// administrator may raise, is a tenth of that.
const mostComment = 300 << 10

// ruled asks the outgoing rule.
func ruled(v *observe.View, p *pair.Pair, c jira.Comment) *sight {
	internal := c.Internal != nil && *c.Internal
	in := rule.Comment{
		Author: c.Author.Person(), Body: c.Body, Internal: internal, Restricted: internal || c.Visibility != nil, Reply: c.ParentID != "",
	}
	if c.Visibility != nil {
		in.Visibility = c.Visibility.Value
	}
	send, out, why, err := v.Rules.CommentOut(observe.Env(p, v, v.Issue), in)
	if err != nil {
		send, why = false, err.Error()
	}
	if n := len(out.Body); n > mostComment {
		send, why, out.Body = false, fmt.Sprintf("it has %d bytes, at most %d are carried", n, mostComment), ""
	}
	out.Kind, out.ID = bridge.Comment, c.ID
	out.Created, out.Updated, out.Seq = c.Created.UnixMilli(), c.Updated.UnixMilli(), c.Updated.UnixMilli()
	out.Restricted = in.Restricted
	return &sight{
		Sight: merge.Sight{Seq: out.Seq, Rules: v.Revision, Hash: pair.Hash(out), Kept: !send},
		offer: out, why: why, files: jira.Files(c.Body), secret: in.Restricted, parent: c.ParentID,
	}
}
