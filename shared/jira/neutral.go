package jira

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// Neutral returns the field's value as both sites understand it, by the field's kind (see bridge.Kind). ok is false where the
// body does not carry the field, or carries something its kind cannot hold. For a set, the value is a list in a fixed order, "[]" if
// empty, and set holds its elements: names, or the ids of users. For everything else an absent value is bridge.Cleared and set nil.
func (i *Issue) Neutral(f Field) (v bridge.Value, set []string, ok bool) {
	raw, there := i.Fields[f.ID]
	if !there {
		return "", nil, false
	}
	return f.neutral(raw)
}

func (f Field) neutral(raw json.RawMessage) (v bridge.Value, set []string, ok bool) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		raw = []byte("null")
	}
	switch f.Kind {
	case bridge.Names:
		return namesValue(raw)
	case bridge.Users:
		return usersValue(raw)
	}
	if string(raw) == "null" {
		return bridge.Cleared, nil, true
	}
	v, ok = f.single(raw)
	return v, nil, ok
}

// single is the value of a field that is no set and holds something.
func (f Field) single(raw json.RawMessage) (bridge.Value, bool) {
	switch f.Kind {
	case bridge.Text, bridge.RichText:
		return textValue(raw)
	case bridge.Number:
		var n json.Number
		if json.Unmarshal(raw, &n) != nil {
			return "", false
		}
		return bridge.Value(n), true
	case bridge.Date:
		s := walk.Text(raw)
		if len(s) < len("2006-01-02") {
			return "", false
		}
		return bridge.ValueOf(s[:len("2006-01-02")]), true
	case bridge.DateTime:
		t := timeOf(raw)
		return bridge.ValueOf(t.UTC().Format(neutralTime)), !t.IsZero()
	case bridge.Name:
		s, ok := f.name(raw)
		return bridge.ValueOf(s), ok
	case bridge.User:
		var u User
		if u.UnmarshalJSON(raw) != nil || u.ID() == "" && u.DisplayName == "" {
			return "", false
		}
		return bridge.ValueOf(shown(u)), true
	case bridge.Issue:
		id := word(walk.Member(raw, "id"))
		return bridge.ValueOf(map[string]string{"id": id, "key": word(walk.Member(raw, "key"))}), id != ""
	}
	v, err := bridge.Canonical(raw)
	return v, err == nil
}

// shown is a user as a bridge.Person is written, in a form that is canonical without being read again.
func shown(u User) map[string]string {
	m := map[string]string{"name": u.DisplayName, "email": u.Email, "id": u.ID()}
	maps.DeleteFunc(m, func(_, value string) bool { return value == "" })
	return m
}

const neutralTime = "2006-01-02T15:04:05.000Z"

// textValue is a text with the line ends that both sites have in common. An empty text is no text: Jira stores none.
func textValue(raw json.RawMessage) (bridge.Value, bool) {
	if raw[0] != '"' {
		return "", false
	}
	s := lineEnds(walk.Text(raw))
	if s == "" {
		return bridge.Cleared, true
	}
	return bridge.ValueOf(s), true
}

func lineEnds(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// name is the word for an option, a status, a version …: its name or value; the key for a project.
func (f Field) name(raw json.RawMessage) (string, bool) {
	if f.SchemaType == "project" || f.ID == "project" {
		return member(raw, "key")
	}
	return member(raw, "name", "value")
}

// member is the first of the named members, or the string itself.
func member(raw []byte, names ...string) (string, bool) {
	if s := walk.Text(raw); s != "" {
		return s, true
	}
	for _, n := range names {
		if s := walk.Text(walk.Member(raw, n)); s != "" {
			return s, true
		}
	}
	return "", false
}

func namesValue(raw json.RawMessage) (bridge.Value, []string, bool) {
	set := []string{}
	err := walk.Elements(raw, func(e []byte) error {
		s, ok := member(e, "name", "value")
		if !ok {
			return walk.ErrShape
		}
		set = append(set, s)
		return nil
	})
	if err != nil {
		return "", nil, false
	}
	slices.Sort(set)
	set = slices.Compact(set)
	return bridge.ValueOf(set), set, true
}

func usersValue(raw json.RawMessage) (bridge.Value, []string, bool) {
	list, err := walk.List(raw, func(raw []byte) (u User, err error) {
		if err = u.UnmarshalJSON(raw); err == nil && u.ID() == "" {
			err = walk.ErrShape
		}
		return u, err
	})
	if err != nil {
		return "", nil, false
	}
	slices.SortFunc(list, func(a, b User) int { return strings.Compare(a.ID(), b.ID()) })
	people, set := []any{}, []string{}
	for _, u := range list {
		if len(set) == 0 || set[len(set)-1] != u.ID() {
			people, set = append(people, shown(u)), append(set, u.ID())
		}
	}
	return bridge.ValueOf(people), set, true
}

// ItemValue is the value that one end of a changelog item names (its From or To), where that is exact: a date, or an id that
// names knows. Texts are not: what an item holds of them is for people, or a reference ("ari:…").
func (f Field) ItemValue(end string, names *Names) (bridge.Value, bool) {
	switch {
	case f.Kind == bridge.Date:
		if end == "" {
			return bridge.Cleared, true
		}
		v, err := bridge.Canonical([]byte(`"` + end + `"`))
		return v, err == nil && len(end) == len("2006-01-02")
	case f.Kind == bridge.Issue:
		if end == "" {
			return bridge.Cleared, true
		}
		return bridge.ValueOf(map[string]string{"id": end}), true
	case f.Kind == bridge.Name && !f.Custom && names != nil:
		if end == "" {
			return bridge.Cleared, true
		}
		s, ok := names.byID(f.SchemaType, end)
		return bridge.ValueOf(s), ok
	}
	return "", false
}

// byID is the name of an id among the words of a schema type.
func (n *Names) byID(schemaType, id string) (string, bool) {
	list := map[string][]Named{"priority": n.Priorities, "resolution": n.Resolutions, "issuetype": n.IssueTypes}[schemaType]
	if schemaType == "status" {
		for _, s := range n.Statuses {
			list = append(list, Named{s.ID, s.Name})
		}
	}
	for _, e := range list {
		if e.ID == id {
			return e.Name, true
		}
	}
	return "", false
}
