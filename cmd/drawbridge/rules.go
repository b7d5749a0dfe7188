package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

func newRules(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "rules",
		Short: "Say what leaves this site, and how what comes is applied",
		Long: `Each half of a connection has its own rules: what may leave its site, and how what arrives is applied. Until
some are published the cautious default rules hold. docs/rules.md is the reference. Publishing is no edit:
values already synced are looked at again, slowly.`,
	}
	c.AddCommand(newRulesShow(s), newRulesCheck(s), newRulesTest(s), newRulesPublish(s), newRulesHistory(s), newRulesDiff(s), newRulesRollback(s))
	return c
}

// withConnection is a command on the rules of one connection; Jira is only asked where a rule set is bound to it.
func (s *screen) withConnection(c *cobra.Command, do func(ctx context.Context, h *half, c *bridge.Connection, args []string) error) *cobra.Command {
	var name string
	c = s.operate(c, func(ctx context.Context, h *half, args []string) error {
		c, err := h.connection(ctx, name)
		if err != nil {
			return err
		}
		return do(ctx, h, c, args)
	})
	c.Flags().StringVar(&name, "connection", "", "which connection, where there are several")
	return c
}

// withJira gives the half's site a client, for what has to know the fields there.
func (h *half) withJira() error {
	client, err := jiraClient(h.settings(), 1, nil, nil)
	h.site.Jira = client
	return err
}

func newRulesShow(s *screen) *cobra.Command {
	var example, standard bool
	c := s.withConnection(&cobra.Command{
		Use:   "show [REVISION]",
		Short: "Print the rules in force, or an earlier revision",
		Long: `Prints the rules of this half for a connection as they were written. Without published rules these are the
default rules, which --default prints in any case; they are the same for every half. With --examples it adds
what people usually write, as comments.`,
		Example: "  drawbridge rules show --default --examples > rules.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		rev, err := h.revision(ctx, c, optional(args))
		if err != nil {
			return err
		}
		return s.showRules(rev, example)
	})
	ofHalf := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !standard {
			return ofHalf(c, args)
		}
		return s.showRules(site.Revision{File: "default rules", Source: string(rule.DefaultSource())}, example)
	}
	withFlag(c, &standard, "default", "the default rules, whatever is published")
	return withFlag(c, &example, "examples", "add what people usually write, as comments")
}

func (s *screen) showRules(rev site.Revision, examples bool) error {
	return s.show(rev, func(w io.Writer) {
		fmt.Fprint(w, rev.Source)
		if examples {
			fmt.Fprintf(w, "\n%s", rule.Examples())
		}
	})
}

// revision is one published revision by its number, or the one in force.
func (h *half) revision(ctx context.Context, c *bridge.Connection, number string) (site.Revision, error) {
	if number == "" {
		return h.site.CurrentRevision(ctx, c.ID)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return site.Revision{}, usage("drawbridge rules", "revision %q is not a number; drawbridge rules history lists them", number)
	}
	if n == 0 {
		return site.Revision{File: "default rules", Source: string(rule.DefaultSource())}, nil
	}
	return h.site.Revision(ctx, c.ID, n)
}

func newRulesCheck(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "check [FILE]",
		Short: "Report every mistake in a rule file",
		Long: `Checks a rule file, or the rules in force, as publishing would and reports every mistake at once: the line, what
is allowed, the nearest right name. Fields, statuses, projects and users are looked up in this half's Jira. Where the rows do
not fit to the other side's contract it warns: one of the two sides has to change first.`,
		Example: "  drawbridge rules check rules.yaml --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		bound, err := h.bindFor(ctx, c, optional(args))
		if err != nil {
			return err
		}
		a, err := agree(ctx, h.site, c.ID, bound)
		if err != nil {
			return err
		}
		return h.screen.show(struct {
			Problems []string `json:"problems"`
			Rows     int      `json:"rows"`
			agreement
		}{[]string{}, len(bound.Rows()), a}, func(w io.Writer) {
			fmt.Fprintf(w, "%s: no mistakes; %s under sync\n", bound.Set().File(), plural(len(bound.Rows()), "field", "fields"))
			h.printAgreement(w, a)
		})
	})
}

// bindFor checks a rule file, or without one the rules in force, against this half's Jira.
func (h *half) bindFor(ctx context.Context, c *bridge.Connection, path string) (*rule.Rules, error) {
	if path != "" {
		return h.bind(ctx, path)
	}
	rev, err := h.site.CurrentRevision(ctx, c.ID)
	if err == nil {
		err = h.withJira()
	}
	if err != nil {
		return nil, err
	}
	return h.site.Bind(ctx, rev)
}

// bind reads a rule file and checks it against this half's Jira.
func (h *half) bind(ctx context.Context, path string) (*rule.Rules, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	bound, problems, err := rule.Read(path, source, func(set *rule.Set) (rule.Schema, error) {
		if err := h.withJira(); err != nil {
			return rule.Schema{}, err
		}
		return h.site.CheckSchema(ctx, set)
	})
	if err == nil {
		err = problems.Err()
	}
	return bound, err
}

func newRulesPublish(s *screen) *cobra.Command {
	var message string
	c := s.withConnection(&cobra.Command{
		Use:   "publish FILE",
		Short: "Check a rule file and put it in force",
		Long: `Checks a rule file and puts it in force on this half as the next revision. The running half notices within a
second. Earlier revisions are kept: see drawbridge rules history, diff and rollback.`,
		Example: `  drawbridge rules publish rules.yaml --message "priorities as the desk names them" --config hub.yaml`,
		Args:    words("FILE"),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		if _, err := h.bind(ctx, args[0]); err != nil {
			return err
		}
		source, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		return h.publish(ctx, c, site.Revision{Source: string(source), File: args[0], Author: whoAsks(), Message: message})
	})
	c.Flags().StringVar(&message, "message", "", "why, for the history")
	return c
}

func (h *half) publish(ctx context.Context, c *bridge.Connection, r site.Revision) error {
	if err := h.withJira(); err != nil {
		return err
	}
	r, err := site.Publish(ctx, h.site, c.ID, r)
	if err != nil {
		return err
	}
	bound, err := h.site.Bind(ctx, r)
	if err != nil {
		return err
	}
	if err := reconcile.Published(ctx, h.site, c.ID); err != nil {
		return err
	}
	a, err := agree(ctx, h.site, c.ID, bound)
	if err != nil {
		return err
	}
	return h.screen.show(struct {
		site.Revision
		agreement
	}{r, a}, func(w io.Writer) {
		fmt.Fprintf(w, "rules of %s: revision %d is in force on the %s side\n", c.Name, r.Number, h.role)
		h.printAgreement(w, a)
	})
}

func newRulesHistory(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "history",
		Short: "List the published revisions",
		Long: `Lists the rule revisions published on this half for a connection, oldest first: who, when and why. Revision 0
is the default rules.`,
		Example: "  drawbridge rules history --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		all, err := h.site.Revisions(ctx, c.ID)
		if err != nil {
			return err
		}
		return h.screen.show(map[string]any{"revisions": all}, func(w io.Writer) {
			if len(all) == 0 {
				fmt.Fprintln(w, "nothing published yet; the default rules hold")
				return
			}
			rows := [][]string{{"REVISION", "WHEN", "WHO", "FILE", ""}}
			for _, r := range all {
				rows = append(rows, []string{fmt.Sprint(r.Number), h.when(r.At), r.Author, r.File, r.Message})
			}
			table(w, rows)
		})
	})
}

func newRulesDiff(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "diff REVISION [REVISION]",
		Short: "Show what changed between two revisions",
		Long: `Shows line by line what changed from one revision to another, or to the one in force, and then what that
means: what is said now and was not, the default rules underneath included. Revision 0 is the default rules.`,
		Example: "  drawbridge rules diff 3 --config hub.yaml",
		Args:    cobra.RangeArgs(1, 2),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		from, err := h.revision(ctx, c, args[0])
		if err != nil {
			return err
		}
		to, err := h.revision(ctx, c, optional(args[1:]))
		if err != nil {
			return err
		}
		lines := diff(strings.Split(from.Source, "\n"), strings.Split(to.Source, "\n"))
		means := meaning(from, to)
		return h.screen.show(map[string]any{"from": from.Number, "to": to.Number, "diff": lines, "means": means}, func(w io.Writer) {
			for _, l := range lines {
				fmt.Fprintln(w, h.screen.diffLine(l))
			}
			fmt.Fprintln(w)
			for _, l := range means {
				fmt.Fprintln(w, h.screen.diffLine(l))
			}
			if len(means) == 0 {
				fmt.Fprintln(w, "  the same rules: only order and comments changed")
			}
		})
	})
}

// meaning is what one revision says and the other does not.
func meaning(from, to site.Revision) []string {
	a, _ := rule.Parse(from.File, []byte(from.Source)) // both were good when they were published
	b, _ := rule.Parse(to.File, []byte(to.Source))
	if a == nil || b == nil {
		return []string{"  an older form of the rules, which this version does not read"}
	}
	return strings.FieldsFunc(rule.Diff(a, b), func(r rune) bool { return r == '\n' })
}

func (s *screen) diffLine(l string) string {
	switch l[0] {
	case '+':
		return s.green(l)
	case '-':
		return s.red(l)
	}
	return s.dim(l)
}

// diff lists the lines of a longest common subsequence with what was removed ("-") and added ("+").
func diff(a, b []string) (out []string) {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}

func newRulesRollback(s *screen) *cobra.Command {
	return s.withConnection(&cobra.Command{
		Use:   "rollback REVISION",
		Short: "Put an earlier revision in force again",
		Long: `Publishes an earlier revision again, as a new one: the history only grows. It is checked against Jira as it is
now. Revision 0 is the default rules.`,
		Example: "  drawbridge rules rollback 2 --config hub.yaml",
		Args:    words("REVISION"),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		r, err := h.revision(ctx, c, args[0])
		if err != nil {
			return err
		}
		r.Message, r.Author = fmt.Sprintf("back to revision %s", args[0]), whoAsks()
		return h.publish(ctx, c, r)
	})
}
