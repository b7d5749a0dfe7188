package rule

import (
	"fmt"
	"strings"
	"unicode"
)

// A small reader of JQL, for two purposes: to show mistakes when a trigger is saved, and to decide a trigger from the
// event alone where its clauses allow that. Jira stays the authority: what this reader does not know is undecided.

// jqlError is a mistake in a query, placed within its text (line and column from 1).
type jqlError struct {
	line, col int
	message   string
	hint      string
}

type jqlToken struct {
	kind      jqlKind
	text      string // of a quoted string: without quotes
	line, col int
}

type jqlKind int

const (
	jqlEnd jqlKind = iota
	jqlWord
	jqlString
	jqlSymbol // ( ) , = != ~ !~ < <= > >= && || ! [ ]
)

func (t jqlToken) is(word string) bool {
	return t.kind == jqlWord && strings.EqualFold(t.text, word)
}

func (t jqlToken) symbol(s string) bool { return t.kind == jqlSymbol && t.text == s }

func (t jqlToken) String() string {
	if t.kind == jqlEnd {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

const maxQuery = 10000

// lexJQL cuts a query into tokens.
func lexJQL(src string) ([]jqlToken, *jqlError) {
	if len(src) > maxQuery {
		return nil, &jqlError{1, 1, fmt.Sprintf("a query of %d characters; at most %d are read", len(src), maxQuery), ""}
	}
	l := &jqlLexer{src: []rune(src), line: 1, col: 1}
	var out []jqlToken
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if t.kind == jqlEnd {
			return out, nil
		}
	}
}

type jqlLexer struct {
	src       []rune
	at        int
	line, col int
}

func (l *jqlLexer) peek() rune {
	if l.at < len(l.src) {
		return l.src[l.at]
	}
	return -1
}

func (l *jqlLexer) take() rune {
	r := l.src[l.at]
	l.at++
	if l.col++; r == '\n' {
		l.line, l.col = l.line+1, 1
	}
	return r
}

func (l *jqlLexer) next() (jqlToken, *jqlError) {
	for l.peek() >= 0 && unicode.IsSpace(l.peek()) {
		l.take()
	}
	t := jqlToken{line: l.line, col: l.col}
	switch r := l.peek(); {
	case r < 0:
		return t, nil
	case r == '"' || r == '\'':
		return l.quoted(t)
	case strings.ContainsRune("()=,!~<>&|[]", r):
		return l.operator(t)
	}
	t.kind = jqlWord
	for r := l.peek(); r >= 0 && !unicode.IsSpace(r) && !strings.ContainsRune(`()=,!~<>&|[]"'`, r); r = l.peek() {
		t.text += string(l.escaped())
	}
	return t, nil
}

// escaped takes one character, or the one after a backslash.
func (l *jqlLexer) escaped() rune {
	r := l.take()
	if r == '\\' && l.peek() >= 0 {
		return l.take()
	}
	return r
}

func (l *jqlLexer) quoted(t jqlToken) (jqlToken, *jqlError) {
	t.kind = jqlString
	quote := l.take()
	var b strings.Builder
	for l.peek() >= 0 {
		if l.peek() == quote {
			l.take()
			t.text = b.String()
			return t, nil
		}
		b.WriteRune(l.escaped())
	}
	return t, &jqlError{t.line, t.col, "a quoted text is never closed", ""}
}

func (l *jqlLexer) operator(t jqlToken) (jqlToken, *jqlError) {
	t.kind = jqlSymbol
	t.text = string(l.take())
	two := t.text + string(max(l.peek(), 0))
	switch two {
	case "!=", "!~", "<=", ">=", "&&", "||":
		l.take()
		t.text = two
	}
	if t.text == "&" || t.text == "|" {
		return t, &jqlError{t.line, t.col, fmt.Sprintf("%q is no operator", t.text), "write AND or OR"}
	}
	return t, nil
}
