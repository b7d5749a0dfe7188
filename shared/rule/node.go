package rule

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a rule file, so that reading one costs little whatever it holds.
const (
	maxFile  = 256 << 10 // bytes
	maxDepth = 20        // nesting of lists and maps
	maxItems = 1000      // in one list or map
)

// pos is a place in a rule file, from 1; builtin says that the file is the default rule set.
type pos struct {
	line, col int
	builtin   bool
}

type nodeKind int

const (
	nullNode nodeKind = iota
	textNode
	numberNode
	boolNode
	mapNode
	listNode
)

var kindNames = map[nodeKind]string{
	nullNode: "nothing", textNode: "text", numberNode: "a number", boolNode: "true or false", mapNode: "a map", listNode: "a list",
}

// node is what the parser leaves of YAML: values with positions. Anchors, aliases, tags and merges are refused, so a
// small file cannot become a large one.
type node struct {
	kind  nodeKind
	at    pos
	text  string // of a scalar: as written
	pairs []pair
	items []*node
}

type pair struct {
	key   string
	at    pos
	value *node
}

// readYAML turns source into a node; nil for an empty file.
func readYAML(f *file, src []byte) (root *node) {
	defer func() {
		if r := recover(); r != nil { // the library's own mistakes must not be ours
			f.problem(start, "", "this is not readable as YAML")
			root = nil
		}
	}()
	if !readable(f, src) {
		return nil
	}
	doc, err := parser.ParseBytes(src, 0)
	if err != nil {
		f.yamlError(err)
		return nil
	}
	return f.documents(doc)
}

// readable refuses what would make the YAML parser work hard before it finds out.
func readable(f *file, src []byte) bool {
	switch {
	case len(src) > maxFile:
		f.problem(start, "", "the file has %d bytes; at most %d are read", len(src), maxFile)
	case !utf8.Valid(src):
		f.problem(start, "save it as UTF-8", "the file is not UTF-8 text")
	case strings.ContainsRune(string(src), 0):
		f.problem(start, "", "the file holds a zero byte")
	case deep(string(src)):
		f.problem(start, "", "lists and maps are nested too deeply; at most %d levels are read", maxDepth)
	default:
		return true
	}
	return false
}

// deep is a rough bound on nesting that needs no parser: brackets never closed, and dashes or colons on one line.
func deep(src string) bool {
	open := 0
	for _, line := range strings.Split(src, "\n") {
		if strings.Count(line, "- ")+strings.Count(line, ": ")+strings.Count(line, "? ") > 1000 {
			return true
		}
		if len(line)-len(strings.TrimLeft(line, " -?\t")) > 200 {
			return true
		}
		for _, r := range line {
			switch r {
			case '[', '{':
				open++
			case ']', '}':
				open--
			}
			if open > 200 {
				return true
			}
		}
	}
	return false
}

func (f *file) yamlError(err error) {
	var y yaml.Error
	if !errors.As(err, &y) {
		f.problem(start, "", "not YAML: %s", firstLine(err.Error()))
		return
	}
	at := start
	if t := y.GetToken(); t != nil && t.Position != nil {
		at = f.place(t)
	}
	f.problem(at, "", "not YAML: %s", firstLine(y.GetMessage()))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (f *file) documents(doc *ast.File) *node {
	var root *node
	for _, d := range doc.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if root != nil {
			f.problem(f.place(d.Body.GetToken()), "one file holds one rule set", "a second document begins here")
			return root
		}
		root = f.convert(d.Body, 0)
	}
	return root
}

func (f *file) place(t *token.Token) pos {
	if t == nil || t.Position == nil {
		return pos{1, 1, f.builtin}
	}
	return pos{max(t.Position.Line, 1), max(t.Position.Column, 1), f.builtin}
}

func (f *file) convert(n ast.Node, depth int) *node {
	out := &node{at: f.place(n.GetToken())}
	if depth > maxDepth {
		f.problem(out.at, "", "lists and maps are nested too deeply; at most %d levels are read", maxDepth)
		return out
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		f.mapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		f.mapping(out, []*ast.MappingValueNode{n}, depth)
	case *ast.SequenceNode:
		f.list(out, n, depth)
	case *ast.LiteralNode:
		out.kind, out.text = textNode, n.Value.Value
	default:
		f.scalar(out, n)
	}
	return out
}

func (f *file) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.kind = mapNode
	if len(values) > 0 {
		out.at = f.place(values[0].Key.GetToken())
	}
	if len(values) > maxItems {
		f.problem(out.at, "", "a map of %d keys; at most %d are read", len(values), maxItems)
		return
	}
	for _, v := range values {
		at := f.place(v.Key.GetToken())
		key, ok := scalarText(v.Key)
		if !ok {
			f.problem(at, "write it in full", "a key must be plain text")
			continue
		}
		out.pairs = append(out.pairs, pair{key: key, at: at, value: f.convert(v.Value, depth+1)})
	}
}

func (f *file) list(out *node, n *ast.SequenceNode, depth int) {
	out.kind = listNode
	if len(n.Values) > maxItems {
		f.problem(out.at, "", "a list of %d items; at most %d are read", len(n.Values), maxItems)
		return
	}
	for _, v := range n.Values {
		out.items = append(out.items, f.convert(v, depth+1))
	}
}

func (f *file) scalar(out *node, n ast.Node) {
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = nullNode
	case *ast.BoolNode:
		out.kind, out.text = boolNode, n.Token.Value
	case *ast.IntegerNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.FloatNode:
		out.kind, out.text = numberNode, n.Token.Value
	case *ast.StringNode:
		out.kind, out.text = textNode, n.Value
	case *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = textNode, n.GetToken().Value
	default:
		f.problem(out.at, "write it in full", "YAML %s: not read here", strings.ToLower(n.Type().String()))
	}
}

func scalarText(k ast.MapKeyNode) (string, bool) {
	switch k := k.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return k.GetToken().Value, true
	}
	return "", false
}

// file is one rule file being read: it collects the problems.
type file struct {
	name     string
	lines    []string
	builtin  bool // the default rule set: its problems are ours, not the writer's
	problems Problems
}

var start = pos{line: 1, col: 1}

func newFile(name string, src []byte) *file {
	text := strings.ReplaceAll(string(src), "\r\n", "\n")
	if len(text) > maxFile {
		text = ""
	}
	return &file{name: name, lines: strings.Split(text, "\n")}
}

func (f *file) problem(at pos, hint, format string, args ...any) {
	if at.builtin && !f.builtin {
		return
	}
	p := Problem{File: f.name, Line: at.line, Column: at.col, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if at.line >= 1 && at.line <= len(f.lines) {
		p.Source = strings.ToValidUTF8(f.lines[at.line-1], "?")
		if utf8.RuneCountInString(p.Source) > 300 {
			p.Source = ""
		}
	}
	f.problems = append(f.problems, p)
}
