package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

const usage = `Usage: drawbridge simulator [flags]

Runs a simulated Jira until it is interrupted. Prints its address, user and
token when it is ready. Not for real data: see simulator/README.md.

Example:
  drawbridge simulator --flavour datacenter --listen 127.0.0.1:8081 --state dc.json

Exit codes: 0 stopped on request, 1 failed, 2 wrong flags.

Flags:
`

// runFlags are the settings of the command line.
type runFlags struct {
	flavour, version, listen, manage, state, migrate, project, context string
	hostile, json                                                      bool
	latency                                                            time.Duration
	seed                                                               int64
}

func parseRun(args []string, stderr io.Writer) (*runFlags, error) {
	f := &runFlags{}
	set := flag.NewFlagSet("simulator", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.Usage = func() {
		fmt.Fprint(stderr, usage)
		set.PrintDefaults()
	}
	set.StringVar(&f.flavour, "flavour", Cloud, "cloud or datacenter")
	set.StringVar(&f.version, "jira", "", "release of Jira Data Center, such as 8.20.30, 9.12.15, 10.3.24 or 11.3.1; empty: 10.3.24")
	set.StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of the Jira")
	set.StringVar(&f.manage, "manage", "", "address of the management port; empty: none")
	set.StringVar(&f.state, "state", "", "file to continue from and to save to")
	set.StringVar(&f.migrate, "migrate", "", "state file of another site, of either flavour, to take in as a migration would: same keys, other ids")
	set.StringVar(&f.project, "project", "DEMO", "key of the project to seed")
	set.StringVar(&f.context, "context", "", "context path, such as /jira")
	set.BoolVar(&f.hostile, "hostile", false, "misbehave as tests want it")
	set.BoolVar(&f.json, "json", false, "print what was seeded as one JSON object")
	set.DurationVar(&f.latency, "latency", 0, "delay of every answer")
	set.Int64Var(&f.seed, "seed", 1, "seed of every random choice")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if f.flavour != Cloud && f.flavour != DataCenter {
		return nil, fmt.Errorf("--flavour %q: must be %s or %s", f.flavour, Cloud, DataCenter)
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return f, nil
}

// Run is the command `drawbridge simulator`; it returns the exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f, err := parseRun(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "simulator:", err)
		return 2
	}
	if err := run(ctx, f, stdout); err != nil {
		fmt.Fprintln(stderr, "simulator:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, f *runFlags, stdout io.Writer) error {
	title := map[string]string{Cloud: "Jira Cloud (simulated)", DataCenter: "Jira Data Center (simulated)"}[f.flavour]
	s := New(Options{Flavour: f.flavour, Seed: f.seed, ContextPath: f.context, Hostile: f.hostile, Version: f.version, ServerTitle: title})
	defer s.Close()
	if f.state != "" {
		if err := s.Load(f.state); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if f.migrate != "" {
		data, err := os.ReadFile(f.migrate)
		if err == nil {
			err = s.Migrate(data)
		}
		if err != nil {
			return err
		}
	}
	demo := s.SeedDemo(f.project)
	if f.latency > 0 {
		s.Inject(Fault{Route: "*", Latency: f.latency})
	}
	front, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	s.SetBaseURL("http://" + front.Addr().String())
	var servers []*http.Server
	if f.manage != "" { // first: whoever sees the Jira answer may use it
		ln, err := net.Listen("tcp", f.manage)
		if err != nil {
			return err
		}
		servers = append(servers, serveOn(ln, s.Management()))
		fmt.Fprintf(stdout, "management: http://%s\n", ln.Addr())
	}
	servers = append(servers, serveOn(front, s.Front(s.opt.ServerTitle)))
	announce(stdout, s, demo, f.json)
	keep(ctx, s, f.state)
	stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, srv := range servers {
		_ = srv.Shutdown(stop) // what is cut off is a caller's problem
	}
	if f.state != "" {
		return s.Save(f.state)
	}
	return nil
}

func serveOn(ln net.Listener, h http.Handler) *http.Server {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends when the server is shut down
	return srv
}

func announce(w io.Writer, s *Site, d Demo, asJSON bool) {
	if asJSON {
		data, _ := json.Marshal(struct {
			URL string `json:"url"`
			Demo
		}{s.BaseURL(), d})
		fmt.Fprintf(w, "%s\n", data)
		return
	}
	fmt.Fprintf(w, "jira (%s): %s\nproject: %s, service project: %s\nuser: %s, token: %s\n", d.Flavour, s.BaseURL(), d.ProjectKey, d.ServiceKey, d.User, d.Token)
}

// saveEvery is how much a crash may lose.
const saveEvery = 2 * time.Second

// keep saves the site now and then until ctx ends.
func keep(ctx context.Context, s *Site, path string) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if path != "" && s.changedSinceSave() {
				_ = s.Save(path) // tried again at the next tick
			}
		}
	}
}
