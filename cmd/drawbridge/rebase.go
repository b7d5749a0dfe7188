package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
)

type rebaseOptions struct {
	values   string
	dry, yes bool
}

func newSyncRebase(s *screen) *cobra.Command {
	var o rebaseOptions
	c := s.operate(&cobra.Command{
		Use:   "rebase",
		Short: "Keep all pairs when this Jira was migrated: other ids, same keys",
		Long: `For a Jira that was rebuilt elsewhere with the same keys and other ids, as by a migration from Data Center to
Cloud. Write the new address, flavour and account into the settings file, check the rules against the new Jira,
and stop the half. This then finds every issue by its key, and joins it with the twin it had: the other side
takes the new id for the old one, and comments and files that stand on both sides are not copied again. Nothing
runs on the new Jira before it is done; said again, it goes on. --dry-run asks the new Jira and changes nothing.`,
		Example: `  drawbridge sync rebase --dry-run --config poller.yaml
  drawbridge sync rebase --yes --config poller.yaml`,
	}, func(ctx context.Context, h *half, _ []string) error { return h.rebase(ctx, o) })
	f := c.Flags()
	f.StringVar(&o.values, "values", string(bridge.ByNewest), "whose values stand where the two differ: newest, public, private")
	f.BoolVar(&o.dry, "dry-run", false, "only say what would be kept")
	f.BoolVar(&o.yes, "yes", false, "yes, this Jira is the migrated one")
	return c
}

// rebased says what becomes, or became, of the pairs.
type rebased struct {
	Pairs   int      `json:"pairs"`
	Moved   int      `json:"moved"`   // have another id now
	Kept    int      `json:"kept"`    // joined with their twins
	Stopped int      `json:"stopped"` // out of sync, as they were or because their twin was not made yet
	Missing []string `json:"missing"` // keys that the new Jira does not have
	Differ  []string `json:"differ"`  // keys whose issues have another summary there
}

func (h *half) rebase(ctx context.Context, o rebaseOptions) error {
	if !bridge.Values(o.values).Valid() {
		return usage("drawbridge sync rebase", "whose values stand? --values %q: say newest, public or private", o.values)
	}
	if h.stack == nil {
		if err := notInUse(h.statePath()); err != nil {
			return err
		}
	}
	if err := h.withJira(); err != nil {
		return err
	}
	if err := h.site.Migrating(ctx); err != nil {
		return err
	}
	r, err := h.surveyed(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.dry:
		return h.screen.show(r, func(w io.Writer) { h.printRebased(w, r, "would keep") })
	case r.Moved == 0:
		return bridge.Permanent("rebase-needless", "every issue has the id it had: there is nothing to rebase. If this Jira has another address now, say drawbridge site accept")
	case len(r.Differ) > r.Pairs/10:
		return bridge.Permanent("site-replaced", "%d of %d issues have another summary in this Jira (%s): it is not the migrated one, or not whole", len(r.Differ), r.Pairs, few(r.Differ))
	case !o.yes:
		return usage("drawbridge sync rebase", "it cannot be undone; look at --dry-run, then say --yes")
	}
	if r, err = h.moved(ctx, o, r); err != nil {
		return err
	}
	return h.screen.show(r, func(w io.Writer) {
		h.printRebased(w, r, "kept")
		fmt.Fprintf(w, "next: %s\n", h.name())
	})
}

// surveyed asks the Jira for every issue of the pairs by its key.
func (h *half) surveyed(ctx context.Context) (r rebased, err error) {
	all, err := h.book.Connections(ctx)
	if err != nil {
		return r, err
	}
	r.Missing, r.Differ = []string{}, []string{}
	for _, c := range all {
		err := h.eachPair(ctx, c.ID, "looking for issues", func(p *pair.Pair) error { return h.survey(ctx, p, &r) })
		if err != nil {
			return r, err
		}
		former, err := h.book.Formers(ctx, c.ID)
		if err != nil {
			return r, err
		}
		r.Pairs, r.Moved = r.Pairs+len(former), r.Moved+len(former) // taken apart by an earlier try
	}
	return r, nil
}

func (h *half) survey(ctx context.Context, p *pair.Pair, r *rebased) error {
	r.Pairs++
	is, err := h.site.Jira.Issue(ctx, p.Head.Local.Key, jira.IssueOptions{Fields: []string{"summary"}})
	switch {
	case jira.StatusOf(err) == 404:
		r.Missing = append(r.Missing, p.Head.Local.Key)
	case err != nil:
		return err
	case p.Head.Over() || p.Head.Remote.ID == "":
		r.Stopped++
	default:
		r.Kept++
	}
	if err == nil && is.ID != p.Head.Local.ID {
		r.Moved++
	}
	if f := p.State.Fields["summary"]; err == nil && f != nil && f.Shown != "" {
		var now string
		if err := json.Unmarshal(is.Fields["summary"], &now); err != nil || strings.TrimSpace(now) != strings.TrimSpace(f.Shown.Text()) {
			r.Differ = append(r.Differ, p.Head.Local.Key)
		}
	}
	return nil
}

// moved takes all pairs apart and makes them anew. Until it is done, the site is nobody's: a half that is started meanwhile
// refuses to work.
func (h *half) moved(ctx context.Context, o rebaseOptions, r rebased) (rebased, error) {
	if err := h.site.Nobody(ctx); err != nil {
		return r, err
	}
	all, err := h.book.Connections(ctx)
	if err != nil {
		return r, err
	}
	r.Kept, r.Stopped, r.Missing = 0, 0, []string{}
	for _, c := range all {
		if err := h.book.RetireAll(ctx, c.ID); err != nil {
			return r, err
		}
		if err := h.makeAnew(ctx, &c, o, &r); err != nil {
			return r, err
		}
	}
	_, err = h.site.Accept(ctx)
	return r, err
}

func (h *half) makeAnew(ctx context.Context, c *bridge.Connection, o rebaseOptions, r *rebased) error {
	former, err := h.book.Formers(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, was := range former {
		is, err := h.site.Jira.Issue(ctx, was.Local.Key, jira.IssueOptions{Fields: []string{"summary"}})
		switch {
		case jira.StatusOf(err) == 404:
			r.Missing = append(r.Missing, was.Local.Key)
		case err != nil:
			return err
		default:
			if err := h.anew(ctx, c.ID, was, is, o, r); err != nil {
				return err
			}
		}
		if err := h.book.Rebased(ctx, c.ID, was.Issue); err != nil {
			return err
		}
	}
	return h.book.AllRebased(ctx, c.ID)
}

// anew makes one pair again; the running half reads the issue and tells the other side.
func (h *half) anew(ctx context.Context, connection string, was pair.Former, is *jira.Issue, o rebaseOptions, r *rebased) error {
	now, by := bridge.Ref{ID: is.ID, Key: is.Key, URL: h.site.Jira.Browse(is.Key)}, "rebase by "+whoAsks()
	err := h.book.Anew(ctx, connection, was, now, bridge.Values(o.values), by)
	if err != nil && !errors.Is(err, store.ErrConflict) { // a conflict: an earlier try came this far
		return err
	}
	if was.Status != pair.Synced || was.Remote.ID == "" || was.Left != "" {
		r.Stopped++
		return nil
	}
	r.Kept++
	t := site.Task{Kind: site.PairTask, Connection: connection, Issue: is.ID, By: by, Join: &site.Wanted{Remote: was.Remote.ID, Values: bridge.Values(o.values)}}
	return h.site.Send(ctx, t, bridge.Bulk, "rebase/"+connection+"/"+is.ID)
}

// few are the first of a list, for a person.
func few(list []string) string {
	if len(list) > 5 {
		return strings.Join(list[:5], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

func (h *half) printRebased(w io.Writer, r rebased, what string) {
	fmt.Fprintf(w, "%s %s in sync, %d stay out of sync\n", what, plural(r.Kept, "pair", "pairs"), r.Stopped)
	for _, l := range []struct {
		what string
		keys []string
	}{{"not in this Jira", r.Missing}, {"another summary in this Jira", r.Differ}} {
		if len(l.keys) > 0 {
			fmt.Fprintf(w, "%s: %s\n", l.what, strings.Join(l.keys, ", "))
		}
	}
}
