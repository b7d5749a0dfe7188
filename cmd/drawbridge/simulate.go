package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"drawbridge/simulator"
)

// A codeError is the exit code of something that has said itself what is wrong.
type codeError int

func (codeError) Error() string { return "" }

func newSimulator(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "simulator",
		Short: "Run a simulated Jira, Cloud or Data Center",
		Long: `Runs one simulated Jira until it is interrupted, with a page to look at and edit issues in the browser. Prints
its address, user and token. For demos and tests: what it does not do answers 501, and simulator/README.md
lists that first.`,
		Example: "  drawbridge simulator --flavour datacenter --listen 127.0.0.1:8081 --state dc.json",
		RunE: func(c *cobra.Command, _ []string) error {
			var args []string
			c.Flags().Visit(func(f *pflag.Flag) { args = append(args, "--"+f.Name+"="+f.Value.String()) })
			if code := simulator.Run(c.Context(), args, s.out, s.err); code != exitDone {
				return codeError(code)
			}
			return nil
		},
	}
	f := c.Flags()
	f.String("flavour", simulator.Cloud, "cloud or datacenter")
	f.String("jira", "", "release of Jira Data Center it answers like, 8.13 to 11: 8.20.30 for example (default 10.3.24)")
	f.String("listen", "127.0.0.1:8080", "address of the Jira")
	f.String("manage", "", "address of the management port: seed, faults, counters")
	f.String("state", "", "file to continue from and to save to")
	f.String("migrate", "", "state file of another site to take in as a migration would: same keys, other ids")
	f.String("project", "DEMO", "key of the project to make")
	f.String("context", "", "context path, such as /jira")
	f.Bool("hostile", false, "misbehave: late, doubled and reordered webhooks, a lagging search")
	f.Bool("json", false, "print what was made as one JSON object")
	f.Duration("latency", 0, "delay of every answer")
	f.Int64("seed", 1, "seed of every random choice")
	return c
}
