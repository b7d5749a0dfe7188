package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/poll"
)

func newConnection(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "connection",
		Short: "Make, look at, pause and end connections",
		Long: `A connection is the agreement of two sites on what is kept in sync. It is made on the hub, which prints an
invitation code, and accepted on the private side with drawbridge poller accept CODE.`,
	}
	c.AddCommand(newConnectionCreate(s), newConnectionInvite(s), newConnectionList(s), newConnectionShow(s), newConnectionPause(s),
		newConnectionResume(s), newConnectionRevoke(s), newConnectionEdit(s), newConnectionEnd(s))
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
	Unmade int           `json:"unmade"`      // issues whose twin the other side's Jira refused
	Rules  int64         `json:"rules"`       // revision in force here
	There  int64         `json:"rules_there"` // and on the other side, as it last said
	// OtherVersion is the release of Drawbridge that the other half last said it is.
	OtherVersion string        `json:"version_there,omitempty"`
	ToApprove    int64         `json:"contract_to_approve,omitempty"` // revision of the other side's contract that waits for us
	Poller       *pollerView   `json:"poller,omitempty"`              // on the hub: who joined
	Trouble      *poll.Trouble `json:"trouble,omitempty"`             // on the poller: why nothing is exchanged with the hub
}

// pollerView is what the hub knows of a poller.
type pollerView struct {
	Site    string         `json:"site"`
	Flavour bridge.Flavour `json:"flavour"`
	Version string         `json:"version"`
	Seen    int64          `json:"seen"` // hub ms of the last exchange; 0: none yet
	Rules   int64          `json:"rules"`
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
	if h.role == bridge.Private {
		if v.Trouble, err = (poll.Book{Store: h.book.Store}).Trouble(ctx, c.ID); err != nil {
			return v, err
		}
	}
	if err := h.revisions(ctx, &v); err != nil {
		return v, err
	}
	if !count {
		return v, nil
	}
	return v, h.eachPair(ctx, c.ID, "pairs", func(p *pair.Pair) error {
		v.Pairs++
		if p.Head.Parked != nil {
			v.Parked++
		}
		if p.Head.Unmade() != nil {
			v.Unmade++
		}
		return nil
	})
}

func (h *half) pollerOf(ctx context.Context, connection string) (*pollerView, error) {
	p, err := h.exchange.Poller(ctx, connection)
	if err != nil || p == nil {
		return nil, err
	}
	v := &pollerView{Site: p.Site.Name, Flavour: p.Site.Flavour, Version: p.Site.Version, Problem: p.Status.Problem, Rules: p.Status.Rules}
	v.Version, v.Site = cmp.Or(p.Status.Version, v.Version), cmp.Or(p.Status.Site, v.Site)
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
		{"conflicts", h.policy(v)},
		{"pairs", fmt.Sprint(v.Pairs)},
		{"waiting", waiting(v)},
		{"parked", fmt.Sprint(v.Parked)},
		{"made", h.when(v.Created)},
	}
	if v.Theirs != "" && v.Theirs != v.Name {
		rows = append(rows, []string{"called there", v.Theirs})
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

// policy is the conflict policy, and since when where it was changed.
func (h *half) policy(v connectionView) string {
	if r := v.Revision(); r > 1 {
		return fmt.Sprintf("%s, since %s", v.Policy, h.when(r))
	}
	return string(v.Policy)
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
	if by := c.Holder(); by != "" && by != h.role {
		text += " by the " + string(by) + " side"
	}
	if c.Why != "" {
		text += ": " + c.Why
	}
	return text
}
