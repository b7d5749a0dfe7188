package jira

import (
	"encoding/json"
	"time"

	"drawbridge/shared/bridge"
)

// Wire writes a neutral value as the flavour wants it in "fields" of a create, edit or transition. A user must be one of
// this site: its ID is the account id on Cloud, the user name on Data Center. A status is never written as a field.
func (f Field) Wire(v bridge.Value, fl bridge.Flavour) (any, error) {
	if err := f.writable(); err != nil {
		return nil, err
	}
	if f.Kind.Set() {
		return f.wireSet(v, fl)
	}
	if v.Empty() {
		return nil, nil
	}
	switch f.Kind {
	case bridge.User:
		return f.wireUser(v, fl)
	case bridge.Issue:
		m, _ := v.Any().(map[string]any)
		return map[string]any{"id": m["id"]}, nil
	case bridge.Number:
		n, ok := v.Any().(json.Number)
		if !ok {
			return nil, f.unfit(v, "a number")
		}
		return n, nil
	}
	s, ok := v.Any().(string)
	if !ok {
		return nil, f.unfit(v, "a text")
	}
	return f.wireText(s)
}

// WireElement writes one element of a set for "update": {"labels": [{"add": …}]}. elem is a name, or a user's id.
func (f Field) WireElement(elem string, fl bridge.Flavour) (any, error) {
	if err := f.writable(); err != nil {
		return nil, err
	}
	switch {
	case f.Kind == bridge.Users:
		return userRef(elem, fl), nil
	case f.Kind != bridge.Names:
		return nil, f.unfit(bridge.ValueOf(elem), "no single element: the field is no set")
	}
	return f.reference(elem), nil
}

func (f Field) writable() error {
	switch {
	case f.ID == "status":
		return f.fault(bridge.Permanent("field-unwritable", "field %q: a status changes by a transition, it is never written", f.Name))
	case f.Kind == bridge.Opaque:
		return f.fault(bridge.Permanent("field-unwritable", "field %q (%s): of a kind that cannot be written; drop it from the rule", f.Name, f.ID))
	case f.ReadOnly() && f.ID != "project": // a project is written once, at creation
		return f.fault(bridge.Permanent("field-unwritable", "field %q (%s): Jira keeps it itself; drop it from the rule", f.Name, f.ID))
	}
	return nil
}

func (f Field) fault(e *bridge.Error) error {
	e.Field = f.ID
	return e
}

func (f Field) unfit(v bridge.Value, want string) error {
	return f.fault(bridge.Permanent("value-unfit", "field %q (%s): %s is not %s; mend the mapping", f.Name, f.ID, clip(string(v), 60), want))
}

// wireText writes a value whose neutral form is a string.
func (f Field) wireText(s string) (any, error) {
	switch f.Kind {
	case bridge.Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, f.unfit(bridge.ValueOf(s), "a date like 2026-11-21")
		}
		return s, nil
	case bridge.DateTime:
		t, err := ParseTime(s)
		if err != nil {
			return nil, f.unfit(bridge.ValueOf(s), "a time like 2026-11-21T10:00:00.000Z")
		}
		return FormatTime(t), nil
	case bridge.Name:
		if s == "" {
			return nil, nil
		}
		return f.reference(s), nil
	}
	return s, nil
}

// reference names an element of the site: a label is its own name, an option has a value, a project a key, the rest names.
func (f Field) reference(name string) any {
	switch custom := f.customType(); {
	case f.ID == "labels" || custom == "labels":
		return name
	case f.SchemaType == "project":
		return map[string]string{"key": name}
	case f.SchemaType == "option" || f.Items == "option" || custom == "select" || custom == "radiobuttons" ||
		custom == "multiselect" || custom == "multicheckboxes":
		return map[string]string{"value": name}
	}
	return map[string]string{"name": name}
}

func (f Field) wireUser(v bridge.Value, fl bridge.Flavour) (any, error) {
	p, err := personOf(v)
	if err != nil || p.ID == "" {
		return nil, f.unfit(v, "a user of this site")
	}
	return userRef(p.ID, fl), nil
}

func personOf(v bridge.Value) (p bridge.Person, err error) {
	err = json.Unmarshal([]byte(v), &p)
	return p, err
}

// userRef is how a flavour names a user in a body.
func userRef(id string, fl bridge.Flavour) any {
	if fl == bridge.Cloud {
		return map[string]string{"accountId": id}
	}
	return map[string]string{"name": id}
}

func (f Field) wireSet(v bridge.Value, fl bridge.Flavour) (any, error) {
	list := []any{}
	if v.Empty() {
		return list, nil
	}
	if f.Kind == bridge.Users {
		var people []bridge.Person
		if err := json.Unmarshal([]byte(v), &people); err != nil {
			return nil, f.unfit(v, "a list of users")
		}
		for _, p := range people {
			if p.ID == "" {
				return nil, f.unfit(bridge.ValueOf(p), "a user of this site")
			}
			list = append(list, userRef(p.ID, fl))
		}
		return list, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(v), &names); err != nil {
		return nil, f.unfit(v, "a list of names")
	}
	for _, n := range names {
		list = append(list, f.reference(n))
	}
	return list, nil
}
