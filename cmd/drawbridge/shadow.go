package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

// shadowReport is what a connection would have done on this side.
type shadowReport struct {
	Create      int           `json:"create"`      // issues
	Change      int           `json:"change"`      // issues
	Refuse      int           `json:"refuse"`      // changes that would be refused
	Mail        int           `json:"mail"`        // comments that would notify people; a comment cannot be silent
	Worklogs    int           `json:"worklogs"`    // likewise
	Transitions int           `json:"transitions"` // likewise: issues that would take one at least
	Files       int           `json:"files"`       // attachments
	Kept        int           `json:"kept"`        // own issues that would not be sent
	Entries     []site.Shadow `json:"entries"`     // issue by issue
}

func newSyncShadow(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "shadow",
		Short: "Report what a connection in shadow would have done",
		Long: `While the rules of either side say "method: shadow", changes are carried and worked out and nothing is written
to any Jira. This reports what would have happened on this side: issues created and changed, comments,
worklogs and transitions that would have mailed people, what would have been refused, and which own issues
would have stayed in and why. Publish rules with "method: automatic" on both sides to go live: every
issue is offered again then.`,
		Example: "  drawbridge sync shadow --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		all, err := h.site.Shadows(ctx, c.ID)
		if err != nil {
			return err
		}
		r := reportOf(all)
		return s.show(r, func(w io.Writer) { r.print(w) })
	})
}

func reportOf(all []site.Shadow) (r shadowReport) {
	r.Entries = all
	for _, sh := range all {
		a := sh.Preview
		switch {
		case a == nil:
			r.Kept++
			continue
		case a.Outcome != bridge.Applied:
			r.Refuse++
			continue
		case a.Twin.ID == "":
			r.Create++
		default:
			r.Change++
		}
		if a.Transition {
			r.Transitions++
		}
		for _, m := range a.Members {
			switch {
			case m.What != "create" && m.What != "created":
			case strings.HasPrefix(m.Member, "comment/"):
				r.Mail++
			case strings.HasPrefix(m.Member, "worklog/"):
				r.Worklogs++
			case strings.HasPrefix(m.Member, "attachment/"):
				r.Files++
			}
		}
	}
	return r
}

func (r shadowReport) print(w io.Writer) {
	fmt.Fprintf(w, "would have created %s and changed %s here, with %s, %s and %s (each notifies people) and %s; refused %d\n",
		plural(r.Create, "issue", "issues"), plural(r.Change, "issue", "issues"), plural(r.Mail, "comment", "comments"), plural(r.Worklogs, "worklog", "worklogs"),
		plural(r.Transitions, "transition", "transitions"), plural(r.Files, "attachment", "attachments"), r.Refuse)
	fmt.Fprintf(w, "own issues that would have stayed in: %d\n\n", r.Kept)
	for _, sh := range r.Entries {
		fmt.Fprintf(w, "%s  %s\n", name(sh.Issue), fate(sh))
	}
}

func fate(sh site.Shadow) string {
	a := sh.Preview
	switch {
	case a == nil:
		return "stays in: " + sh.Kept
	case a.Outcome != bridge.Applied:
		return "refused: " + a.Reason
	case a.Twin.ID == "":
		return fmt.Sprintf("created in %s as %s", a.Project, a.Type) + problems(a)
	}
	return fmt.Sprintf("%s changed: %s", name(a.Twin), plural(len(a.Fields), "field", "fields")) + problems(a)
}

func problems(a *bridge.Preview) (out string) {
	for _, f := range a.Fields {
		if f.Note != "" {
			out += fmt.Sprintf("; %s: %s", f.Field, f.Note)
		}
	}
	return out
}
