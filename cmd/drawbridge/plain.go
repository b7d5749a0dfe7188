package main

import (
	"io"
	"regexp"
	"strings"
)

// plain writes text that may hold what people on either site wrote: whatever would drive a terminal is left out, but for line
// ends, tabs and the colours that we give.
type plain struct{ w io.Writer }

var driving = regexp.MustCompile("\x1b\\[[0-9]{0,2}m|[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u202a-\u202e\u2066-\u2069]")

func (p plain) Write(b []byte) (int, error) {
	_, err := io.WriteString(p.w, driving.ReplaceAllStringFunc(string(b), func(s string) string {
		if len(s) > 3 && s[0] == '\x1b' { // a colour
			return s
		}
		return ""
	}))
	return len(b), err
}

// cell is a text in one line of a table.
func cell(s string) string { return strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(s) }
