package publish

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
)

// account tells the remote site, higher than what it was told last, how those of our members stand that it has and this site
// had forgotten to be out. What was restricted meanwhile is withdrawn so, and what was deleted.
func account(ctx context.Context, p *pair.Pair, v *observe.View, seen observe.Seen, doubts []bridge.Taken) error {
	var settled []bridge.Taken
	for _, t := range doubts {
		own, err := p.Own(ctx, t.Kind, t.ID)
		if err != nil {
			return err
		}
		if own == nil {
			if !absent(seen.Issue, t) {
				continue // it is not known yet what it is
			}
			own = &pair.Own{Member: merge.Member{LocalID: t.ID, Gone: true}, Offer: bridge.Member{Kind: t.Kind, ID: t.ID, Deleted: true}}
		}
		if t.Copy != "" {
			own.RemoteID = t.Copy
		}
		tell := own.Tombstone() || own.Seq < t.Seq
		if tell {
			own.Seq = max(own.Seq, t.Seq+1)
			own.Offer.Seq = own.Seq
			p.Mark(v.Now, bridge.Live)
			p.Note(pair.Event{What: memberWord(own), Field: pair.MemberKey(t.Kind, t.ID), Cause: seen.Cause, Note: "the other side has it; this one had forgotten"})
		}
		p.SetOwn(own, tell)
		settled = append(settled, t)
	}
	if len(settled) == 0 {
		return nil
	}
	return p.Settle(ctx, settled)
}

// absent reports that the issue, as read, has no such member.
func absent(is *jira.Issue, t bridge.Taken) bool {
	switch t.Kind {
	case bridge.Comment:
		return is.AllComments && !slices.ContainsFunc(is.Comments, func(c jira.Comment) bool { return c.ID == t.ID })
	case bridge.Attachment:
		return is.HasAttachments && !slices.ContainsFunc(is.Attachments, func(a jira.Attachment) bool { return a.ID == t.ID })
	case bridge.Worklog:
		return is.AllWorklogs && !slices.ContainsFunc(is.Worklogs, func(w jira.Worklog) bool { return w.ID == t.ID })
	case bridge.Link:
		list, known := is.Links()
		return known && !slices.ContainsFunc(list, func(l jira.Link) bool { return l.ID == t.ID })
	}
	return false
}
