package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

func newSyncBulk(s *screen) *cobra.Command {
	var o bulkOptions
	c := s.withConnection(&cobra.Command{
		Use:   "bulk JQL",
		Short: "Put all issues of a query under sync",
		Long: `Counts the issues of a query, asks, and has the running half put them under sync in the bulk lane: live
changes always go first. The outgoing rules still decide what leaves. It goes on when this command is stopped;
saying the same query again shows how far it is, and goes through a finished one once more. What is in a pair
already, or was taken out of sync, is passed over. Without a query it lists the bulk starts and how far they are.
Jira mails watchers of new issues and comments; edits in the bulk lane are silent where the account may.`,
		Example: `  drawbridge sync bulk "project = SUP AND statusCategory != Done" --config hub.yaml
  drawbridge sync bulk "project = SUP" --dry-run --config hub.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		if len(args) == 1 {
			o.jql = args[0]
		}
		if o.jql == "" {
			return h.bulkJobs(ctx, c)
		}
		return h.bulk(ctx, c, o.jql, o)
	})
	f := c.Flags()
	f.StringVar(&o.jql, "jql", "", "the same as JQL")
	f.BoolVar(&o.dry, "dry-run", false, "only count")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.stop, "stop", false, "stop the bulk start of this query; what is under sync stays so")
	f.BoolVar(&o.detach, "detach", false, "do not wait for the end")
	return c
}

type bulkOptions struct {
	jql                    string
	dry, yes, stop, detach bool
}

func (h *half) bulk(ctx context.Context, c *bridge.Connection, jql string, o bulkOptions) error {
	if o.stop {
		return h.stopBulk(ctx, c, jql)
	}
	if t, err := rule.NewTrigger(jql); err != nil {
		return err
	} else if !t.LooksBounded() {
		return usage("drawbridge sync bulk", "the query limits nothing: name at least a project, as in project = SUP")
	}
	if c.State != bridge.Active && !o.dry {
		return bridge.Permanent("connection-state", "connection %q is %s: a bulk start needs it active", c.Name, c.State)
	}
	if err := h.withJira(); err != nil {
		return err
	}
	n, err := h.bulkCount(ctx, c, jql)
	if err != nil {
		return err
	}
	if o.dry {
		return h.screen.show(n, func(w io.Writer) { fmt.Fprintln(w, n.text()) })
	}
	if !o.yes && !h.agreed(n.text()) {
		return usage("drawbridge sync bulk", "%s; say --yes if you mean it", n.text())
	}
	job, err := h.site.StartJob(ctx, c.ID, jql, whoAsks(), n.Issues)
	if err != nil {
		return err
	}
	if !o.detach {
		if job, err = h.follow(ctx, job); err != nil {
			return err
		}
	}
	return h.screen.show(job, func(w io.Writer) { h.printJob(w, job) })
}

// agreed asks the person at the terminal.
func (h *half) agreed(what string) bool {
	if !isTerminal(h.screen.in) {
		return false
	}
	fmt.Fprintf(h.screen.err, "%s. Go on? [y/N] ", what)
	return strings.HasPrefix(strings.ToLower(readLine(bufio.NewReader(h.screen.in))), "y")
}

const followEvery = 300 * time.Millisecond

// follow shows how far a job is until it ends. That the person stops looking does not stop the job.
func (h *half) follow(ctx context.Context, job *site.Job) (*site.Job, error) {
	bar := h.screen.progress("looked at")
	defer bar.done()
	for {
		now, err := h.site.Job(ctx, job.Connection, job.ID)
		if err != nil {
			return job, err
		}
		if now != nil {
			job = now
		}
		if job.State != site.JobRuns {
			bar.step(job.Looked, job.Looked)
			return job, nil
		}
		bar.step(job.Looked, max(job.Total, job.Looked))
		if sleep(ctx, followEvery) != nil {
			return job, nil
		}
	}
}

func (h *half) stopBulk(ctx context.Context, c *bridge.Connection, jql string) error {
	known, err := h.site.Job(ctx, c.ID, site.JobID(jql))
	if err != nil {
		return err
	}
	if known == nil {
		return usage("drawbridge sync bulk", "there is no bulk start of this query in %s", c.Name)
	}
	job, err := h.site.UpdateJob(ctx, c.ID, known.ID, func(j *site.Job) error {
		j.State, j.Turn = site.JobStopped, j.Turn+1
		return nil
	})
	if err != nil {
		return err
	}
	return h.screen.show(job, func(w io.Writer) { h.printJob(w, job) })
}

func (h *half) printJob(w io.Writer, j *site.Job) {
	fmt.Fprintf(w, "%s: %s\n", h.screen.bold(string(j.State)), bridge.OneLine(j.JQL))
	table(w, [][]string{
		{"put under sync", fmt.Sprint(j.Begun)}, {"were in a pair already", fmt.Sprint(j.Known)},
		{"kept in by the rules", fmt.Sprint(j.KeptAll)}, {"failed", fmt.Sprint(j.Trouble)},
	})
	for _, f := range append(j.Kept, j.Failed...) {
		fmt.Fprintf(w, "  %s: %s\n", f.Key, bridge.OneLine(f.Why))
	}
	if j.State == site.JobRuns {
		fmt.Fprintln(w, howFar(j))
		fmt.Fprintln(w, "it goes on; say the same again to see how far it is")
	}
}

// howFar says how far a bulk start is, in a line.
func howFar(j *site.Job) string {
	how := ""
	if j.Pass > 1 {
		how = " once more"
	}
	return fmt.Sprintf("%d of %s looked at%s, %d put under sync: %s", j.Looked, plural(max(j.Total, j.Looked), "issue", "issues"), how, j.Begun, bridge.OneLine(j.JQL))
}
