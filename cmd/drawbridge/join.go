package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
)

func newSyncPair(s *screen) *cobra.Command {
	var values, file string
	var dry bool
	c := s.withConnection(&cobra.Command{
		Use:   "pair KEY REMOTE-KEY",
		Short: "Join an issue here with one that exists over there",
		Long: `Makes a pair of two issues that both exist already, for instance because another tool made them. What stands
on both sides is paired and not copied again; where values differ --values says whose stand, an empty one
never. Both sites' rules have to let the issues out, or the administrators of both sides ask for the same
pair. With --file a CSV of two columns, keys here and keys there. --dry-run asks the other side what it would do
and writes nothing.`,
		Example: `  drawbridge sync pair SUP-12 OPS-7 --values newest --config hub.yaml
  drawbridge sync pair --file pairs.csv --values private --config hub.yaml`,
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		if !bridge.Values(values).Valid() {
			return usage("drawbridge sync pair", "whose values stand? --values %q: say newest, public or private", values)
		}
		wanted, err := wantedPairs(args, file)
		if err != nil {
			return err
		}
		if dry {
			return h.dryJoin(ctx, c, wanted, bridge.Values(values))
		}
		return h.joinAll(ctx, c, wanted, bridge.Values(values))
	})
	c.Flags().StringVar(&values, "values", string(bridge.ByNewest), "whose values stand where the two differ: newest, public, private")
	c.Flags().BoolVar(&dry, "dry-run", false, "only show what would be written over there, and what would be paired")
	c.Flags().StringVar(&file, "file", "", "CSV with a pair in each line: key here, key there")
	return c
}

// wantedPairs are the pairs named on the command line, or in a file.
func wantedPairs(args []string, file string) ([][]string, error) {
	switch {
	case file == "" && len(args) == 2:
		return [][]string{{strings.ToUpper(args[0]), strings.ToUpper(args[1])}}, nil
	case file == "":
		return nil, usage("drawbridge sync pair", "say the key here and the key there, or --file")
	case len(args) > 0:
		return nil, usage("drawbridge sync pair", "say two keys or --file, not both")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readPairs(file, f)
}

// readPairs reads a CSV of pairs and reports every line that is none at once. A first line without digits is a heading.
func readPairs(name string, r io.Reader) (pairs [][]string, err error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord, in.TrimLeadingSpace, in.Comment = -1, true, '#'
	var wrong []error
	for {
		row, e := in.Read()
		if errors.Is(e, io.EOF) {
			return pairs, errors.Join(wrong...)
		}
		line, _ := in.FieldPos(0)
		switch {
		case e != nil:
			return nil, fmt.Errorf("%s: %w", name, e)
		case len(row) < 2 || row[0] == "" || row[1] == "":
			wrong = append(wrong, fmt.Errorf("%s:%d: %q is not two keys", name, line, strings.Join(row, ",")))
		case line == 1 && !strings.ContainsAny(row[0]+row[1], "0123456789"):
		default:
			pairs = append(pairs, []string{strings.ToUpper(strings.TrimSpace(row[0])), strings.ToUpper(strings.TrimSpace(row[1]))})
		}
	}
}

// joinAll asks the running half to join pairs.
func (h *half) joinAll(ctx context.Context, c *bridge.Connection, wanted [][]string, values bridge.Values) error {
	if err := h.withJira(); err != nil {
		return err
	}
	bar := h.screen.progress("asked")
	asked, unknown := [][]string{}, []string{}
	for i, p := range wanted {
		_, err := h.site.Jira.Issue(ctx, p[0], jira.IssueOptions{Fields: []string{"summary"}})
		if jira.StatusOf(err) == http.StatusNotFound {
			unknown = append(unknown, p[0])
			continue
		} // any other error is for the half to wait out
		asked = append(asked, p)
		t := site.Task{Kind: site.PairTask, Connection: c.ID, Issue: p[0], By: whoAsks(), Join: &site.Wanted{Remote: p[1], Values: values}}
		if err := h.site.Send(ctx, t, bridge.Bulk, ""); err != nil {
			return err
		}
		if len(wanted) > 1 {
			bar.step(i+1, len(wanted))
		}
	}
	bar.done()
	err := h.screen.show(map[string]any{"asked": asked, "unknown": unknown}, func(w io.Writer) {
		fmt.Fprintf(w, "asked to join %s; drawbridge sync show KEY says what came of it\n", plural(len(asked), "pair", "pairs"))
	})
	if err == nil && len(unknown) > 0 {
		err = bridge.Permanent("not-found", "no such issue here, as our account sees it, so not asked for: %s", strings.Join(unknown, ", "))
	}
	return err
}
