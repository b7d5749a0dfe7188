package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/poll"
	"drawbridge/shared/site"
)

func newAudit(s *screen) *cobra.Command {
	var name string
	var limit int
	c := s.operate(&cobra.Command{
		Use:   "audit",
		Short: "Tell who did what to this half, and what it changed",
		Long: `Lists what was done to this half, oldest first: every command that changes something, with who said it, what
was before and what is after; what the other side told (a pause, an end); where Drawbridge stopped itself. Kept
for two years. What became of single issues is in drawbridge sync show KEY.`,
		Example: "  drawbridge audit --connection support --limit 100 --config hub.yaml",
	}, func(ctx context.Context, h *half, _ []string) error {
		id := ""
		if name != "" {
			c, err := h.connection(ctx, name)
			if err != nil {
				return err
			}
			id = c.ID
		}
		acts, err := h.site.Acts(ctx, id, limit)
		if err != nil {
			return err
		}
		return h.screen.show(map[string]any{"acts": acts}, func(w io.Writer) { h.printActs(w, acts) })
	})
	c.Flags().StringVar(&name, "connection", "", "only what concerns this connection")
	c.Flags().IntVar(&limit, "limit", 50, "how many, the newest; 0: all that is kept")
	return c
}

func (h *half) printActs(w io.Writer, acts []site.Act) {
	for _, a := range acts {
		fmt.Fprintf(w, "%s  %s: %s\n", h.when(a.At), h.screen.bold(bridge.OneLine(a.Who)), bridge.OneLine(a.What))
		keys := map[string]string{}
		maps.Copy(keys, a.Before)
		maps.Copy(keys, a.After)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			fmt.Fprintf(w, "    %s: %s -> %s\n", bridge.OneLine(k), orNone(a.Before[k]), orNone(a.After[k]))
		}
		if a.Failed != "" {
			fmt.Fprintf(w, "    %s %s\n", h.screen.red("failed:"), bridge.OneLine(a.Failed))
		}
	}
	if len(acts) == 0 {
		fmt.Fprintln(w, "nothing was done yet")
	}
}

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return bridge.OneLine(text)
}

// audited does what a command does to the half, and keeps a record of it: what was typed, by whom, and what of the
// connections and of the issues it names was different afterwards. A command that only looks leaves none.
func (h *half) audited(ctx context.Context, c *cobra.Command, args []string, do func() error) error {
	if roleFor(c) == looks || dry(c) {
		return do()
	}
	names := map[string]string{}
	before, err := h.facts(ctx, args, names)
	if err != nil {
		return err
	}
	if roleFor(c) == operates {
		if err := h.noticed(ctx); err != nil {
			return err
		}
	}
	failed := do()
	after, err := h.facts(context.WithoutCancel(ctx), args, names)
	if err != nil {
		return either(failed, err)
	}
	a := site.Act{Who: h.who(ctx), What: typed(c, args), Connection: h.about(ctx, c), Before: before, After: after}
	if failed != nil {
		a.Failed = failed.Error()
	}
	return either(failed, h.site.Record(context.WithoutCancel(ctx), a))
}

func either(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func dry(c *cobra.Command) bool {
	f := c.Flags().Lookup("dry-run")
	return f != nil && f.Value.String() == "true"
}

// facts are what a command on the half may change at once: all connections, and the pairs of the issues it names. A
// connection is called what names called it first, by its id.
func (h *half) facts(ctx context.Context, args []string, names map[string]string) (map[string]string, error) {
	all, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, c := range all {
		of, err := h.site.Facts(ctx, c)
		if err != nil {
			return nil, err
		}
		if names[c.ID] == "" {
			names[c.ID] = c.Name
		}
		for k, v := range of {
			out[names[c.ID]+" "+k] = v
		}
	}
	if err := h.keyFacts(ctx, names, out); err != nil {
		return nil, err
	}
	for _, arg := range args {
		if !issueKey(arg) {
			continue
		}
		found, _, err := h.pairs(ctx, arg)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			out[p.Head.Local.Key+" in "+names[p.Head.Connection]] = standing(p)
		}
	}
	return out, nil
}

// noticed keeps a record of secrets of a stack that were changed in Parameter Store since the last command of an operator, who may
// read them. They are told by what says which they are and is no secret.
func (h *half) noticed(ctx context.Context) error {
	if h.stack == nil {
		return nil
	}
	keys, err := h.stack.keys(ctx)
	if err != nil {
		return nil // somebody with a policy of his own, who may not read them
	}
	now := map[string]string{}
	for i, k := range keys {
		now[fmt.Sprintf("hub's key %d", i+1)] = k.ID()
	}
	for _, name := range []string{"webhook-secret", "jira-token"} {
		text, err := h.stack.reveal(ctx, name)
		if err != nil {
			return nil
		}
		now[name] = fingerprint(text)
	}
	before, err := h.site.Secrets(ctx, now)
	if before == nil || err != nil {
		return err
	}
	return h.site.Record(ctx, site.Act{Who: "somebody in AWS", What: "secrets were changed in Parameter Store; CloudTrail says by whom", Before: before, After: now})
}

// fingerprint tells secrets apart without telling them.
func fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "sha256:" + hex.EncodeToString(sum[:6])
}

// keyFacts are the keys and secrets of the half, told by what says which they are and is no secret.
func (h *half) keyFacts(ctx context.Context, names, out map[string]string) error {
	if h.stack != nil {
		return nil // no command changes those of Parameter Store: see noticed
	}
	if w, err := h.hook(); err == nil {
		secret, _ := w.secret.Reveal() // one that is missing is told of where it is needed
		out["webhook secret"] = fingerprint(secret)
	}
	if h.role == bridge.Public {
		keys, err := hubKeys{h.book.Store}.all(ctx)
		for i, k := range keys {
			out[fmt.Sprintf("hub's key %d", i+1)] = k.ID()
		}
		return err
	}
	links, err := poll.Book{Store: h.book.Store}.Links(ctx)
	for _, l := range links {
		out[names[l.Connection]+" poller's key"], out[names[l.Connection]+" hub's key"] = l.Key.ID(), l.HubKey.ID()
	}
	return err
}

// standing is where a pair is, in a few words.
func standing(p *pair.Pair) string {
	if p.Head.Parked != nil {
		return "parked: " + p.Head.Parked.Name
	}
	return fmt.Sprintf("%s, with %s", p.Head.Status, name(p.Head.Remote))
}

// issueKey reports whether an argument looks like the key of an issue.
func issueKey(arg string) bool {
	project, number, ok := strings.Cut(arg, "-")
	return ok && project != "" && number != "" && strings.Trim(number, "0123456789") == ""
}

// about is the connection that a command names, "" if it names none.
func (h *half) about(ctx context.Context, c *cobra.Command) string {
	if f := c.Flags().Lookup("connection"); f != nil {
		if found, err := h.connection(ctx, f.Value.String()); err == nil {
			return found.ID
		}
	}
	return ""
}

// typed is the command line without what says which half, and without what must not be kept.
func typed(c *cobra.Command, args []string) string {
	words := append([]string{c.CommandPath()}, args...)
	c.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "config" || f.Name == "hub" || f.Name == "json":
		case c.Name() == "erase" && f.Value.Type() == "string" && f.Name != "issue" && f.Name != "comment":
			words = append(words, "--"+f.Name+" …") // or the record would keep whom it is to forget
		case f.Value.Type() == "bool":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name, shellWord(f.Value.String()))
		}
	})
	return strings.Join(words, " ")
}

func shellWord(text string) string {
	if strings.ContainsAny(text, " \t\n\"'") || text == "" {
		return fmt.Sprintf("%q", text)
	}
	return text
}

// who is who is named in the audit: on AWS with the key of the credentials, by which CloudTrail knows the person too.
func (h *half) who(ctx context.Context) string {
	if h.stack == nil {
		return whoAsks()
	}
	return whoAsks() + h.stack.key(ctx)
}

// accepted records that this half joined a connection.
func accepted(ctx context.Context, s *site.Site, c bridge.Connection, url string) error {
	after, err := s.Facts(ctx, c)
	if err != nil {
		return err
	}
	return s.Record(ctx, site.Act{Who: whoAsks(), What: "drawbridge poller accept, of " + url, Connection: c.ID, After: after})
}
