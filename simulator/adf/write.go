package adf

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// writer writes a document as wiki markup.
type writer struct {
	cell bool // within a table, where a bar ends a cell
}

// ToWiki converts a document to wiki markup. It fails for what is no document
// and for one that is nested too deeply.
func ToWiki(doc json.RawMessage) (string, error) {
	n, err := decode(doc)
	if err != nil {
		return "", err
	}
	return writer{}.join(n.Content, "\n\n"), nil
}

// join writes blocks and leaves out those that show nothing.
func (w writer) join(list []*node, between string) string {
	var texts []string
	for _, n := range list {
		if t := w.block(n); t != "" {
			texts = append(texts, t)
		}
	}
	return strings.Join(texts, between)
}

func (w writer) block(n *node) string {
	switch n.Type {
	case "paragraph", "text", "caption":
		return w.lines(inlineContent(n), "\n")
	case "heading":
		return fmt.Sprintf("h%d. %s", level(n), w.lines(n.Content, `\\`))
	case "bulletList", "orderedList", "taskList", "decisionList":
		return strings.Join(w.list(n, ""), "\n")
	case "codeBlock":
		return code(n)
	case "blockquote":
		return "{quote}\n" + w.inner(n) + "{quote}"
	case "panel":
		return "{panel:bgColor=" + panelColor(n.attr("panelType")) + "}\n" + w.inner(n) + "{panel}"
	case "rule":
		return "----"
	case "table":
		return w.table(n)
	case "mediaSingle", "mediaGroup":
		return mediaBlock(n)
	case "expand", "nestedExpand":
		return w.expand(n)
	case "blockCard", "embedCard":
		return card(n)
	case "inlineCard", "mention", "mediaInline", "emoji", "status", "date", "hardBreak", "media":
		return w.lines([]*node{n}, "\n")
	}
	return unknown(n, "block")
}

// inlineContent treats a stray text node as a paragraph of its own.
func inlineContent(n *node) []*node {
	if n.Type == "text" {
		return []*node{n}
	}
	return n.Content
}

// inner writes the blocks of a quote or panel. They are no part of the table
// around, as far as lines go; bars are escaped there all the same.
func (w writer) inner(n *node) string {
	t := w.join(n.Content, "\n\n")
	if t == "" {
		return ""
	}
	return t + "\n"
}

func level(n *node) int {
	f, _ := n.Attrs["level"].(float64)
	return min(max(int(f), 1), 6)
}

func (w writer) expand(n *node) string {
	title := &node{Type: "paragraph", Content: []*node{text(n.attr("title"), mark{Type: "strong"})}}
	return w.join(append([]*node{title}, n.Content...), "\n\n")
}

var markers = map[string]string{"bulletList": "*", "taskList": "*", "decisionList": "*", "orderedList": "#"}

// list writes a list and those within it, a line an item.
func (w writer) list(n *node, marker string) []string {
	if len(marker) < maxMarkers {
		marker += markers[n.Type]
	}
	var lines []string
	for _, item := range n.Content {
		if markers[item.Type] != "" { // a task list within a task list
			lines = append(lines, w.list(item, marker)...)
			continue
		}
		lines = append(lines, w.item(item, marker)...)
	}
	return lines
}

func (w writer) item(item *node, marker string) []string {
	var own, nested []string
	if item.Type == "taskItem" || item.Type == "decisionItem" {
		own = append(own, w.lines(item.Content, "\n"))
	} else {
		for _, n := range item.Content {
			if markers[n.Type] != "" {
				nested = append(nested, w.list(n, marker)...)
			} else if t := w.block(n); t != "" {
				own = append(own, t)
			}
		}
	}
	return append([]string{marker + " " + strings.Join(own, "\n")}, nested...)
}

func (w writer) table(n *node) string {
	w.cell = true
	var rows []string
	for _, row := range n.Content {
		var b strings.Builder
		bar := "|"
		for _, cell := range row.Content {
			bar = "|"
			if cell.Type == "tableHeader" {
				bar = "||"
			}
			content := w.join(cell.Content, "\n")
			if content == "" {
				content = " "
			}
			b.WriteString(bar + content)
		}
		if b.Len() > 0 {
			rows = append(rows, b.String()+bar)
		}
	}
	return strings.Join(rows, "\n")
}

func panelColor(kind string) string {
	for color, k := range panelColors {
		if k == kind {
			return color
		}
	}
	if kind == "tip" {
		return panelColor("success")
	}
	return panelColor("info")
}

// code writes a code block: {code} with a language, even an empty one, else
// {noformat}.
func code(n *node) string {
	var body strings.Builder
	for _, t := range n.Content {
		body.WriteString(strings.ReplaceAll(strings.ReplaceAll(t.Text, "\r\n", "\n"), "\r", "\n"))
	}
	name, start := "noformat", "{noformat}"
	if lang, ok := n.Attrs["language"].(string); ok {
		name, start = "code", "{code}"
		if languageName.MatchString(lang) {
			start = "{code:" + lang + "}"
		}
	}
	end := "{" + name + "}"
	return start + "\n" + protect(body.String(), end) + end
}

// protect ends text with a line end and keeps the end of its block out of it.
func protect(s, end string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	for {
		i := closing(s, end, false)
		if i < 0 {
			return b.String() + s + "\n"
		}
		b.WriteString(s[:i] + `\` + end)
		s = s[i+len(end):]
	}
}

func unknown(n *node, display string) string {
	m := macro{body: string(n.raw)}
	m.unknown()
	if m.known == nil || m.known.raw == nil {
		return ""
	}
	return "{adf:display=" + display + "}" + string(m.known.raw) + "{adf}"
}

func card(n *node) string {
	url, ok := n.Attrs["url"].(string)
	if !ok || !isAddress(encodeURL(url)) {
		return ""
	}
	kind := "smart-link"
	for name, k := range cards {
		if k == n.Type {
			kind = name
		}
	}
	return "[" + encodeURL(url) + "|" + encodeURL(url) + "|" + kind + "]"
}

func mediaBlock(n *node) string {
	var texts []string
	for _, m := range n.Content {
		if m.Type == "media" {
			texts = append(texts, picture(m, n.Type == "mediaGroup"))
		}
	}
	return strings.Join(texts, "\n")
}

// mediaName is the file's name: the id, or where that is none, the alt text.
func mediaName(n *node) string {
	if url := n.attr("url"); url != "" {
		return encodeURL(url)
	}
	id, alt := n.attr("id"), n.attr("alt")
	if !fileName.MatchString(id) && fileName.MatchString(alt) {
		id = alt
	}
	return escapeName(strings.TrimSpace(id))
}

var nameEscapes = strings.NewReplacer(`\`, "&#92;", "&#", `&\#`, "|", `\|`, "!", `\!`, "]", `\]`, "[", `\[`, "{", `\{`, "}", `\}`, `"`, "&#34;", "\n", " ", "\r", " ")

func escapeName(s string) string { return nameEscapes.Replace(s) }

func picture(n *node, thumbnail bool) string {
	name := mediaName(n)
	isURL := imageURL.MatchString(name)
	external := isURL && n.attr("url") != ""
	if !external && (isURL || !fileName.MatchString(unescape(name)) || n.Type == "mediaInline" && n.attr("type") == "file") {
		if name == "" {
			return ""
		}
		return "[^" + name + "]"
	}
	if thumbnail {
		return "!" + name + "|thumbnail!"
	}
	var params []string
	for _, k := range []string{"width", "height"} {
		if f, ok := n.Attrs[k].(float64); ok && f >= 1 && f < 1<<16 {
			params = append(params, k+"="+strconv.Itoa(int(f)))
		}
	}
	if alt := strings.TrimSpace(n.attr("alt")); alt != "" && escapeName(alt) != name {
		params = append(params, `alt="`+escapeName(alt)+`"`)
	}
	if len(params) == 0 {
		return "!" + name + "!"
	}
	return "!" + name + "|" + strings.Join(params, ",") + "!"
}

// day is a date node's day; its timestamp is milliseconds in a string.
func day(n *node) string {
	ms, err := strconv.ParseInt(n.attr("timestamp"), 10, 64)
	if err != nil || ms > 1<<47 || ms < -(1<<45) {
		return n.attr("timestamp")
	}
	return time.UnixMilli(ms).UTC().Format(time.DateOnly)
}

var statusColors = map[string]string{
	"neutral": "#42526e", "purple": "#403294", "blue": "#0747a6", "red": "#bf2600", "yellow": "#ff991f", "green": "#006644",
}

var lineStart = regexp.MustCompile(`^(?:([*#]+|-)[ \t]|(-{4,})$|(\|))`)

// plainStart keeps text from being read as the start of a block.
func plainStart(line string) string {
	if lineStart.MatchString(line) {
		return `\` + line
	}
	if headingLine.MatchString(line) || quoteLine.MatchString(line) {
		return strings.Replace(line, ".", `\.`, 1)
	}
	return line
}
