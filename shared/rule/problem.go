package rule

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// A Problem is one mistake in a rule file: where it is, what is wrong, and the nearest right name where there is one.
type Problem struct {
	File    string
	Line    int    // from 1
	Column  int    // from 1, in characters
	Source  string // the line of the file
	Message string
	Hint    string // "did you mean …?", or what to write instead; may be empty
}

// String is the problem on one line, as a compiler writes it.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// Problems are all the mistakes of a file, in order of their position. No problems mean a good file.
type Problems []Problem

// Err returns the problems as an error, or nil when there are none.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Error prints every problem with its source line and a caret under the place.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.String())
		if p.Source != "" {
			fmt.Fprintf(&b, "\n  %s\n  %s^", p.Source, margin(p.Source, p.Column))
		}
	}
	return b.String()
}

// margin is the white space that puts a caret under the given column; tabs stay tabs, so that it lines up.
func margin(source string, column int) string {
	var b strings.Builder
	for i, r := range []rune(source) {
		if i >= column-1 {
			break
		}
		if r == '\t' {
			b.WriteRune('\t')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// maxProblems bounds what one bad file can print.
const maxProblems = 100

func (ps Problems) sorted() Problems {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Column < ps[j].Column
	})
	if len(ps) > maxProblems {
		ps = ps[:maxProblems]
	}
	return ps
}

// nearest is the hint for a name that is not among the known ones: the closest one, or the whole list when it is short.
func nearest(name string, known []string) string {
	switch best := similar(name, known); {
	case best != "":
		return best
	case len(known) > 0 && len(known) <= 20:
		list := append([]string(nil), known...)
		sort.Strings(list)
		return "known here: " + strings.Join(list, ", ")
	}
	return ""
}

// similar is the hint where one of the known names is close, and nothing otherwise.
func similar(name string, known []string) string {
	best, at := "", max(1, (utf8.RuneCountInString(name)+1)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= at && (best == "" || d < at) {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is how many characters must be put in, taken out or replaced to make one word of the other; swapping two
// neighbours counts as one.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 64 || len(y) > 64 {
		return 1 << 20
	}
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
