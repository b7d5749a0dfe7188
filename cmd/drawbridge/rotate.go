package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/poll"
	"drawbridge/shared/sign"
)

func newPollerRotate(s *screen) *cobra.Command {
	var all bool
	c := s.operate(&cobra.Command{
		Use:   "rotate [NAME]",
		Short: "Give this poller a fresh key for a connection",
		Long: `Makes a fresh key, announces it to the hub under the old one, and uses it from then on; a running poller takes it
over by itself. Until the first exchange under the fresh key the hub takes both, so whatever gets lost on the way
locks nobody out: say it again. A key that leaked is another matter: whoever has it can do this too. Have the hub
say drawbridge connection revoke NAME --poller, and accept a new invitation.`,
		Example: `  drawbridge poller rotate support --config poller.yaml
  drawbridge poller rotate --all --config poller.yaml`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, h *half, args []string) error {
		if h.role != bridge.Private {
			return usage("drawbridge poller rotate", "this is a hub: its key is rotated with drawbridge hub rotate")
		}
		return h.rotatePoller(ctx, args, all)
	})
	c.Flags().BoolVar(&all, "all", false, "for every connection")
	return c
}

func (h *half) rotatePoller(ctx context.Context, args []string, all bool) error {
	connections, err := h.targets(ctx, strings.Join(args, ""), all) // of those that this person has to do with
	if err != nil {
		return err
	}
	links, err := poll.Book{Store: h.book.Store}.Links(ctx)
	if err != nil {
		return err
	}
	fresh := map[string]string{}
	for _, l := range links {
		if slices.ContainsFunc(connections, func(c bridge.Connection) bool { return c.ID == l.Connection }) {
			id, e := h.rotateLink(ctx, l)
			if e == nil {
				fresh[l.Connection] = id
			}
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"keys": fresh}, func(w io.Writer) {
		for connection, id := range fresh {
			fmt.Fprintf(w, "connection %s: this poller's key is %s from now on\n", connection, id)
		}
		if len(fresh) == 0 {
			fmt.Fprintln(w, "this poller has joined no such connection")
		}
	})
}

// rotateLink announces a fresh key and keeps it. What fails before it is kept leaves the old one in force, on both sides.
func (h *half) rotateLink(ctx context.Context, l poll.Link) (id string, err error) {
	hc, err := hubClient(h.poller.Hub.Network)
	if err != nil {
		return "", err
	}
	client, err := l.Client(hc)
	if err != nil {
		return "", err
	}
	next, err := sign.NewKey(rand.Reader)
	if err != nil {
		return "", err
	}
	if err := client.Rotate(ctx, next); err != nil {
		return "", err
	}
	return next.ID(), poll.Book{Store: h.book.Store}.SetKey(ctx, l.Connection, next)
}

func newHubRotate(s *screen) *cobra.Command {
	var drop, leaked bool
	c := s.operate(&cobra.Command{
		Use:   "rotate",
		Short: "Give the hub a fresh signing key, or forget the old ones",
		Long: `Makes a fresh signing key. A running hub takes it over by itself, and every poller learns it from an answer that is
signed with the old key. When all have come since, --drop-old forgets the old keys; it refuses while a poller still
needs one, and makes worthless invitation codes that were given out before. With --leaked it forgets them at once:
every poller then needs a new invitation (drawbridge connection invite). On AWS the key is a secret of yours:
docs/operations.md says how to change it.`,
		Example: `  drawbridge hub rotate --config hub.yaml
  drawbridge hub rotate --drop-old --config hub.yaml`,
	}, func(ctx context.Context, h *half, _ []string) error {
		switch {
		case h.role != bridge.Public:
			return usage("drawbridge hub rotate", "this is a poller: its key is rotated with drawbridge poller rotate")
		case h.stack != nil:
			return bridge.Permanent("secret-elsewhere", "the hub's key is the secret hub-key of the stack: put a fresh one (drawbridge config hub-key) before the old one; docs/operations.md")
		}
		if err := allowed(h.hub.Roles, operates, whoAsks()); err != nil {
			return err // the key is every connection's
		}
		return h.rotateHub(ctx, drop, leaked)
	})
	c.Flags().BoolVar(&drop, "drop-old", false, "make none, and forget all but the one in force")
	c.Flags().BoolVar(&leaked, "leaked", false, "make a fresh one, and forget all others at once")
	c.MarkFlagsMutuallyExclusive("drop-old", "leaked")
	return c
}

func (h *half) rotateHub(ctx context.Context, drop, leaked bool) error {
	var keys []sign.Key
	err := hubKeys{h.book.Store}.change(ctx, func(is []sign.Key) ([]sign.Key, error) {
		if drop {
			keys = is[:1]
			return keys, h.nobodyPins(ctx, is[0].ID())
		}
		next, err := sign.NewKey(rand.Reader)
		if keys = slices.Insert(is, 0, next); leaked {
			keys = keys[:1]
		}
		return keys, err
	})
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"key": keys[0].ID(), "old": len(keys) - 1}, func(w io.Writer) {
		fmt.Fprintf(w, "the hub signs with key %s; %s besides\n", keys[0].ID(), plural(len(keys)-1, "old key is good", "old keys are good"))
		switch {
		case leaked:
			fmt.Fprintln(w, "every poller needs a new invitation: drawbridge connection invite NAME")
		case len(keys) > 1:
			fmt.Fprintln(w, "when every poller has come since: drawbridge hub rotate --drop-old")
		}
	})
}

// nobodyPins refuses while a poller trusts another key than that.
func (h *half) nobodyPins(ctx context.Context, id string) error {
	all, err := h.book.Connections(ctx)
	var behind []string
	for _, c := range all {
		p, e := h.exchange.Poller(ctx, c.ID)
		if err = errors.Join(err, e); p != nil && c.State != bridge.Ended && p.HubKey != id {
			behind = append(behind, c.Name)
		}
	}
	if len(behind) > 0 {
		return bridge.Permanent("hub-key-needed", "the pollers of %s have not exchanged since the key was rotated: wait, or end those connections, or say --leaked", strings.Join(behind, ", "))
	}
	return err
}
