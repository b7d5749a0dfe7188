package pair

import (
	"encoding/json"
	"strconv"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// The functions of this file decode stored documents that were checked. What nearly every pair has they read as they pass it;
// what is rare they leave to encoding/json.

// open reads an object. place says where the value of a member belongs; nil leaves the member to rest, by encoding/json.
func open(raw []byte, place func(name []byte) any, rest any) error {
	var others rare
	err := walk.Members(raw, func(name, value []byte) error {
		to := place(name)
		if to == nil {
			others.add(string(name), value)
			return nil
		}
		return set(to, value)
	})
	if err != nil {
		return err
	}
	return others.into(rest)
}

// rare are members of an object.
type rare []byte

func (r *rare) add(name string, value []byte) {
	*r = append(append(append(append(*r, ','), bridge.ValueOf(name)...), ':'), value...)
}

func (r rare) into(v any) error {
	if len(r) == 0 {
		return nil
	}
	r[0] = '{'
	return json.Unmarshal(append(r, '}'), v)
}

// row reads a list, each element into its place.
func row(raw []byte, places ...any) error {
	return walk.Elements(raw, func(value []byte) (err error) {
		if len(places) > 0 {
			err, places = set(places[0], value), places[1:]
		}
		return err
	})
}

// set reads a value into its place.
func set(place any, raw []byte) (err error) {
	switch to := place.(type) {
	case *int64:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			*to = n
			return nil
		}
	case *string:
		if raw[0] == '"' {
			*to = walk.Text(raw)
			return nil
		}
	case *bool:
		if *to = string(raw) == "true"; *to || string(raw) == "false" {
			return nil
		}
	case *bridge.Role:
		switch string(raw) {
		case `"public"`:
			*to = bridge.Public
			return nil
		case `"private"`:
			*to = bridge.Private
			return nil
		}
	case *bridge.Value:
		*to, err = bridge.Canonical(raw)
		return err
	case *Head:
		return to.readAbout(raw)
	case *bridge.Ref:
		return open(raw, func(name []byte) any {
			switch string(name) {
			case "id":
				return &to.ID
			case "key":
				return &to.Key
			}
			return nil
		}, to)
	case **bridge.Entry:
		if raw[0] == '[' { // older documents have an object
			e := new(bridge.Entry)
			*to = e
			return row(raw, &e.Seq, &e.Saw, &e.Value, &e.Stamp.Site, &e.Stamp.At, &e.Stamp.Policy, &e.Rules)
		}
	case *nested:
		*to, err = readParts(raw)
		return err
	case *lines:
		*to, err = walk.List(raw, func(line []byte) (json.RawMessage, error) { return line, row(line) })
		return err
	}
	return json.Unmarshal(raw, place)
}
