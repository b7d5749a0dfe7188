package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/store/sqlitestore"
)

func newPollerRepair(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "repair",
		Short: "Make a new state after the old one was damaged",
		Long: `Moves the state file aside and makes a new one with what can still be read of it: keys, connections, rules.
Everything else is rebuilt once the poller runs: the hub offers every pair again, and the private Jira's changelogs
say what was done. No issue, comment or attachment is made twice. Stop the poller first.

If the keys cannot be read either, the hub has to invite this poller again; that keeps all pairs too.`,
		Example: "  drawbridge poller repair --config poller.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := settingsPath(c)
			if err != nil {
				return err
			}
			settings, err := config.LoadPoller(path)
			if err != nil {
				return err
			}
			if err := allowed(settings.Roles, operates, whoAsks()); err != nil {
				return err
			}
			return s.repair(c.Context(), settings)
		},
	}
	configFlag(c)
	jsonFlag(c, s)
	return c
}

func (s *screen) repair(ctx context.Context, settings config.Poller) error {
	if err := notInUse(settings.State); err != nil {
		return err
	}
	aside := fmt.Sprintf("%s.damaged-%d", settings.State, time.Now().Unix())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(settings.State+suffix, aside+suffix); err != nil && !(suffix != "" && errors.Is(err, os.ErrNotExist)) {
			return fmt.Errorf("move the state aside: %w", err)
		}
	}
	kept, unread := salvage(ctx, aside, settings.Site.Name)
	if len(kept.links) == 0 {
		return bridge.Permanent("state-damaged", "no key can be read in %s (%v). On the hub say drawbridge connection invite, here drawbridge poller accept CODE, "+
			"then publish the rules again: the pairs are rebuilt", aside, unread)
	}
	if err := kept.write(ctx, settings); err != nil {
		return err
	}
	v := map[string]any{"moved_to": aside, "connections": len(kept.links), "rules": len(kept.rules)}
	return s.show(v, func(w io.Writer) {
		fmt.Fprintf(w, "the old state is %s\nkept: keys of %s, %s of rules\n", aside, plural(len(kept.links), "connection", "connections"), plural(len(kept.rules), "document", "documents"))
		if unread != nil {
			fmt.Fprintf(w, "not readable: %v\n", unread)
		}
		fmt.Fprintln(w, "next: drawbridge poller run; the hub then offers every pair again")
	})
}

// notInUse refuses while another process has the state. Any other trouble with the file is why we are here.
func notInUse(path string) error {
	if _, err := os.Stat(path); err != nil {
		return bridge.Permanent("state-missing", "state file %s: %w", path, err)
	}
	db, err := sqlitestore.Open(path, sqlitestore.Options{Version: version, Exclusive: true})
	if err == nil {
		return db.Close()
	}
	if name := bridge.NameOf(err); name == "state-in-use" || name == "state-newer" || name == "state-unwritable" {
		return err
	}
	return nil
}

// salvaged is what was read of a damaged state.
type salvaged struct {
	poller                                string // id
	name, links, connections, rules, acts []store.Doc
}

// salvage reads what can be read; the error says what could not.
func salvage(ctx context.Context, path, home string) (kept salvaged, unread error) {
	db, err := sqlitestore.Open(path, sqlitestore.Options{Version: version, ReadOnly: true})
	if err != nil {
		return kept, err
	}
	defer db.Close()
	list := func(part string) []store.Doc {
		docs, err := db.Store().List(ctx, part, store.Range{})
		unread = errors.Join(unread, err)
		return docs
	}
	kept.links, kept.connections, kept.name = list("hubs"), list("connections"), list("site")
	for _, d := range kept.name {
		var began struct{ Name string }
		if json.Unmarshal(d.Body, &began) == nil && began.Name != "" {
			home = began.Name
		}
	}
	kept.acts = list("audit/" + home)
	for _, c := range kept.connections {
		kept.rules = append(kept.rules, list("rules/"+c.Key.Sort)...)
	}
	for _, d := range list("poller") {
		var me struct{ Poller string }
		if json.Unmarshal(d.Body, &me) == nil && me.Poller != "" {
			kept.poller = me.Poller
		}
	}
	if len(kept.connections) == 0 || kept.poller == "" {
		kept.links = nil // keys without a name are none
	}
	return kept, unread
}

// write makes the new state. It has another id than the old one: by that the hub knows to offer everything again.
func (k salvaged) write(ctx context.Context, settings config.Poller) error {
	db, err := sqlitestore.Open(settings.State, sqlitestore.Options{Version: version, Exclusive: true})
	if err != nil {
		return err
	}
	defer db.Close()
	me, err := json.Marshal(map[string]any{"poller": k.poller, "state": rand.Text(), "generation": 0})
	if err != nil {
		return err
	}
	docs := slices.Concat([]store.Doc{{Key: store.Key{Part: "poller", Sort: "state"}, Body: me}}, k.name, k.rules, k.connections, k.links, k.acts)
	for _, d := range docs {
		if err := db.Store().Apply(ctx, store.Create(store.Doc{Key: d.Key, Body: d.Body, Expires: d.Expires})); err != nil {
			return err
		}
	}
	home, err := site.Home(ctx, db.Store(), settings.Site.Name)
	if err != nil {
		return err
	}
	for _, d := range k.connections {
		var c bridge.Connection
		if err := json.Unmarshal(d.Body, &c); err != nil {
			return err
		}
		if err := reconcile.WatchFrom(ctx, db.Store(), home, c.Created); err != nil {
			return err
		}
	}
	return nil
}
