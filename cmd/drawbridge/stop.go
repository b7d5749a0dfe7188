package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/publish"
	"drawbridge/shared/rule"
)

func newSyncStop(s *screen) *cobra.Command {
	var jql string
	var yes bool
	c := s.withConnection(&cobra.Command{
		Use:   "stop KEY... | --jql JQL",
		Short: "Take issues out of sync; both issues stay",
		Long: `Ends the sync of single issues, or of all that a query finds, and tells the other side. Both issues stay as
they are. Started again with drawbridge sync issue KEY, each goes on with the twin it had. A query takes out
what it finds now; to take out what it will find later, write a stop trigger into the rules.`,
		Example: `  drawbridge sync stop SUP-12 --config hub.yaml
  drawbridge sync stop --jql "project = SUP AND resolved < -90d" --config hub.yaml`,
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		switch {
		case jql == "" && len(args) == 0:
			return usage("drawbridge sync stop", "KEY is missing")
		case jql != "" && len(args) > 0:
			return usage("drawbridge sync stop", "say keys or --jql, not both")
		case jql != "":
			return h.stopQuery(ctx, c, jql, yes)
		}
		return h.stopKeys(ctx, args)
	})
	c.Flags().StringVar(&jql, "jql", "", "all issues of this query that are in a pair")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (h *half) stopKeys(ctx context.Context, keys []string) error {
	for _, key := range keys {
		found, err := h.mustFind(ctx, key)
		if err != nil {
			return err
		}
		for _, p := range found {
			if _, err := (&publish.Flow{Site: h.site}).Stop(ctx, p.Head.Connection, p.Head.Local.ID, whoAsks()); err != nil {
				return err
			}
		}
	}
	return h.saidStopped(keys)
}

// stopQuery takes out what a query finds now.
func (h *half) stopQuery(ctx context.Context, c *bridge.Connection, jql string, yes bool) error {
	if _, err := rule.NewTrigger(jql); err != nil {
		return err
	}
	if err := h.withJira(); err != nil {
		return err
	}
	var ids, keys []string
	err := h.site.Jira.Search(ctx, jira.ByKey(jql), jira.SearchOptions{Fields: []string{}}, func(is *jira.Issue) error {
		p, err := h.book.Load(ctx, c.ID, is.ID)
		if err == nil && p != nil && p.Head.Gone == "" {
			ids, keys = append(ids, is.ID), append(keys, p.Head.Local.Key)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(ids) > 0 && !yes && !h.agreed(plural(len(ids), "issue", "issues")+" would be taken out of sync in "+c.Name) {
		return usage("drawbridge sync stop", "%s would be taken out of sync; say --yes if you mean it", plural(len(ids), "issue", "issues"))
	}
	bar := h.screen.progress("taken out")
	for i, id := range ids {
		if _, err := (&publish.Flow{Site: h.site}).Stop(ctx, c.ID, id, whoAsks()); err != nil {
			return fmt.Errorf("%s: %w", keys[i], err)
		}
		bar.step(i+1, len(ids))
	}
	bar.done()
	return h.saidStopped(keys)
}

func (h *half) saidStopped(keys []string) error {
	return h.screen.show(map[string]any{"stopped": keys}, func(w io.Writer) {
		if len(keys) == 0 {
			fmt.Fprintln(w, "nothing of it is in sync")
			return
		}
		fmt.Fprintf(w, "out of sync: %s\n", strings.ToUpper(strings.Join(keys, ", ")))
	})
}
