package site

import (
	"context"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/rule"
)

// View is the issue as rules see it: neutral values by local field id.
func (s *Site) View(ctx context.Context, is *jira.Issue) (*rule.Issue, error) {
	schema, err := s.Jira.Fields(ctx)
	if err != nil {
		return nil, err
	}
	names, err := s.Jira.Names(ctx)
	if err != nil {
		return nil, err
	}
	v := &rule.Issue{
		ID: is.ID, Key: is.Key, URL: s.Jira.Browse(is.Key), Project: is.Project(), Type: is.Type(), Status: is.Status(),
		Security: is.Security(), Fields: map[string]any{},
	}
	v.Service = slices.ContainsFunc(names.Projects, func(p jira.Project) bool { return p.Key == v.Project && p.TypeKey == "service_desk" })
	for id, raw := range is.Fields {
		f, ok := schema.ByID(id)
		switch {
		case !ok:
		case f.Kind == bridge.Opaque: // no form of ours to bring it into
			v.Fields[id] = bridge.Value(raw).Any()
		default:
			if value, set, ok := is.Neutral(f); ok {
				v.Fields[id] = neutral(f.Kind, value, set)
			}
		}
	}
	return v, nil
}

// neutral is a value as expressions see it.
func neutral(k bridge.Kind, v bridge.Value, set []string) any {
	switch k {
	case bridge.Names:
		return set
	case bridge.User:
		return person(v.Any())
	case bridge.Users:
		people := []bridge.Person{}
		list, _ := v.Any().([]any)
		for _, e := range list {
			if p, ok := person(e).(bridge.Person); ok {
				people = append(people, p)
			}
		}
		return people
	}
	return v.Any()
}

// PersonOf reads the value of a user field; nil for nobody.
func PersonOf(v bridge.Value) any { return person(v.Any()) }

func person(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	text := func(k string) string { s, _ := m[k].(string); return s }
	return bridge.Person{Name: text("name"), Email: text("email"), ID: text("id")}
}

// Shown is what Jira shows in a field, in the form in which two local values are equal when they are the same: a user is
// its id alone. The set is for set-valued kinds, whose elements are merged one by one. Ok is false where the body does
// not carry the field.
func Shown(f jira.Field, is *jira.Issue) (v bridge.Value, set []string, ok bool) {
	v, set, ok = is.Neutral(f)
	return Comparable(f.Kind, v), set, ok
}

// Comparable reduces a local value to what makes it the same: of a user and of an issue, the id.
func Comparable(k bridge.Kind, v bridge.Value) bridge.Value {
	if k != bridge.User && k != bridge.Issue || v.Empty() {
		return v
	}
	m, _ := v.Any().(map[string]any)
	id, _ := m["id"].(string)
	if id == "" {
		return v
	}
	return bridge.ValueOf(map[string]string{"id": id})
}
