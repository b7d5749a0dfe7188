// Package walk reads a JSON text in one pass and without a copy: [Check] it once as a whole, then walk over what is of interest.
// encoding/json reads each value again at every level that decodes itself, and takes all of it.
//
// The walk is that of gjson, and what it finds is what encoding/json finds: of two members of the same name the last, of text
// that is no UTF-8 the sign for it. Of a text that is not JSON it makes nonsense, but nothing worse.
package walk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

// ErrShape is of JSON that is not what was expected.
var ErrShape = errors.New("not the expected shape")

// deepest is how many levels encoding/json reads. gjson calls itself at every level, so it is asked only where there are no
// brackets for more.
const deepest = 10_000

// Check says what is wrong with a text, and where.
func Check(raw []byte) error {
	if Valid(raw) {
		return nil
	}
	return json.Unmarshal(raw, new(struct{}))
}

// Valid is json.Valid, four times as fast.
func Valid(raw []byte) bool {
	if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > deepest {
		return json.Valid(raw)
	}
	return gjson.ValidBytes(raw)
}

// Members calls each for the members of an object, in order, until it fails. null is an object without members.
func Members(raw []byte, each func(name, value []byte) error) error {
	return over(raw, '{', func(name, value []byte) error {
		says, ok := verbatim(name)
		if !ok {
			says = []byte(Text(name))
		}
		return each(says, value)
	})
}

// Elements calls each for the elements of a list, in order, until it fails. null is a list without elements.
func Elements(raw []byte, each func(value []byte) error) error {
	return over(raw, '[', func(_, value []byte) error { return each(value) })
}

// List reads the elements of a list.
func List[T any](raw []byte, read func(value []byte) (T, error)) (list []T, err error) {
	err = Elements(raw, func(value []byte) error {
		e, err := read(value)
		list = append(list, e)
		return err
	})
	return list, err
}

func over(raw []byte, bracket byte, each func(name, value []byte) error) (err error) {
	raw = bytes.TrimSpace(raw)
	switch {
	case string(raw) == "null":
		return nil
	case len(raw) < 2 || raw[0] != bracket:
		return fmt.Errorf("%w: %.40s instead of %c", ErrShape, raw, bracket)
	}
	part := func(r gjson.Result) []byte { return raw[r.Index : r.Index+len(r.Raw) : r.Index+len(r.Raw)] }
	gjson.Parse(unsafe.String(&raw[0], len(raw))).ForEach(func(name, value gjson.Result) bool {
		err = each(part(name), part(value))
		return err == nil
	})
	return err
}

// Text is what a text says; "" of what is no text.
func Text(raw []byte) string {
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
	if len(raw) < 2 {
		return nil, false
	}
	says := raw[1 : len(raw)-1]
	return says, bytes.IndexByte(says, '\\') < 0 && utf8.Valid(says)
}

// Member is the value of one member of an object; nil where there is none.
func Member(raw []byte, name string) (found []byte) {
	_ = Members(raw, func(n, value []byte) error {
		if string(n) == name {
			found = value
		}
		return nil
	})
	return found
}
