package rule

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	exprfile "github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"drawbridge/shared/bridge"
)

// Budgets of one evaluation. They bound time and memory whatever the expression and the issue hold; time is counted in
// steps, so that the outcome is the same on every machine.
const (
	maxExpression = 4000    // characters
	maxNodes      = 500     // of the parsed expression
	maxSteps      = 10_000  // bodies of filter, map, … and calls of functions
	maxElements   = 10_000  // of all lists made
	maxBytes      = 1 << 20 // of all texts made or searched

	// maxTogether bounds all expressions of one evaluation of an issue, the elements of sets included, in characters; a step
	// counts as stepCost.
	maxTogether = 8 << 20
	stepCost    = 100
)

// budgetName is how the state of an evaluation is passed to our functions. No expression can write this name.
const budgetName = "\x00state"

// state is one evaluation: what its functions may look at, and what it has used up.
type state struct {
	rules *Rules
	env   *Env
	steps int
	bytes int
	spent int // by expressions before
}

var errSteps = fmt.Errorf("the expression takes too long: more than %d steps", maxSteps)
var errBytes = fmt.Errorf("the expression makes or searches more than %d characters of text", maxBytes)

func (s *state) step() error {
	if s.steps++; s.steps > maxSteps {
		return errSteps
	}
	return nil
}

func (s *state) charge(n int) error {
	if s.bytes += n; s.bytes > maxBytes {
		return errBytes
	}
	return s.step()
}

// program is a compiled expression and what it reads.
type program struct {
	code    *vm.Program
	reads   []ref    // members of issue
	replica []string // members of replica; nil also when it reads none
	names   map[string]bool
	result  reflect.Type // nil: known only when evaluated
	where   string
}

// fields are the ids of the fields of the issue that a program reads; nil has none.
func (p *program) fields() []string {
	var ids []string
	if p != nil {
		for _, r := range p.reads {
			if r.field.ID != "" {
				ids = append(ids, r.field.ID)
			}
		}
	}
	return ids
}

// past reports whether a program reads the changes of the issue.
func (p *program) past() bool {
	return p != nil && slices.ContainsFunc(p.reads, func(r ref) bool { return r.name == pastName })
}

// ref is one member of issue as an expression writes it, and the field behind it ("" for key, id, url, …).
type ref struct {
	name  string
	field Field
}

var personType = types.Map{"name": types.String, "email": types.String, "id": types.String}

// otherType is another issue.
var otherType = types.Map{"id": types.String, "key": types.String}

func typeOf(kind bridge.Kind) types.Type {
	switch kind {
	case bridge.Text, bridge.RichText, bridge.Name, bridge.Date, bridge.DateTime:
		return types.String
	case bridge.Names:
		return types.Array(types.String)
	case bridge.User:
		return personType
	case bridge.Users:
		return types.Array(personType)
	case bridge.Issue:
		return otherType
	}
	return types.Any
}

// facts are the members of issue that are no fields.
var facts = types.Map{"id": types.String, "key": types.String, "url": types.String, "project": types.String, "service": types.Bool,
	pastName: types.Array(types.Map{"field": types.String, "from": types.String, "to": types.String, "at": types.String, "by": personType})}

// pastName is the member of issue that holds its changes.
const pastName = "history"

// vocabulary is what expressions may name at one site.
type vocabulary struct {
	issue types.Map
	refs  map[string]ref
	twice map[string][]Field // names carried by several fields
	base  types.Map
	open  map[string]string // what fields are called, by id
}

func newVocabulary(s *site, set *Set, constants map[string]any) *vocabulary {
	v := &vocabulary{issue: types.Map{}, refs: map[string]ref{}, twice: map[string][]Field{}, open: map[string]string{}}
	for name, t := range facts {
		v.issue[name] = t
		v.refs[name] = ref{name: name}
	}
	for _, f := range s.fields {
		if _, member := unruly[f.ID]; s.secret(f, set.secret) || member {
			continue // restricted comments would leave through an expression
		}
		v.add(f.ID, f)
		v.open[f.ID] = f.Name
		if sys, ok := systemByID(f.ID); ok {
			v.open[f.ID] = sys.key
			v.add(sys.key, f)
		} else if found := s.find(f.Name); len(found) == 1 && found[0].ID == f.ID {
			v.add(f.Name, f)
		} else if len(found) > 1 {
			v.twice[f.Name] = found
		}
	}
	v.base = v.variables(constants)
	return v
}

func (v *vocabulary) add(name string, f Field) {
	if _, taken := v.issue[name]; !taken {
		v.issue[name] = typeOf(f.Kind)
		v.refs[name] = ref{name: name, field: f}
	}
}

func (v *vocabulary) variables(constants map[string]any) types.Map {
	side := types.Map{"role": types.String}
	m := types.Map{
		"issue":      v.issue,
		"replica":    types.Map{types.Extra: types.Any},
		"previous":   types.Map{types.Extra: types.Any},
		"first_sync": types.Bool,
		"pair": types.Map{"local_key": types.String, "remote_key": types.String, "local_url": types.String,
			"remote_url": types.String, "connection": types.String},
		"local":    side,
		"remote":   side,
		"skip":     types.TypeOf(skipValue{}),
		budgetName: types.TypeOf(&state{}),
	}
	for name, c := range constants {
		m[name] = types.TypeOf(c)
	}
	return m
}

// skipValue is the value of "skip": the row has nothing to say for this issue.
type skipValue struct{}

// compile checks one expression against what it may name. extra are the variables of its place: value, comment, ….
func (b *binder) compile(w word, lets []let, extra types.Map, options ...expr.Option) *program {
	if len(w.text) > maxExpression {
		b.problem(w.at, "", "an expression of %d characters; at most %d are read", len(w.text), maxExpression)
		return nil
	}
	known := types.Map{}
	for name, t := range b.words.base {
		known[name] = t
	}
	for name, t := range extra {
		known[name] = t
	}
	prefix := letPrefix(lets, w.text)
	watch := &watcher{words: b.words, known: known}
	all := append([]expr.Option{expr.Env(known), expr.MaxNodes(maxNodes), expr.Patch(rewriter{}), expr.Patch(softener{}), expr.Patch(watch)}, language...)
	code, err := compileSafely(prefix+w.text, append(all, options...))
	if err == nil {
		err = watch.err(prefix + w.text)
	}
	if err != nil {
		b.expressionProblem(w, prefix, known, err)
		return nil
	}
	if watch.issue[pastName].name != "" && !b.past {
		b.problem(w.at, "it is to be had in out, and in when, set and carry of what leaves", "expression: issue.%s is not known here", pastName)
		return nil
	}
	p := &program{code: code, reads: watch.refs(), replica: watch.replica, names: watch.names, where: b.where(w.at)}
	if t := code.Node().Type(); t != nil && t.Kind() != reflect.Interface {
		p.result = t
	}
	return p
}

func compileSafely(src string, options []expr.Option) (p *vm.Program, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the expression cannot be compiled: %v", r)
		}
	}()
	return expr.Compile(src, options...)
}

// let is a named value of a script, put in front of the expressions that come after it.
type let struct{ name, text string }

// letPrefix holds the lets an expression uses, and those they use.
func letPrefix(lets []let, text string) string {
	prefix := ""
	for i := len(lets) - 1; i >= 0; i-- {
		if mentions(prefix+text, lets[i].name) {
			prefix = "let " + lets[i].name + " = (" + lets[i].text + "); " + prefix
		}
	}
	return prefix
}

func mentions(text, name string) bool {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !identifier("x" + string(r)) }) {
		if word == name {
			return true
		}
	}
	return false
}

// expressionProblem says where in the file an expression is wrong, and what may have been meant.
func (b *binder) expressionProblem(w word, prefix string, known types.Map, err error) {
	var fe *exprfile.Error
	if !errors.As(err, &fe) {
		message := strings.NewReplacer("expected bool, but got string", "true or false is wanted, not text", "expected bool, but got",
			"true or false is wanted, not").Replace(firstLine(err.Error()))
		b.problem(w.at, "", "expression: %s", message)
		return
	}
	line, col := fe.Line, fe.Column+1
	if line <= 1 {
		line, col = 1, max(1, col-len([]rune(prefix)))
	}
	message, hint := b.explain(fe.Message, known)
	b.problem(b.within(w, line, col), hint, "expression: %s", message)
}

// unexpected is a token as the library writes it.
var unexpected = regexp.MustCompile(`unexpected token \w+\((".*")\)`)

// explain adds to the library's message what it cannot know.
func (b *binder) explain(message string, known types.Map) (string, string) {
	message = strings.ReplaceAll(message, "unexpected token EOF", "it ends too early")
	message = unexpected.ReplaceAllString(message, "$1 cannot stand here")
	if name, ok := strings.CutPrefix(message, "unknown name "); ok {
		var names []string
		for n := range known {
			if n != budgetName {
				names = append(names, n)
			}
		}
		for _, f := range functions {
			names = append(names, f.name)
		}
		return message, nearest(name, append(names, builtins...))
	}
	if name, ok := strings.CutPrefix(message, "unknown field "); ok {
		if fields := b.words.twice[name]; len(fields) > 1 {
			return fmt.Sprintf("%q is the name of %d fields", name, len(fields)), "write the id of one: " + ids(fields)
		}
		for _, f := range b.site.find(name) {
			if b.site.secret(f, b.set.secret) {
				return fmt.Sprintf("field %q is secret: no rule may name it", name), ""
			}
		}
		var names []string
		for n := range b.words.issue {
			names = append(names, n)
		}
		return fmt.Sprintf("there is no %q here", name), nearest(name, names)
	}
	return message, ""
}

func ids(fields []Field) string {
	var out []string
	for _, f := range fields {
		out = append(out, f.ID)
	}
	return strings.Join(out, ", ")
}

// run evaluates a program. A failure is permanent: the same issue under the same rules fails again.
func (p *program) run(vars map[string]any, st *state) (any, error) {
	st.spent += st.steps*stepCost + st.bytes
	st.steps, st.bytes = 0, 0
	if st.spent > maxTogether {
		return nil, bridge.Permanent("rule-failed", "%s: the expressions before this one took all the time there is for an issue", p.where)
	}
	machine := vm.VM{MemoryBudget: maxElements}
	out, err := machine.Run(p.code, vars)
	if err != nil {
		var fe *exprfile.Error
		message := firstLine(err.Error())
		if errors.As(err, &fe) {
			message = fe.Message
		}
		return nil, bridge.Permanent("rule-failed", "%s: %s", p.where, strings.ReplaceAll(message, budgetName, ""))
	}
	return out, nil
}

// truth evaluates a condition; no condition is true.
func (p *program) truth(vars map[string]any, st *state) (bool, error) {
	if p == nil {
		return true, nil
	}
	out, err := p.run(vars, st)
	if err != nil {
		return false, err
	}
	yes, ok := out.(bool)
	if !ok {
		return false, bridge.Permanent("rule-failed", "%s: a condition must be true or false, not %T", p.where, out)
	}
	return yes, nil
}

// within finds the place of a line and column of a text inside the file that holds the text.
func (f *file) within(w word, line, col int) pos {
	lines := strings.Split(w.text, "\n")
	if line < 1 || line > len(lines) || !w.set() || w.at.builtin != f.builtin {
		return w.at
	}
	want := strings.TrimSpace(lines[line-1])
	lead := len([]rune(lines[line-1])) - len([]rune(strings.TrimLeft(lines[line-1], " \t")))
	for i := w.at.line + line - 2; i < min(len(f.lines), w.at.line+len(lines)+2); i++ {
		from := 0
		if i == w.at.line-1 {
			from = len(string([]rune(f.lines[i])[:min(w.at.col-1, len([]rune(f.lines[i])))]))
		}
		if at := strings.Index(f.lines[i][from:], want); at >= 0 && want != "" {
			return pos{line: i + 1, col: len([]rune(f.lines[i][:from+at])) + max(col-lead, 1), builtin: f.builtin}
		}
	}
	return w.at
}
