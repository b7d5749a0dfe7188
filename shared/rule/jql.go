package rule

import (
	"fmt"
	"strings"
)

// clause is one node of a query: AND, OR, NOT over other clauses, or one comparison.
type clause struct {
	op    string // "and", "or", "not", or "" for a comparison
	parts []*clause

	field  string
	cmp    string // = != in "not in" is "is not" ~ !~ < <= > >= was changed …
	values []operand
	text   string // the comparison as written, for "which clause failed"
}

// operand is one value of a comparison. A function is known by name only.
type operand struct {
	text     string
	quoted   bool
	function bool
	empty    bool // EMPTY or NULL
}

// query is a whole JQL query; where is nil when it has only an order.
type query struct {
	where   *clause
	ordered bool
}

type jqlParser struct {
	tokens []jqlToken
	at     int
	depth  int
}

const maxJQLDepth = 50

// parseJQL reads a query, or says where it stops being one.
func parseJQL(src string) (*query, *jqlError) {
	tokens, err := lexJQL(src)
	if err != nil {
		return nil, err
	}
	p := &jqlParser{tokens: tokens}
	q := &query{}
	if t := p.peek(); t.kind != jqlEnd && !t.is("order") {
		if q.where, err = p.or(); err != nil {
			return nil, err
		}
	}
	if q.ordered, err = p.order(); err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != jqlEnd {
		return nil, p.wrong(t, "AND, OR or the end")
	}
	return q, nil
}

func (p *jqlParser) peek() jqlToken { return p.tokens[p.at] }

func (p *jqlParser) take() jqlToken {
	t := p.tokens[p.at]
	if t.kind != jqlEnd {
		p.at++
	}
	return t
}

func (p *jqlParser) wrong(t jqlToken, wanted string) *jqlError {
	return &jqlError{t.line, t.col, fmt.Sprintf("%s is wanted here, not %s", wanted, t), ""}
}

func (p *jqlParser) or() (*clause, *jqlError) { return p.chain("or", "||", p.and) }

func (p *jqlParser) and() (*clause, *jqlError) { return p.chain("and", "&&", p.not) }

func (p *jqlParser) chain(word, symbol string, next func() (*clause, *jqlError)) (*clause, *jqlError) {
	first, err := next()
	if err != nil {
		return nil, err
	}
	all := []*clause{first}
	for p.peek().is(word) || p.peek().symbol(symbol) {
		p.take()
		c, err := next()
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 1 {
		return first, nil
	}
	return &clause{op: word, parts: all}, nil
}

func (p *jqlParser) not() (*clause, *jqlError) {
	p.depth++
	defer func() { p.depth-- }()
	t := p.peek()
	if p.depth > maxJQLDepth {
		return nil, &jqlError{t.line, t.col, "the query is nested too deeply", ""}
	}
	switch {
	case t.is("not") || t.symbol("!"):
		p.take()
		c, err := p.not()
		return &clause{op: "not", parts: []*clause{c}}, err
	case t.symbol("("):
		p.take()
		c, err := p.or()
		if err != nil {
			return nil, err
		}
		if end := p.take(); !end.symbol(")") {
			return nil, p.wrong(end, `")"`)
		}
		return c, nil
	}
	return p.comparison()
}

var jqlReserved = []string{"and", "or", "not", "in", "is", "order", "by", "empty", "null", "was", "changed"}

func (p *jqlParser) comparison() (*clause, *jqlError) {
	from := p.at
	field, err := p.field()
	if err != nil {
		return nil, err
	}
	c := &clause{field: field}
	if c.cmp, err = p.compare(field); err != nil {
		return nil, err
	}
	if c.cmp != "changed" {
		if c.values, err = p.operands(c.cmp); err != nil {
			return nil, err
		}
	}
	if c.cmp == "changed" || strings.HasPrefix(c.cmp, "was") {
		if err := p.history(); err != nil {
			return nil, err
		}
	}
	c.text = p.written(from)
	return c, nil
}

func (p *jqlParser) written(from int) string {
	var words []string
	for _, t := range p.tokens[from:p.at] {
		if t.kind == jqlString {
			words = append(words, fmt.Sprintf("%q", t.text))
		} else {
			words = append(words, t.text)
		}
	}
	return strings.NewReplacer("( ", "(", " )", ")", " ,", ",").Replace(strings.Join(words, " "))
}

// field reads the name of a field: a word, a quoted text, or cf[10010].
func (p *jqlParser) field() (string, *jqlError) {
	t := p.take()
	if t.kind != jqlString && (t.kind != jqlWord || contains(jqlReserved, strings.ToLower(t.text))) {
		return "", p.wrong(t, "the name of a field")
	}
	if !p.peek().symbol("[") {
		return t.text, nil
	}
	p.take()
	inner := p.take()
	if end := p.take(); inner.kind == jqlEnd || !end.symbol("]") {
		return "", p.wrong(end, `"]"`)
	}
	return t.text + "[" + inner.text + "]", nil
}

func (p *jqlParser) compare(field string) (string, *jqlError) {
	t := p.take()
	if t.kind == jqlSymbol && strings.Contains(" = != ~ !~ < <= > >= ", " "+t.text+" ") {
		return t.text, nil
	}
	word := strings.ToLower(t.text)
	switch {
	case t.kind != jqlWord:
	case word == "in" || word == "changed":
		return word, nil
	case word == "not" && p.peek().is("in"):
		p.take()
		return "not in", nil
	case word == "is":
		return word + p.maybe("not"), nil
	case word == "was":
		return word + p.maybe("not") + p.maybe("in"), nil
	}
	e := p.wrong(t, fmt.Sprintf("an operator after %q", field))
	e.hint = nearest(t.text, []string{"=", "!=", "IN", "NOT IN", "IS", "IS NOT", "~", "!~", "<", "<=", ">", ">=", "WAS", "CHANGED"})
	return "", e
}

func (p *jqlParser) maybe(word string) string {
	if p.peek().is(word) {
		p.take()
		return " " + word
	}
	return ""
}

func (p *jqlParser) operands(cmp string) ([]operand, *jqlError) {
	if !strings.HasSuffix(cmp, "in") {
		v, err := p.operand()
		if err == nil && strings.HasPrefix(cmp, "is") && !v.empty {
			t := p.tokens[p.at-1]
			return nil, &jqlError{t.line, t.col, "EMPTY or NULL is wanted after IS", `write "=" for a value`}
		}
		return []operand{v}, err
	}
	if !p.peek().symbol("(") { // a function that returns a list
		v, err := p.operand()
		if err == nil && !v.function {
			return nil, p.wrong(p.tokens[p.at-1], `"(" after IN`)
		}
		return []operand{v}, err
	}
	return p.list()
}

func (p *jqlParser) list() ([]operand, *jqlError) {
	p.take()
	var out []operand
	for {
		v, err := p.operand()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		switch t := p.take(); {
		case t.symbol(","):
		case t.symbol(")"):
			return out, nil
		default:
			return nil, p.wrong(t, `"," or ")"`)
		}
	}
}

func (p *jqlParser) operand() (operand, *jqlError) {
	t := p.take()
	switch {
	case t.kind == jqlString:
		return operand{text: t.text, quoted: true}, nil
	case t.is("empty") || t.is("null"):
		return operand{empty: true}, nil
	case t.kind != jqlWord || contains(jqlReserved, strings.ToLower(t.text)):
		return operand{}, p.wrong(t, "a value")
	}
	if !p.peek().symbol("(") {
		return operand{text: t.text}, nil
	}
	v := operand{text: t.text, function: true}
	p.take()
	if p.peek().symbol(")") {
		p.take()
		return v, nil
	}
	p.at-- // the arguments are a list: read it from its "("
	_, err := p.list()
	return v, err
}

// history reads what may follow WAS and CHANGED.
func (p *jqlParser) history() *jqlError {
	for {
		t := p.peek()
		if !(t.is("after") || t.is("before") || t.is("on") || t.is("during") || t.is("by") || t.is("from") || t.is("to")) {
			return nil
		}
		p.take()
		var err *jqlError
		if p.peek().symbol("(") {
			_, err = p.list()
		} else {
			_, err = p.operand()
		}
		if err != nil {
			return err
		}
	}
}

func (p *jqlParser) order() (bool, *jqlError) {
	if !p.peek().is("order") {
		return false, nil
	}
	p.take()
	if t := p.take(); !t.is("by") {
		return false, p.wrong(t, "BY")
	}
	for {
		if _, err := p.field(); err != nil {
			return false, err
		}
		if p.peek().is("asc") || p.peek().is("desc") {
			p.take()
		}
		if !p.peek().symbol(",") {
			return true, nil
		}
		p.take()
	}
}
