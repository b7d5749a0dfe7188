package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

type endOptions struct {
	yes, links bool
	export     string
}

func newConnectionEnd(s *screen) *cobra.Command {
	var o endOptions
	c := s.operate(&cobra.Command{
		Use:   "end NAME",
		Short: "End a connection for good",
		Long: `Ends a connection, from either side: nothing is carried any more, what waits is dropped, the other side is told
in the next exchange, and the keys are worth nothing after that. Issues and comments stay as they are on both
sides. With --remove-links the links and markers that Drawbridge put on issues of this side are removed, in the
bulk lane of the running half; say it on both sides to leave no trace. With --export all pairs are written as
CSV first. An ended connection cannot be resumed; said again, it only cleans up.`,
		Example: `  drawbridge connection end support --export pairs.csv --remove-links --yes --config hub.yaml
  drawbridge connection end support --yes --config poller.yaml`,
		Args: words("NAME"),
	}, func(ctx context.Context, h *half, args []string) error { return h.end(ctx, args[0], o) })
	f := c.Flags()
	f.BoolVar(&o.yes, "yes", false, "yes, for good")
	f.BoolVar(&o.links, "remove-links", false, "remove links and markers from this side's issues")
	f.StringVar(&o.export, "export", "", "write all pairs to this CSV file first")
	return c
}

func (h *half) end(ctx context.Context, name string, o endOptions) error {
	c, err := h.connection(ctx, name)
	if err != nil {
		return err
	}
	if !o.yes {
		return usage("drawbridge connection end", "ending %q cannot be undone; say --yes if you mean it", c.Name)
	}
	if o.export != "" {
		if err := h.export(ctx, c, o.export); err != nil {
			return err
		}
	}
	if err := h.site.Hold(ctx, c.ID, &bridge.Hold{State: bridge.Ended, Why: "ended by " + whoAsks(), By: whoAsks()}); err != nil {
		return err
	}
	if err := h.ring(ctx, c.ID); err != nil {
		return err
	}
	t := site.Task{Kind: site.EndTask, Connection: c.ID, Issue: "end-" + c.ID, By: "ended by " + whoAsks(), All: o.links}
	if err := h.site.Send(ctx, t, bridge.Bulk, ""); err != nil {
		return err
	}
	if h.role == bridge.Public {
		if _, err := h.worthless(ctx, c.ID); err != nil {
			return err
		}
	}
	return h.screen.show(map[string]any{"ended": c.ID, "export": o.export, "remove_links": o.links}, func(w io.Writer) {
		fmt.Fprintf(w, "%s has ended; the other side is told when it is next reached\n", c.Name)
	})
}

func newConnectionEdit(s *screen) *cobra.Command {
	var name, about string
	c := s.operate(&cobra.Command{
		Use:   "edit [NAME]",
		Short: "Change what this side calls a connection",
		Long: `Changes the name or the description of a connection on this half. Each side has its own; the other side sees
this side's name beside its own, and never the description.`,
		Example: `  drawbridge connection edit support --name acme-support --description "tickets of Acme" --config poller.yaml`,
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		if name == "" && about == "" {
			return usage("drawbridge connection edit", "nothing to change: say --name or --description")
		}
		c, err := h.connection(ctx, optional(args))
		if err != nil {
			return err
		}
		return h.edit(ctx, c, name, about)
	})
	c.Flags().StringVar(&name, "name", "", "the new name on this side")
	c.Flags().StringVar(&about, "description", "", "what it is for, for people on this side")
	return c
}

func (h *half) edit(ctx context.Context, c *bridge.Connection, name, about string) error {
	all, err := h.book.Connections(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != c.ID && strings.EqualFold(other.Name, name) && other.State != bridge.Ended {
			return bridge.Permanent("connection-exists", "there is a connection %q already", other.Name)
		}
	}
	err = h.book.UpdateConnection(ctx, c.ID, func(c *bridge.Connection) error {
		if name != "" {
			c.Name = name
		}
		if about != "" {
			c.Description = about
		}
		return nil
	})
	if err == nil {
		err = h.ring(ctx, c.ID)
	}
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"connection": c.ID, "name": name, "description": about}, func(w io.Writer) { fmt.Fprintln(w, "done") })
}
