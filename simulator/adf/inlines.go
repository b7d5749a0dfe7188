package adf

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Delimiters of marks: *strong*, and {*}strong{*} within a word.
var delimiters = map[byte]mark{
	'*': {Type: "strong"},
	'_': {Type: "em"},
	'-': {Type: "strike"},
	'+': {Type: "underline"},
	'^': {Type: "subsup", Attrs: map[string]any{"type": "sup"}},
	'~': {Type: "subsup", Attrs: map[string]any{"type": "sub"}},
}

// spans parses text within a block. The marks are those of the text around.
type spans struct {
	src   string
	out   []*node
	marks []mark
	depth int
	none  map[string]int  // delimiters that have no end before this position
	plain strings.Builder // text not yet in out
}

// inline parses the text of a block; space around its lines does not count.
func inline(src string) []*node {
	lines := strings.Split(src, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return spanned(strings.TrimSpace(strings.Join(lines, "\n")), nil, 0)
}

func spanned(src string, marks []mark, depth int) []*node {
	s := &spans{src: src, marks: marks, depth: depth, none: map[string]int{}}
	for i := 0; i < len(src); {
		n := s.at(i)
		if n == 0 {
			_, n = utf8.DecodeRuneInString(src[i:])
			s.text(src[i : i+n])
		}
		i += n
	}
	s.add()
	return s.out
}

func (s *spans) text(t string) { s.plain.WriteString(t) }

// add appends nodes, after the text before them.
func (s *spans) add(list ...*node) {
	s.out = appendText(s.out, s.plain.String(), s.marks)
	s.plain.Reset()
	for _, n := range list {
		if n.Type == "text" {
			s.out = appendText(s.out, n.Text, n.Marks)
			continue
		}
		s.out = append(s.out, n)
	}
}

// at parses the construct at i and gives its length, 0 when there is none.
func (s *spans) at(i int) int {
	src := s.src
	switch c := src[i]; c {
	case '\n':
		s.add(&node{Type: "hardBreak"})
		return 1
	case '\\', '&':
		return s.escape(i)
	case '{':
		return s.brace(i)
	case '[':
		return s.bracket(i)
	case '!':
		return s.image(i)
	case '*', '_', '-', '+', '^', '~':
		return s.mark(i)
	case 'h', 'f', 'm':
		n := urlAt(src, i)
		if n > 0 && !has(s.marks, "link") {
			url := src[i : i+n]
			s.add(text(url, with(s.marks, link(url))...))
			return n
		}
	}
	return 0
}

func link(href string) mark { return mark{Type: "link", Attrs: map[string]any{"href": href}} }

// escape parses a line break, an escaped character, or a character by number.
func (s *spans) escape(i int) int {
	if strings.HasPrefix(s.src[i:], `\\`) {
		s.add(&node{Type: "hardBreak"})
		if strings.HasPrefix(s.src[i+2:], "\n") {
			return 3
		}
		return 2
	}
	c, n := escaped(s.src[i:])
	if n > 0 {
		s.text(c)
	}
	return n
}

// escaped reads \x or &#92; at the start of s.
func escaped(s string) (string, int) {
	if s[0] == '\\' && len(s) > 1 && s[1] != '\\' && punctuation(s[1]) {
		return s[1:2], 2
	}
	if !strings.HasPrefix(s, "&#") {
		return "", 0
	}
	end := strings.IndexByte(s[:min(len(s), 7)], ';')
	if end < 0 {
		return "", 0
	}
	n, err := strconv.Atoi(s[2:end])
	if err != nil || n < 33 || n > 126 || s[2] == '+' {
		return "", 0
	}
	return string(rune(n)), end + 1
}

func punctuation(c byte) bool {
	return c > ' ' && c < 0x7f && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if c, n := escaped(s[i:]); n > 0 {
			b.WriteString(c)
			i += n
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// step is the length of what must not be looked into when searching for the
// end of something: an escape, monospaced text, a link, media; else of a rune.
func step(s string, i int) int {
	switch s[i] {
	case '\\':
		if i+1 < len(s) && punctuation(s[i+1]) {
			return 2
		}
	case '{':
		if n := codeAt(s, i); n > 0 {
			return n
		}
		if _, n := inlineAdf(s, i); n > 0 {
			return n
		}
	case '[':
		if parts, n := linkAt(s, i); n > 0 && bracketNode(parts) != nil {
			return n
		}
	case '!':
		if _, n := imageAt(s, i); n > 0 {
			return n
		}
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return n
}

// until finds token on the same line, outside of what step leaps over.
func until(s string, i int, token string) int {
	if !strings.Contains(s[i:], token) { // quick to find out
		return -1
	}
	for i < len(s) && s[i] != '\n' {
		if strings.HasPrefix(s[i:], token) {
			return i
		}
		if s[i] == '\\' && i+1 < len(s) && punctuation(s[i+1]) {
			i++
		}
		i++
	}
	return -1
}

// codeAt is the length of {{monospaced}} text at i.
func codeAt(s string, i int) int {
	if !strings.HasPrefix(s[i:], "{{") {
		return 0
	}
	end := until(s, i+2, "}}")
	if end <= i+2 {
		return 0
	}
	return end + 2 - i
}

var colorStart = regexp.MustCompile(`^\{color:([^{}\n|]{1,40})\}`)

// brace parses {{code}}, {color:x}…{color}, {*}…{*} and inline {adf}.
func (s *spans) brace(i int) int {
	src := s.src
	if n := codeAt(src, i); n > 0 {
		marks := []mark{{Type: "code"}}
		for _, m := range s.marks {
			if m.Type == "link" {
				marks = with(marks, m)
			}
		}
		s.add(text(unescape(src[i+2:i+n-2]), marks...))
		return n
	}
	if m := colorStart.FindStringSubmatch(src[i:min(len(src), i+60)]); m != nil {
		return s.color(i, m)
	}
	if len(src) > i+2 && src[i+2] == '}' {
		if m, ok := delimiters[src[i+1]]; ok {
			return s.enclosed(i, src[i:i+3], src[i:i+3], &m)
		}
	}
	return s.adf(i)
}

func (s *spans) adf(i int) int {
	n, length := inlineAdf(s.src, i)
	if length > 0 {
		s.add(n)
	}
	return length
}

// inlineAdf reads a node that has no form of its own.
func inlineAdf(s string, i int) (*node, int) {
	const start, end = "{adf:display=inline}", "{adf}"
	if !strings.HasPrefix(s[i:], start) {
		return nil, 0
	}
	n := strings.Index(s[i:], end)
	if n < 0 {
		return nil, 0
	}
	m := macro{body: s[i+len(start) : i+n]}
	if !m.unknown() {
		return nil, 0
	}
	return m.known, n + len(end)
}

func (s *spans) color(i int, m []string) int {
	hex := colorOf(m[1])
	if hex == "" {
		return s.enclosed(i, m[0], "{color}", nil)
	}
	return s.enclosed(i, m[0], "{color}", &mark{Type: "textColor", Attrs: map[string]any{"color": hex}})
}

// enclosed parses text between two tokens, with a mark.
func (s *spans) enclosed(i int, start, end string, m *mark) int {
	if s.depth > maxMarkers || s.none[end] > i || m != nil && m.Type != "textColor" && has(s.marks, m.Type) {
		return 0
	}
	from := i + len(start)
	j := from
	for j < len(s.src) && !strings.HasPrefix(s.src[j:], end) {
		j += step(s.src, j)
	}
	if j >= len(s.src) {
		s.none[end] = len(s.src)
		return 0
	}
	marks := s.marks
	if m != nil {
		marks = with(marks, *m)
	}
	s.add(spanned(s.src[from:j], marks, s.depth+1)...)
	return j + len(end) - i
}

var colors = map[string]string{
	"black": "#000000", "white": "#ffffff", "red": "#ff0000", "green": "#008000", "blue": "#0000ff", "yellow": "#ffff00",
	"orange": "#ffa500", "purple": "#800080", "gray": "#808080", "grey": "#808080", "silver": "#c0c0c0", "maroon": "#800000",
	"navy": "#000080", "teal": "#008080", "olive": "#808000", "lime": "#00ff00", "aqua": "#00ffff", "fuchsia": "#ff00ff",
	"brown": "#a52a2a", "pink": "#ffc0cb", "magenta": "#ff00ff", "cyan": "#00ffff",
}

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func colorOf(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if hexColor.MatchString(name) {
		return name
	}
	return colors[name]
}

// mark parses *strong* and its like.
func (s *spans) mark(i int) int {
	c := s.src[i]
	m := delimiters[c]
	if has(s.marks, m.Type) || s.depth > maxMarkers || s.none[string(c)] > i || !opens(s.src, i) {
		return 0
	}
	for j := i + 1; j < len(s.src) && s.src[j] != '\n'; j += step(s.src, j) {
		if s.src[j] == c && j > i+1 && closes(s.src, j) {
			s.add(spanned(s.src[i+1:j], with(s.marks, m), s.depth+1)...)
			return j + 1 - i
		}
	}
	end := strings.IndexByte(s.src[i:], '\n')
	if end < 0 {
		end = len(s.src) - i
	}
	s.none[string(c)] = i + end
	return 0
}

func alnum(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// opens and closes tell whether the delimiter at i can; the ends of the text
// count as space, as do forced breaks. One of several in a row never does.
func opens(s string, i int) bool { return opensBetween(before(s, i), after(s, i), rune(s[i])) }

func closes(s string, i int) bool { return closesBetween(before(s, i), after(s, i), rune(s[i])) }

func opensBetween(prev, next, c rune) bool {
	return !alnum(prev) && !unicode.IsSpace(next) && prev != c && next != c
}

func closesBetween(prev, next, c rune) bool {
	return !unicode.IsSpace(prev) && !alnum(next) && prev != c && next != c
}

func before(s string, i int) rune {
	if i == 0 || strings.HasSuffix(s[:i], `\\`) {
		return ' '
	}
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return r
}

func after(s string, i int) rune {
	if i+1 >= len(s) || strings.HasPrefix(s[i+1:], `\\`) {
		return ' '
	}
	r, _ := utf8.DecodeRuneInString(s[i+1:])
	return r
}
