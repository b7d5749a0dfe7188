package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A Value is a field value in canonical JSON: no white space, object keys sorted, numbers as written. Two values are
// equal when their strings are. Cleared is the ordinary value null; the empty string means "no value known".
type Value string

// Cleared is the value of a field that holds nothing.
const Cleared Value = "null"

// True and False are the values of one element of a set-valued field: is it in the set?
const (
	True  Value = "true"
	False Value = "false"
)

// ValueOf makes the canonical value of anything JSON can hold. It panics on what JSON cannot hold (a channel, NaN):
// that is a mistake of the caller's, never of the data's.
func ValueOf(v any) Value {
	switch v.(type) {
	case nil, string, bool, json.Number, []any, []string, map[string]any, map[string]string, int, int64, float64:
		return plain(v) // encoding/json sorts the keys of maps
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("bridge: value of %T: %v", v, err))
	}
	c, err := Canonical(raw) // of a struct, whose members stand in the order of the source
	if err != nil {
		panic(fmt.Sprintf("bridge: value of %T: %v", v, err))
	}
	return c
}

func plain(v any) Value {
	if text, ok := v.(string); ok && bare(text) {
		return Value(`"` + text + `"`)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("bridge: value of %T: %v", v, err))
	}
	return Value(bytes.TrimRight(b.Bytes(), "\n"))
}

// literal reports whether a value needs no decoder, and is canonical as it stands: null, true, false, and most texts.
func (v Value) literal() bool {
	last := len(v) - 1
	return v == Cleared || v == True || v == False || last > 0 && v[0] == '"' && v[last] == '"' && bare(string(v[1:last]))
}

// bare reports whether JSON writes a text as it is, between quotes.
func bare(text string) bool {
	ascii := true
	for i := range len(text) {
		b := text[i]
		if b < ' ' || b == '"' || b == '\\' {
			return false
		}
		ascii = ascii && b < utf8.RuneSelf
	}
	return ascii || utf8.ValidString(text) && !strings.ContainsAny(text, "\u2028\u2029")
}

// Canonical returns the value of a JSON text, which may have white space and unsorted keys.
func Canonical(raw []byte) (Value, error) {
	if v := Value(raw); v.literal() {
		return v, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", fmt.Errorf("value is not JSON: %w", err)
	}
	return plain(v), nil
}

// Any decodes the value into maps, slices, strings, json.Number, bools or nil. An unknown value is nil.
func (v Value) Any() any {
	switch {
	case v == "" || v == Cleared:
		return nil
	case v == True || v == False:
		return v == True
	case v.literal():
		return string(v[1 : len(v)-1])
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(v)))
	dec.UseNumber()
	var out any
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// Text returns the string a value holds, and "" for anything that is not a string.
func (v Value) Text() string {
	s, _ := v.Any().(string)
	return s
}

// Empty reports whether the value is cleared or unknown.
func (v Value) Empty() bool { return v == "" || v == Cleared }

// MarshalJSON writes the value as the JSON it is.
func (v Value) MarshalJSON() ([]byte, error) {
	if v == "" {
		return []byte("null"), nil
	}
	return []byte(v), nil
}

// UnmarshalJSON reads any JSON and makes it canonical.
func (v *Value) UnmarshalJSON(raw []byte) error {
	c, err := Canonical(raw)
	*v = c
	return err
}
