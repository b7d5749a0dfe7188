package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newDemo(s *screen) *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Start two simulated Jiras, a hub and a poller, connected",
		Long: `Starts everything on this machine: a simulated Jira Cloud, a simulated Jira Data Center, a hub and a poller as
real processes, makes a connection, accepts its invitation, and prints the addresses. Edit an issue in one
Jira and watch the other. Ctrl-C stops everything; the next start goes on from the same state. DIR/ready.json
is there while everything is up.

With --script it also walks through everything by itself, says what it did and saw, and ends: exit code 1 on
the first thing that is not so.`,
		Example: `  drawbridge demo
  drawbridge demo --script --dir $(mktemp -d)`,
		RunE: func(c *cobra.Command, _ []string) error { return s.demo(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "demo", "folder for settings, state and logs; made if it is not there")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address of the first process, the others take the next ports; port 0: free ones")
	f.BoolVar(&o.script, "script", false, "walk through everything by itself, then end")
	f.StringVar(&o.only, "only", "", "with --script: only steps whose name contains this")
	f.StringVar(&o.hub, "hub", "", "aws:STACK instead of a hub of its own; the stack has to reach this machine")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "how long the script waits for something to be so")
	_, _ = f.MarkHidden("hub"), f.MarkHidden("patience") // for emulated AWS on this machine: make demo-aws
	return c
}

type demoOptions struct {
	dir, listen, only, hub string
	script                 bool
	patience               time.Duration
}

// A demo is everything running on one machine.
type demo struct {
	s      *screen
	files  *demoFiles
	family *family
	stack  string // aws:STACK if the hub is one; "": a process of the demo's own

	patience time.Duration // how long the tour waits for something to be so
}

// on is a command line for one of the halves.
func (d *demo) on(half string, args ...string) []string {
	if d.stack != "" && half == "hub.yaml" {
		return append(args, "--hub", d.stack)
	}
	return append(args, "--config", d.files.path(half))
}

// demo starts everything and stops it again, whatever happens in between.
func (s *screen) demo(ctx context.Context, o demoOptions) error {
	files, err := openDemoFiles(o.dir, o.listen)
	if err != nil {
		return err
	}
	d := &demo{s: s, files: files, family: newFamily(filepath.Join(files.dir, "logs")), stack: o.hub, patience: o.patience}
	defer func() {
		_ = os.Remove(files.path("ready.json")) // what it said is not so any more
		fmt.Fprintln(s.err, s.dim("stopping…"))
		d.family.stop()
	}()
	if err := d.start(ctx); err != nil {
		return d.explain(ctx, err)
	}
	if err := d.ready(); err != nil {
		return err
	}
	d.welcome()
	if o.script {
		return d.explain(ctx, d.tour(ctx, o.only))
	}
	select {
	case <-ctx.Done():
		return nil
	case c := <-d.family.died:
		return c.failure()
	}
}

// explain names the child that died, if that is why something did not work.
func (d *demo) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	select {
	case c := <-d.family.died:
		return errors.Join(err, c.failure())
	case <-time.After(100 * time.Millisecond):
		return err
	}
}

// A startFunc starts one thing and returns when it answers.
type startFunc func(context.Context) error

// start starts the children in the order in which they need each other.
func (d *demo) start(ctx context.Context) error {
	f := d.files
	if err := f.writeSettings(); err != nil {
		return err
	}
	steps := []struct {
		what string
		do   startFunc
	}{
		{"public Jira", func(ctx context.Context) error { return d.jira(ctx, "cloud", f.public()) }},
		{"private Jira", func(ctx context.Context) error { return d.jira(ctx, "datacenter", f.private()) }},
		{"hub", d.hub},
		{"connection", d.connect},
		{"poller", d.poller},
		{"webhooks", d.webhooks},
		{"rules", d.rules},
	}
	bar := d.s.progress("starting")
	for i, step := range steps {
		bar.step(i, len(steps))
		if err := step.do(ctx); err != nil {
			bar.done()
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	bar.step(len(steps), len(steps))
	bar.done()
	return nil
}

func (d *demo) jira(ctx context.Context, flavour string, j demoJira) error {
	args := []string{"simulator", "--flavour", flavour, "--listen", j.address, "--manage", j.manage, "--project", j.Project, "--state", d.files.path(flavour + ".json")}
	if _, err := d.family.run(flavour, args, nil); err != nil {
		return err
	}
	return d.until(ctx, j.BaseURL+"/rest/api/2/serverInfo")
}

func (d *demo) hub(ctx context.Context) error {
	if d.stack != "" {
		return nil
	}
	if _, err := d.family.run("hub", []string{"hub", "--config", d.files.path("hub.yaml")}, nil); err != nil {
		return err
	}
	return d.until(ctx, d.files.hubURL()+"/healthz")
}

func (d *demo) poller(ctx context.Context) error {
	if _, err := d.family.run("poller", []string{"poller", "run", "--config", d.files.path("poller.yaml")}, nil); err != nil {
		return err
	}
	return d.until(ctx, "http://"+d.files.ports[portMetrics]+"/healthz")
}

// connect makes the connection and accepts its invitation, the first time.
func (d *demo) connect(ctx context.Context) error {
	out, err := once(ctx, nil, d.on("hub.yaml", "connection", "list", "--json")...)
	if err != nil {
		return err
	}
	var known struct {
		Connections []struct{ Name, State string }
	}
	if err := json.Unmarshal([]byte(out), &known); err != nil {
		return err
	}
	args := d.on("hub.yaml", "connection", "create", demoConnection, "--project", d.files.public().Project, "--json")
	for _, c := range known.Connections {
		switch {
		case c.Name != demoConnection:
		case c.State != "pending":
			return nil
		default:
			args = d.on("hub.yaml", "connection", "invite", demoConnection, "--json")
		}
	}
	if out, err = once(ctx, nil, args...); err != nil {
		return err
	}
	var invitation struct{ Code string }
	if err := json.Unmarshal([]byte(out), &invitation); err != nil {
		return err
	}
	_, err = once(ctx, nil, d.on("poller.yaml", "poller", "accept", invitation.Code, "--project", d.files.private().Project, "--json")...)
	return err
}

const demoConnection = "demo"

func (d *demo) webhooks(ctx context.Context) error {
	for _, half := range []string{"hub.yaml", "poller.yaml"} {
		if _, err := once(ctx, nil, d.on(half, "webhook", "create", "--json")...); err != nil {
			return err
		}
	}
	return nil
}

// rules publishes the demo's rules on both sides, the first time.
func (d *demo) rules(ctx context.Context) error {
	for half, file := range map[string]string{"hub.yaml": "rules-public.yaml", "poller.yaml": "rules-private.yaml"} {
		out, err := once(ctx, nil, d.on(half, "rules", "history", "--connection", demoConnection, "--json")...)
		if err != nil {
			return err
		}
		var known struct{ Revisions []json.RawMessage }
		if err := json.Unmarshal([]byte(out), &known); err != nil {
			return err
		}
		if len(known.Revisions) > 0 {
			continue
		}
		if _, err := once(ctx, nil, d.on(half, "rules", "publish", d.files.path(file), "--connection", demoConnection, "--message", "the demo's rules")...); err != nil {
			return err
		}
	}
	return nil
}

// startTime is how long a child may take to answer.
const startTime = 20 * time.Second

// until waits until the address answers, or a child has died.
func (d *demo) until(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if answers(ctx, url) {
			return nil
		}
		select {
		case c := <-d.family.died:
			return c.failure()
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", url, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ready writes ready.json, whole or not at all: tools wait for it.
func (d *demo) ready() error {
	f := d.files
	raw, err := json.MarshalIndent(map[string]any{
		"public": f.public(), "private": f.private(), "connection": demoConnection,
		"hub":     map[string]string{"url": f.hubURL(), "config": f.path("hub.yaml"), "state": f.path("hub.db")},
		"poller":  map[string]string{"state": f.path("poller.db"), "config": f.path("poller.yaml"), "metrics": "http://" + f.ports[portMetrics] + "/metrics"},
		"logs":    f.path("logs"),
		"version": version,
		"pids":    d.pids(),
	}, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(f.path("ready.json"), append(raw, '\n'))
}

func (d *demo) pids() map[string]int {
	out := map[string]int{"demo": os.Getpid()}
	for _, c := range d.family.children {
		out[c.name] = c.cmd.Process.Pid
	}
	return out
}

func (d *demo) welcome() {
	f, s := d.files, d.s
	w := io.Writer(s.out)
	fmt.Fprintf(w, "\n%s\n\n", s.bold("Two Jiras in sync. Create an issue in one, edit it in either, watch the other."))
	for _, j := range []struct {
		name string
		demoJira
	}{{"public   (Jira Cloud)      ", f.public()}, {"private  (Jira Data Center)", f.private()}} {
		fmt.Fprintf(w, "  %s  %s\n", j.name, s.bold(j.BaseURL))
		fmt.Fprintf(w, "  %s  %s\n", "                           ", s.dim(fmt.Sprintf("project %s, user %s, token %s", j.Project, j.User, j.Token)))
	}
	hub, on := f.hubURL(), "--config "+near(f.path("hub.yaml"))
	if d.stack != "" {
		hub, on = d.stack, "--hub "+d.stack
	}
	fmt.Fprintf(w, "  %s  %s\n\n", "hub                        ", hub)
	fmt.Fprintf(w, "  what became of an issue:  %s\n", fmt.Sprintf("%s sync show %s-1 %s", near(os.Args[0]), f.public().Project, on))
	fmt.Fprintf(w, "  how it is:                %s\n", fmt.Sprintf("%s status %s", near(os.Args[0]), on))
	fmt.Fprintf(w, "  logs:                     %s\n\n", near(f.path("logs")))
	fmt.Fprintln(w, s.dim("Ctrl-C stops everything; the next start goes on from here."))
}

// near is a path as one would type it here: relative where that is shorter.
func near(path string) string {
	here, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
