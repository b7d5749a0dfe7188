package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Mistake is one thing wrong in a settings file.
type Mistake struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1
	Column  int    `json:"column"` // from 1
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`   // what is allowed, the nearest right word
	Source  string `json:"source,omitempty"` // the line, with anything that may be a secret masked
	width   int
}

// Mistakes are all mistakes of one file, in the order of the file.
type Mistakes []Mistake

// Error lists every mistake, each with its place, its source line and the way out.
func (m Mistakes) Error() string {
	var b strings.Builder
	for i, one := range m {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.String())
	}
	return strings.TrimRight(b.String(), "\n")
}

// String is the mistake as a person reads it.
func (m Mistake) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: %s\n", m.File, m.Line, m.Column, m.Message)
	if strings.TrimSpace(m.Source) != "" {
		fmt.Fprintf(&b, "%5d | %s\n", m.Line, m.Source)
		fmt.Fprintf(&b, "      | %s%s\n", indent(m.Source, m.Column), strings.Repeat("^", max(1, min(m.width, len([]rune(m.Source))-m.Column+1))))
	}
	if m.Hint != "" {
		fmt.Fprintf(&b, "      = %s\n", m.Hint)
	}
	return b.String()
}

// indent is white space as wide as what stands before the column, tabs kept.
func indent(source string, column int) string {
	runes := []rune(source)
	var b strings.Builder
	for _, r := range runes[:min(len(runes), max(0, column-1))] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// secretLine is a line that gives a secret its value in the file itself.
var secretLine = regexp.MustCompile(`(?i)((?:token|password|secret|pat|key)["']?\s*:\s*)([^\s{#].*)`)

// userInURL is the user and password of an address.
var userInURL = regexp.MustCompile(`://[^/@\s"']+@`)

// mask hides what follows a secret's name on a line, and passwords in addresses. A wrong guess hides a harmless word
// from an error message; the other way round shows a secret.
func mask(line string) string {
	return userInURL.ReplaceAllString(secretLine.ReplaceAllString(line, "${1}[secret]"), "://[secret]@")
}

func mistakes(file string, data []byte, problems []problem) Mistakes {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	var out Mistakes
	for _, p := range problems {
		m := Mistake{File: file, Line: max(1, p.line), Column: max(1, p.column), Message: userInURL.ReplaceAllString(p.message, "://[secret]@"), Hint: p.hint, width: p.width}
		if m.Line <= len(lines) && !p.bare {
			m.Source = mask(lines[m.Line-1])
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b Mistake) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return out
}

// nearest is the allowed word that is most like the one given, or "" if none is near.
func nearest(word string, allowed []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, a := range allowed {
		if d := edits(strings.ToLower(word), a); d < distance {
			best, distance = a, d
		}
	}
	return best
}

// edits is the number of letters to insert, remove, replace or swap with a neighbour to make b of a.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

func differ(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
