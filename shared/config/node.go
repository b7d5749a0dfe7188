package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A kind is what a node of a file is, in the words of JSON Schema.
type kind string

const (
	object  kind = "object"
	array   kind = "array"
	text    kind = "string"
	integer kind = "integer"
	number  kind = "number"
	boolean kind = "boolean"
	null    kind = "null"
)

// A place is where something stands in a file; both count from 1.
type place struct{ line, column int }

// A node is one value of a file with the place where it begins. One without a kind was refused already.
type node struct {
	place
	kind   kind
	value  any    // of a scalar: string, int64, float64, bool, nil
	raw    string // of a scalar: as written
	fields []field
	items  []*node
}

type field struct {
	place
	name  string
	value *node
}

func (n *node) field(name string) *node {
	for _, f := range n.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// A tree is made of a file by a builder, which collects what cannot be read as plain data.
type builder struct {
	problems []problem
}

// A problem is a mistake before it has its file name and source line.
type problem struct {
	place
	width   int
	message string
	hint    string
	bare    bool // show no source line: there is none, or it may hold a secret
}

func (b *builder) refuse(p place, message, hint string) {
	b.problems = append(b.problems, problem{place: p, message: message, hint: hint})
}

// parse reads a YAML text as plain data. The node is nil if there is nothing to check.
func parse(data []byte) (*node, []problem) {
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, []problem{syntax(err)}
	}
	var b builder
	switch {
	case len(file.Docs) > 1 && file.Docs[1].Body != nil:
		b.refuse(at(file.Docs[1].Body), "a second document begins here", "one file holds one document: remove the --- line and what follows")
		return nil, b.problems
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return &node{place: place{1, 1}, kind: object}, nil
	}
	root := b.node(file.Docs[0].Body)
	return root, b.problems
}

func syntax(err error) problem {
	var s *yaml.SyntaxError
	if errors.As(err, &s) && s.Token != nil {
		return problem{place: tokenPlace(s.Token), message: "not YAML: " + s.Message}
	}
	return problem{place: place{1, 1}, message: "not YAML: " + err.Error()}
}

func (b *builder) node(n ast.Node) *node {
	switch n := n.(type) {
	case *ast.MappingNode:
		return b.object(at(n), n.Values)
	case *ast.MappingValueNode:
		return b.object(at(n), []*ast.MappingValueNode{n})
	case *ast.SequenceNode:
		out := &node{place: at(n), kind: array}
		for _, v := range n.Values {
			out.items = append(out.items, b.node(v))
		}
		return out
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		b.refuse(at(n), "anchors, aliases and tags are not read here", "write the value out")
		return &node{place: at(n)}
	}
	return scalar(n)
}

func scalar(n ast.Node) *node {
	out := &node{place: at(n), raw: n.GetToken().Value}
	switch n := n.(type) {
	case *ast.StringNode:
		out.kind, out.value = text, n.Value
	case *ast.LiteralNode:
		out.kind, out.value = text, n.Value.Value
	case *ast.BoolNode:
		out.kind, out.value = boolean, n.Value
	case *ast.IntegerNode:
		out.kind, out.value = integer, wholeNumber(n.Value)
	case *ast.FloatNode:
		out.kind, out.value = number, n.Value
	case *ast.NullNode:
		out.kind = null
	default:
		out.kind, out.value = text, n.String()
	}
	return out
}

func wholeNumber(v any) any {
	switch v := v.(type) {
	case int64:
		return v
	case uint64:
		if v <= 1<<62 {
			return int64(v)
		}
	}
	return v
}

func (b *builder) object(p place, values []*ast.MappingValueNode) *node {
	out := &node{place: p, kind: object}
	if len(values) > 0 && p.line == 0 {
		out.place = at(values[0].Key)
	}
	for _, v := range values {
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			b.refuse(at(v.Key), "anchors, aliases and tags are not read here", "write the value out")
			continue
		}
		f := field{place: at(v.Key), name: keyText(v.Key), value: b.node(v.Value)}
		if earlier := out.field(f.name); earlier != nil {
			b.refuse(f.place, fmt.Sprintf("%q is there twice", f.name), fmt.Sprintf("the first one is in line %d; keep one", lineOf(out, f.name)))
			continue
		}
		out.fields = append(out.fields, f)
	}
	return out
}

func lineOf(n *node, name string) int {
	for _, f := range n.fields {
		if f.name == name {
			return f.line
		}
	}
	return 0
}

func keyText(key ast.MapKeyNode) string {
	if s, ok := key.(*ast.StringNode); ok {
		return s.Value
	}
	return strings.TrimSpace(key.GetToken().Value)
}

// at is where a node begins. A mapping's own token is its first colon; it begins at its first key.
func at(n ast.Node) place {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return at(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return at(n.Key)
	}
	return tokenPlace(n.GetToken())
}

func tokenPlace(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{t.Position.Line, t.Position.Column}
}
