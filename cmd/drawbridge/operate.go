package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/exchange"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store"
	"drawbridge/shared/store/sqlitestore"
)

// A half is one half of Drawbridge as a command operates it: the settings file, and the state file beside which the
// half's own process may be running. Every change is a conditional write, so neither overwrites the other.
type half struct {
	role     bridge.Role
	hub      config.Hub    // of the public half
	poller   config.Poller // of the private half
	db       *sqlitestore.DB
	book     *pair.Book
	exchange exchange.Book
	queue    queue.Queue
	site     *site.Site // without a Jira client until withJira
	screen   *screen
	fresh    bool // the command may make the state: it is the first thing done with the half

	stack *stack // the public half, if it is on AWS; nil: on one machine
}

// half opens the half that --hub or --config names, or the one settings file of the working directory.
func (s *screen) half(c *cobra.Command) (*half, error) {
	h := &half{screen: s}
	if name, err := stackNamed(c); err != nil {
		return nil, err
	} else if name != "" {
		return h, h.openStack(c.Context(), name)
	}
	path, err := settingsPath(c)
	if err != nil {
		return nil, err
	}
	kind, err := kindOf(c, "", path)
	if err != nil {
		return nil, err
	}
	if err := h.load(kind, path); err != nil {
		return nil, err
	}
	return h, h.open()
}

func (h *half) load(kind config.Kind, path string) (err error) {
	if kind == config.HubFile {
		h.role = bridge.Public
		h.hub, err = config.LoadHub(path)
		return err
	}
	h.role = bridge.Private
	h.poller, err = config.LoadPoller(path)
	return err
}

// open opens the state. Most commands make no state of their own: the half has to have run once.
func (h *half) open() error {
	if _, err := os.Stat(h.statePath()); errors.Is(err, os.ErrNotExist) && !h.fresh {
		return bridge.Permanent("state-missing", "there is no state file %s yet: start %s with this settings file first", h.statePath(), h.name())
	}
	db, err := sqlitestore.Open(h.statePath(), sqlitestore.Options{Version: version})
	if err != nil {
		return err
	}
	h.db = db
	h.use(db.Store(), db.Queue())
	h.book.Site, err = site.Home(context.Background(), db.Store(), h.settings().Name)
	return err
}

// use builds the half on a store and a queue.
func (h *half) use(s store.Store, q queue.Queue) {
	h.queue, h.exchange = q, exchange.Book{Store: s}
	h.book = &pair.Book{Store: s, Site: h.settings().Name, Now: h.now, Keep: h.historyDays().Std()}
	h.site = &site.Site{Name: h.settings().Name, Role: h.role, Book: h.book, Queue: h.queue, Log: slog.New(slog.DiscardHandler), Now: h.now, Visitor: true}
}

// keys are the hub's signing keys.
func (h *half) keys(ctx context.Context) ([]sign.Key, error) {
	if h.stack != nil {
		return h.stack.keys(ctx)
	}
	return hubKeys{h.book.Store}.all(ctx)
}

func (h *half) close() {
	if h.db != nil {
		_ = h.db.Close() // nothing is unwritten: every write was waited for
	}
}

func (h *half) now() int64 { return time.Now().UnixMilli() }

func (h *half) name() string {
	if h.role == bridge.Public {
		return "drawbridge hub"
	}
	return "drawbridge poller run"
}

func (h *half) settings() config.Site {
	if h.role == bridge.Public {
		return h.hub.Site
	}
	return h.poller.Site
}

func (h *half) historyDays() config.Days {
	switch {
	case h.stack != nil:
		return 3650 // the stack knows how many, and its sweep sees to it
	case h.role == bridge.Public:
		return h.hub.History
	}
	return h.poller.History
}

func (h *half) statePath() string {
	if h.stack != nil {
		return h.stack.String()
	}
	if h.role == bridge.Public {
		return h.hub.State
	}
	return h.poller.State
}

// settingsPath is the file --config names, else DRAWBRIDGE_CONFIG, else the only settings file here.
func settingsPath(c *cobra.Command) (string, error) {
	if path, err := c.Flags().GetString("config"); err != nil || path != "" {
		return path, err
	}
	if path := os.Getenv("DRAWBRIDGE_CONFIG"); path != "" {
		return path, nil
	}
	var here []string
	for _, name := range []string{"hub.yaml", "poller.yaml"} {
		if _, err := os.Stat(name); err == nil {
			here = append(here, name)
		}
	}
	switch len(here) {
	case 1:
		return here[0], nil
	case 0:
		return "", usage(c.CommandPath(), "which half? there is no hub.yaml or poller.yaml here; say --config FILE%s", orStack(c))
	}
	return "", usage(c.CommandPath(), "which half? there are hub.yaml and poller.yaml here; say --config FILE")
}

func orStack(c *cobra.Command) string {
	if c.Flags().Lookup("hub") == nil {
		return ""
	}
	return " or --hub aws:STACK"
}

// configFlag adds --config to a command that works on a half.
func configFlag(c *cobra.Command) {
	c.Flags().StringP("config", "c", "", "settings file of the half (default: DRAWBRIDGE_CONFIG, or hub.yaml or poller.yaml here)")
}

// operate makes a command of something done to a half: it opens the half, does it, closes the half.
func (s *screen) operate(c *cobra.Command, do func(ctx context.Context, h *half, args []string) error) *cobra.Command {
	configFlag(c)
	hubFlag(c)
	jsonFlag(c, s)
	c.RunE = func(c *cobra.Command, args []string) error {
		h, err := s.half(c)
		if err != nil {
			return err
		}
		defer h.close()
		if err := h.admit(c, false); err != nil {
			return err
		}
		return h.audited(c.Context(), c, args, func() error { return do(c.Context(), h, args) })
	}
	return c
}

// connection finds a connection by its name or id; the name may be left out where there is only one.
func (h *half) connection(ctx context.Context, name string) (*bridge.Connection, error) {
	all, err := h.book.Connections(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	standing := slices.DeleteFunc(slices.Clone(all), func(c bridge.Connection) bool { return c.State == bridge.Ended })
	for i, c := range all {
		if c.ID == name || strings.EqualFold(c.Name, name) || name == "" && len(all) == 1 {
			return &all[i], nil
		}
		names = append(names, c.Name)
	}
	if name == "" && len(standing) == 1 {
		return &standing[0], nil // an ended one has to be named
	}
	switch {
	case len(all) == 0:
		return nil, bridge.Permanent("connection-unknown", "this half has no connection yet")
	case name == "":
		return nil, bridge.Permanent("connection-unknown", "which connection? there are %s", strings.Join(names, ", "))
	}
	return nil, bridge.Permanent("connection-unknown", "there is no connection %q; there are %s", name, strings.Join(names, ", "))
}

// pairs returns the pairs of a local issue, by key or id. An issue may be in a pair of several connections.
func (h *half) pairs(ctx context.Context, issue string) ([]*pair.Pair, []bridge.Connection, error) {
	connections, err := h.book.Connections(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, err := h.book.ByKey(ctx, connections, strings.ToUpper(issue))
	if err != nil || len(found) > 0 {
		return found, connections, err
	}
	found, err = h.byTwin(ctx, connections, strings.ToUpper(issue))
	return found, connections, err
}

// byTwin finds pairs by the key of the remote issue, which is what people on the phone have.
func (h *half) byTwin(ctx context.Context, connections []bridge.Connection, key string) (found []*pair.Pair, err error) {
	for _, c := range connections {
		err := h.eachPair(ctx, c.ID, "", func(p *pair.Pair) error {
			if p.Head.Remote.Key == key {
				found = append(found, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

const page = 500

// eachPair loads the pairs of a connection one after the other, with a progress bar where what names one.
func (h *half) eachPair(ctx context.Context, connection, what string, visit func(*pair.Pair) error) error {
	bar, n, after := h.screen.progress(what), 0, ""
	for {
		lines, err := h.book.List(ctx, connection, after, page)
		if err != nil {
			return err
		}
		for _, l := range lines {
			p, err := h.book.Load(ctx, connection, l.Issue)
			if err != nil {
				return fmt.Errorf("issue %s: %w", l.Key, err)
			}
			if p != nil {
				if err := visit(p); err != nil {
					return err
				}
			}
			after = l.Issue
			if n++; what != "" && n%page == 0 {
				bar.step(n, 0)
			}
		}
		if len(lines) < page {
			bar.done()
			return nil
		}
	}
}

// whoAsks is who is named in the history for what a command does.
func whoAsks() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if who := os.Getenv(name); who != "" {
			return who
		}
	}
	return "the command line"
}

// when is a time on the hub's timeline for a person: "14:03:22, 5 s ago".
func (h *half) when(ms int64) string {
	if ms == 0 {
		return "never"
	}
	at := time.UnixMilli(ms)
	form := "2006-01-02 15:04:05"
	if time.Since(at) < 20*time.Hour {
		form = "15:04:05"
	}
	return at.Format(form) + ", " + ago(h.now()-ms)
}

func ago(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < -time.Second:
		return "in " + span(-d)
	case d < time.Second:
		return "now"
	}
	return span(d) + " ago"
}

// span is a duration in its largest unit, rounded down.
func span(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.of {
			return fmt.Sprintf("%d %s", d/u.of, u.name)
		}
	}
	return "0 s"
}
