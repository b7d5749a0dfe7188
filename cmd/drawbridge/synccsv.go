package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

func newSyncExport(s *screen) *cobra.Command {
	var out string
	c := s.withConnection(&cobra.Command{
		Use:   "export",
		Short: "Write all pairs of a connection as CSV",
		Long: `Writes a line for every pair: ids and keys of both issues, where it is, what waits, why it is parked. For
reports, for leaving, and for drawbridge sync import. It holds no field of any issue.`,
		Example: "  drawbridge sync export --out pairs.csv --config hub.yaml",
	}, func(ctx context.Context, h *half, c *bridge.Connection, _ []string) error {
		return h.export(ctx, c, out)
	})
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

// csvHead names the columns; issues by role, so that either half reads what the other one wrote.
var csvHead = []string{"public_key", "private_key", "public_id", "private_id", "status", "origin", "waiting_since", "parked", "reason"}

func (h *half) export(ctx context.Context, c *bridge.Connection, path string) (err error) {
	w := h.screen.out
	if path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	out := csv.NewWriter(w)
	if err := out.Write(csvHead); err != nil {
		return err
	}
	err = h.eachPair(ctx, c.ID, "", func(p *pair.Pair) error { return out.Write(h.csvLine(p)) })
	out.Flush()
	return errors.Join(err, out.Error())
}

func (h *half) csvLine(p *pair.Pair) []string {
	public, private := p.Head.Local, p.Head.Remote
	if h.role == bridge.Private {
		public, private = private, public
	}
	since, parked, reason := "", "", ""
	if p.Head.Waits() {
		since = time.UnixMilli(p.Head.Since).UTC().Format(time.RFC3339)
	}
	if p.Head.Parked != nil {
		parked, reason = p.Head.Parked.Name, p.Head.Parked.Reason
	}
	line := []string{public.Key, private.Key, public.ID, private.ID, string(p.Head.Status), string(p.Head.Origin), since, parked, reason}
	for i := range line {
		line[i] = tame(bridge.OneLine(line[i]))
	}
	return line
}

// tame keeps a spreadsheet from taking a text for a formula: an apostrophe before it says that it is none. [wild] takes it away.
func tame(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠'", first) {
		return "'" + s
	}
	return s
}

// wild is what [tame] was given.
func wild(s string) string { return strings.TrimPrefix(s, "'") }

func newSyncImport(s *screen) *cobra.Command {
	var values string
	var dry bool
	c := s.withConnection(&cobra.Command{
		Use:   "import FILE",
		Short: "Make the pairs of an exported CSV again",
		Long: `Reads a CSV of drawbridge sync export, of this half or the other, and joins every pair of it that is not one
here: after a move to another hub, or when state was lost on both sides. What stands on both sides is not copied
again; stopped pairs are left out. The file needs the columns public_key and private_key only.`,
		Example: "  drawbridge sync import pairs.csv --dry-run --config hub.yaml",
		Args:    words("FILE"),
	}, func(ctx context.Context, h *half, c *bridge.Connection, args []string) error {
		if !bridge.Values(values).Valid() {
			return usage("drawbridge sync import", "whose values stand? --values %q: say newest, public or private", values)
		}
		return h.importPairs(ctx, c, args[0], bridge.Values(values), dry)
	})
	c.Flags().StringVar(&values, "values", string(bridge.ByNewest), "whose values stand where the two differ: newest, public, private")
	c.Flags().BoolVar(&dry, "dry-run", false, "only say what would be joined")
	return c
}

func (h *half) importPairs(ctx context.Context, c *bridge.Connection, path string, values bridge.Values, dry bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	listed, err := h.readExport(path, f)
	if err != nil {
		return err
	}
	wanted, known, other, err := h.sortOut(ctx, c, listed)
	if err != nil {
		return err
	}
	if dry || len(wanted) == 0 {
		v := map[string]any{"join": wanted, "known": known, "elsewhere": other}
		return h.screen.show(v, func(w io.Writer) {
			fmt.Fprintf(w, "%s to join, %d known already\n", plural(len(wanted), "pair", "pairs"), known)
			for _, line := range other {
				fmt.Fprintln(w, line)
			}
		})
	}
	for _, line := range other {
		fmt.Fprintln(plain{h.screen.err}, h.screen.yellow(line))
	}
	return h.joinAll(ctx, c, wanted, values)
}

// readExport reads pairs of keys, this half's first.
func (h *half) readExport(name string, r io.Reader) (pairs [][]string, err error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	head, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	here, there, status := slices.Index(head, "public_key"), slices.Index(head, "private_key"), slices.Index(head, "status")
	if here < 0 || there < 0 {
		return nil, usage("drawbridge sync import", "%s has no columns public_key and private_key; a file without a heading is for drawbridge sync pair --file", name)
	}
	if h.role == bridge.Private {
		here, there = there, here
	}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return pairs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(row) <= max(here, there) || row[here] == "" || row[there] == "" || status >= 0 && status < len(row) && row[status] == string(pair.Stopped) {
			continue // it has no twin, or is none any more
		}
		pairs = append(pairs, []string{strings.ToUpper(wild(row[here])), strings.ToUpper(wild(row[there]))})
	}
}

// sortOut finds which of the listed pairs are pairs here, and which cannot be.
func (h *half) sortOut(ctx context.Context, c *bridge.Connection, listed [][]string) (wanted [][]string, known int, other []string, err error) {
	twins := map[string]string{}
	err = h.eachPair(ctx, c.ID, "", func(p *pair.Pair) error {
		if p.Head.Remote.ID != "" {
			twins[p.Head.Local.Key] = p.Head.Remote.Key
		}
		return nil
	})
	for _, l := range listed {
		switch twin, paired := twins[l[0]]; {
		case !paired:
			wanted = append(wanted, l)
		case twin == l[1]:
			known++
		default:
			other = append(other, fmt.Sprintf("%s is in a pair with %s, not with %s", l[0], twin, l[1]))
		}
	}
	return wanted, known, other, err
}
