// Package adf converts between the Atlassian Document Format, in which Jira
// Cloud stores text, and wiki markup, in which REST version 2 and webhooks show
// it.
//
// The conversion loses what Cloud's own loses: an expand becomes a bold title
// and its content, a status a bold coloured word, a date a monospaced one, task
// and decision lists plain lists; nodes it does not know travel as
// {adf:display=block}…{adf}. Text is escaped where markup would be read into
// it, so ToWiki(FromWiki(w)) may differ from w, but never changes again.
// Attachments have no media ids here: a media node's id is the file's name.
// Emoticons, citations, anchors, {html}, {include} and nested quotes and panels
// stay the text they are.
//
// Start reading at FromWiki (blocks.go, then inlines.go and links.go) and
// ToWiki (write.go, then spans.go).
package adf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
)

const (
	maxDepth   = 100 // nodes within each other in a document
	maxMarkers = 12  // lists within each other in wiki markup
)

type node struct {
	Version int            `json:"version,omitempty"`
	Type    string         `json:"type"`
	Attrs   map[string]any `json:"attrs,omitempty"`
	Content []*node        `json:"content,omitempty"`
	Marks   []mark         `json:"marks,omitempty"`
	Text    string         `json:"text,omitempty"`

	raw  json.RawMessage // as it came, of nodes this package does not know
	lift string          // "single", "group", "blockCard", "embedCard": a block, when alone
}

type mark struct {
	Type  string         `json:"type"`
	Attrs map[string]any `json:"attrs,omitempty"`
}

// The order marks are listed in, and the outermost first where nothing else
// decides.
var markOrder = []string{"link", "textColor", "strong", "em", "underline", "strike", "subsup", "code"}

func (m mark) equal(n mark) bool {
	return m.Type == n.Type && m.attr("href") == n.attr("href") && m.attr("color") == n.attr("color") && m.attr("type") == n.attr("type")
}

func (m mark) attr(name string) string {
	s, _ := m.Attrs[name].(string)
	return s
}

// with adds a mark in its place, replacing one of the same type.
func with(marks []mark, m mark) []mark {
	out := without(marks, m.Type)
	out = append(out, m)
	sort.SliceStable(out, func(i, j int) bool {
		return slices.Index(markOrder, out[i].Type) < slices.Index(markOrder, out[j].Type)
	})
	return out
}

func without(marks []mark, kind string) []mark {
	out := make([]mark, 0, len(marks)+1)
	for _, m := range marks {
		if m.Type != kind {
			out = append(out, m)
		}
	}
	return out
}

func has(marks []mark, kind string) bool {
	return slices.ContainsFunc(marks, func(m mark) bool { return m.Type == kind })
}

func sameMarks(a, b []mark) bool { return slices.EqualFunc(a, b, mark.equal) }

func text(s string, marks ...mark) *node { return &node{Type: "text", Text: s, Marks: marks} }

func (n *node) attr(name string) string {
	s, _ := n.Attrs[name].(string)
	return s
}

// appendText adds text to a list, joining it with text before it that looks
// the same.
func appendText(list []*node, s string, marks []mark) []*node {
	if s == "" {
		return list
	}
	if len(list) > 0 {
		if last := list[len(list)-1]; last.Type == "text" && sameMarks(last.Marks, marks) {
			last.Text += s
			return list
		}
	}
	return append(list, text(s, marks...))
}

var knownTypes = map[string]bool{
	"doc": true, "paragraph": true, "heading": true, "text": true, "hardBreak": true, "bulletList": true,
	"orderedList": true, "listItem": true, "taskList": true, "taskItem": true, "decisionList": true,
	"decisionItem": true, "blockTaskItem": true, "table": true, "tableRow": true, "tableHeader": true,
	"tableCell": true, "codeBlock": true, "blockquote": true, "panel": true, "rule": true, "mention": true,
	"inlineCard": true, "blockCard": true, "embedCard": true, "mediaSingle": true, "mediaGroup": true,
	"media": true, "mediaInline": true, "caption": true, "emoji": true, "date": true, "status": true,
	"expand": true, "nestedExpand": true,
}

// decode reads a document, refusing one that is nested too deeply.
func decode(doc json.RawMessage) (*node, error) {
	if depth(doc) > 3*maxDepth {
		return nil, fmt.Errorf("document is nested too deeply")
	}
	n := &node{}
	if err := json.Unmarshal(doc, n); err != nil {
		return nil, fmt.Errorf("document: %w", err)
	}
	if n.Type != "doc" {
		return nil, fmt.Errorf("document: type is %q, not doc", n.Type)
	}
	return n, nil
}

// depth counts how far brackets are nested, before anything is decoded.
func depth(doc []byte) int {
	most, now, inString := 0, 0, false
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}

// UnmarshalJSON keeps a node that is not known as it came.
func (n *node) UnmarshalJSON(data []byte) error {
	type plain node // without this method
	if err := json.Unmarshal(data, (*plain)(n)); err != nil {
		return err
	}
	if !knownTypes[n.Type] {
		n.raw = append(n.raw, data...)
	}
	return nil
}

// MarshalJSON writes an unknown node as it came, and a document with its
// content even when that is empty.
func (n *node) MarshalJSON() ([]byte, error) {
	type plain node
	switch {
	case n.raw != nil:
		return n.raw, nil
	case n.Type == "doc":
		content := n.Content
		if content == nil {
			content = []*node{}
		}
		return encode(map[string]any{"type": "doc", "version": 1, "content": content})
	}
	return encode((*plain)(n))
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
