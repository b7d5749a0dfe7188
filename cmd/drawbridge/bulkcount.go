package main

import (
	"context"
	"fmt"
	"io"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/rule"
)

// bulkCount is what a bulk start would do, before anybody says yes to it.
type bulkCount struct {
	JQL         string `json:"jql"`
	Issues      int    `json:"issues"`      // found
	Known       int    `json:"known"`       // in a pair already
	Kept        int    `json:"kept"`        // the rules let nothing out of them
	New         int    `json:"new"`         // would be made over there
	Comments    int    `json:"comments"`    // would be written over there: each may mail its watchers
	Worklogs    int    `json:"worklogs"`    // likewise
	Transitions int    `json:"transitions"` // issues whose status is past where they begin: over there it takes a transition at least
	Attachments int    `json:"attachments"`
	More        bool   `json:"more,omitempty"` // there are more comments than the search showed
}

func (n bulkCount) text() string {
	more := ""
	if n.More {
		more = " or more"
	}
	logs := ""
	if n.Worklogs > 0 {
		logs = fmt.Sprintf(" %d%s %s,", n.Worklogs, more, word(n.Worklogs, "worklog", "worklogs"))
	}
	text := fmt.Sprintf("%s match: %d would be made over there with %d%s %s,%s %s and %s; Jira mails people for each issue, comment, worklog and transition",
		plural(n.Issues, "issue", "issues"), n.New, n.Comments, more, word(n.Comments, "comment", "comments"), logs,
		plural(n.Transitions, "transition", "transitions"), plural(n.Attachments, "attachment", "attachments"))
	if n.Known > 0 {
		text += fmt.Sprintf("; %d in a pair already", n.Known)
	}
	if n.Kept > 0 {
		text += fmt.Sprintf("; %d kept in by the rules", n.Kept)
	}
	return text
}

func word(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// bulkCount looks at every issue of the query as the outgoing rules would, 25 to a call.
func (h *half) bulkCount(ctx context.Context, c *bridge.Connection, jql string) (n bulkCount, err error) {
	n.JQL = jql
	total, err := h.site.Jira.Count(ctx, jql)
	if err != nil {
		return n, err
	}
	bar := h.screen.progress("counted")
	defer bar.done()
	err = h.site.Jira.Search(ctx, jira.ByKey(jql), jira.SearchOptions{Comments: true}, func(is *jira.Issue) error {
		n.Issues++
		bar.step(n.Issues, max(total, n.Issues))
		p, err := h.book.Load(ctx, c.ID, is.ID)
		if err != nil {
			return err
		}
		if p != nil {
			n.Known++
			return nil
		}
		return h.countOne(ctx, c, is, &n)
	})
	return n, err
}

func (h *half) countOne(ctx context.Context, c *bridge.Connection, is *jira.Issue, n *bulkCount) error {
	v, err := observe.Load(ctx, h.site, c, is, bridge.Bulk)
	if err != nil {
		return err
	}
	env := observe.Env(h.book.New(c.ID, bridge.Ref{ID: is.ID, Key: is.Key}, h.role), v, v.Issue)
	why, err := h.site.Kept(ctx, v.Rules, env, is.ID)
	if err != nil {
		return err
	}
	if why != "" {
		n.Kept++
		return nil
	}
	n.New++
	n.More = n.More || !is.AllComments || v.Rules.SendsWorklogs() && !is.AllWorklogs
	if err := h.countMore(ctx, v, env, is, n); err != nil {
		return err
	}
	for _, m := range is.Comments {
		internal := m.Internal != nil && *m.Internal
		if send, _, _, err := v.Rules.CommentOut(env, rule.Comment{
			Author: m.Author.Person(), Body: m.Body, Internal: internal, Restricted: m.Restricted(), Reply: m.ParentID != "",
		}); err == nil && send {
			n.Comments++
		}
	}
	for _, w := range is.Worklogs {
		if send, _, _, err := v.Rules.WorklogOut(env, rule.Worklog{
			Author: w.Author.Person(), Body: w.Comment, Seconds: w.Seconds, Restricted: w.Visibility != nil,
		}); err == nil && send {
			n.Worklogs++
		}
	}
	return nil
}

// countMore counts what else of an issue would be written.
func (h *half) countMore(ctx context.Context, v *observe.View, env rule.Env, is *jira.Issue, n *bulkCount) error {
	if row, ok := v.Rules.Row("status"); ok && row.Out {
		names, err := h.site.Jira.Names(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(names.Statuses, func(s jira.Status) bool { return s.Name == is.Status() && s.Category != "new" }) {
			n.Transitions++
		}
	}
	for _, a := range is.Attachments {
		if send, _ := v.Rules.AttachmentOut(env, rule.Attachment{Name: a.Name, Type: a.MimeType, Size: a.Size, Author: a.Author.Person()}); send {
			n.Attachments++
		}
	}
	return nil
}

// bulkJobs lists the bulk starts of a connection.
func (h *half) bulkJobs(ctx context.Context, c *bridge.Connection) error {
	jobs, err := h.site.Jobs(ctx, c.ID)
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"jobs": jobs}, func(w io.Writer) {
		if len(jobs) == 0 {
			fmt.Fprintln(w, "no bulk start yet; say which issues: drawbridge sync bulk JQL")
		}
		for i := range jobs {
			h.printJob(w, &jobs[i])
		}
	})
}
