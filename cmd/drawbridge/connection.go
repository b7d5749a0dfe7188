package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

func newConnection(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "connection",
		Short: "Make, look at, pause and end connections",
		Long: `A connection is the agreement of two sites on what is kept in sync. It is made on the hub, which prints an
invitation code, and accepted on the private side with drawbridge poller accept CODE.`,
	}
	c.AddCommand(newConnectionCreate(s), newConnectionInvite(s), newConnectionList(s), newConnectionShow(s), newConnectionPause(s),
		newConnectionResume(s), newConnectionRevoke(s), newConnectionEnd(s))
	return c
}

// connectionView is a connection as shown.
type connectionView struct {
	bridge.Connection
	Policy bridge.Policy `json:"policy"`
	Pairs  int           `json:"pairs"`
	Live   int           `json:"waiting_live"`
	Bulk   int           `json:"waiting_bulk"`
	Oldest int64         `json:"waiting_since,omitempty"`
	Parked int           `json:"parked"`
	Poller *pollerView   `json:"poller,omitempty"` // on the hub: who joined
}

// pollerView is what the hub knows of a poller.
type pollerView struct {
	Site    string         `json:"site"`
	Flavour bridge.Flavour `json:"flavour"`
	Version string         `json:"version"`
	Seen    int64          `json:"seen"` // hub ms of the last exchange; 0: none yet
	Problem string         `json:"problem,omitempty"`
}

const depthMax = 10_000 // waiting pairs are counted up to here

func (h *half) view(ctx context.Context, c bridge.Connection, count bool) (v connectionView, err error) {
	v = connectionView{Connection: c}
	v.Policy, _ = c.Policy(c.Revision())
	if v.Live, v.Bulk, v.Oldest, err = h.book.Depth(ctx, c.ID, depthMax); err != nil {
		return v, err
	}
	if h.role == bridge.Public {
		if v.Poller, err = h.pollerOf(ctx, c.ID); err != nil {
			return v, err
		}
	}
	if !count {
		return v, nil
	}
	return v, h.eachPair(ctx, c.ID, "pairs", func(p *pair.Pair) error {
		v.Pairs++
		if p.Head.Parked != nil {
			v.Parked++
		}
		return nil
	})
}

func (h *half) pollerOf(ctx context.Context, connection string) (*pollerView, error) {
	p, err := h.exchange.Poller(ctx, connection)
	if err != nil || p == nil {
		return nil, err
	}
	v := &pollerView{Site: p.Site.Name, Flavour: p.Site.Flavour, Version: p.Site.Version, Problem: p.Status.Problem}
	if p.Seen.Unix() > 0 {
		v.Seen = p.Seen.UnixMilli()
	}
	return v, nil
}

func (h *half) views(ctx context.Context, count bool) ([]connectionView, error) {
	all, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]connectionView, 0, len(all))
	for _, c := range all {
		v, err := h.view(ctx, c, count)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func newConnectionList(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "list",
		Short: "List the connections of this half",
		Long: `Lists the connections of this half: state, how many changes wait for the other side, and on the hub when the
poller was last seen. Works while the half runs and while it does not.`,
		Example: "  drawbridge connection list --config hub.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		all, err := h.views(ctx, false)
		if err != nil {
			return err
		}
		return s.show(map[string]any{"connections": all}, func(w io.Writer) { h.printConnections(w, all) })
	})
}

func (h *half) printConnections(w io.Writer, all []connectionView) {
	if len(all) == 0 {
		fmt.Fprintln(w, "no connections yet")
		return
	}
	rows := [][]string{{"NAME", "STATE", "WAITING", "POLLER SEEN", "ID"}}
	for _, v := range all {
		rows = append(rows, []string{v.Name, string(v.State), waiting(v), h.seen(v.Poller), v.ID})
	}
	table(w, rows)
}

func waiting(v connectionView) string {
	if v.Live+v.Bulk >= depthMax {
		return fmt.Sprintf("%d or more", depthMax)
	}
	if v.Bulk > 0 {
		return fmt.Sprintf("%d (%d bulk)", v.Live+v.Bulk, v.Bulk)
	}
	return fmt.Sprint(v.Live)
}

func (h *half) seen(p *pollerView) string {
	switch {
	case h.role == bridge.Private:
		return "(this half)"
	case p == nil:
		return "not joined"
	}
	return h.when(p.Seen)
}

func newConnectionShow(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "show [NAME]",
		Short: "Show one connection in full",
		Long: `Shows one connection: its state and why, conflict policy, pairs, what waits for the other side, what is
parked, and on the hub who joined. NAME may be left out where there is only one connection.`,
		Example: "  drawbridge connection show support --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		c, err := h.connection(ctx, optional(args))
		if err != nil {
			return err
		}
		v, err := h.view(ctx, *c, true)
		if err != nil {
			return err
		}
		return s.show(v, func(w io.Writer) { h.printConnection(w, v) })
	})
}

func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (h *half) printConnection(w io.Writer, v connectionView) {
	rows := [][]string{
		{"connection", h.screen.bold(v.Name)},
		{"id", v.ID},
		{"state", h.state(v.Connection)},
		{"conflicts", fmt.Sprintf("%s (policy revision %d)", v.Policy, v.Revision())},
		{"pairs", fmt.Sprint(v.Pairs)},
		{"waiting", waiting(v)},
		{"parked", fmt.Sprint(v.Parked)},
		{"made", h.when(v.Created)},
	}
	if v.Description != "" {
		rows = append(rows, []string{"about", v.Description})
	}
	if v.Oldest != 0 {
		rows = append(rows, []string{"waiting since", h.when(v.Oldest)})
	}
	if h.role == bridge.Public {
		rows = append(rows, []string{"poller seen", h.seen(v.Poller)})
	}
	if v.Poller != nil {
		rows = append(rows, []string{"private site", fmt.Sprintf("%s (%s), Drawbridge %s", v.Poller.Site, v.Poller.Flavour, v.Poller.Version)})
		if v.Poller.Problem != "" {
			rows = append(rows, []string{"poller's problem", h.screen.red(v.Poller.Problem)})
		}
	}
	table(w, rows)
}

// state is a connection's state in its colour, with the reason.
func (h *half) state(c bridge.Connection) string {
	text := string(c.State)
	switch c.State {
	case bridge.Active:
		text = h.screen.green(text)
	case bridge.Broken:
		text = h.screen.red(text)
	case bridge.Paused, bridge.Pending:
		text = h.screen.yellow(text)
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}

func newConnectionPause(s *screen) *cobra.Command {
	var why string
	var all bool
	c := s.operate(&cobra.Command{
		Use:   "pause [NAME]",
		Short: "Stop carrying changes; they keep being marked",
		Long: `Pauses a connection: nothing is sent or applied, on both sides, until it is resumed. What changes meanwhile is
marked, one change per issue, and carried then. With --all every connection: the emergency stop.`,
		Example: `  drawbridge connection pause support --why "Jira upgrade" --config hub.yaml
  drawbridge connection pause --all --config hub.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		return h.switchState(ctx, optional(args), all, bridge.Paused, why)
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
		Long: `Resumes a paused or broken connection. What was marked meanwhile is carried now. A connection that was broken
breaks again if its cause is still there: see drawbridge connection show.`,
		Example: "  drawbridge connection resume support --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		return h.switchState(ctx, optional(args), all, bridge.Active, "")
	})
	c.Flags().BoolVar(&all, "all", false, "every paused connection")
	return c
}

// switchState pauses or resumes one connection, or all of them.
func (h *half) switchState(ctx context.Context, name string, all bool, to bridge.ConnectionState, why string) error {
	if h.role == bridge.Private {
		return bridge.Permanent("hub-decides", "the state of a connection is kept on the hub: pause and resume it there, or stop the poller")
	}
	targets, err := h.targets(ctx, name, all)
	if err != nil {
		return err
	}
	var done []connectionView
	for _, c := range targets {
		if all && !switchable(c.State, to) {
			continue
		}
		v, err := h.setState(ctx, c, to, why)
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

func (h *half) setState(ctx context.Context, c bridge.Connection, to bridge.ConnectionState, why string) (connectionView, error) {
	err := h.book.UpdateConnection(ctx, c.ID, func(c *bridge.Connection) error {
		if !switchable(c.State, to) && c.State != to {
			return bridge.Permanent("connection-state", "connection %q is %s and cannot become %s", c.Name, c.State, to)
		}
		c.State, c.Why = to, why
		return nil
	})
	if err != nil {
		return connectionView{}, err
	}
	now, err := h.book.Connection(ctx, c.ID)
	if err != nil || now == nil {
		return connectionView{}, err
	}
	return h.view(ctx, *now, false)
}

// switchable reports whether a person may take a connection from one state to another.
func switchable(from, to bridge.ConnectionState) bool {
	switch to {
	case bridge.Paused:
		return from == bridge.Active || from == bridge.Broken
	case bridge.Active:
		return from == bridge.Paused || from == bridge.Broken
	}
	return false
}
