package adf

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lines writes the content of a block. Lines are joined as asked, but by a
// forced break next to an empty one.
func (w writer) lines(content []*node, join string) string {
	var b strings.Builder
	prev := ""
	for i, line := range split(content) {
		t := plainStart(strings.TrimSpace(w.spans(line, ' ', false)))
		if i > 0 && (t == "" || prev == "") {
			b.WriteString(`\\`)
		} else if i > 0 {
			b.WriteString(join)
		}
		b.WriteString(t)
		prev = t
	}
	return b.String()
}

// split makes lines of inline nodes and gives every node the form it is
// written in: text with the marks wiki markup has, or something without.
func split(content []*node) [][]*node {
	lines := [][]*node{nil}
	for _, n := range content {
		if n.Type == "hardBreak" {
			lines = append(lines, nil)
			continue
		}
		n = plain(n)
		if n.Type != "text" {
			lines[len(lines)-1] = append(lines[len(lines)-1], n)
			continue
		}
		for i, t := range strings.Split(strings.ReplaceAll(n.Text, "\r", ""), "\n") {
			if i > 0 {
				lines = append(lines, nil)
			}
			last := &lines[len(lines)-1]
			*last = appendText(*last, t, n.Marks)
		}
	}
	for i := range lines {
		lines[i] = linked(lines[i])
	}
	return lines
}

// plain gives text its marks in order, and makes text of what wiki markup has
// no form for.
func plain(n *node) *node {
	switch n.Type {
	case "text":
		return text(n.Text, supported(n.Marks)...)
	case "emoji":
		if n.attr("text") != "" {
			return text(n.attr("text"))
		}
		return text(n.attr("shortName"))
	case "date":
		return text(day(n), mark{Type: "code"})
	case "status":
		color := mark{Type: "textColor", Attrs: map[string]any{"color": statusColors["neutral"]}}
		if c := statusColors[n.attr("color")]; c != "" {
			color.Attrs["color"] = c
		}
		return text("[ "+strings.ToUpper(n.attr("text"))+" ]", color, mark{Type: "strong"})
	case "mention":
		if !accountID.MatchString("~accountid:" + n.attr("id")) {
			return text(n.attr("text"))
		}
	}
	return n
}

func supported(marks []mark) []mark {
	var out []mark
	for _, m := range marks {
		switch {
		case !slices.Contains(markOrder, m.Type) || has(out, m.Type):
		case m.Type == "textColor" && !hexColor.MatchString(m.attr("color")):
		case m.Type == "link" && !isAddress(encodeURL(m.attr("href"))):
		case m.Type != "link" && m.Type != "code" && has(marks, "code"):
		case m.Type == "subsup":
			kind := "sub"
			if m.attr("type") == "sup" {
				kind = "sup"
			}
			out = with(out, mark{Type: "subsup", Attrs: map[string]any{"type": kind}})
		default:
			out = with(out, m)
		}
	}
	return out
}

// linked turns bare addresses into links, as they are read back.
func linked(list []*node) []*node {
	var out []*node
	for _, n := range list {
		if n.Type != "text" || has(n.Marks, "link") || has(n.Marks, "code") {
			out = append(out, n)
			continue
		}
		from := 0
		for i := 0; i < len(n.Text); {
			l := urlAt(n.Text, i)
			if l == 0 {
				i++
				continue
			}
			out = appendText(out, n.Text[from:i], n.Marks)
			url := n.Text[i : i+l]
			out = append(out, text(url, with(n.Marks, link(url))...))
			i += l
			from = i
		}
		out = appendText(out, n.Text[from:], n.Marks)
	}
	return out
}

// spans writes one line. After it comes next: space for the end of the text.
func (w writer) spans(list []*node, next rune, inLink bool) string {
	var b strings.Builder
	for i := 0; i < len(list); {
		n := list[i]
		if n.Type != "text" {
			b.WriteString(w.leaf(n))
			i++
			continue
		}
		if len(n.Marks) == 0 {
			b.WriteString(w.escape(written(&b, next), n.Text, i+1 < len(list) || next != ' ', inLink))
			i++
			continue
		}
		m, count := outermost(list[i:])
		if m.Type == "link" {
			b.WriteString(w.link(m, list[i:i+count], written(&b, next), follow(list[i+count:], next)))
		} else {
			w.marked(&b, m, list[i:i+count], follow(list[i+count:], next), inLink)
		}
		i += count
	}
	return b.String()
}

// written is the last character written. Within a mark there is no telling
// what a reader looking for the end of another one takes the start for.
func written(b *strings.Builder, next rune) rune {
	if b.Len() == 0 && next != ' ' {
		return '{'
	}
	return before(b.String(), b.Len())
}

// leaf writes what is neither text nor break.
func (w writer) leaf(n *node) string {
	switch n.Type {
	case "mention":
		return "[~accountid:" + n.attr("id") + "]"
	case "inlineCard", "blockCard", "embedCard":
		return card(n)
	case "mediaInline", "media":
		return picture(n, false)
	}
	if knownTypes[n.Type] { // a block where none may be
		return strings.ReplaceAll(w.block(n), "\n", " ")
	}
	return unknown(n, "inline")
}

// follow is the first character written for the nodes, as far as it matters.
func follow(rest []*node, next rune) rune {
	if len(rest) == 0 {
		return next
	}
	if rest[0].Type == "text" && len(rest[0].Marks) == 0 {
		r, _ := utf8.DecodeRuneInString(rest[0].Text)
		return r
	}
	return '{'
}

// outermost picks the mark of the first node that reaches farthest.
func outermost(list []*node) (mark, int) {
	var best mark
	most := 0
	for _, m := range list[0].Marks {
		n := 1
		for n < len(list) && slices.ContainsFunc(list[n].Marks, m.equal) {
			n++
		}
		if n > most {
			best, most = m, n
		}
	}
	return best, most
}

func (w writer) marked(b *strings.Builder, m mark, list []*node, next rune, inLink bool) {
	inner := unmarked(list, m)
	switch m.Type {
	case "code":
		for _, n := range inner {
			b.WriteString("{{" + monospaced(n.Text, inLink) + "}}")
		}
		return
	case "textColor":
		b.WriteString("{color:" + m.attr("color") + "}" + w.spans(inner, '{', inLink) + "{color}")
		return
	}
	c := delimiter(m)
	simple := w.spans(inner, c, inLink)
	if fits(simple, before(b.String(), b.Len()), next, c) {
		b.WriteString(string(c) + simple + string(c))
		return
	}
	b.WriteString("{" + string(c) + "}" + w.spans(inner, '{', inLink) + "{" + string(c) + "}")
}

// unmarked gives the nodes without a mark.
func unmarked(list []*node, m mark) []*node {
	out := make([]*node, len(list))
	for i, n := range list {
		out[i] = text(n.Text, without(n.Marks, m.Type)...)
	}
	return out
}

func delimiter(m mark) rune {
	for c, d := range delimiters {
		if d.equal(m) {
			return rune(c)
		}
	}
	return '*'
}

// fits tells whether *text* is read back as meant between two characters, and
// not as the marker of a list.
func fits(s string, prev, next, c rune) bool {
	if s == "" || listLine.MatchString("*"+s+" ") {
		return false
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	return prev != c && last != c && opensBetween(prev, first, c) && closesBetween(last, next, c)
}

var urlEscapes = strings.NewReplacer("|", "%7C", "[", "%5B", "]", "%5D", `\`, "%5C", "{", "%7B", "}", "%7D", " ", "%20", "\n", "%0A", "\r", "%0D", "\t", "%09", "!", "%21")

// encodeURL keeps an address from ending early.
func encodeURL(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, urlEscapes.Replace(strings.TrimSpace(s)))
}

// link writes a link; one that shows its own address without more, where it is
// recognised.
func (w writer) link(m mark, list []*node, prev, next rune) string {
	url, inner := encodeURL(m.attr("href")), unmarked(list, m)
	if len(inner) == 1 && inner[0].Text == url && len(inner[0].Marks) == 0 {
		if unicode.IsSpace(prev) && unicode.IsSpace(next) && urlAt(url, 0) == len(url) {
			return url
		}
		return "[" + url + "]"
	}
	return "[" + w.spans(inner, '|', true) + "|" + url + "]"
}

// monospaced escapes text within {{}}.
func monospaced(s string, inLink bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case strings.ContainsRune("{}|", r) || inLink && strings.ContainsRune("[]", r) || r == '#' && strings.HasSuffix(s[:i], "&"):
			b.WriteString(`\` + string(r))
		case r == '\\':
			b.WriteString(backslash(s, i))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// backslash is written as it is before letters and digits, where it escapes
// nothing.
func backslash(s string, i int) string {
	if alnum(after(s, i)) {
		return `\`
	}
	return "&#92;"
}

// escape keeps text from being read as markup. prev is the character before
// it; more tells that something follows.
func (w writer) escape(prev rune, s string, more, inLink bool) string {
	var b strings.Builder
	for i, r := range s {
		next := ' '
		if i+utf8.RuneLen(r) < len(s) {
			next, _ = utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		} else if more {
			next = '{'
		}
		switch {
		case r == '\\':
			b.WriteString(backslash(s, i))
		case w.special(r, prev, next, inLink):
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
		prev = r
	}
	return b.String()
}

func (w writer) special(r, prev, next rune, inLink bool) bool {
	switch r {
	case '[', '{':
		return true
	case ']':
		return inLink
	case '|':
		return inLink || w.cell
	case '!':
		return !alnum(prev) && !unicode.IsSpace(next)
	case '#':
		return prev == '&'
	case '*', '_', '-', '+', '^', '~':
		return opensBetween(prev, next, r) || closesBetween(prev, next, r)
	}
	return false
}
