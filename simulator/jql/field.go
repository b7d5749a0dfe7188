package jql

import (
	"fmt"
	"strings"
)

// shape tells how a field's values are compared.
type shape int

const (
	custom  shape = iota // by what the value holds
	named                // equal or not
	ordered              // named values with an order
	issues               // issue keys and ids
	dates                // moments and days
	texts                // searched for words
	bodies               // text that cannot be asked for EMPTY
)

type field struct {
	name    string // canonical, lower case
	written string // as in the query
	shape   shape
}

var aliases = map[string]string{
	"type": "issuetype", "issue": "key", "issuekey": "key", "id": "key",
	"resolved": "resolutiondate", "due": "duedate", "createddate": "created", "updateddate": "updated",
	"label": "labels", "components": "component", "fixversions": "fixversion",
	"affectsversion": "affectedversion", "versions": "affectedversion",
}

var shapes = map[string]shape{
	"project": named, "issuetype": named, "status": named, "statuscategory": named, "labels": named,
	"assignee": named, "reporter": named, "creator": named, "component": named, "parent": issues,
	"key": issues, "priority": ordered, "fixversion": ordered, "affectedversion": ordered, "resolution": ordered,
	"created": dates, "updated": dates, "duedate": dates, "resolutiondate": dates,
	"summary": texts, "description": texts, "environment": texts, "comment": bodies, "text": bodies,
}

var permitted = map[shape]string{
	custom:  " = != ~ !~ < <= > >= in not in is is not ",
	named:   " = != in not in is is not ",
	ordered: " = != < <= > >= in not in is is not ",
	issues:  " = != < <= > >= in not in is is not ",
	dates:   " = != < <= > >= in not in is is not ",
	texts:   " ~ !~ is is not ",
	bodies:  " ~ !~ ",
}

// Words Jira keeps for itself; as names and values they need quotes.
var reserved = set(`abort access add after alias all alter and any as asc audit avg before begin between
	boolean break by byte catch cf char character check checkpoint collate collation column commit connect
	continue count create current date decimal declare decrement default defaults define delete delimiter
	desc difference distinct divide do double drop else empty encoding end equals escape exclusive exec
	execute exists explain false fetch file field first float for from function go goto grant greater group
	having identified if immediate in increment index initial inner inout input insert int integer intersect
	intersection into is isempty isnull join last left less like limit lock long max min minus mode modify
	modulo more multiply next noaudit not notin nowait null number object of on option or order outer output
	power previous prior privileges public raise raw remainder rename resource return returns revoke right
	row rowid rownum rows select session set share size sqrt start strict string subtract sum synonym table
	then to trans transaction trigger true uid union unique update user validate values view when whenever
	where while with`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	delete(m, "cf") // needed unquoted in cf[10000]
	return m
}

// canonical gives a field's name as Issue.Get knows it.
func canonical(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if a, ok := aliases[name]; ok {
		return a
	}
	return name
}

func lookup(written string) field {
	name := canonical(written)
	return field{name: name, written: written, shape: shapes[name]}
}

func known(env Env, f field) error {
	if f.shape != custom || env.KnownField == nil || env.KnownField(f.name) {
		return nil
	}
	return fmt.Errorf("Field '%s' does not exist or you do not have permission to view it.", f.written)
}

// allowed checks what can be checked without an issue and an Env: does the
// field have the operator, does the operator take such an operand?
func (c *clause) allowed() error {
	if !strings.Contains(permitted[c.field.shape], " "+c.op+" ") {
		return fmt.Errorf("The operator '%s' is not supported by the '%s' field.", c.op, c.field.written)
	}
	switch c.op {
	case "in", "not in":
		if !c.list && c.values[0].fn == "" {
			return fmt.Errorf("Operator '%s' does not support the non-list value '%s' for field '%s'.", c.op, c.values[0], c.field.written)
		}
	case "is", "is not":
		if c.list || !c.values[0].empty {
			return fmt.Errorf("Operator '%s' does not support the value '%s' for field '%s'.", c.op, c.values[0], c.field.written)
		}
	default:
		return c.single()
	}
	return nil
}

func (c *clause) single() error {
	if c.list {
		return fmt.Errorf("Operator '%s' does not support the list value '%s' for field '%s'.", c.op, listed(c.values), c.field.written)
	}
	if c.values[0].empty && c.op != "=" && c.op != "!=" {
		return fmt.Errorf("Operator '%s' does not support searching for an empty value for field '%s'.", c.op, c.field.written)
	}
	return nil
}

func (v value) String() string {
	switch {
	case v.empty:
		return "EMPTY"
	case v.fn != "":
		return v.text + "(" + strings.Join(v.args, ", ") + ")"
	}
	return v.text
}

func listed(values []value) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = `"` + v.String() + `"`
	}
	return "(" + strings.Join(texts, ",") + ")"
}
