package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newSite(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "site",
		Short: "Say which Jira a half belongs to",
		Long: `A half remembers which Jira it works for: its base URL and server id. A clone of that Jira, or of this half's
state, is refused, so that a test system never writes to the other company's issues.`,
	}
	c.AddCommand(s.operate(&cobra.Command{
		Use:   "accept",
		Short: "Take the Jira that answers now as the one it always was",
		Long: `Tells this half that its Jira has moved to another address or was rebuilt under another server id, with the same
issues under the same ids. Never say it on a clone: end the connections there instead.`,
		Example: "  drawbridge site accept --config poller.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		if err := h.withJira(); err != nil {
			return err
		}
		i, err := h.site.Accept(ctx)
		if err != nil {
			return err
		}
		return s.show(i, func(w io.Writer) {
			fmt.Fprintf(w, "site %s is %s from now on\n", h.settings().Name, i)
		})
	}))
	return c
}
