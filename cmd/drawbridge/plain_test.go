package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestNothingFromOutsideDrivesTheTerminal: a summary, a name or a reason from the other side is text, whatever it holds.
func TestNothingFromOutsideDrivesTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2J\x1b[1A\rfake\u202etxt\u009b31m\nOK  nothing to do"
	var b bytes.Buffer
	s := &screen{out: &b, colour: true}
	err := s.show(nil, func(w io.Writer) {
		fmt.Fprintln(w, s.bold("pair"), evil)
		table(w, [][]string{{"KEY", "WHY"}, {"PUB-1", evil}})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"\x07", "\x1b]", "\x1b[2J", "\x1b[1A", "\r", "\u202e", "\u009b"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("%q reaches the terminal", bad)
		}
	}
	if !strings.Contains(b.String(), "\x1b[1mpair\x1b[0m") {
		t.Error("our own colour is gone")
	}
	if rows := strings.Split(strings.TrimSpace(b.String()), "\n"); len(rows) != 4 { // the line, which has two, and a table of two
		t.Errorf("a value makes rows of its own in a table:\n%s", b.String())
	}
}
