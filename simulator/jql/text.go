package jql

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// term is one word or phrase of a text search.
type term struct {
	words   []string
	without bool // must not occur
}

// contains searches text the way "~" does: every word must occur, a phrase in
// inner quotes must occur as it is, OR separates alternatives, a leading minus
// or NOT excludes, and * and ? stand for letters within a word.
func contains(o Operand, query string) bool {
	have := words(o.Text, false)
	for _, name := range o.Names {
		have = append(append(have, ""), words(name, false)...) // no phrase reaches across
	}
	return slices.ContainsFunc(alternatives(query), func(terms []term) bool { return found(have, terms) })
}

// found tells whether all terms hold; one that only excludes finds nothing.
func found(have []string, terms []term) bool {
	some := false
	for _, t := range terms {
		if occurs(have, t.words) == t.without {
			return false
		}
		some = some || !t.without
	}
	return some
}

func occurs(have, phrase []string) bool {
	for i := 0; i+len(phrase) <= len(have); i++ {
		if startsWith(have[i:], phrase) {
			return true
		}
	}
	return false
}

func startsWith(have, phrase []string) bool {
	for i, w := range phrase {
		if !glob(w, have[i]) {
			return false
		}
	}
	return true
}

// glob matches a word against a pattern with * and ?.
func glob(pattern, word string) bool {
	p, w := []rune(pattern), []rune(word)
	star, back, i, j := -1, 0, 0, 0
	for j < len(w) {
		switch {
		case i < len(p) && p[i] == '*':
			star, back = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == w[j]):
			i, j = i+1, j+1
		case star >= 0:
			back++
			i, j = star+1, back
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// words splits text at everything that is neither letter nor digit.
func words(text string, wild bool) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !(unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_' || wild && (r == '*' || r == '?'))
	})
}

// alternatives takes a text query apart.
func alternatives(query string) [][]term {
	list := [][]term{nil}
	without := false
	for query = strings.TrimSpace(query); query != ""; query = strings.TrimSpace(query) {
		var piece string
		piece, query = cut(query)
		switch piece {
		case "OR", "||":
			list = append(list, nil)
			continue
		case "AND", "&&":
			continue
		case "NOT":
			without = true
			continue
		}
		t := term{words: words(strings.TrimLeft(piece, "*?"), true), without: without || strings.HasPrefix(piece, "-")}
		without = false
		if len(t.words) > 0 {
			list[len(list)-1] = append(list[len(list)-1], t)
		}
	}
	return list
}

// cut takes the next word or quoted phrase.
func cut(query string) (piece, rest string) {
	i := strings.IndexFunc(query, unicode.IsSpace)
	if q := strings.IndexByte(query, '"'); q >= 0 && (i < 0 || q < i) {
		if e := strings.IndexByte(query[q+1:], '"'); e >= 0 {
			return query[:q+e+2], query[q+e+2:]
		}
	}
	if i < 0 {
		return query, ""
	}
	return query[:i], query[i:]
}

// checkText refuses what Jira's text index refuses.
func checkText(v value, f field) error {
	switch {
	case v.fn != "":
		return fmt.Errorf("A value provided by the function '%s' is invalid for the field '%s'.", v.text, f.written)
	case strings.TrimSpace(v.text) == "":
		return fmt.Errorf("The field '%s' does not support searching for an empty string.", f.written)
	case strings.IndexAny(strings.TrimSpace(v.text), "*?") == 0:
		return fmt.Errorf("The text query '%s' for field '%s' is not allowed to start with '%c'", v.text, f.written, strings.TrimSpace(v.text)[0])
	}
	return nil
}
