package main

import (
	"context"
	"fmt"
	"io"

	"drawbridge/shared/bridge"
)

// dryJoin says what joining would do, pair by pair, and does none of it.
func (h *half) dryJoin(ctx context.Context, c *bridge.Connection, wanted [][]string, values bridge.Values) error {
	bar := h.screen.progress("worked out")
	views := make([]dryJoinView, 0, len(wanted))
	for i, p := range wanted {
		a, err := h.dryPair(ctx, c, p[0], p[1], values)
		if err != nil {
			return fmt.Errorf("%s with %s: %w", p[0], p[1], err)
		}
		views = append(views, dryJoinView{p[0], p[1], a})
		if len(wanted) > 1 {
			bar.step(i+1, len(wanted))
		}
	}
	bar.done()
	return h.screen.show(map[string]any{"pairs": views}, func(w io.Writer) {
		for _, v := range views {
			fmt.Fprintf(w, "%s with %s", h.screen.bold(v.Here), h.screen.bold(v.There))
			h.printPreview(w, v.Preview)
		}
	})
}

// dryJoinView is one pair that would be joined.
type dryJoinView struct {
	Here    string         `json:"here"`
	There   string         `json:"there"`
	Preview bridge.Preview `json:"preview"`
}
