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
	"drawbridge/shared/exchange"
	"drawbridge/shared/pair"
	"drawbridge/shared/poll"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/sign"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
)

func newPollerAccept(s *screen) *cobra.Command {
	var project string
	c := &cobra.Command{
		Use:   "accept CODE",
		Short: "Accept an invitation of a hub",
		Long: `Joins a connection: proves to the hub that you hold the code, gives it a fresh public key, and keeps its own.
Before that it checks the account on the private Jira and names every permission that is missing. The code
works once, on one poller; saying it again here is harmless. CODE may be - to read it from standard input, so
that it stays out of the shell's history.`,
		Example: "  drawbridge poller accept drawbridge1.eyJp... --project OPS --config poller.yaml",
		Args:    words("CODE"),
		RunE: func(c *cobra.Command, args []string) error {
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
			return s.accept(c.Context(), settings, args[0], project)
		},
	}
	configFlag(c)
	jsonFlag(c, s)
	c.Flags().StringVar(&project, "project", "", "key of the private project where twins are created; asked for if left out")
	return c
}

func (s *screen) accept(ctx context.Context, settings config.Poller, code, project string) error {
	in := bufio.NewReader(s.in)
	if code == "-" {
		code = readLine(in)
	}
	inv, err := sign.ParseInvitation(code)
	if err != nil {
		return bridge.Permanent("invitation-unreadable", "the code is not one of ours: %w", err)
	}
	if inv.Plain() && !settings.Hub.AllowHTTP {
		return bridge.Permanent("hub-plain-http", "the hub %s speaks plain HTTP: what is synced could be read on the way. If you trust the network, say hub: {allow_http: true} in poller.yaml", inv.HubURL)
	}
	if project, err = s.chooseProject(in, settings.Site, project); err != nil {
		return err
	}
	h := half{role: bridge.Private, poller: settings}
	way := wayToHub(ctx, settings.Hub.Network, inv.HubURL)
	way.Needed = false // joining names it better
	if err := s.mayWork(ctx, h.exam(), project, way); err != nil {
		return err
	}
	return s.join(ctx, settings, inv, project)
}

func readLine(in *bufio.Reader) string {
	line, _ := in.ReadString('\n') // what came before the end counts
	return strings.TrimSpace(line)
}

// chooseProject takes the project from the flag, the settings where they allow one only, or the person.
func (s *screen) chooseProject(in *bufio.Reader, site config.Site, project string) (string, error) {
	if project == "" && len(site.Projects) == 1 {
		project = site.Projects[0]
	}
	if project == "" && isTerminal(s.in) {
		fmt.Fprintf(s.err, "Project of %s where twins are created (its key): ", site.APIURL)
		project = readLine(in)
	}
	project = strings.ToUpper(project)
	if project == "" {
		return "", usage("drawbridge poller accept", "which project? say --project KEY")
	}
	return project, nil
}

// mayWork checks what doctor would, and says what is missing.
func (s *screen) mayWork(ctx context.Context, e exam, project string, more ...finding) error {
	found, err := e.of(ctx, []string{project})
	if err != nil {
		return err
	}
	if found = append(found, more...); !s.asJSON {
		printFindings(s, plain{s.err}, found)
	}
	for _, f := range found {
		if f.Verdict == missing && f.Needed {
			return bridge.Permanent("permission-missing", "site %s: %s: %s", e.site.Name, f.What, f.Note)
		}
	}
	return nil
}

// join accepts the invitation and stores what came of it. Our key is stored first, so that a second try is the same one.
func (s *screen) join(ctx context.Context, settings config.Poller, inv sign.Invitation, project string) error {
	db, err := sqlitestore.Open(settings.State, sqlitestore.Options{Version: version})
	if err != nil {
		return err
	}
	defer db.Close()
	home, err := site.Home(ctx, db.Store(), settings.Site.Name)
	if err != nil {
		return err
	}
	book := poll.Book{Store: db.Store()}
	link, self, err := s.prepare(ctx, book, inv)
	if err != nil {
		return err
	}
	hc, err := hubClient(settings.Hub.Network)
	if err != nil {
		return err
	}
	client, err := exchange.NewClient(inv, link.Key, hc)
	if err != nil {
		return err
	}
	answer, err := client.Accept(ctx, inv, self.Poller, exchange.Site{
		Name: settings.Site.Name, Flavour: settings.Site.Flavour, URL: settings.Site.BrowseURL, Version: version,
	})
	if err != nil {
		return err
	}
	pairs := &pair.Book{Store: db.Store(), Site: home, Now: func() int64 { return time.Now().UnixMilli() }}
	err = pairs.UpdateConnection(ctx, answer.Connection.ID, func(c *bridge.Connection) error {
		*c = answer.Connection
		c.Project = project
		return nil
	})
	if err != nil {
		return err
	}
	if link.Hub.Name == "" { // this state knows nothing of what went before
		if err := reconcile.WatchFrom(ctx, db.Store(), home, answer.Connection.Created); err != nil {
			return err
		}
	}
	link.Hub = answer.Site
	if err := book.Save(ctx, link); err != nil {
		return err
	}
	answer.Connection.Project = project
	if err := accepted(ctx, &site.Site{Name: settings.Site.Name, Book: pairs, Now: pairs.Now}, answer.Connection, link.HubURL); err != nil {
		return err
	}
	return s.show(map[string]any{"connection": answer.Connection, "project": project, "hub": link.HubURL, "public_site": answer.Site}, func(w io.Writer) {
		fmt.Fprintf(w, "connection %s is %s: project %s here, site %s (%s) there\n", s.bold(answer.Connection.Name), answer.Connection.State, project, answer.Site.Name, answer.Site.Flavour)
		fmt.Fprintln(w, "next: drawbridge poller run (one that runs already notices by itself)")
	})
}

// prepare returns the link as an accepted invitation makes it, and stores its key.
func (s *screen) prepare(ctx context.Context, book poll.Book, inv sign.Invitation) (poll.Link, exchange.Identity, error) {
	self, err := book.Start(ctx)
	if err != nil {
		return poll.Link{}, self, err
	}
	links, err := book.Links(ctx)
	if err != nil {
		return poll.Link{}, self, err
	}
	var before poll.Link
	for _, l := range links {
		if l.Connection == inv.Connection {
			before = l
		}
	}
	then, now, err := before.For(inv, rand.Reader)
	if err != nil {
		return poll.Link{}, self, err
	}
	return then, self, book.Save(ctx, now)
}
