package page

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strings"

	"drawbridge/simulator/adf"
)

// painter draws wiki markup. It writes only tags of its own; all text and all
// attribute values of a document are escaped.
type painter struct {
	prefix string
	files  map[string]string // attachment name to address
}

type docNode struct {
	Type    string         `json:"type"`
	Attrs   map[string]any `json:"attrs"`
	Content []docNode      `json:"content"`
	Text    string         `json:"text"`
	Marks   []struct {
		Type  string         `json:"type"`
		Attrs map[string]any `json:"attrs"`
	} `json:"marks"`
}

func (n docNode) attr(name string) string {
	s, _ := n.Attrs[name].(string)
	return s
}

func (p *painter) html(wiki string) template.HTML {
	var doc docNode
	if err := json.Unmarshal(adf.FromWiki(wiki), &doc); err != nil {
		return template.HTML(esc(wiki))
	}
	return template.HTML(p.all(doc.Content))
}

func esc(s string) string { return template.HTMLEscapeString(s) }

func (p *painter) all(list []docNode) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(p.node(n))
	}
	return b.String()
}

// tags of nodes that are nothing but a tag around their content.
var tags = map[string]string{"paragraph": "p", "bulletList": "ul", "orderedList": "ol", "listItem": "li", "blockquote": "blockquote", "tableRow": "tr", "tableCell": "td", "tableHeader": "th"}

func (p *painter) node(n docNode) string {
	if tag := tags[n.Type]; tag != "" {
		return "<" + tag + ">" + p.all(n.Content) + "</" + tag + ">"
	}
	switch n.Type {
	case "text":
		return p.text(n)
	case "heading":
		level, _ := n.Attrs["level"].(float64)
		return fmt.Sprintf("<h%d>%s</h%d>", int(level), p.all(n.Content), int(level))
	case "hardBreak":
		return "<br>"
	case "rule":
		return "<hr>"
	case "codeBlock":
		return "<pre><code>" + p.all(n.Content) + "</code></pre>"
	case "table":
		return `<div class="scroll"><table>` + p.all(n.Content) + "</table></div>"
	case "panel":
		return `<div class="panel ` + esc(n.attr("panelType")) + `">` + p.all(n.Content) + "</div>"
	case "mediaSingle", "mediaGroup":
		return `<p>` + p.all(n.Content) + "</p>"
	case "media", "mediaInline":
		return p.media(n)
	case "mention":
		return `<span class="mention">@` + esc(n.attr("id")) + "</span>"
	case "inlineCard", "blockCard", "embedCard":
		return anchor(n.attr("url"), esc(n.attr("url")))
	}
	return `<span class="unknown">` + esc(n.Type) + "</span>"
}

func (p *painter) media(n docNode) string {
	name := n.attr("id")
	src := p.files[name]
	switch {
	case n.attr("type") == "external":
		return anchor(n.attr("url"), esc(n.attr("url")))
	case src == "":
		return `<span class="missing" title="no such attachment">` + esc(name) + "</span>"
	case n.attr("type") == "file" && n.Type == "mediaInline":
		return anchor(src, esc(name))
	}
	return `<img src="` + esc(src) + `" alt="` + esc(name) + `" loading="lazy">`
}

// anchor links to web and mail addresses and within the site, to nothing else.
func anchor(href, inner string) string {
	u, err := url.Parse(href)
	if err != nil || !(u.Scheme == "http" || u.Scheme == "https" || u.Scheme == "mailto" || u.Scheme == "" && (strings.HasPrefix(href, "/") || strings.HasPrefix(href, "#"))) {
		return inner
	}
	return `<a href="` + esc(href) + `" rel="noopener noreferrer">` + inner + "</a>"
}

var markTags = map[string]string{"strong": "strong", "em": "em", "underline": "u", "strike": "s", "code": "code"}

var colorValue = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (p *painter) text(n docNode) string {
	out := esc(n.Text)
	for i := len(n.Marks) - 1; i >= 0; i-- {
		m := n.Marks[i]
		value := func(k string) string { s, _ := m.Attrs[k].(string); return s }
		switch tag := markTags[m.Type]; {
		case tag != "":
			out = "<" + tag + ">" + out + "</" + tag + ">"
		case m.Type == "subsup" && value("type") == "sup":
			out = "<sup>" + out + "</sup>"
		case m.Type == "subsup":
			out = "<sub>" + out + "</sub>"
		case m.Type == "textColor" && colorValue.MatchString(value("color")):
			out = `<font color="` + value("color") + `">` + out + "</font>" // the only way without a style attribute
		case m.Type == "link":
			out = anchor(value("href"), out)
		}
	}
	return out
}
