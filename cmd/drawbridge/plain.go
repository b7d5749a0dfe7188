package main

import (
	"io"
	"regexp"
	"strings"

	"drawbridge/shared/bridge"
)

// plain writes text that may hold what people on either site wrote: whatever would drive a terminal is left out, but for line
// ends, tabs and the colours that we give.
type plain struct{ w io.Writer }

// colours are those of [screen.paint]; none hides a text.
var colours = regexp.MustCompile("\x1b\\[(0|1|2|31|32|33)m")

func (p plain) Write(b []byte) (int, error) {
	var shown strings.Builder
	text, at := string(b), 0
	for _, c := range colours.FindAllStringIndex(text, -1) {
		shown.WriteString(bridge.Shown(text[at:c[0]]) + text[c[0]:c[1]])
		at = c[1]
	}
	shown.WriteString(bridge.Shown(text[at:]))
	_, err := io.WriteString(p.w, shown.String())
	return len(b), err
}

// cell is a text in one line of a table, painted or not.
func cell(s string) string { return strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(s) }
