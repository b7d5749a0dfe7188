package rule

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"
	exprfile "github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
)

// Three walks over a parsed expression make it safe: rewriter puts the budget into everything that repeats or grows,
// softener makes empty text and "nothing" one and the same, watcher records what is read and refuses what hides it.

func call(name string, args ...ast.Node) *ast.CallNode {
	return &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: name},
		Arguments: append([]ast.Node{&ast.IdentifierNode{Value: budgetName}}, args...),
	}
}

// rewriter passes the state to our functions and counts the bodies of loops.
type rewriter struct{}

// Visit implements ast.Visitor; children come before their parents.
func (rewriter) Visit(n *ast.Node) {
	switch x := (*n).(type) {
	case *ast.CallNode:
		if id, ok := x.Callee.(*ast.IdentifierNode); ok && ours[id.Value] {
			x.Arguments = append([]ast.Node{&ast.IdentifierNode{Value: budgetName}}, x.Arguments...)
		}
	case *ast.PredicateNode:
		x.Node = &ast.SequenceNode{Nodes: []ast.Node{call("\x00step"), x.Node}}
	}
}

// softener rewrites operators whose plain form would fail on missing values or escape the budget.
type softener struct{}

// Visit implements ast.Visitor.
func (s softener) Visit(n *ast.Node) {
	x, ok := (*n).(*ast.BinaryNode)
	if !ok {
		return
	}
	switch x.Operator {
	case "+":
		s.plus(n, x)
	case "==", "!=":
		s.compare(n, x)
	case "??":
		ast.Patch(n, call("default", x.Left, x.Right))
	case "in":
		ast.Patch(n, call("\x00in", x.Left, x.Right))
	case "contains", "startsWith", "endsWith", "matches":
		x.Left = call("text", x.Left)
	}
}

// plus is text building unless both sides are numbers.
func (softener) plus(n *ast.Node, x *ast.BinaryNode) {
	l, r := x.Left.Type(), x.Right.Type()
	switch {
	case isNumber(l) && isNumber(r):
	case isText(l) || isText(r):
		joined := call("\x00join", x.Left, x.Right)
		ast.Patch(n, joined)
		joined.SetType(reflect.TypeFor[string]())
	default:
		ast.Patch(n, call("\x00plus", x.Left, x.Right))
	}
}

// compare makes == nil ask for emptiness, and all comparing count: lists that share their parts can be deep.
func (softener) compare(n *ast.Node, x *ast.BinaryNode) {
	if isNumber(x.Left.Type()) && isNumber(x.Right.Type()) {
		return
	}
	_, left := x.Left.(*ast.NilNode)
	_, right := x.Right.(*ast.NilNode)
	asked := call("\x00same", x.Left, x.Right)
	switch {
	case left:
		asked = call("empty", x.Right)
	case right:
		asked = call("empty", x.Left)
	}
	asked.SetType(reflect.TypeFor[bool]())
	if x.Operator == "!=" {
		ast.Patch(n, &ast.UnaryNode{Operator: "not", Node: asked})
		return
	}
	ast.Patch(n, asked)
}

func isText(t reflect.Type) bool { return t != nil && t.Kind() == reflect.String }

func isNumber(t reflect.Type) bool {
	return t != nil && (t.Kind() == reflect.Int || t.Kind() == reflect.Float64)
}

// watcher records the members of issue and replica that an expression names. Both must be named one by one, so that it
// is known before evaluation what an expression reads.
type watcher struct {
	words   *vocabulary
	known   types.Map
	issue   map[string]ref
	replica []string
	names   map[string]bool
	whole   map[*ast.IdentifierNode]bool
	bad     *exprfile.Error
}

// Reset and ShouldRepeat make the library run this walk last, right before its final check.
func (w *watcher) Reset() {}

// ShouldRepeat is false: one walk is enough.
func (w *watcher) ShouldRepeat() bool { return false }

// Visit implements ast.Visitor; children come before their parents.
func (w *watcher) Visit(n *ast.Node) {
	if w.issue == nil {
		w.issue, w.names, w.whole = map[string]ref{}, map[string]bool{}, map[*ast.IdentifierNode]bool{}
	}
	switch x := (*n).(type) {
	case *ast.IdentifierNode:
		w.identifier(x)
	case *ast.MemberNode:
		w.member(x)
	case *ast.BinaryNode:
		w.operator(x)
	case *ast.CallNode:
		x.SetNature(nature.Nature{}) // the checker skips the arguments of a call whose type it knows from an earlier walk
	}
}

func (w *watcher) identifier(x *ast.IdentifierNode) {
	w.names[x.Value] = true
	switch x.Value {
	case "issue", "replica":
		w.whole[x] = true
	case "$env":
		w.refuse(x, "$env is not to be had here")
	}
}

func (w *watcher) member(x *ast.MemberNode) {
	base, ok := x.Node.(*ast.IdentifierNode)
	if !ok || !w.whole[base] {
		return
	}
	name, ok := x.Property.(*ast.StringNode)
	if !ok {
		return
	}
	delete(w.whole, base)
	if base.Value == "replica" {
		w.replica = append(w.replica, name.Value)
		if low := strings.ToLower(name.Value); low != name.Value {
			w.refuse(x, "keys of the replica are in small letters: %q", low)
		}
	} else if r, ok := w.words.refs[name.Value]; ok {
		w.issue[name.Value] = r
	}
}

func (w *watcher) operator(x *ast.BinaryNode) {
	if _, constant := x.Right.(*ast.StringNode); x.Operator == "matches" && !constant {
		w.refuse(x, "the pattern after \"matches\" must be written out")
	}
}

func (w *watcher) refuse(n ast.Node, format string, args ...any) {
	if w.bad == nil {
		w.bad = &exprfile.Error{Location: n.Location(), Message: fmt.Sprintf(format, args...)}
	}
}

func (w *watcher) err(source string) error {
	for x := range w.whole {
		w.refuse(x, "%s is read member by member: %s.name or %s[\"Name\"]", x.Value, x.Value, x.Value)
	}
	if w.bad == nil {
		return nil
	}
	return w.bad.Bind(exprfile.NewSource(source))
}

func (w *watcher) refs() []ref {
	out := make([]ref, 0, len(w.issue))
	for _, r := range w.issue {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}
