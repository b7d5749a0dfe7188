package rule

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
)

// function is one function of the rule language. Every call gets the state of the evaluation first and pays for the
// text it makes. Example and Want are shown in docs/rules.md and are a test.
type function struct {
	name    string
	form    string // how it is written: "replace(text, old, new)"
	does    string
	example string
	want    string
	types   any // a nil function of its type, state first
	do      func(s *state, args []any) (any, error)
}

// builtins are the functions of the expression library that rules may use: those that neither grow nor reach out.
var builtins = []string{
	"all", "any", "one", "none", "filter", "map", "find", "findIndex", "findLast", "count", "sum", "sortBy", "reduce",
	"abs", "ceil", "floor", "round", "first", "last", "take", "reverse", "sort", "keys", "values",
}

// operators are functions behind operators; no expression can write their names.
var operators = []function{
	{name: "\x00step", types: new(func(*state) bool), do: func(s *state, _ []any) (any, error) { return true, s.step() }},
	{name: "\x00join", types: new(func(*state, any, any) string), do: joinText},
	{name: "\x00plus", types: new(func(*state, any, any) any), do: plus},
	{name: "\x00same", types: new(func(*state, any, any) bool), do: func(s *state, args []any) (any, error) { return s.same(args[0], args[1]) }},
	{name: "\x00in", types: new(func(*state, any, any) bool), do: in},
}

// ours are the names of our functions.
var ours = map[string]bool{}

// language are the options every expression is compiled with.
var language []expr.Option

func init() {
	language = append(language, expr.DisableAllBuiltins())
	for _, name := range builtins {
		language = append(language, expr.EnableBuiltin(name))
	}
	for _, f := range append(append([]function(nil), operators...), functions...) {
		ours[f.name] = f.name[0] != 0
		language = append(language, expr.Function(f.name, bound(f), f.types))
	}
}

func bound(f function) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		s, ok := args[0].(*state)
		if !ok {
			return nil, fmt.Errorf("%s: called without a state", f.name)
		}
		if err := s.step(); err != nil {
			return nil, err
		}
		return f.do(s, args[1:])
	}
}

// isBuiltin says whether a name is one of the expression library's, used or not.
func isBuiltin(name string) bool {
	_, ok := builtin.Index[name]
	return ok
}

func joinText(s *state, args []any) (any, error) {
	l, r := words(args[0]), words(args[1])
	return l + r, s.charge(len(l) + len(r))
}

func plus(s *state, args []any) (any, error) {
	l, lok := number(args[0])
	r, rok := number(args[1])
	if lok && rok {
		return l + r, nil
	}
	return joinText(s, args)
}

// in looks for a value in a list, or for a key in a map.
func in(s *state, args []any) (any, error) {
	if m, ok := args[1].(map[string]any); ok {
		_, found := m[words(args[0])]
		return found, nil
	}
	list := reflect.ValueOf(args[1])
	if list.Kind() != reflect.Slice {
		return false, nil
	}
	for i := range list.Len() {
		if found, err := s.same(args[0], list.Index(i).Interface()); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// same compares two values; every element compared is a step.
func (s *state) same(a, b any) (bool, error) {
	if err := s.step(); err != nil {
		return false, err
	}
	if a == nil { // what arrived empty, where no type says what kind of emptiness it is
		a = ""
	}
	if b == nil {
		b = ""
	}
	if x, ok := number(a); ok {
		y, ok := number(b)
		return ok && x == y, nil
	}
	if m, ok := a.(map[string]any); ok {
		return s.sameMap(m, b)
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if x.Kind() != reflect.Slice || y.Kind() != reflect.Slice {
		return x.Kind() != reflect.Slice && y.Kind() != reflect.Slice && y.Kind() != reflect.Map && a == b, nil
	}
	if x.Len() != y.Len() {
		return false, nil
	}
	for i := range x.Len() {
		if same, err := s.same(x.Index(i).Interface(), y.Index(i).Interface()); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *state) sameMap(a map[string]any, b any) (bool, error) {
	m, ok := b.(map[string]any)
	if !ok || len(a) != len(m) {
		return false, nil
	}
	for k, v := range a {
		w, ok := m[k]
		if !ok {
			return false, nil
		}
		if same, err := s.same(v, w); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	}
	return 0, false
}

// isEmpty reports whether a value says nothing.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		for _, e := range v {
			if !isEmpty(e) {
				return false
			}
		}
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Slice && r.Len() == 0
}

// onText makes a function of one text out of a Go function.
func onText(do func(string) string) func(*state, []any) (any, error) {
	return func(s *state, args []any) (any, error) {
		in := words(args[0])
		if err := s.charge(len(in)); err != nil {
			return nil, err
		}
		out := do(in)
		return out, s.charge(len(out))
	}
}

// onTexts makes a function of several texts out of a Go function.
func onTexts(do func(...string) string) func(*state, []any) (any, error) {
	return func(s *state, args []any) (any, error) {
		texts := make([]string, len(args))
		for i, a := range args {
			texts[i] = words(a)
			if err := s.charge(len(texts[i])); err != nil {
				return nil, err
			}
		}
		out := do(texts...)
		return out, s.charge(len(out))
	}
}

// onList makes a function of a list and more values out of a Go function over texts.
func onList(do func(list []string, more []string) []string) func(*state, []any) (any, error) {
	return func(s *state, args []any) (any, error) {
		list, err := s.list(args[0])
		if err != nil {
			return nil, err
		}
		var more []string
		for _, a := range args[1:] {
			part, err := s.list(a)
			if err != nil {
				return nil, err
			}
			more = append(more, part...)
		}
		if err := s.charge(8 * (len(list) + len(more))); err != nil {
			return nil, err
		}
		return do(list, more), nil
	}
}

// list takes a value as a list of texts, paying for its length first.
func (s *state) list(v any) ([]string, error) {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		if err := s.charge(8 * r.Len()); err != nil {
			return nil, err
		}
	}
	return listOf(v), nil
}

func cut(text string, n int) string {
	if r := []rune(text); n >= 0 && len(r) > n {
		return strings.TrimRight(string(r[:max(n-1, 0)]), " ") + "…"
	}
	return text
}
