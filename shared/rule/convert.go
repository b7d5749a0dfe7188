package rule

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// Values come in three forms: neutral (what an Issue holds and what is written to Jira), travelling (bridge.Value), and
// what expressions see: text, float64, bool, nil, lists and maps, where empty text stands for no text.

// plain makes of any value, decoded JSON included, what expressions see. It never shares memory with the original.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string, bool, float64, int:
		return v
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case bridge.Value:
		return plain(v.Any())
	case bridge.Person:
		return personMap(v)
	case []bridge.Person:
		out := make([]any, len(v))
		for i, p := range v {
			out[i] = personMap(p)
		}
		return out
	case []string:
		return append([]string{}, v...)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plain(e)
		}
		return out
	}
	return plainNumber(v)
}

func plainNumber(v any) any {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case int32:
		return float64(v)
	case float32:
		return float64(v)
	}
	return fmt.Sprint(v)
}

func personMap(p bridge.Person) map[string]any {
	return map[string]any{"name": p.Name, "email": p.Email, "id": p.ID}
}

// typed is plain for a field of a known kind: never nil where the kind has an empty value of its own.
func typed(kind bridge.Kind, v any) any {
	switch kind {
	case bridge.Text, bridge.RichText, bridge.Name, bridge.Date, bridge.DateTime:
		s, _ := scalar(plain(v))
		return s
	case bridge.Names:
		return listOf(v)
	case bridge.User:
		return personMap(personOf(v))
	case bridge.Users:
		return plain(peopleOf(v))
	case bridge.Issue:
		m, _ := v.(map[string]any)
		return map[string]any{"id": words(m["id"]), "key": words(m["key"])}
	}
	return plain(v)
}

// scalar writes a scalar as text; ok is false for lists and maps.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case int:
		return strconv.Itoa(v), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// listOf makes a list of texts of anything that can be one; nothing gives an empty list.
func listOf(v any) []string {
	switch v := v.(type) {
	case nil:
		return []string{}
	case []string:
		return append([]string{}, v...)
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			if s := words(e); s != "" {
				out = append(out, s)
			}
		}
		return out
	case []bridge.Person:
		out := make([]string, 0, len(v))
		for _, p := range v {
			out = append(out, p.Name)
		}
		return out
	case bridge.Value:
		return listOf(v.Any())
	}
	if s := words(v); s != "" {
		return []string{s}
	}
	return []string{}
}

// words is the text of one element: itself, or the name of a person.
func words(v any) string {
	if s, ok := scalar(v); ok {
		return s
	}
	return personOf(v).Name
}

// personOf makes a person of what can be one: a person, its map, or a display name.
func personOf(v any) bridge.Person {
	switch v := v.(type) {
	case bridge.Person:
		return v
	case *bridge.Person:
		if v != nil {
			return *v
		}
	case string:
		return bridge.Person{Name: v}
	case bridge.Value:
		return personOf(v.Any())
	case map[string]any:
		text := func(k string) string { s, _ := v[k].(string); return s }
		return bridge.Person{Name: text("name"), Email: text("email"), ID: text("id")}
	}
	return bridge.Person{}
}

func peopleOf(v any) []bridge.Person {
	switch v := v.(type) {
	case []bridge.Person:
		return v
	case bridge.Value:
		return peopleOf(v.Any())
	case []string:
		return peopleOf(anyList(v))
	case []any:
		var out []bridge.Person
		for _, e := range v {
			if p := personOf(e); p != (bridge.Person{}) {
				out = append(out, p)
			}
		}
		return out
	}
	if p := personOf(v); p != (bridge.Person{}) {
		return []bridge.Person{p}
	}
	return nil
}

func anyList(v []string) []any {
	out := make([]any, len(v))
	for i, s := range v {
		out[i] = s
	}
	return out
}

// convert makes of any value a neutral one of the given kind, or says why that cannot be.
func convert(kind bridge.Kind, v any) (any, error) {
	v = flat(v)
	if v == nil || v == "" {
		return empty(kind), nil
	}
	switch kind {
	case bridge.Text, bridge.RichText, bridge.Name:
		return toText(kind, v)
	case bridge.Number:
		return toNumber(v)
	case bridge.Date:
		return toDate(v)
	case bridge.DateTime:
		return toDateTime(v)
	case bridge.Names:
		return toNames(v)
	case bridge.User:
		return toPerson(v)
	case bridge.Users:
		return peopleOf(v), nil
	}
	return v, nil
}

// flat leaves what convert reads: persons become maps, neutral lists stay.
func flat(v any) any {
	switch p := v.(type) {
	case bridge.Person:
		if p == (bridge.Person{}) {
			return nil
		}
	case map[string]any:
		if personLike(p) && personOf(p) == (bridge.Person{}) {
			return nil
		}
	case bridge.Value:
		return flat(p.Any())
	}
	return v
}

func personLike(m map[string]any) bool {
	for k := range m {
		if k != "name" && k != "email" && k != "id" {
			return false
		}
	}
	return true
}

func empty(kind bridge.Kind) any {
	switch kind {
	case bridge.Names:
		return []string{}
	case bridge.Users:
		return []bridge.Person{}
	}
	return nil
}

func toText(kind bridge.Kind, v any) (any, error) {
	s, ok := scalar(v)
	if !ok {
		switch v.(type) {
		case []string, []any, []bridge.Person:
			s = strings.Join(listOf(v), ", ")
		default:
			p := personOf(v)
			if p == (bridge.Person{}) {
				return nil, fmt.Errorf("a value of this form is no text")
			}
			s = p.Name
		}
	}
	if kind != bridge.RichText {
		s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	}
	if s = strings.ReplaceAll(s, "\r\n", "\n"); s == "" {
		return nil, nil
	}
	return s, nil
}

func toNumber(v any) (any, error) {
	s, ok := scalar(v)
	if _, truth := v.(bool); truth || !ok {
		return nil, fmt.Errorf("a value of this form is no number")
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || f != f || f > 1e300 || f < -1e300 {
		return nil, fmt.Errorf("%q is no number", short(s))
	}
	return f, nil
}

func toDate(v any) (any, error) {
	s, ok := v.(string)
	if !ok || len(s) < 10 {
		return nil, fmt.Errorf("%v is no date; write 2006-01-02", short(fmt.Sprint(v)))
	}
	if _, err := time.Parse(time.DateOnly, s[:10]); err != nil {
		return nil, fmt.Errorf("%q is no date; write 2006-01-02", short(s))
	}
	return s[:10], nil
}

var timeForms = []string{"2006-01-02T15:04:05.999Z07:00", "2006-01-02T15:04:05.999-0700", "2006-01-02T15:04Z07:00", time.DateOnly}

const neutralTime = "2006-01-02T15:04:05.000Z"

func toDateTime(v any) (any, error) {
	s, _ := v.(string)
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC().Format(neutralTime), nil
		}
	}
	return nil, fmt.Errorf("%q is no date and time; write 2006-01-02T15:04:05Z", short(fmt.Sprint(v)))
}

func toNames(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if _, ok := scalar(e); !ok && personOf(e) == (bridge.Person{}) {
				return nil, fmt.Errorf("a list of names holds something that is no text")
			}
		}
	case map[string]any:
		if personOf(v) == (bridge.Person{}) {
			return nil, fmt.Errorf("a value of this form is no list of names")
		}
	}
	return listOf(v), nil
}

func toPerson(v any) (any, error) {
	if p := personOf(v); p != (bridge.Person{}) {
		return p, nil
	}
	return nil, fmt.Errorf("a value of this form is no user")
}

// valueOf writes a neutral value as it travels.
func valueOf(v any) bridge.Value {
	switch v := v.(type) {
	case nil:
		return bridge.Cleared
	case bridge.Person:
		return bridge.ValueOf(slim(v))
	case []bridge.Person:
		out := make([]any, len(v))
		for i, p := range v {
			out[i] = slim(p)
		}
		return bridge.ValueOf(out)
	}
	return bridge.ValueOf(v)
}

// slim is a person without its empty parts; a map, so that its keys are sorted.
func slim(p bridge.Person) map[string]any {
	m := map[string]any{}
	for k, v := range map[string]string{"name": p.Name, "email": p.Email, "id": p.ID} {
		if v != "" {
			m[k] = v
		}
	}
	return m
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
