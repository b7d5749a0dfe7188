package adf

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// place tells which blocks may stand where the parser is; the others stay
// text.
type place struct{ heading, rule, table, frame, group, card, embed bool }

var (
	inDoc   = place{true, true, true, true, true, true, true}
	inCell  = place{heading: true, rule: true, frame: true, group: true, card: true, embed: true}
	inPanel = place{heading: true, rule: true, group: true, card: true}
	inQuote = place{group: true}
	inItem  = place{}
)

// blocks parses wiki markup line by line. At the start of every step pos is at
// the start of a line, or behind a macro within one.
type blocks struct {
	src string
	pos int
	in  place
}

// FromWiki converts wiki markup to a document. It takes any text: what is not
// markup is text.
func FromWiki(wiki string) json.RawMessage {
	wiki = strings.ToValidUTF8(wiki, "\uFFFD")
	wiki = strings.ReplaceAll(strings.ReplaceAll(wiki, "\r\n", "\n"), "\r", "\n")
	doc := &node{Type: "doc", Content: parse(wiki, inDoc)}
	out, err := encode(doc)
	if err != nil { // no value in a parsed document can be refused
		return json.RawMessage(`{"type":"doc","version":1,"content":[]}`)
	}
	return out
}

func parse(src string, in place) []*node {
	b := &blocks{src: src, in: in}
	var list []*node
	for b.next() {
		list = append(list, b.block()...)
	}
	return list
}

// orEmpty gives nodes that must have content an empty paragraph.
func orEmpty(list []*node) []*node {
	if len(list) == 0 {
		return []*node{{Type: "paragraph"}}
	}
	return list
}

// next skips blank space and tells whether anything is left.
func (b *blocks) next() bool {
	b.pos += len(b.rest()) - len(strings.TrimLeft(b.rest(), " \t\n"))
	return strings.TrimSpace(b.rest()) != ""
}

func (b *blocks) rest() string { return b.src[b.pos:] }

// line is the rest of the current line.
func (b *blocks) line() string {
	line, _, _ := strings.Cut(b.rest(), "\n")
	return line
}

var (
	headingLine = regexp.MustCompile(`^[ \t]*h([1-6])\.(?:[ \t]|$)`)
	quoteLine   = regexp.MustCompile(`^[ \t]*bq\.(?:[ \t]|$)`)
	ruleLine    = regexp.MustCompile(`^[ \t]*-{4,}[ \t]*$`)
	listLine    = regexp.MustCompile(`^[ \t]*([*#]+|-)[ \t]`)
	tableLine   = regexp.MustCompile(`^[ \t]*\|\|?[^\n]*[^ \t\n]`)
)

// starts tells whether a line starts a block other than a paragraph.
func (b *blocks) starts(line string) bool {
	return b.in.heading && headingLine.MatchString(line) || b.in.frame && quoteLine.MatchString(line) ||
		b.in.rule && ruleLine.MatchString(line) || listLine.MatchString(line) || b.in.table && isTable(line)
}

// isTable wants a cell behind the first bar.
func isTable(line string) bool {
	line = strings.TrimLeft(line, " \t")
	if !strings.HasPrefix(line, "|") {
		return false
	}
	line = strings.TrimPrefix(line[1:], "|")
	return strings.TrimSpace(line) != ""
}

func (b *blocks) block() []*node {
	line := b.line()
	switch {
	case b.in.heading && headingLine.MatchString(line):
		m := headingLine.FindStringSubmatch(line)
		b.pos += len(line)
		level := int(m[1][0] - '0')
		return []*node{{Type: "heading", Attrs: map[string]any{"level": level}, Content: inline(line[len(m[0]):])}}
	case b.in.frame && quoteLine.MatchString(line):
		b.pos += len(line)
		return []*node{{Type: "blockquote", Content: orEmpty(inQuote.paragraph(line[len(quoteLine.FindString(line)):]))}}
	case b.in.rule && ruleLine.MatchString(line):
		b.pos += len(line)
		return []*node{{Type: "rule"}}
	case listLine.MatchString(line):
		return b.lists()
	case b.in.table && isTable(line):
		return []*node{b.table()}
	}
	if m, ok := macroAt(b.src, b.pos, b.in.frame); ok {
		b.pos = m.end
		return []*node{m.node()}
	}
	return b.in.paragraph(b.run(b.in.frame))
}

// run takes text up to a blank line, a line that starts a block, or a macro;
// frames tells whether quotes and panels are among the macros.
func (b *blocks) run(frames bool) string {
	from := b.pos
	for i := b.pos; i < len(b.src); {
		if b.src[i] == '\n' {
			b.pos = i + 1
			if strings.TrimSpace(b.line()) == "" || b.starts(b.line()) {
				return b.src[from:i]
			}
		}
		if _, ok := macroAt(b.src, i, frames); ok && i > from {
			b.pos = i
			return b.src[from:i]
		}
		i += step(b.src, i)
	}
	b.pos = len(b.src)
	return b.src[from:]
}

// paragraph makes a paragraph of text; media and cards that are all it holds
// become blocks.
func (in place) paragraph(src string) []*node {
	content := inline(src)
	if len(content) == 0 {
		return nil
	}
	var lifted []*node
	for _, n := range content {
		if n.Type == "hardBreak" || n.Type == "text" && strings.TrimSpace(n.Text) == "" {
			continue
		}
		b := in.lifted(n)
		if b == nil {
			return []*node{{Type: "paragraph", Content: content}}
		}
		lifted = append(lifted, b)
	}
	if lifted == nil {
		return []*node{{Type: "paragraph", Content: content}}
	}
	return lifted
}

// lifted is the block an inline node becomes, or nil.
func (in place) lifted(n *node) *node {
	switch {
	case n.lift == "":
	case n.lift == "blockCard" && in.card:
		return &node{Type: n.lift, Attrs: n.Attrs}
	case n.lift == "embedCard" && in.embed:
		return &node{Type: n.lift, Attrs: map[string]any{"url": n.Attrs["url"], "layout": "center"}}
	case n.lift == "group" && in.group:
		return &node{Type: "mediaGroup", Content: []*node{media(n)}}
	case n.lift == "group" || n.lift == "single":
		return &node{Type: "mediaSingle", Attrs: map[string]any{"layout": "center"}, Content: []*node{media(n)}}
	}
	return nil
}

func media(n *node) *node {
	attrs := map[string]any{}
	for k, v := range n.Attrs {
		attrs[k] = v
	}
	if attrs["type"] == "image" {
		attrs["type"] = "file"
	}
	return &node{Type: "media", Attrs: attrs}
}

type item struct {
	marker  string // of * and #
	content []*node
}

// lists takes the lines of a list and builds it; lines that change the kind
// of list at its first level make several.
func (b *blocks) lists() []*node {
	var items []item
	last := ""
	for {
		m := listLine.FindStringSubmatch(b.line())
		if m == nil {
			return build(items, 0)
		}
		marker := strings.ReplaceAll(m[1], "-", "*")
		same := 0 // one level deeper than what it continues, at most
		for same < len(marker) && same < len(last) && marker[same] == last[same] {
			same++
		}
		marker = marker[:min(same+1, len(marker), maxMarkers)]
		b.pos += len(m[0])
		items = append(items, item{marker, b.item()})
		last = marker
	}
}

// item takes the content of one list item and leaves pos at the line after it.
func (b *blocks) item() []*node {
	var list []*node
	for first := true; ; first = false {
		if !first && (strings.TrimSpace(b.line()) == "" || b.starts(b.line())) {
			break
		}
		if m, ok := macroAt(b.src, b.pos, b.in.frame); ok && m.frame() {
			break
		} else if ok {
			list, b.pos = append(list, m.node()), m.end
			b.lineEnd()
			continue
		}
		if strings.TrimSpace(b.line()) == "" { // an empty item
			b.pos += len(b.line())
			b.lineEnd()
			break
		}
		list = append(list, inItem.paragraph(b.run(b.in.frame))...)
	}
	return orEmpty(list)
}

// lineEnd skips the rest of a line that holds nothing more.
func (b *blocks) lineEnd() {
	if line := b.line(); strings.TrimSpace(line) == "" {
		b.pos = min(b.pos+len(line)+1, len(b.src))
	}
}

// build nests items by their markers.
func build(items []item, level int) []*node {
	var lists []*node
	for len(items) > 0 {
		n := 1
		for n < len(items) && items[n].marker[level] == items[0].marker[level] {
			n++
		}
		list := &node{Type: "bulletList"}
		if items[0].marker[level] == '#' {
			list.Type = "orderedList"
		}
		for group := items[:n]; len(group) > 0; {
			k := 1
			for k < len(group) && len(group[k].marker) > level+1 {
				k++
			}
			content := append(group[0].content, build(group[1:k], level+1)...)
			list.Content = append(list.Content, &node{Type: "listItem", Content: content})
			group = group[k:]
		}
		lists, items = append(lists, list), items[n:]
	}
	return lists
}

func (b *blocks) table() *node {
	t := &node{Type: "table", Attrs: map[string]any{"isNumberColumnEnabled": false, "layout": "default"}}
	for b.pos < len(b.src) && isTable(b.line()) {
		b.pos += strings.IndexByte(b.rest(), '|')
		t.Content = append(t.Content, &node{Type: "tableRow", Content: b.row()})
	}
	return t
}

// row takes one row; pos is at its first bar, then at the line after it.
func (b *blocks) row() []*node {
	var cells []*node
	for b.pos < len(b.src) && b.src[b.pos] == '|' {
		cell := &node{Type: "tableCell", Attrs: map[string]any{}}
		b.pos++
		if strings.HasPrefix(b.rest(), "|") {
			cell.Type = "tableHeader"
			b.pos++
		}
		if strings.TrimSpace(b.line()) == "" {
			break
		}
		cell.Content = orEmpty(parse(b.cell(), inCell))
		cells = append(cells, cell)
	}
	b.pos = min(b.pos+len(b.line())+1, len(b.src))
	return cells
}

// cell takes text up to the next bar, or the end of a row that has none.
func (b *blocks) cell() string {
	from := b.pos
	for i := from; i < len(b.src); {
		switch b.src[i] {
		case '|':
			b.pos = i
			return b.src[from:i]
		case '\n':
			next, _, _ := strings.Cut(b.src[i+1:], "\n")
			if next = strings.TrimSpace(next); next == "" || next[0] == '|' {
				b.pos = i
				return b.src[from:i]
			}
		}
		if m, ok := macroAt(b.src, i, true); ok {
			i = m.end
			continue
		}
		i += step(b.src, i)
	}
	b.pos = len(b.src)
	return b.src[from:]
}

// macro is a {name:params}body{name}.
type macro struct {
	name, params, body string
	end                int
	known              *node // of {adf}
}

var macroStart = regexp.MustCompile(`^\{(code|noformat|quote|panel|adf)(:[^{}\n]*)?\}`)

func (m macro) frame() bool { return m.name == "quote" || m.name == "panel" }

// macroAt finds a whole macro that starts at i.
func macroAt(s string, i int, frames bool) (macro, bool) {
	if i >= len(s) || s[i] != '{' {
		return macro{}, false
	}
	found := macroStart.FindStringSubmatch(s[i:min(len(s), i+500)])
	if found == nil {
		return macro{}, false
	}
	m := macro{name: found[1], params: strings.TrimPrefix(found[2], ":")}
	if m.frame() && !frames {
		return m, false
	}
	from := i + len(found[0])
	n := closing(s[from:], "{"+m.name+"}", m.frame())
	if n < 0 {
		return m, false
	}
	m.body, m.end = s[from:from+n], from+n+len(m.name)+2
	return m, m.name != "adf" || m.params == "display=block" && m.unknown()
}

// closing finds the end of a macro's body; that of a quote or panel does not
// lie within code.
func closing(s, end string, skip bool) int {
	for i := 0; i < len(s); {
		if strings.HasPrefix(s[i:], end) {
			return i
		}
		if !skip && s[i] == '\\' && strings.HasPrefix(s[i+1:], end) {
			i += 2
			continue
		}
		if !skip {
			i++
			continue
		}
		if m, ok := macroAt(s, i, false); ok {
			i = m.end
			continue
		}
		i += step(s, i)
	}
	return -1
}

// unknown reads the body of an {adf}: one node, of a type not known here.
func (m *macro) unknown() bool {
	d := json.NewDecoder(strings.NewReader(m.body))
	d.UseNumber()
	var v map[string]any
	if depth([]byte(m.body)) > maxDepth || d.Decode(&v) != nil || d.More() {
		return false
	}
	kind, _ := v["type"].(string)
	raw, err := encode(v)
	m.known = &node{Type: kind, raw: bytes.ReplaceAll(raw, []byte("{adf"), []byte(`\u007badf`))}
	return err == nil && kind != "" && !knownTypes[kind]
}

func (m macro) node() *node {
	switch m.name {
	case "adf":
		return m.known
	case "quote":
		return &node{Type: "blockquote", Content: orEmpty(parse(m.body, inQuote))}
	case "panel":
		return m.panel()
	}
	n := &node{Type: "codeBlock"}
	if m.name == "code" {
		n.Attrs = map[string]any{"language": language(m.params)}
	}
	body := strings.TrimSuffix(strings.TrimPrefix(m.body, "\n"), "\n")
	if body != "" {
		n.Content = []*node{text(body)}
	}
	return n
}

// language is the parameter of {code} without a name, or the one named so.
func language(params string) string {
	for _, p := range strings.Split(params, "|") {
		name, value, named := strings.Cut(strings.TrimSpace(p), "=")
		if !named && languageName.MatchString(name) {
			return name
		}
		if (name == "language" || name == "lang") && languageName.MatchString(value) {
			return value
		}
	}
	return ""
}

var (
	languageName = regexp.MustCompile(`^[A-Za-z0-9_+#.-]+$`)
	panelColors  = map[string]string{
		"#deebff": "info", "#eae6ff": "note", "#e3fcef": "success", "#fffae6": "warning", "#ffebe6": "error",
	}
)

func (m macro) panel() *node {
	n := &node{Type: "panel", Attrs: map[string]any{"panelType": "info"}}
	title := ""
	for _, p := range strings.Split(m.params, "|") {
		switch name, value, _ := strings.Cut(p, "="); name {
		case "bgColor":
			if kind := panelColors[strings.ToLower(value)]; kind != "" {
				n.Attrs["panelType"] = kind
			}
		case "title":
			title = strings.TrimSpace(value)
		}
	}
	if title != "" {
		n.Content = append(n.Content, &node{Type: "paragraph", Content: []*node{text(title, mark{Type: "strong"})}})
	}
	n.Content = orEmpty(append(n.Content, parse(m.body, inPanel)...))
	return n
}
