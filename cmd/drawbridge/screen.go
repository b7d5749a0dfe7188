package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/mattn/go-isatty"

	"drawbridge/shared/bridge"
)

// A screen is where a command reads and writes. On a terminal it has colour and progress bars, elsewhere plain lines.
type screen struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	asJSON bool // --json
	colour bool
	fancy  bool // standard error is a terminal: progress bars
}

func newScreen(in io.Reader, out, errOut io.Writer) *screen {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return &screen{in: in, out: out, err: errOut, colour: isTerminal(out) && !plain, fancy: isTerminal(errOut) && !plain}
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// show prints v as JSON where --json was given, otherwise what text writes.
func (s *screen) show(v any, text func(io.Writer)) error {
	if !s.asJSON {
		text(plain{s.out})
		return nil
	}
	return s.data(v)
}

// data prints v as JSON: exact values, with what would drive a terminal escaped.
func (s *screen) data(v any) error {
	enc := json.NewEncoder(bridge.JSONWriter{To: s.out})
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints rows in columns; the first row is the heading.
func table(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i := range row {
			cells[i] = cell(row[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	_ = t.Flush() // an error shows at the next write to w
}

func (s *screen) red(text string) string    { return s.paint("31", text) }
func (s *screen) green(text string) string  { return s.paint("32", text) }
func (s *screen) yellow(text string) string { return s.paint("33", text) }
func (s *screen) bold(text string) string   { return s.paint("1", text) }
func (s *screen) dim(text string) string    { return s.paint("2", text) }

func (s *screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
