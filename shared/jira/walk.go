package jira

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// The functions of this file walk over a JSON text that was found valid, once and without a copy. encoding/json reads each
// value again at every level that decodes itself, and bodies of Jira are deep. Of a text that is not valid they make
// nonsense, but nothing worse.

// valid checks a whole text.
func valid(raw []byte) error {
	if sound(raw) || json.Valid(raw) {
		return nil
	}
	return json.Unmarshal(raw, new(struct{})) // says what is wrong, and where
}

// members calls each for the members of an object, in order, until it fails. null is an object without members.
func members(raw []byte, each func(name, value []byte) error) error {
	inside, err := within(raw, '{')
	for at := 0; err == nil; {
		from, to := next(inside, at)
		if from == to {
			return nil
		}
		quoted := inside[from:to]
		if from, at = next(inside, to); from == at || len(quoted) < 2 {
			return fmt.Errorf("%w: a member without a name or a value", errShape)
		}
		name, ok := verbatim(quoted)
		if !ok {
			name = []byte(unquote(quoted))
		}
		err = each(name, inside[from:at])
	}
	return err
}

// elements calls each for the elements of a list, in order, until it fails. null is a list without elements.
func elements(raw []byte, each func(value []byte) error) error {
	inside, err := within(raw, '[')
	for at := 0; err == nil; {
		from, to := next(inside, at)
		if from == to {
			return nil
		}
		err, at = each(inside[from:to]), to
	}
	return err
}

// listed reads the elements of a list.
func listed[T any](raw []byte, read func(value []byte) (T, error)) (list []T, err error) {
	err = elements(raw, func(value []byte) error {
		e, err := read(value)
		list = append(list, e)
		return err
	})
	return list, err
}

// within is what stands between the brackets of an object or a list.
func within(raw []byte, bracket byte) ([]byte, error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil, nil
	case len(raw) < 2 || raw[0] != bracket:
		return nil, fmt.Errorf("%w: %.40s instead of %c", errShape, raw, bracket)
	}
	return raw[1 : len(raw)-1], nil
}

// next finds the first value that starts at or after i; from equals to where there is none.
func next(raw []byte, i int) (from, to int) {
	for i < len(raw) && between(raw[i]) {
		i++
	}
	from = i
	for depth := 0; i < len(raw); {
		switch b := raw[i]; {
		case b == '"':
			i = quoted(raw, i)
		case b == '{', b == '[':
			depth++
			i++
			continue
		case b == '}', b == ']':
			depth--
			i++
		case depth == 0:
			return from, wordEnd(raw, i)
		default:
			i++
			continue
		}
		if depth <= 0 {
			return from, i
		}
	}
	return from, i
}

// between reports whether a byte stands between values.
func between(b byte) bool { return b <= ' ' || b == ',' || b == ':' }

// wordEnd is the end of a number or a word that starts at i.
func wordEnd(raw []byte, i int) int {
	for i < len(raw) && !between(raw[i]) {
		i++
	}
	return i
}

// quoted is the end of the text that starts at i.
func quoted(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// unquote is what a text says; "" of what is no text.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if says, ok := verbatim(raw); ok {
		return string(says)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid, and a text
	return s
}

// verbatim is what stands between quotes, and whether it says what it means: no byte of it is to be decoded.
func verbatim(raw []byte) ([]byte, bool) {
	says := raw[1 : len(raw)-1]
	return says, bytes.IndexByte(says, '\\') < 0 && utf8.Valid(says)
}

// lookup is the value of one member of an object; nil where there is none. Of two it is the last, as everywhere.
func lookup(raw []byte, name string) (found []byte) {
	_ = members(raw, func(n, value []byte) error {
		if string(n) == name {
			found = value
		}
		return nil
	})
	return found
}
