package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

func newSyncPick(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "pick KEY FIELD public|private",
		Short: "Decide a conflict that waits for a person",
		Long: `Under the conflict policy "ask", a field that was edited on both sides at once stays as it is on each until a
person picks the edit that stands. It may be done on either half. For a third value, pick one and then edit
the issue in Jira.`,
		Example: "  drawbridge sync pick SUP-12 summary public --config hub.yaml",
		Args:    words("KEY", "FIELD", "public or private"),
	}, func(ctx context.Context, h *half, args []string) error {
		return h.pick(ctx, args[0], args[1], bridge.Role(args[2]))
	})
}

func (h *half) pick(ctx context.Context, key, field string, side bridge.Role) error {
	if !side.Valid() {
		return usage("drawbridge sync pick", "whose edit stands? %q is neither public nor private", side)
	}
	found, err := h.mustFind(ctx, key)
	if err != nil {
		return err
	}
	picked := 0
	for _, p := range found {
		done, err := h.pickIn(ctx, p, field, side)
		if err != nil {
			return err
		}
		picked += done
	}
	if picked == 0 {
		return bridge.Permanent("nothing-to-pick", "%s has no conflict in field %q that waits for a person; see drawbridge sync show %s", strings.ToUpper(key), field, key)
	}
	return h.screen.show(map[string]any{"picked": string(side), "field": field}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: the %s edit of %s stands, on both sides once the change has been carried\n", strings.ToUpper(key), side, field)
	})
}

// pickIn picks in one pair: the field itself, and every element of it where it is a set.
func (h *half) pickIn(ctx context.Context, p *pair.Pair, field string, side bridge.Role) (picked int, err error) {
	c, err := h.book.Connection(ctx, p.Head.Connection)
	if err != nil || c == nil {
		return 0, err
	}
	sides := merge.Site{Role: h.role, Policies: c.Policies}
	_, err = h.book.Update(ctx, c.ID, p.Head.Local.ID, func(p *pair.Pair) error {
		picked = 0
		for _, key := range p.State.Keys() {
			if base, _, _ := merge.SplitKey(key); !slices.Contains([]string{base, key, label(key)}, field) {
				continue
			}
			f := p.State.Fields[key]
			next, ok := merge.Pick(f.Field, sides, edit(f.Field, h.role, side))
			if !ok {
				continue
			}
			picked++
			f.Field, f.Rev = next, p.Mark(h.now(), bridge.Live)
			p.Note(pair.Event{What: "picked", Field: key, Edit: edit(f.Field, h.role, side).String(), Cause: whoAsks()})
		}
		return nil
	})
	if err != nil || picked == 0 {
		return picked, err
	}
	return picked, h.site.Send(ctx, site.Task{Kind: site.RetryTask, Connection: c.ID, Issue: p.Head.Local.ID, By: whoAsks()}, bridge.Live, "")
}

// edit is the edit a side made of a field.
func edit(f merge.Field, here, side bridge.Role) bridge.Edit {
	e := f.Theirs
	if side == here {
		e = f.Mine
	}
	if e == nil {
		return bridge.Edit{}
	}
	return e.ID()
}
