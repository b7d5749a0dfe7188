package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

func newConnectionPause(s *screen) *cobra.Command {
	var why string
	var all bool
	c := s.operate(&cobra.Command{
		Use:   "pause [NAME]",
		Short: "Stop carrying changes; they keep being marked",
		Long: `Pauses a connection from this side: nothing is sent or applied, on both sides, until this side resumes it. The
other side is told in the next exchange and need not agree. What changes meanwhile is marked, one change per
issue, and carried then. With --all every connection of this half: the emergency stop.`,
		Example: `  drawbridge connection pause support --why "Jira upgrade" --config hub.yaml
  drawbridge connection pause --all --config poller.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		return h.switchState(ctx, optional(args), all, &bridge.Hold{State: bridge.Paused, Why: why, By: whoAsks()})
	})
	c.Flags().StringVar(&why, "why", "", "the reason, shown to whoever asks")
	c.Flags().BoolVar(&all, "all", false, "every connection")
	return c
}

func newConnectionResume(s *screen) *cobra.Command {
	var all bool
	c := s.operate(&cobra.Command{
		Use:   "resume [NAME]",
		Short: "Carry changes again after a pause or a break",
		Long: `Resumes a connection that this side paused, or that was broken here: by a rule that fails for every issue, or
because an unusual part of all issues was about to be created, closed, deleted or rewritten. For the latter,
resuming says that it is meant, and holds for two hours. What was marked meanwhile is carried now. What the
other side holds, the other side resumes.`,
		Example: "  drawbridge connection resume support --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		return h.switchState(ctx, optional(args), all, nil)
	})
	c.Flags().BoolVar(&all, "all", false, "every connection that this side holds")
	return c
}

// switchState sets this side's hold on one connection, or on all of them, or lifts it (nil).
func (h *half) switchState(ctx context.Context, name string, all bool, to *bridge.Hold) error {
	targets, err := h.targets(ctx, name, all)
	if err != nil {
		return err
	}
	done := []connectionView{}
	for _, c := range targets {
		if err := h.mayHold(c, to); err != nil {
			if all {
				continue
			}
			return err
		}
		if err := h.hold(ctx, c, to); err != nil {
			return err
		}
		now, err := h.book.Connection(ctx, c.ID)
		if err != nil || now == nil {
			return err
		}
		v, err := h.view(ctx, *now, false)
		if err != nil {
			return err
		}
		done = append(done, v)
	}
	return h.screen.show(map[string]any{"connections": done}, func(w io.Writer) {
		for _, v := range done {
			fmt.Fprintf(w, "%s is %s\n", v.Name, h.state(v.Connection))
		}
	})
}

func (h *half) targets(ctx context.Context, name string, all bool) ([]bridge.Connection, error) {
	if all {
		return h.book.Connections(ctx)
	}
	c, err := h.connection(ctx, name)
	if err != nil {
		return nil, err
	}
	return []bridge.Connection{*c}, nil
}

// mayHold says why this side cannot set, or lift, a hold on the connection.
func (h *half) mayHold(c bridge.Connection, to *bridge.Hold) error {
	own, other := c.HoldOf(h.role), c.HoldOf(h.role.Other())
	switch {
	case c.State == bridge.Ended || c.State == bridge.Pending:
		return bridge.Permanent("connection-state", "connection %q is %s", c.Name, c.State)
	case to == nil && own == nil && other != nil:
		return bridge.Permanent("connection-state", "connection %q is %s by the %s side (%s): it has to be resumed there", c.Name, other.State, h.role.Other(), other.Why)
	}
	return nil
}

func (h *half) hold(ctx context.Context, c bridge.Connection, to *bridge.Hold) error {
	was := c.HoldOf(h.role)
	if to == nil && was != nil && was.Name == "safety-stop" {
		if err := h.site.Allow(ctx, c.ID, whoAsks()); err != nil {
			return err
		}
	}
	if err := h.site.Hold(ctx, c.ID, to); err != nil {
		return err
	}
	if err := h.ring(ctx, c.ID); err != nil || to != nil {
		return err
	}
	return reconcile.Start(ctx, h.site, c.ID, "resumed by "+whoAsks(), was != nil && was.State == bridge.Broken)
}

// ring has a running poller tell the hub at once: it may be waiting for an answer that the hub holds. A hub looks by itself.
func (h *half) ring(ctx context.Context, connection string) error {
	if h.role == bridge.Public {
		return nil
	}
	t := site.Task{Kind: site.RingTask, Connection: connection, Issue: "ring-" + connection, By: whoAsks()}
	return h.site.Send(ctx, t, bridge.Live, "")
}
