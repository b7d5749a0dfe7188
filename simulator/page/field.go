package page

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode"
)

// meta is a field as createmeta, editmeta and a transition's screen tell it.
type meta struct {
	ID       string `json:"fieldId"`
	Name     string `json:"name"`
	Required bool   `json:"required"`
	Schema   struct {
		Type   string `json:"type"`
		Items  string `json:"items"`
		System string `json:"system"`
		Custom string `json:"custom"`
	} `json:"schema"`
	AllowedValues []map[string]any `json:"allowedValues"`
}

// input is one field of a form.
type input struct {
	ID       string
	Name     string
	Kind     string // text, area, number, date, moment, choice, choices, labels
	Required bool
	Value    string
	Options  []option
	user     bool // choices are accounts
}

// IsPerson tells the template to show a face.
func (in *input) IsPerson() bool { return in.user && in.Kind == "choice" }

type option struct {
	Value, Label string
	Selected     bool
}

// inputOf makes the form field for a Jira field, nil for those the page does
// not edit.
func (p *page) inputOf(m meta, value any, people []person) *input {
	in := &input{ID: m.ID, Name: m.Name, Required: m.Required, Kind: kindOf(m)}
	switch in.Kind {
	case "":
		return nil
	case "labels":
		in.Value = strings.Join(texts(value), " ")
	case "moment":
		if t, ok := moment(plain(value)); ok {
			in.Value = t.UTC().Format("2006-01-02T15:04")
		}
	case "choice", "choices":
		in.user = m.Schema.Type == "user" || m.Schema.Items == "user"
		in.Options = choices(m, value, people, in.user)
	default:
		in.Value = plain(value)
	}
	return in
}

func kindOf(m meta) string {
	s := m.Schema
	switch {
	case s.Type == "user", s.Type != "array" && len(m.AllowedValues) > 0:
		return "choice"
	case s.Type == "array" && (s.Items == "user" || len(m.AllowedValues) > 0):
		return "choices"
	case s.Type == "array" && s.Items == "string":
		return "labels"
	case s.System == "description", s.System == "environment", strings.HasSuffix(s.Custom, ":textarea"):
		return "area"
	case s.Type == "string", s.System == "parent", s.Type == "sd-customerrequesttype":
		return "text"
	case s.Type == "datetime":
		return "moment"
	case s.Type == "number", s.Type == "date":
		return s.Type
	}
	return ""
}

func choices(m meta, value any, people []person, user bool) []option {
	chosen := map[string]bool{}
	for _, v := range elements(value) {
		chosen[identity(v, user)] = true
	}
	var list []option
	for _, v := range m.AllowedValues {
		id := identity(v, false)
		list = append(list, option{id, plain(v), chosen[id]})
	}
	if user {
		for _, who := range people {
			list = append(list, option{who.id(), who.DisplayName, chosen[who.id()]})
		}
	}
	return list
}

// identity is what a value is set by.
func identity(v any, user bool) string {
	m, _ := v.(map[string]any)
	keys := []string{"id"}
	if user {
		keys = []string{"accountId", "name"}
	}
	for _, k := range keys {
		if s, ok := m[k].(string); ok {
			return s
		}
	}
	return ""
}

func elements(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

func texts(v any) []string {
	var list []string
	for _, e := range elements(v) {
		list = append(list, plain(e))
	}
	return list
}

// plain shows any value of a field as text.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		return strings.Join(texts(v), ", ")
	case map[string]any:
		for _, k := range []string{"displayName", "value", "name", "key", "requestType", "id"} {
			if s := plain(v[k]); s != "" {
				return s
			}
		}
		return ""
	}
	return fmt.Sprint(v)
}

// set gives what Jira wants to be sent for the values of a form field.
func (in *input) set(values []string, flavour string) any {
	value := strings.TrimSpace(strings.Join(values, " "))
	switch in.Kind {
	case "choices":
		list := []any{}
		for _, v := range values {
			if v != "" {
				list = append(list, in.choose(v, flavour))
			}
		}
		return list
	case "labels":
		return append([]string{}, strings.Fields(value)...)
	}
	if value == "" && in.ID != "summary" {
		return nil
	}
	switch in.Kind {
	case "choice":
		return in.choose(value, flavour)
	case "number":
		if json.Valid([]byte(value)) {
			return json.Number(value)
		}
	case "moment":
		return value + ":00.000+0000"
	case "area":
		return strings.ReplaceAll(values[0], "\r\n", "\n")
	}
	if in.ID == "parent" {
		return map[string]any{"key": value}
	}
	return value
}

func (in *input) choose(v, flavour string) any {
	switch {
	case in.user && flavour == "cloud":
		return map[string]any{"accountId": v}
	case in.user:
		return map[string]any{"name": v}
	}
	return map[string]any{"id": v}
}

// order lists fields as people expect them: the well-known ones first.
var order = []string{"project", "issuetype", "summary", "description", "assignee", "reporter", "priority", "labels", "duedate", "components", "fixVersions", "versions", "parent", "environment", "security", "resolution"}

func sorted(fields map[string]meta) []meta {
	rank := map[string]int{}
	for i, id := range order {
		rank[id] = i - len(order)
	}
	var list []meta
	for id, m := range fields {
		m.ID = id
		list = append(list, m)
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		if rank[a.ID] != rank[b.ID] {
			return rank[a.ID] < rank[b.ID]
		}
		return a.Name < b.Name
	})
	return list
}

// moment reads a time as Jira writes it.
func moment(s string) (time.Time, bool) {
	t, err := time.Parse("2006-01-02T15:04:05.000-0700", s)
	return t, err == nil
}

// when shows a time, in the zone Jira gave it in.
func when(s string) string {
	if t, ok := moment(s); ok {
		return t.Format("2 Jan 2006, 15:04:05")
	}
	return s
}

func initials(name string) string {
	var b strings.Builder
	for _, w := range strings.Fields(name) {
		if r := []rune(w)[0]; unicode.IsLetter(r) && b.Len() < 2 {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

func size(n json.Number) string {
	f, _ := n.Float64()
	switch {
	case f < 1<<10:
		return fmt.Sprintf("%.0f B", f)
	case f < 1<<20:
		return fmt.Sprintf("%.1f kB", f/(1<<10))
	}
	return fmt.Sprintf("%.1f MB", f/(1<<20))
}

// symbol stands for an issue type.
func symbol(issueType string) string {
	switch strings.ToLower(issueType) {
	case "bug":
		return "●"
	case "story":
		return "▮"
	case "epic":
		return "⚡"
	case "sub-task", "subtask":
		return "⧉"
	}
	return "✓"
}
