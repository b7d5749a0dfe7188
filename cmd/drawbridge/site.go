package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/poll"
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
	}), s.operate(&cobra.Command{
		Use:   "restored",
		Short: "Say that this half's state was put back from a backup",
		Long: `Has both halves offer every pair again, read the changelogs and look before they create anything, so that what was
done since the backup is found and not done twice. The halves do so by themselves where anything crossed between them
since the backup was taken; say it where nothing may have. Say it before this half is started. It harms nothing.`,
		Example: "  drawbridge site restored --config poller.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		if err := h.restored(ctx); err != nil {
			return err
		}
		return s.show(map[string]string{"site": h.settings().Name}, func(w io.Writer) {
			fmt.Fprintf(w, "both halves offer every pair again once site %s runs\n", h.settings().Name)
		})
	}))
	return c
}

// restored has the other half see that this one's state is another.
func (h *half) restored(ctx context.Context) error {
	if h.role == bridge.Private {
		return poll.Book{Store: h.book.Store}.Restored(ctx)
	}
	all, err := h.book.Connections(ctx)
	for _, c := range all {
		err = errors.Join(err, h.exchange.Restored(ctx, c.ID, time.Now()))
	}
	return err
}
