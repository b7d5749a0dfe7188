package main

import (
	"context"
	"errors"
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/rule"
)

// The exit codes, the same for every command.
const (
	exitDone    = 0
	exitFailed  = 1 // it was tried and did not work
	exitUsage   = 2 // used wrongly: a command, flag or settings file
	exitFinding = 3 // it worked, and found something that needs attention
)

// A usageError is a command line that cannot be carried out as written.
type usageError struct {
	message string
	command string // whose --help to look at
}

func (e *usageError) Error() string { return e.message }

func usage(command, format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), command: command}
}

// errFinding makes a command exit with exitFinding after it has printed what it found.
var errFinding = errors.New("something needs attention")

// finish says what went wrong and returns the exit code.
func (s *screen) finish(err error) int {
	var wrong *usageError
	var mistakes config.Mistakes
	var code codeError
	var problems rule.Problems
	say := plain{s.err} // an error may hold what the other site, or a Jira, said
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &wrong):
		fmt.Fprintf(say, "%s: %s\n", s.red("drawbridge"), wrong.message)
		fmt.Fprintf(say, "see: %s --help\n", wrong.command)
		return exitUsage
	case errors.As(err, &mistakes):
		s.list("mistakes", mistakes, len(mistakes))
		return exitUsage
	case errors.As(err, &problems):
		s.list("problems", problems, len(problems))
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(say, "drawbridge: stopped")
		return exitFailed
	}
	fmt.Fprintf(say, "%s: %v\n", s.red("drawbridge"), err)
	if name := bridge.NameOf(err); name != "unexpected" {
		fmt.Fprintf(say, "error name: %s (explained in docs/errors.md)\n", name)
	}
	return exitFailed
}

// list prints the mistakes of a file of settings or rules, as data under a name where --json was given.
func (s *screen) list(name string, found error, n int) {
	if s.asJSON {
		_ = s.data(map[string]any{name: found}) // the exit code says what it would
		return
	}
	fmt.Fprintf(plain{s.err}, "%v\n\n%s\n", found, plural(n, "mistake", "mistakes"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
