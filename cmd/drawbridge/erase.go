package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

func newRecall(s *screen) *cobra.Command {
	var members []string
	var why string
	c := s.operate(&cobra.Command{
		Use:   "recall KEY",
		Short: "Withdraw what should never have left",
		Long: `Withdraws what this side sent of an issue: the other side deletes its copies of the comments,
attachments and worklogs, and they stay in from then on, whatever the rules say. Without --member everything
that left is withdrawn. It lists what it withdrew; the ack of the other side shows in drawbridge sync show. What
people there have read, mailed or copied by hand cannot be called back, and field values cannot either: change or clear them.`,
		Example: `  drawbridge recall OPS-7 --member comment/10231 --why "names a customer" --config poller.yaml`,
		Args:    words("KEY"),
	}, func(ctx context.Context, h *half, args []string) error { return h.recall(ctx, args[0], members, why) })
	c.Flags().StringArrayVar(&members, "member", nil, "comment/ID, attachment/ID or worklog/ID; may be repeated (default: all that left)")
	c.Flags().StringVar(&why, "why", "", "the reason, kept in the history")
	return c
}

func (h *half) recall(ctx context.Context, key string, members []string, why string) error {
	found, err := h.mustFind(ctx, key)
	if err != nil {
		return err
	}
	all := []string{}
	for _, p := range found {
		var done []string
		_, err := h.book.Update(ctx, p.Head.Connection, p.Head.Local.ID, func(p *pair.Pair) (err error) {
			done, err = p.Recall(ctx, h.now(), members, whoAsks(), why)
			return err
		})
		if err != nil {
			return err
		}
		all = append(all, done...)
		t := site.Task{Kind: site.RingTask, Connection: p.Head.Connection, Issue: p.Head.Local.ID, By: whoAsks()}
		if err := h.site.Send(ctx, t, bridge.Live, ""); err != nil {
			return err
		}
	}
	return h.screen.show(map[string]any{"recalled": all}, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintln(w, "nothing of it had left")
		}
		for _, k := range all {
			fmt.Fprintf(w, "%s is withdrawn; the other side deletes its copy\n", k)
		}
	})
}

// receipt is what was erased, for whoever has to prove it.
type receipt struct {
	Erased    string   `json:"erased"` // what was asked for
	By        string   `json:"by"`
	At        string   `json:"at"`
	Half      string   `json:"half"`
	Pairs     int      `json:"pairs"`     // in which something stood
	Documents int      `json:"documents"` // removed or rewritten
	Remains   []string `json:"remains"`   // what this does not reach
}

var remains = []string{
	"the issues in both Jiras: erase there with Jira's own tools",
	"the state of the other half: say the same there",
	"backups of the state file, until they are replaced, and point-in-time recovery on AWS, for its 35 days",
}

type eraseOptions struct {
	issue, comment, user, email, name string
	yes                               bool
}

func newErase(s *screen) *cobra.Command {
	var o eraseOptions
	c := s.operate(&cobra.Command{
		Use:   "erase",
		Short: "Forget an issue, a comment or a person, with a receipt",
		Long: `Removes from this half's state what it knows of an issue, of one comment, or of a person; nothing is written to
Jira. An erased issue leaves sync and does not come back. Say it on both halves. The receipt on standard
output says what was removed and what it does not reach. drawbridge recall withdraws copies first.`,
		Example: `  drawbridge erase --issue OPS-7 --yes --config poller.yaml
  drawbridge erase --issue OPS-7 --comment 10231 --yes --config poller.yaml
  drawbridge erase --user JIRAUSER10100 --email ada@example.com --name "Ada L." --yes --config poller.yaml`,
	}, func(ctx context.Context, h *half, _ []string) error { return h.erase(ctx, o) })
	f := c.Flags()
	f.StringVar(&o.issue, "issue", "", "key of the issue")
	f.StringVar(&o.comment, "comment", "", "id of one comment of it, on this side or the other")
	f.StringVar(&o.user, "user", "", "account id, user key or user name")
	f.StringVar(&o.email, "email", "", "with --user: the e-mail address too")
	f.StringVar(&o.name, "name", "", "with --user: the display name too")
	f.BoolVar(&o.yes, "yes", false, "yes, it cannot be undone")
	return c
}

func (h *half) erase(ctx context.Context, o eraseOptions) (err error) {
	switch {
	case (o.issue == "") == (o.user == "") || o.comment != "" && o.issue == "":
		return usage("drawbridge erase", "say --issue KEY, --issue KEY --comment ID, or --user ID")
	case !o.yes:
		return usage("drawbridge erase", "it cannot be undone; say --yes if you mean it")
	}
	r := receipt{By: whoAsks(), At: time.Now().UTC().Format(time.RFC3339), Half: string(h.role), Remains: remains}
	switch {
	case o.user != "":
		r.Erased = "user " + o.user
		err = h.eraseUser(ctx, o, &r)
	case o.comment != "":
		r.Erased = "comment " + o.comment + " of " + o.issue
		err = h.eraseFound(ctx, o.issue, &r, func(c, issue string) (int, error) { return h.book.EraseMember(ctx, c, issue, "comment/"+o.comment) })
	default:
		r.Erased = "issue " + o.issue
		err = h.eraseFound(ctx, o.issue, &r, func(c, issue string) (int, error) { return h.book.EraseIssue(ctx, c, issue) })
	}
	if err != nil {
		return err
	}
	if h.db != nil {
		if err := h.db.Compact(ctx); err != nil {
			r.Remains = append(slices.Clip(r.Remains), "free space of the state file, which could not be written anew ("+err.Error()+"): say it again while the half is stopped")
		}
	}
	return h.screen.show(r, func(w io.Writer) {
		fmt.Fprintf(w, "receipt: %s erased from the %s half by %s at %s\n%s, %s\nnot reached by this:\n", r.Erased, r.Half, r.By, r.At, plural(r.Pairs, "pair", "pairs"), plural(r.Documents, "document", "documents"))
		for _, line := range r.Remains {
			fmt.Fprintf(w, "  - %s\n", line)
		}
	})
}

func (h *half) eraseFound(ctx context.Context, key string, r *receipt, erase func(connection, issue string) (int, error)) error {
	found, err := h.mustFind(ctx, key)
	if err != nil {
		return err
	}
	for _, p := range found {
		n, err := erase(p.Head.Connection, p.Head.Local.ID)
		if err != nil {
			return err
		}
		r.count(n)
	}
	return nil
}

func (r *receipt) count(documents int) {
	if documents > 0 {
		r.Pairs++
	}
	r.Documents += documents
}

func (h *half) eraseUser(ctx context.Context, o eraseOptions, r *receipt) error {
	var words []string
	for _, w := range []string{o.user, o.email, o.name} {
		if w = strings.TrimSpace(w); len(w) > 2 {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return usage("drawbridge erase", "what names the person is too short to be looked for")
	}
	all, err := h.book.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		err := h.book.Each(ctx, c.ID, func(l pair.Line) error {
			n, err := h.book.EraseWords(ctx, c.ID, l.Issue, words)
			r.count(n)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
