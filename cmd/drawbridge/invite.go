package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/sign"
)

func newConnectionCreate(s *screen) *cobra.Command {
	var o createOptions
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a connection and print its invitation code",
		Long: `Makes a connection on the hub and prints an invitation code, good once and for a day. Give the code to the
administrator inside, by a way you trust: whoever has it may join. The account on the public Jira is checked
first and every missing permission named.`,
		Example: "  drawbridge connection create support --project SUP --config hub.yaml",
		Args:    words("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return s.withHub(c, func(ctx context.Context, h *half) error { return h.create(ctx, args[0], o) })
		},
	}
	configFlag(c)
	hubFlag(c)
	jsonFlag(c, s)
	f := c.Flags()
	f.StringVar(&o.project, "project", "", "key of the public project where twins are created; asked for if left out")
	f.StringVar(&o.about, "description", "", "what the connection is for")
	f.StringVar(&o.policy, "conflicts", string(bridge.Newest), "which edit stands when both sides edited at once: newest, public-site, private-site, ask")
	f.DurationVar(&o.expires, "expires", 24*time.Hour, "how long the code is good")
	return c
}

func unknownPolicy(command string, p bridge.Policy) error {
	return usage(command, "--conflicts %q: say newest, public-site, private-site or ask", p)
}

type createOptions struct {
	project, about, policy string
	expires                time.Duration
}

// withHub opens the public half for a command that may be the first thing ever done with it.
func (s *screen) withHub(c *cobra.Command, do func(context.Context, *half) error) error {
	if name, err := stackNamed(c); err != nil {
		return err
	} else if name != "" {
		h := &half{screen: s}
		if err := h.openStack(c.Context(), name); err != nil {
			return err
		}
		return h.audited(c.Context(), c, c.Flags().Args(), func() error { return do(c.Context(), h) })
	}
	path, err := settingsPath(c)
	if err != nil {
		return err
	}
	if k, err := kindOf(c, "", path); err != nil || k != config.HubFile {
		return bridge.Permanent("hub-decides", "%s is not the hub's settings file: connections are made on the hub", path)
	}
	h := &half{screen: s, fresh: true}
	if err := h.load(config.HubFile, path); err != nil {
		return err
	}
	if err := h.open(); err != nil {
		return err
	}
	defer h.close()
	if err := h.admit(c, true); err != nil {
		return err
	}
	return h.audited(c.Context(), c, c.Flags().Args(), func() error { return do(c.Context(), h) })
}

func (h *half) create(ctx context.Context, name string, o createOptions) error {
	if !bridge.Policy(o.policy).Valid() {
		return unknownPolicy("drawbridge connection create", bridge.Policy(o.policy))
	}
	all, err := h.book.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if strings.EqualFold(c.Name, name) && c.State != bridge.Ended {
			return bridge.Permanent("connection-exists", "there is a connection %q already; for another code say drawbridge connection invite %s", c.Name, c.Name)
		}
	}
	project, err := h.screen.chooseProject(bufio.NewReader(h.screen.in), h.settings(), o.project)
	if err != nil {
		return err
	}
	if err := h.screen.mayWork(ctx, h.exam(), project); err != nil {
		return err
	}
	id := strings.ToLower(rand.Text()[:16])
	err = h.book.UpdateConnection(ctx, id, func(c *bridge.Connection) error {
		c.Name, c.Description, c.State, c.Project = name, o.about, bridge.Pending, project
		c.Policies[1] = bridge.Policy(o.policy)
		return nil
	})
	if err != nil {
		return err
	}
	return h.invite(ctx, id, o.expires)
}

// invite makes an invitation to a connection and prints its code, the only time it is shown.
func (h *half) invite(ctx context.Context, connection string, expires time.Duration) error {
	keys, err := h.keys(ctx)
	if err != nil {
		return err
	}
	inv, err := sign.NewInvitation(rand.Reader, h.hub.PublicURL, keys[0].Public(), connection, time.Now().Add(expires))
	if err != nil {
		return err
	}
	if err := h.exchange.Invite(ctx, inv); err != nil {
		return err
	}
	v := map[string]any{"connection": connection, "code": inv.Code(), "expires": inv.Expires}
	return h.screen.show(v, func(w io.Writer) {
		fmt.Fprintf(w, "\n%s\n\n", inv.Code())
		fmt.Fprintf(w, "good once, until %s. On the private side:\n  drawbridge poller accept CODE --config poller.yaml\n", inv.Expires.Local().Format("2006-01-02 15:04"))
	})
}

func newConnectionInvite(s *screen) *cobra.Command {
	var expires time.Duration
	c := s.operate(&cobra.Command{
		Use:   "invite [NAME]",
		Short: "Print another invitation code for a connection",
		Long: `Prints a fresh code for a connection: because the first one expired, or because another poller takes over.
Once it is accepted, the poller that was there before is refused.`,
		Example: "  drawbridge connection invite support --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		c, err := h.onHub(ctx, args)
		if err != nil {
			return err
		}
		return h.invite(ctx, c.ID, expires)
	})
	c.Flags().DurationVar(&expires, "expires", 24*time.Hour, "how long the code is good")
	return c
}

func (h *half) onHub(ctx context.Context, args []string) (*bridge.Connection, error) {
	if h.role == bridge.Private {
		return nil, bridge.Permanent("hub-decides", "that is done on the hub; this is the private half")
	}
	return h.connection(ctx, optional(args))
}

func newConnectionRevoke(s *screen) *cobra.Command {
	var poller bool
	return withFlag(s.operate(&cobra.Command{
		Use:   "revoke [NAME]",
		Short: "Make codes of a connection worthless, or shut its poller out",
		Long: `Withdraws every invitation code of a connection that was not accepted yet. With --poller also forgets the
poller that joined: whatever it sends from now on is refused, until another code is accepted. For a code that
went astray, or a key that leaked.`,
		Example: "  drawbridge connection revoke support --poller --config hub.yaml",
		Args:    cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error { return h.revoke(ctx, args, poller) }),
		&poller, "poller", "also forget the poller that joined")
}

func withFlag(c *cobra.Command, to *bool, name, text string) *cobra.Command {
	c.Flags().BoolVar(to, name, false, text)
	return c
}

func (h *half) revoke(ctx context.Context, args []string, poller bool) error {
	c, err := h.onHub(ctx, args)
	if err != nil {
		return err
	}
	n, err := h.worthless(ctx, c.ID)
	if err != nil {
		return err
	}
	if poller {
		if err := h.exchange.Dismiss(ctx, c.ID); err != nil {
			return err
		}
	}
	return h.screen.show(map[string]any{"connection": c.ID, "codes": n, "poller": poller}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %s worthless now\n", c.Name, plural(n, "code is", "codes are"))
		if poller {
			fmt.Fprintln(w, "its poller is shut out")
		}
	})
}

// worthless withdraws every invitation code of a connection and returns how many there were.
func (h *half) worthless(ctx context.Context, connection string) (n int, err error) {
	all, err := h.exchange.Invitations(ctx)
	if err != nil {
		return 0, err
	}
	for _, inv := range all {
		if inv.Connection != connection {
			continue
		}
		if err := h.exchange.Revoke(ctx, inv.ID, time.Now()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
