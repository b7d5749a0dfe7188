package jql

import (
	"fmt"
	"strings"
)

const (
	maxDepth  = 200   // parentheses and NOTs within each other
	maxTokens = 50000 // one query
)

const operators = "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'."

// node is *clause, all or some.
type node any

type (
	all  []node // AND
	some []node // OR
)

// clause is one comparison. Its op is lower case: = != ~ !~ < <= > >= in,
// "not in", is, "is not".
type clause struct {
	field  field
	op     string
	values []value
	list   bool // written in parentheses
}

// value is one operand as written.
type value struct {
	text  string
	plain bool // not quoted
	empty bool // EMPTY or NULL
	fn    string
	args  []string
}

type sortKey struct {
	field field
	desc  bool
}

type parser struct {
	tokens []token
	depth  int
}

// Parse reads a query. The texts of its errors follow Jira's.
func Parse(src string) (*Query, error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("Error in the JQL Query: The query is too long.")
	}
	p := &parser{tokens: tokens}
	q := &Query{}
	if !p.peek().is("order") && p.peek().kind != end {
		if q.where, err = p.or(false); err != nil {
			return nil, err
		}
	}
	if q.order, err = p.orderBy(); err != nil {
		return nil, err
	}
	return q, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) accept(text string) bool {
	if !p.peek().is(text) {
		return false
	}
	p.take()
	return true
}

// fail says what was expected; without a token there, that the query ended.
func fail(t token, expecting, more string) error {
	if more != "" {
		more = " " + more
	}
	if t.kind == end {
		return fmt.Errorf("Error in the JQL Query: Expecting %s before the end of the query.%s", expecting, more)
	}
	return fmt.Errorf("Error in the JQL Query: Expecting %s but got '%s'.%s%s", expecting, t.text, more, t.at())
}

// or and and parse a list of operands; negated, the two change places.
func (p *parser) or(negated bool) (node, error) {
	return p.operands("or", negated, p.and)
}

func (p *parser) and(negated bool) (node, error) {
	return p.operands("and", !negated, p.not)
}

func (p *parser) operands(word string, conjunction bool, operand func(bool) (node, error)) (node, error) {
	negated := conjunction == (word == "or")
	var nodes []node
	for {
		n, err := operand(negated)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
		if !p.accept(word) {
			break
		}
	}
	switch {
	case len(nodes) == 1:
		return nodes[0], nil
	case conjunction:
		return all(nodes), nil
	}
	return some(nodes), nil
}

func (p *parser) not(negated bool) (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fmt.Errorf("Error in the JQL Query: The query is nested too deeply.")
	}
	if p.accept("not") || p.accept("!") {
		return p.not(!negated)
	}
	if !p.accept("(") {
		return p.clause(negated)
	}
	n, err := p.or(negated)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); !p.accept(")") {
		return nil, fail(t, "')'", "")
	}
	return n, nil
}

var opposite = map[string]string{
	"=": "!=", "!=": "=", "~": "!~", "!~": "~", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
	"in": "not in", "not in": "in", "is": "is not", "is not": "is",
}

func (p *parser) clause(negated bool) (node, error) {
	f, err := p.field()
	if err != nil {
		return nil, err
	}
	c := &clause{field: f}
	if c.op, err = p.operator(); err != nil {
		return nil, err
	}
	if err := p.operand(c); err != nil {
		return nil, err
	}
	for i, v := range c.values {
		if f.name == "resolution" && strings.EqualFold(v.text, "unresolved") && v.fn == "" {
			c.values[i] = value{empty: true} // Jira's word for it
		}
	}
	if err := c.allowed(); err != nil {
		return nil, err
	}
	if negated {
		c.op = opposite[c.op]
	}
	return c, nil
}

func (p *parser) field() (field, error) {
	t := p.take()
	switch {
	case t.kind == end:
		return field{}, fmt.Errorf("Error in the JQL Query: Expecting a field name at the end of the query.")
	case t.kind == symbol:
		return field{}, fmt.Errorf("Error in the JQL Query: Expecting a field name but got '%s'. You must surround '%s' in quotation marks to use it as a field name.%s", t.text, t.text, t.at())
	case t.kind == word && reserved[strings.ToLower(t.text)]:
		return field{}, reservedWord(t)
	case t.text == "":
		return field{}, fmt.Errorf("Error in the JQL Query: The field name must not be empty.%s", t.at())
	}
	if !p.accept("[") {
		return lookup(t.text), nil
	}
	id := p.take()
	if strings.HasSuffix(strings.ToLower(t.text), ".property") {
		return field{}, fmt.Errorf("entity property %s[%s] in JQL: %w", t.text, id.text, ErrUnsupported)
	}
	if !strings.EqualFold(t.text, "cf") || !digits(id.text) || !p.accept("]") {
		return field{}, fmt.Errorf("Error in the JQL Query: Expecting a custom field as 'cf[10000]'.%s", t.at())
	}
	return lookup("cf[" + id.text + "]"), nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func reservedWord(t token) error {
	return fmt.Errorf("Error in the JQL Query: '%s' is a reserved JQL word. You must surround it in quotation marks to use it in a query.%s", t.text, t.at())
}

func (p *parser) operator() (string, error) {
	t := p.take()
	op := strings.ToLower(t.text)
	switch {
	case t.kind == symbol && opposite[op] != "", t.is("in"):
		return op, nil
	case t.is("not") && p.accept("in"):
		return "not in", nil
	case t.is("is") && p.accept("not"):
		return "is not", nil
	case t.is("is"):
		return op, nil
	case t.is("was"), t.is("changed"):
		return "", fmt.Errorf("operator %s in JQL: %w", strings.ToUpper(op), ErrUnsupported)
	}
	return "", fail(t, "operator", operators)
}

func (p *parser) operand(c *clause) error {
	if !p.accept("(") {
		v, err := p.value()
		c.values = []value{v}
		return err
	}
	c.list = true
	for {
		v, err := p.value()
		if err != nil {
			return err
		}
		c.values = append(c.values, v)
		if p.accept(",") {
			continue
		}
		if t := p.peek(); !p.accept(")") {
			return fail(t, "',' or ')'", "")
		}
		return nil
	}
}

func (p *parser) value() (value, error) {
	t := p.take()
	switch {
	case t.kind == end:
		return value{}, fail(t, "either a value, list or function", "")
	case t.kind == symbol:
		return value{}, fail(t, "either a value, list or function", fmt.Sprintf("You must surround '%s' in quotation marks to use it as a value.", t.text))
	case p.accept("("):
		return p.function(t)
	case t.is("empty"), t.is("null"):
		return value{empty: true}, nil
	case t.kind == word && reserved[strings.ToLower(t.text)]:
		return value{}, reservedWord(t)
	}
	return value{text: t.text, plain: t.kind == word}, nil
}

func (p *parser) function(name token) (value, error) {
	v := value{fn: strings.ToLower(name.text), text: name.text}
	for !p.accept(")") {
		if len(v.args) > 0 && !p.accept(",") {
			return v, fail(p.peek(), "',' or ')'", "")
		}
		t := p.take()
		if t.kind != word && t.kind != quoted {
			return v, fail(t, "a function argument", "")
		}
		v.args = append(v.args, t.text)
	}
	return v, checkFunction(v)
}

func (p *parser) orderBy() ([]sortKey, error) {
	t := p.take()
	if t.kind == end {
		return nil, nil
	}
	if !t.is("order") {
		return nil, fmt.Errorf("Error in the JQL Query: Expecting either 'OR' or 'AND' but got '%s'.%s", t.text, t.at())
	}
	if t := p.peek(); !p.accept("by") {
		return nil, fail(t, "'BY'", "")
	}
	var keys []sortKey
	for {
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		k := sortKey{field: f, desc: p.accept("desc")}
		if !k.desc {
			p.accept("asc")
		}
		keys = append(keys, k)
		if t := p.peek(); !p.accept(",") {
			if t.kind != end {
				return nil, fail(t, "','", "")
			}
			return keys, nil
		}
	}
}

func clauses(n node) []*clause {
	var list []*clause
	eachClause(n, func(c *clause) { list = append(list, c) })
	return list
}

func eachClause(n node, f func(*clause)) {
	switch n := n.(type) {
	case *clause:
		f(n)
	case all:
		for _, m := range n {
			eachClause(m, f)
		}
	case some:
		for _, m := range n {
			eachClause(m, f)
		}
	}
}
