package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/docs"
	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
)

func newErrors(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "errors",
		Short: "See what could not be applied, and deal with it",
		Long: `An error parks one pair, with the reason; everything else goes on. Most are tried again by themselves when
their cause may have gone. Every error has a name, which drawbridge errors show NAME explains.`,
	}
	c.AddCommand(newErrorsList(s), newErrorsShow(s), newErrorsRetry(s), newErrorsDismiss(s))
	return c
}

// trouble is one thing that is wrong with one pair, or a dead letter.
type trouble struct {
	Issue      string `json:"issue"`
	Twin       string `json:"twin,omitempty"`
	Connection string `json:"connection"`
	Field      string `json:"field,omitempty"`
	Member     string `json:"member,omitempty"` // "attachment/10201": a comment, attachment or worklog that is kept out; "twin": there is none
	Name       string `json:"name,omitempty"`
	Reason     string `json:"reason"`
	Since      int64  `json:"since,omitempty"`
	Retry      int64  `json:"retry,omitempty"`
}

func newErrorsList(s *screen) *cobra.Command {
	return s.operate(&cobra.Command{
		Use:   "list",
		Short: "List parked pairs, refused fields and members, and dead letters",
		Long: `Lists what could not be applied on this half: parked pairs with the reason and the next try, single fields a
Jira or a rule refused, comments and attachments that Jira or the scan_command kept out (the rest of their issue
was applied), issues of which the other site's Jira refused the twin, and queue messages that used up their tries.
Exit code 3 if there is any.`,
		Example:     "  drawbridge errors list --config poller.yaml",
		Annotations: map[string]string{"finding": "there are errors"},
	}, func(ctx context.Context, h *half, _ []string) error {
		list, err := h.troubles(ctx)
		if err != nil {
			return err
		}
		if err := h.screen.show(map[string]any{"errors": list}, func(w io.Writer) { h.printTroubles(w, list) }); err != nil {
			return err
		}
		if len(list) > 0 {
			return errFinding
		}
		return nil
	})
}

func (h *half) troubles(ctx context.Context) ([]trouble, error) {
	list := []trouble{}
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range connections {
		err := h.eachPair(ctx, c.ID, "pairs", func(p *pair.Pair) error {
			list = append(list, troublesOf(p, c.Name)...)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	dead, err := h.queue.Dead(ctx, page)
	if err != nil {
		return nil, err
	}
	for _, m := range dead {
		list = append(list, trouble{Issue: strings.TrimPrefix(m.Group, h.book.Site+"/"), Name: "dead-letter", Since: m.Sent.UnixMilli(),
			Reason: fmt.Sprintf("a message used up its %s", plural(m.Attempt, "try", "tries"))})
	}
	return list, nil
}

func troublesOf(p *pair.Pair, connection string) (list []trouble) {
	base := trouble{Issue: name(p.Head.Local), Twin: p.Head.Remote.Key, Connection: connection}
	if k := p.Head.Parked; k != nil {
		t := base
		t.Name, t.Reason, t.Since, t.Retry = k.Name, k.Reason, k.Since, k.Retry
		list = append(list, t)
	}
	if a := p.Head.Unmade(); a != nil {
		t := base
		t.Member, t.Reason = "twin", "the other site could not make it: "+a.Reason
		list = append(list, t)
	}
	for _, key := range p.State.Keys() {
		if problem := p.State.Fields[key].Problem; problem != "" {
			t := base
			t.Field, t.Reason = label(key), problem
			list = append(list, t)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.State.Refused)) {
		t := base
		t.Member, t.Reason = key, p.State.Refused[key]
		list = append(list, t)
	}
	return list
}

func (h *half) printTroubles(w io.Writer, list []trouble) {
	if len(list) == 0 {
		fmt.Fprintln(w, h.screen.green("no errors"))
		return
	}
	for i, t := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		what := t.Name
		switch {
		case t.Field != "":
			what = "field " + t.Field
		case t.Member != "":
			what = t.Member
		}
		fmt.Fprintf(w, "%s  %s  %s\n", h.screen.bold(t.Issue), h.screen.red(bridge.OneLine(what)), h.screen.dim(bridge.OneLine(t.Connection)))
		fmt.Fprintf(w, "  %s\n", bridge.OneLine(t.Reason))
		if t.Since != 0 {
			fmt.Fprintf(w, "  since %s", h.when(t.Since))
			if t.Retry != 0 {
				fmt.Fprintf(w, "; tried again %s", h.when(t.Retry))
			}
			fmt.Fprintln(w)
		}
	}
}

func newErrorsShow(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Explain an error by its name",
		Long: `Prints what the catalogue says about an error: what it means, what it stops, and the way out. Without a name
it lists all names. What happened to one issue is told by drawbridge sync show KEY.`,
		Example: "  drawbridge errors show site-unauthenticated",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return s.show(map[string]any{"names": docs.Errors()}, func(w io.Writer) { fmt.Fprintln(w, strings.Join(docs.Errors(), "\n")) })
			}
			text := docs.Error(args[0])
			if text == "" {
				return usage(c.CommandPath(), "there is no error named %q; drawbridge errors show lists all names", args[0])
			}
			return s.show(map[string]any{"name": args[0], "text": text}, func(w io.Writer) { fmt.Fprintf(w, "%s\n\n%s\n", s.bold(args[0]), text) })
		},
	}
	jsonFlag(c, s)
	return c
}

func newErrorsRetry(s *screen) *cobra.Command {
	var all bool
	c := s.operate(&cobra.Command{
		Use:   "retry [KEY...]",
		Short: "Try again now what is parked or refused",
		Long: `Asks the running half to look at these pairs again, or with --all at every parked pair and every dead letter.
Use it after the cause is gone: a permission granted, a field added, a rule changed.`,
		Example: `  drawbridge errors retry OPS-7 --config poller.yaml
  drawbridge errors retry --all --config poller.yaml`,
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, h *half, args []string) error {
		switch {
		case all:
			return h.retryAll(ctx)
		case len(args) == 0:
			return usage("drawbridge errors retry", "KEY is missing; say --all for everything")
		}
		return h.retry(ctx, args)
	})
	c.Flags().BoolVar(&all, "all", false, "every parked pair and every dead letter")
	return c
}

func (h *half) retryAll(ctx context.Context) error {
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, c := range connections {
		err := h.eachPair(ctx, c.ID, "asked", func(p *pair.Pair) error {
			if k := p.Head.Parked; len(troublesOf(p, "")) == 0 || k != nil && k.Name == "automations-fighting" {
				return nil
			}
			n++
			t := site.Task{Kind: site.RetryTask, Connection: c.ID, Issue: p.Head.Local.ID, By: whoAsks(), Insist: true}
			return h.site.Send(ctx, t, bridge.Bulk, "")
		})
		if err != nil {
			return err
		}
	}
	dead, err := h.queue.Redrive(ctx)
	if err != nil {
		return err
	}
	return h.screen.show(map[string]any{"pairs": n, "dead_letters": dead}, func(w io.Writer) {
		fmt.Fprintf(w, "asked to try again: %s, %s\n", plural(n, "pair", "pairs"), plural(dead, "dead letter", "dead letters"))
	})
}

func newErrorsDismiss(s *screen) *cobra.Command {
	var why string
	c := s.operate(&cobra.Command{
		Use:   "dismiss KEY",
		Short: "Take a pair out of parking without applying what was refused",
		Long: `Forgets why a pair is parked and what of it was refused: it stays as it is on this side until the field is
edited again. Nothing is written to Jira. The history keeps who did it and why.`,
		Example: `  drawbridge errors dismiss OPS-7 --why "closed by hand" --config poller.yaml`,
		Args:    words("KEY"),
	}, func(ctx context.Context, h *half, args []string) error { return h.dismiss(ctx, args[0], why) })
	c.Flags().StringVar(&why, "why", "", "the reason, kept in the history")
	return c
}

func (h *half) dismiss(ctx context.Context, key, why string) error {
	found, err := h.mustFind(ctx, key)
	if err != nil {
		return err
	}
	for _, p := range found {
		_, err := h.book.Update(ctx, p.Head.Connection, p.Head.Local.ID, func(p *pair.Pair) error {
			p.Unpark()
			for _, f := range p.State.Fields {
				f.Problem = ""
			}
			p.Calm()
			p.Note(pair.Event{What: "dismissed", Cause: whoAsks(), Note: why})
			return nil
		})
		if err != nil {
			return err
		}
	}
	return h.screen.show(map[string]any{"dismissed": strings.ToUpper(key)}, func(w io.Writer) {
		fmt.Fprintf(w, "%s is parked no more; what was refused stays as it is on this side\n", strings.ToUpper(key))
	})
}
