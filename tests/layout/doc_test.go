package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var decided = regexp.MustCompile("(?m)^Module: `([^` ]+)`")

// TestDependenciesAreDecided: every module the code imports has a file in docs/decisions that says why, and every module
// decided there is still in go.mod.
func TestDependenciesAreDecided(t *testing.T) {
	required := modules(t)
	decisions := map[string]string{}
	for _, name := range files(t) {
		if within(name, "docs/decisions") {
			text, _ := read(t, name)
			for _, m := range decided.FindAllStringSubmatch(text, -1) {
				decisions[m[1]] = name
			}
		}
	}
	for mod, by := range imported(t, required) {
		if !covered(mod, decisions) {
			t.Errorf("%s is imported by %s and has no file in docs/decisions with a line: Module: `%s`", mod, by, mod)
		}
	}
	for mod, name := range decisions {
		if !covered(mod, required) {
			t.Errorf("%s decides for %s, which is not in go.mod", name, mod)
		}
	}
}

var requirement = regexp.MustCompile(`(?m)^\s*(?:require )?(\S+\.\S+/\S+|\S+\.\S+) v\d`)

func modules(t *testing.T) map[string]string {
	t.Helper()
	text, _ := read(t, "go.mod")
	found := map[string]string{}
	for _, m := range requirement.FindAllStringSubmatch(text, -1) {
		found[m[1]] = "go.mod"
	}
	return found
}

// imported are the modules that our own packages and tests import, each with one package that does.
func imported(t *testing.T, required map[string]string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, p := range packages(t) {
		for _, imp := range p.all() {
			if mod := longest(imp, required); mod != "" {
				found[mod] = p.path()
			}
		}
	}
	return found
}

func longest(imp string, required map[string]string) (best string) {
	for mod := range required {
		if within(imp, mod) && len(mod) > len(best) {
			best = mod
		}
	}
	return best
}

// covered reports whether the module, or the repository it is a part of, is in the set.
func covered(mod string, set map[string]string) bool {
	for m := range set {
		if within(mod, m) || within(m, mod) {
			return true
		}
	}
	return false
}

var heading = regexp.MustCompile("(?m)^### `([a-z0-9-]+)`")

// TestErrorsAreCatalogued: every error name used in code is explained in docs/errors.md, and nothing else is.
func TestErrorsAreCatalogued(t *testing.T) {
	text, _ := read(t, "docs/errors.md")
	documented := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		if documented[m[1]] {
			t.Errorf("docs/errors.md explains %q twice", m[1])
		}
		documented[m[1]] = true
	}
	used := errorNames(t)
	for name, where := range used {
		if !documented[name] {
			t.Errorf("%s: error %q is not explained in docs/errors.md", where, name)
		}
	}
	for name := range documented {
		if used[name] == "" {
			t.Errorf("docs/errors.md explains %q, which no code uses", name)
		}
	}
}

// errorNames are the names of bridge errors made anywhere in the code, each with one place.
func errorNames(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"unexpected": "shared/bridge/error.go"}
	for _, p := range packages(t) {
		set := token.NewFileSet()
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			if f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0); err == nil {
				parsed = append(parsed, f)
			}
		}
		consts := constants(parsed)
		for _, f := range parsed {
			ast.Inspect(f, func(n ast.Node) bool {
				if arg := nameOf(n, p.path()); arg != nil {
					place := p.path() + "/" + filepath.Base(set.Position(n.Pos()).Filename) + ":" + strconv.Itoa(set.Position(n.Pos()).Line)
					if name, ok := literal(arg, consts); ok {
						found[name] = place
					}
				}
				return true
			})
		}
	}
	return found
}

// nameOf returns the expression that names a bridge error made at this node: the first argument of bridge.Permanent and
// bridge.Temporary, the Name of a bridge.Error literal.
func nameOf(n ast.Node, in string) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 1 && qualifier(s) == "bridge" && (s.Sel.Name == "Permanent" || s.Sel.Name == "Temporary") {
			return n.Args[0]
		}
	case *ast.CompositeLit:
		if s, ok := n.Type.(*ast.SelectorExpr); ok && qualifier(s) == "bridge" && s.Sel.Name == "Error" && in != "shared/bridge" {
			for _, e := range n.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if k, ok := kv.Key.(*ast.Ident); ok && k.Name == "Name" {
						return kv.Value
					}
				}
			}
		}
	}
	return nil
}

func qualifier(s *ast.SelectorExpr) string {
	if id, ok := s.X.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func literal(e ast.Expr, consts map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.Ident:
		s, ok := consts[e.Name]
		return s, ok
	}
	return "", false
}

// constants are the string constants of a package.
func constants(parsed []*ast.File) map[string]string {
	found := map[string]string{}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, name := range v.Names {
					if i < len(v.Values) {
						if b, ok := v.Values[i].(*ast.BasicLit); ok && b.Kind == token.STRING {
							found[name.Name], _ = strconv.Unquote(b.Value)
						}
					}
				}
			}
			return true
		})
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)

// TestLinksLead: a relative link in a Markdown file leads to a file of the tree.
func TestLinksLead(t *testing.T) {
	for _, name := range files(t) {
		if path.Ext(name) != ".md" {
			continue
		}
		text, _ := read(t, name)
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(root(), path.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
	}
}
