package jql

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Match tells whether an issue is found by the query. It fails where Jira
// refuses the query: an unknown field, a date that is none.
func (q *Query) Match(env Env, is Issue) (bool, error) {
	if err := q.Check(env); err != nil {
		return false, err
	}
	if q.where == nil {
		return true, nil
	}
	return match(env, is, q.where)
}

func match(env Env, is Issue, n node) (bool, error) {
	switch n := n.(type) {
	case all:
		for _, m := range n {
			if ok, err := match(env, is, m); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case some:
		for _, m := range n {
			if ok, err := match(env, is, m); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case *clause:
		return n.match(env, is)
	}
	return false, fmt.Errorf("jql: unknown node %T", n)
}

// match compares one clause. An EMPTY field is found by nothing but EMPTY:
// neither by a comparison nor by its negation.
func (c *clause) match(env Env, is Issue) (bool, error) {
	have := c.operands(is)
	switch c.op {
	case "is":
		return len(have) == 0, nil
	case "is not":
		return len(have) > 0, nil
	case "=", "in", "~":
		return c.some(env, have, c.compare())
	case "!=", "not in", "!~":
		return c.none(env, have)
	}
	if len(have) == 0 {
		return false, nil
	}
	return c.some(env, have, c.compare())
}

// operands are the issue's values; an issue is known by its key and its id.
func (c *clause) operands(is Issue) []Operand {
	have := is.Get(c.field.name)
	if c.field.name == "key" {
		have = slices.Concat(have, is.Get("id"))
	}
	return have
}

type comparison func(Env, Operand, value) (bool, error)

func (c *clause) compare() comparison {
	switch c.op {
	case "~", "!~":
		return func(_ Env, o Operand, v value) (bool, error) { return contains(o, v.text), nil }
	case "<", "<=", ">", ">=":
		return c.ordered
	}
	return c.equal
}

// some tells whether any of the issue's values compares true with any of the
// clause's.
func (c *clause) some(env Env, have []Operand, compare comparison) (bool, error) {
	for _, v := range c.values {
		if v.empty && len(have) == 0 {
			return true, nil
		}
		if v.empty {
			continue
		}
		for _, o := range have {
			if ok, err := compare(env, o, v); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// none is the negation for issues that have a value.
func (c *clause) none(env Env, have []Operand) (bool, error) {
	if len(have) == 0 || c.unknownUser(env) {
		return false, nil
	}
	ok, err := c.some(env, have, c.compare())
	return !ok && err == nil, err
}

// unknownUser: an anonymous currentUser() is nobody, so nothing can be said
// to differ from it.
func (c *clause) unknownUser(env Env) bool {
	return env.User == "" && slices.ContainsFunc(c.values, func(v value) bool { return v.fn == "currentuser" })
}

func (c *clause) equal(env Env, o Operand, v value) (bool, error) {
	if c.isDate(o) {
		n, err := compareDates(env, c.field, o, v)
		return n == 0 && err == nil, err
	}
	text := v.text
	if v.fn == "currentuser" {
		text = env.User
	}
	if text == "" {
		return false, nil
	}
	if slices.ContainsFunc(o.Names, func(name string) bool { return strings.EqualFold(name, text) }) {
		return true, nil
	}
	if len(o.Names) > 0 || o.Text != "" {
		return strings.EqualFold(o.Text, text), nil
	}
	n, err := strconv.ParseFloat(text, 64)
	return err == nil && n == o.Num, nil
}

func (c *clause) ordered(env Env, o Operand, v value) (bool, error) {
	n, ok, err := c.order(env, o, v)
	if !ok || err != nil {
		return false, err
	}
	switch c.op {
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	}
	return n >= 0, nil
}

// order compares an issue's value with a written one; not ok when the two
// cannot be compared.
func (c *clause) order(env Env, o Operand, v value) (n int, ok bool, err error) {
	switch {
	case c.isDate(o):
		n, err = compareDates(env, c.field, o, v)
		return n, true, err
	case c.field.shape == issues:
		return compareIssues(o, v.text)
	case c.field.name == "priority":
		return comparePriorities(o, v.text)
	case len(o.Names) > 0:
		return natural(o.Names[0], v.text), true, nil
	}
	f, bad := strconv.ParseFloat(v.text, 64)
	return cmp.Compare(o.Num, f), bad == nil, nil
}

func (c *clause) isDate(o Operand) bool {
	return c.field.shape == dates || c.field.shape == custom && !o.Time.IsZero()
}

// compareIssues compares keys within one project, and ids.
func compareIssues(o Operand, text string) (int, bool, error) {
	project, number, isKey := splitKey(text)
	id, err := strconv.ParseFloat(text, 64)
	for _, name := range o.Names {
		p, n, ok := splitKey(name)
		if isKey && ok && p == project {
			return cmp.Compare(n, number), true, nil
		}
		if have, bad := strconv.ParseFloat(name, 64); err == nil && bad == nil {
			return cmp.Compare(have, id), true, nil
		}
	}
	return 0, false, nil
}

// splitKey takes an issue key apart, the project in upper case.
func splitKey(key string) (project string, number int, ok bool) {
	i := strings.LastIndexByte(key, '-')
	if i <= 0 || !digits(key[i+1:]) {
		return "", 0, false
	}
	number, err := strconv.Atoi(key[i+1:])
	return strings.ToUpper(key[:i]), number, err == nil
}

// Jira's default priorities, old and new, the lowest first.
var ranks = map[string]int{
	"trivial": 1, "lowest": 1, "minor": 2, "low": 2, "medium": 3, "major": 3, "normal": 3,
	"high": 4, "critical": 4, "highest": 5, "blocker": 5,
}

// comparePriorities compares by rank where both names are of Jira's default
// scheme, else by the ids, where a lower one is more urgent.
func comparePriorities(o Operand, text string) (int, bool, error) {
	if want, ok := ranks[strings.ToLower(text)]; ok {
		for _, name := range o.Names {
			if have, ok := ranks[strings.ToLower(name)]; ok {
				return cmp.Compare(have, want), true, nil
			}
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return cmp.Compare(f, o.Num), err == nil, nil
}

// natural compares names such as versions: digits as numbers, letters without
// regard to case.
func natural(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for a != "" && b != "" {
		m, n := run(a), run(b)
		x, y := a[:m], b[:n]
		a, b = a[m:], b[n:]
		if digits(x) && digits(y) {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if n := cmp.Compare(len(x), len(y)); n != 0 {
				return n
			}
		}
		if n := cmp.Compare(x, y); n != 0 {
			return n
		}
	}
	return cmp.Compare(len(a), len(b))
}

// run is the length of the leading digits, or of what comes before the first.
func run(s string) int {
	digit := s[0] >= '0' && s[0] <= '9'
	i := strings.IndexFunc(s, func(r rune) bool { return (r >= '0' && r <= '9') != digit })
	if i < 0 {
		return len(s)
	}
	return i
}
