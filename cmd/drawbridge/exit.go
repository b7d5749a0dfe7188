package main

import (
	"context"
	"encoding/json"
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
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &wrong):
		fmt.Fprintf(s.err, "%s: %s\n", s.red("drawbridge"), wrong.message)
		fmt.Fprintf(s.err, "see: %s --help\n", wrong.command)
		return exitUsage
	case errors.As(err, &mistakes):
		s.mistakes(mistakes)
		return exitUsage
	case errors.As(err, &problems):
		s.ruleProblems(problems)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(s.err, "drawbridge: stopped")
		return exitFailed
	}
	fmt.Fprintf(plain{s.err}, "%s: %v\n", s.red("drawbridge"), err)
	if name := bridge.NameOf(err); name != "unexpected" {
		fmt.Fprintf(s.err, "error name: %s (explained in docs/errors.md)\n", name)
	}
	return exitFailed
}

// mistakes prints the mistakes of a settings file, as data where --json was given.
func (s *screen) mistakes(found config.Mistakes) {
	if s.asJSON {
		raw, err := json.MarshalIndent(map[string]any{"mistakes": found}, "", "  ")
		if err == nil {
			fmt.Fprintln(s.out, string(raw))
		}
		return
	}
	fmt.Fprintln(s.err, found.Error())
	fmt.Fprintf(s.err, "\n%s\n", plural(len(found), "mistake", "mistakes"))
}

// ruleProblems prints the mistakes of a rule file, as data where --json was given.
func (s *screen) ruleProblems(found rule.Problems) {
	if s.asJSON {
		if raw, err := json.MarshalIndent(map[string]any{"problems": found}, "", "  "); err == nil {
			fmt.Fprintln(s.out, string(raw))
		}
		return
	}
	fmt.Fprintln(s.err, found.Error())
	fmt.Fprintf(s.err, "\n%s\n", plural(len(found), "mistake", "mistakes"))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
