package main

import (
	"cmp"
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
	var to newTerms
	c := s.operate(&cobra.Command{
		Use:   "edit [NAME]",
		Short: "Change a connection's name, description or conflict policy",
		Long: `Changes the name or the description of a connection on this half. Each side has its own; the other side sees
this side's name beside its own, and never the description.

On the hub, --conflicts changes which edit stands when both sides edited at once. The other side is told in the
next exchange. It holds for edits made from then on; a conflict between earlier ones is decided as it was to be.`,
		Example: `  drawbridge connection edit support --name acme-support --description "tickets of Acme" --config poller.yaml
  drawbridge connection edit support --conflicts private-site --config hub.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		if to == (newTerms{}) {
			return usage("drawbridge connection edit", "nothing to change: say --name, --description or --conflicts")
		}
		c, err := h.connection(ctx, optional(args))
		if err != nil {
			return err
		}
		return h.edit(ctx, c, to)
	})
	f := c.Flags()
	f.StringVar(&to.Name, "name", "", "the new name on this side")
	f.StringVar(&to.About, "description", "", "what it is for, for people on this side")
	f.StringVar((*string)(&to.Policy), "conflicts", "", "on the hub: newest, public-site, private-site or ask")
	return c
}

// newTerms is what is to change of a connection; empty stays as it is.
type newTerms struct {
	Name   string        `json:"name"`
	About  string        `json:"description"`
	Policy bridge.Policy `json:"conflicts"`
}

func (h *half) edit(ctx context.Context, c *bridge.Connection, to newTerms) error {
	switch {
	case to.Policy == "":
	case !to.Policy.Valid():
		return unknownPolicy("drawbridge connection edit", to.Policy)
	case h.role == bridge.Private:
		return bridge.Permanent("hub-decides", "the conflict policy is changed on the hub, for both sides; this is the private half")
	}
	all, err := h.book.Connections(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != c.ID && strings.EqualFold(other.Name, to.Name) && other.State != bridge.Ended {
			return bridge.Permanent("connection-exists", "there is a connection %q already", other.Name)
		}
	}
	err = h.book.UpdateConnection(ctx, c.ID, func(c *bridge.Connection) error {
		c.Name, c.Description = cmp.Or(to.Name, c.Name), cmp.Or(to.About, c.Description)
		if to.Policy != "" {
			c.Decide(to.Policy, h.now())
		}
		return nil
	})
	if err == nil {
		err = h.ring(ctx, c.ID)
	}
	if err != nil {
		return err
	}
	return h.screen.show(struct {
		Connection string `json:"connection"`
		newTerms
	}{c.ID, to}, func(w io.Writer) { fmt.Fprintln(w, "done") })
}
