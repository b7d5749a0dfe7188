package template

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const root = "../.."

// tree is a part of the template. A CloudFormation tag is a mapping with the
// tag as its only key: !Ref A is {"!Ref": "A"}.
type tree = map[string]any

func source(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func load(t *testing.T, text string) tree {
	t.Helper()
	f, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		t.Fatal(err)
	}
	doc, ok := value(f.Docs[0].Body).(tree)
	if !ok {
		t.Fatal("template.yaml is no mapping")
	}
	return doc
}

func value(n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		m := tree{}
		for _, v := range n.Values {
			m[v.Key.String()] = value(v.Value)
		}
		return unquoted(m)
	case *ast.MappingValueNode:
		return unquoted(tree{n.Key.String(): value(n.Value)})
	case *ast.SequenceNode:
		out := []any{}
		for _, v := range n.Values {
			out = append(out, value(v))
		}
		return out
	case *ast.TagNode:
		return tree{n.Start.Value: value(n.Value)}
	case *ast.LiteralNode:
		return n.Value.Value
	case ast.ScalarNode:
		return n.GetValue()
	}
	return nil
}

// unquoted takes the quotes off keys.
func unquoted(m tree) tree {
	out := tree{}
	for k, v := range m {
		if len(k) > 1 && (k[0] == '"' || k[0] == '\'') {
			k = k[1 : len(k)-1]
		}
		out[k] = v
	}
	return out
}

// at follows keys into a tree; nil if one is missing.
func at(v any, path ...string) any {
	for _, k := range path {
		m, ok := v.(tree)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func number(v any) int {
	var n int
	fmt.Sscan(text(v), &n)
	return n
}

// refers returns the resource a !Ref or !GetAtt is about.
func refers(v any) string {
	if r := text(at(v, "!Ref")); r != "" {
		return r
	}
	name := text(at(v, "!GetAtt"))
	for i := range name {
		if name[i] == '.' {
			return name[:i]
		}
	}
	return name
}

// of returns the resources of a type, by name.
func of(doc tree, kind string) map[string]tree {
	out := map[string]tree{}
	for name, r := range at(doc, "Resources").(tree) {
		if text(at(r, "Type")) == kind {
			out[name] = r.(tree)
		}
	}
	return out
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}
