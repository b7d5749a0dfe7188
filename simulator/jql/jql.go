// Package jql parses and evaluates the Jira Query Language as far as people
// write it in searches and webhook filters.
//
// What it does not do: WAS and CHANGED, entity properties, and the functions
// that need more than the issue and the user (membersOf, openSprints, …) are
// recognised and refused with ErrUnsupported; words are not stemmed, so
// "summary ~ run" does not find "running".
//
// Start reading at Parse and (*Query).Match. A query is parsed into clauses
// with every NOT already pushed down to the operators, as Jira does it: so
// "NOT assignee = bob" means "assignee != bob" and leaves out the issues
// without an assignee.
package jql

import (
	"errors"
	"time"
)

// ErrUnsupported is wrapped by the errors for language Jira knows and this
// package does not.
var ErrUnsupported = errors.New("not supported by the simulator")

// datacenter is the flavour that compares dates by the minute.
const datacenter = "datacenter"

// Env is what a query's meaning depends on besides the issue.
type Env struct {
	Now        time.Time              // the moment relative dates count from
	Zone       *time.Location         // zone of the searching user; nil is UTC
	User       string                 // what currentUser() stands for; empty when anonymous
	Flavour    string                 // "cloud" or "datacenter"; empty is cloud
	KnownField func(name string) bool // is there such a field (lower case)? nil: every one
}

// Operand is one value of an issue's field. Only the members that make sense
// for the field are set.
type Operand struct {
	// Names are all strings that identify the value, compared without regard
	// to case: id, key, name, account id, e-mail. The first one is shown and
	// sorted by.
	Names []string
	// Time is the value of a date field. A day without a time of day is given
	// as midnight UTC, with Text "yyyy-MM-dd".
	Time time.Time
	// Num is the value of a number field, else the value's place in its list:
	// priorities, statuses, versions.
	Num float64
	// Text is the value of a text field.
	Text string
}

// Issue is what a query looks at.
type Issue interface {
	// Get gives the values of a field by its canonical lower-case name:
	// project, key, id, issuetype, status, statuscategory, priority, labels,
	// assignee, reporter, creator, component, fixversion, affectedversion,
	// resolution, created, updated, duedate, resolutiondate, summary,
	// description, environment, comment, text, parent, "cf[10010]" or a custom
	// field's name. Nothing means EMPTY.
	Get(field string) []Operand
}

// Query is a parsed query. It is immutable and safe for concurrent use.
type Query struct {
	where node // nil when there is no restriction
	order []sortKey
}

// Bounded tells whether the query has a restriction. Jira Cloud refuses those
// that have none.
func (q *Query) Bounded() bool { return q.where != nil }

// Fields lists the canonical names of the fields the query uses, in order of
// appearance, each once.
func (q *Query) Fields() []string {
	var names []string
	seen := map[string]bool{}
	add := func(f field) {
		if !seen[f.name] {
			seen[f.name] = true
			names = append(names, f.name)
		}
	}
	eachClause(q.where, func(c *clause) { add(c.field) })
	for _, k := range q.order {
		add(k.field)
	}
	return names
}

// Values lists the literal values the query compares a field with, so that a
// server can refuse those that do not exist.
func (q *Query) Values(name string) []string {
	var values []string
	want := canonical(name)
	eachClause(q.where, func(c *clause) {
		for _, v := range c.values {
			if c.field.name == want && v.fn == "" && !v.empty {
				values = append(values, v.text)
			}
		}
	})
	return values
}

// Check reports what is wrong with the query before any issue is looked at:
// unknown fields, dates that are none, values an operator cannot take.
func (q *Query) Check(env Env) error {
	for _, c := range clauses(q.where) {
		if err := known(env, c.field); err != nil {
			return err
		}
		if err := c.check(env); err != nil {
			return err
		}
	}
	for _, k := range q.order {
		if err := known(env, k.field); err != nil {
			return err
		}
	}
	return nil
}
