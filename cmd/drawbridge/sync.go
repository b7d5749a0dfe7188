package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/publish"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

func newSync(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "sync",
		Short: "Put issues under sync, and see what became of them",
		Long: `An issue comes under sync because a trigger of the rules matches it, or because a person says so here. Either
key of a pair names it: that of the local issue, or that of its twin.`,
	}
	c.AddCommand(newSyncIssue(s), newSyncBulk(s), newSyncPair(s), newSyncShow(s), newSyncList(s), newSyncExplain(s), newSyncRetry(s), newSyncPick(s),
		newSyncCheck(s), newSyncStop(s), newSyncExport(s), newSyncShadow(s), newSyncImport(s), newSyncRebase(s))
	return c
}

func newSyncIssue(s *screen) *cobra.Command {
	var connection string
	c := s.operate(&cobra.Command{
		Use:   "issue KEY...",
		Short: "Put issues of this site under sync, whatever the triggers say",
		Long: `Asks the running half to put issues of this site under sync. The outgoing rules still decide what leaves. An
issue already under sync is read again. The request waits in the state file if the half is not running.`,
		Example: "  drawbridge sync issue SUP-12 SUP-13 --config hub.yaml",
		Args:    atLeast("KEY"),
	}, func(ctx context.Context, h *half, args []string) error {
		c, err := h.connection(ctx, connection)
		if err != nil {
			return err
		}
		if c.State == bridge.Ended || c.State == bridge.Pending {
			return bridge.Permanent("connection-state", "connection %q is %s", c.Name, c.State)
		}
		return h.ask(ctx, args, func(key string) site.Task {
			return site.Task{Kind: site.SyncTask, Connection: c.ID, Issue: key, By: whoAsks()}
		})
	})
	c.Flags().StringVar(&connection, "connection", "", "which connection, where there are several")
	return c
}

// ask puts one task per issue into the queue of the half.
func (h *half) ask(ctx context.Context, keys []string, task func(key string) site.Task) error {
	for i, key := range keys {
		keys[i] = strings.ToUpper(key)
		if err := h.site.Send(ctx, task(keys[i]), bridge.Live, ""); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return h.screen.show(map[string]any{"asked": keys}, func(w io.Writer) {
		for _, key := range keys {
			fmt.Fprintf(w, "%s: asked; see what came of it: drawbridge sync show %s\n", key, key)
		}
	})
}

func atLeast(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s is missing", name)
		}
		return nil
	}
}

func newSyncRetry(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "retry KEY...",
		Short: "Try again now what could not be applied to these issues",
		Long: `Asks the running half to look at these pairs again: what was refused is tried once more, and a parked pair is
taken out of parking if it works now.`,
		Example: "  drawbridge sync retry SUP-12 --config hub.yaml",
		Args:    atLeast("KEY"),
	}, func(ctx context.Context, h *half, args []string) error { return h.retry(ctx, args) })
}

func (h *half) retry(ctx context.Context, keys []string) error {
	var asked []string
	for _, key := range keys {
		found, err := h.mustFind(ctx, key)
		if err != nil {
			return err
		}
		for _, p := range found {
			t := site.Task{Kind: site.RetryTask, Connection: p.Head.Connection, Issue: p.Head.Local.ID, By: whoAsks(), Insist: true}
			if err := h.site.Send(ctx, t, bridge.Live, ""); err != nil {
				return err
			}
		}
		asked = append(asked, strings.ToUpper(key))
	}
	return h.screen.show(map[string]any{"asked": asked}, func(w io.Writer) {
		fmt.Fprintf(w, "asked to try again: %s\n", strings.Join(asked, ", "))
	})
}

// mustFind returns the pairs of an issue, or says that there is none.
func (h *half) mustFind(ctx context.Context, key string) ([]*pair.Pair, error) {
	found, _, err := h.pairs(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, bridge.Permanent("pair-unknown", "%s is in no pair on this half: put it under sync with drawbridge sync issue %s, or see which trigger should have", key, key)
	}
	return found, nil
}

func newSyncList(s *screen) *cobra.Command {
	var connection string
	var parked, waiting bool
	c := s.operate(&cobra.Command{
		Use:   "list",
		Short: "List the pairs of a connection",
		Long: `Lists pairs: the local issue, its twin, and where they are. With --parked only those that somebody should look
at, with --waiting only those with a change the other side has not acknowledged.`,
		Example: "  drawbridge sync list --parked --config hub.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		c, err := h.connection(ctx, connection)
		if err != nil {
			return err
		}
		var rows []pairRow
		err = h.eachPair(ctx, c.ID, "pairs", func(p *pair.Pair) error {
			if (!parked || p.Head.Parked != nil) && (!waiting || p.Head.Waits()) {
				rows = append(rows, rowOf(p))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return h.screen.show(map[string]any{"pairs": rows}, func(w io.Writer) { h.printPairs(w, rows) })
	})
	c.Flags().StringVar(&connection, "connection", "", "which connection, where there are several")
	c.Flags().BoolVar(&parked, "parked", false, "only parked pairs")
	c.Flags().BoolVar(&waiting, "waiting", false, "only pairs with a change that waits")
	return c
}

// pairRow is a pair in a list.
type pairRow struct {
	Local  bridge.Ref   `json:"local"`
	Remote bridge.Ref   `json:"remote"`
	Status pair.Status  `json:"status"` // stopped: by whichever side
	Since  int64        `json:"waiting_since,omitempty"`
	Parked *pair.Parked `json:"parked,omitempty"`
}

func rowOf(p *pair.Pair) pairRow {
	r := pairRow{Local: p.Head.Local, Remote: p.Head.Remote, Status: p.Head.Status, Parked: p.Head.Parked}
	if p.Head.Waits() {
		r.Since = p.Head.Since
	}
	if p.Head.Over() {
		r.Status = pair.Stopped
	}
	return r
}

func (h *half) printPairs(w io.Writer, list []pairRow) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no pairs")
		return
	}
	rows := [][]string{{"ISSUE", "TWIN", "WAITING SINCE", "STATE"}}
	for _, r := range list {
		since := "-"
		if r.Since != 0 {
			since = h.when(r.Since)
		}
		rows = append(rows, []string{name(r.Local), name(r.Remote), since, h.pairState(r)})
	}
	table(w, rows)
}

func name(r bridge.Ref) string {
	switch {
	case r.Key != "":
		return r.Key
	case r.ID != "":
		return "id " + r.ID
	}
	return "none yet"
}

func (h *half) pairState(r pairRow) string {
	if r.Parked != nil {
		return h.screen.red("parked") + ": " + r.Parked.Name
	}
	return string(r.Status)
}

func newSyncCheck(s *screen) *cobra.Command {
	var all, repair bool
	return withFlag(withFlag(s.withConnection(&cobra.Command{
		Use:   "check",
		Short: "Compare all pairs with Jira, and repair what events missed",
		Long: `Compares every pair of a connection with this site's Jira and says which differ, field by field: edits, comments
and attachments that were missed. What Drawbridge wrote itself is none, and what it could not write is told by
drawbridge errors. Only issues that changed since they were last seen are read; with --all every issue is. With
--repair the running half is then asked to read them and to send and write what differs; live changes always go
first. The same happens by itself every six hours.

Exit code 3: something differs, and --repair was not said.`,
		Example: "  drawbridge sync check --config hub.yaml\n  drawbridge sync check --repair --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		return h.check(ctx, c, all, repair)
	}), &all, "all", "read every issue, not only those that changed"), &repair, "repair", "have the running half repair what differs")
}

// checked is what a comparison came to.
type checked struct {
	Pairs  int             `json:"pairs"`
	Drift  []publish.Drift `json:"drift"`
	Repair bool            `json:"repair"` // was asked for
}

func (h *half) check(ctx context.Context, c *bridge.Connection, all, repair bool) error {
	if err := h.withJira(); err != nil {
		return err
	}
	h.site.Content = publish.NoContent{}
	flow, out := &publish.Flow{Site: h.site}, checked{Drift: []publish.Drift{}, Repair: repair}
	var err error
	out.Pairs, err = (&reconcile.Sweep{Site: h.site}).Look(ctx, c.ID, all, func(issue string) error {
		d, err := flow.Drift(ctx, c, issue)
		if err == nil && !d.None() {
			out.Drift = append(out.Drift, d)
		}
		return err
	})
	if err != nil {
		return err
	}
	if repair {
		if err := reconcile.Start(ctx, h.site, c.ID, "asked by "+whoAsks(), all); err != nil {
			return err
		}
	}
	if err := h.screen.show(out, func(w io.Writer) { printChecked(w, c, out) }); err != nil || repair || len(out.Drift) == 0 {
		return err
	}
	return errFinding
}

func printChecked(w io.Writer, c *bridge.Connection, out checked) {
	for _, d := range out.Drift {
		if d.Gone {
			fmt.Fprintf(w, "%s: Jira does not show it any more\n", d.Issue.Key)
		}
		for _, f := range append(d.Fields, d.Members...) {
			fmt.Fprintf(w, "%s  %s: %s is stored, Jira shows %s\n", d.Issue.Key, f.Name, short(f.Stored, 60), short(f.Shown, 60))
		}
	}
	fmt.Fprintf(w, "%d of %d pairs of %s differ from Jira\n", len(out.Drift), out.Pairs, c.Name)
	if out.Repair {
		fmt.Fprintln(w, "the running half was asked to repair them; drawbridge status shows the queue")
	}
}
