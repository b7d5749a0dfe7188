package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"drawbridge/shared/exchange"
)

func newVersion(s *screen) *cobra.Command {
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Prints the version of this binary and of the exchange protocol it speaks. Hub and poller need not be the same
version: neighbouring releases work with each other, and drawbridge status says who is behind.`,
		Example: "  drawbridge version --json",
		RunE: func(*cobra.Command, []string) error {
			v := map[string]any{"version": version, "protocol": exchange.Protocol, "oldest_protocol": exchange.Oldest, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
			return s.show(v, func(w io.Writer) {
				fmt.Fprintf(w, "drawbridge %s (protocol %d, %s, %s/%s)\n", version, exchange.Protocol, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			})
		},
	}
	jsonFlag(c, s)
	return c
}
