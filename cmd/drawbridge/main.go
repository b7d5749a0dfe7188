// Command drawbridge keeps two Jiras in sync: it is the hub, the poller, and the tool of whoever runs them.
//
// A main wires and stops: [run] builds the command tree (root.go) and turns what a command returns into an exit code
// (exit.go). Commands that look at or change a half work on its SQLite file, whether its process runs or not
// (operate.go); the two halves themselves are wired in hub.go and poller.go; demo*.go starts everything at once.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, cancel := withParent(ctx, in)
	defer cancel()
	s := newScreen(in, out, errOut)
	root := newRoot(s)
	root.SetArgs(args)
	return s.finish(root.ExecuteContext(ctx))
}
