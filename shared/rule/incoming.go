package rule

import (
	"encoding/json"
	"fmt"
	"strings"

	"drawbridge/shared/bridge"
)

// Refuses says why nothing of what arrives for an issue is applied: a stop of the incoming script; "" if it is.
func (r *Rules) Refuses(env Env) (why string, err error) {
	return r.evaluation(&env).stopped(r.refusals)
}

// Incoming makes of the remote replica what is to stand in the fields of this site, by replica key. A key the replica
// does not hold is not in the answer, unless its row is constant.
func (r *Rules) Incoming(env Env) (map[string]In, error) {
	e := r.evaluation(&env)
	out := make(map[string]In, len(r.rows))
	for _, row := range r.rows {
		if !row.In {
			continue
		}
		v, known := env.Replica[row.Key]
		if !known && !row.Constant {
			continue
		}
		in := e.incoming(row, v)
		if known {
			in = r.guarded(row.Key, flat(v), in)
		}
		in.Field, in.Constant = row.Target, row.Constant
		if in.Err != nil {
			in.Err = reason(row.Where, in.Err)
		}
		out[row.Key] = in
	}
	return out, nil
}

func (e *evaluation) incoming(row *row, v any) In {
	switch {
	case row.eachIn:
		return e.eachIn(row, v)
	case row.in == nil:
		return e.plainIn(row, flat(v))
	}
	value := plain(v)
	if s, ok := value.(string); ok {
		value = e.rules.TextIn(s)
	}
	out, err := e.run(row.in, map[string]any{"value": value})
	if err != nil {
		return In{Err: err}
	}
	if _, skip := out.(skipValue); skip {
		return In{Leave: true, Why: "the rule leaves it"}
	}
	return e.land(row, out)
}

// land converts a value into the kind of the field it is written to and checks that this site has it.
func (e *evaluation) land(row *row, v any) In {
	v, err := convert(row.TargetKind, v)
	if err != nil {
		return In{Err: fmt.Errorf("field %q: %w", row.Key, err)}
	}
	switch row.TargetKind {
	case bridge.User:
		return e.userIn(v)
	case bridge.Name:
		if s, ok := v.(string); ok {
			return row.settled(row.present(e.rules.site, s))
		}
	}
	return In{Value: valueOf(v)}
}

func (e *evaluation) userIn(v any) In {
	p, ok := v.(bridge.Person)
	if !ok {
		return In{Value: bridge.Cleared}
	}
	choice := e.rules.User(p)
	return In{Value: valueOf(p), User: &choice}
}

// plainIn is the value of a row without an expression.
func (e *evaluation) plainIn(row *row, v any) In {
	switch {
	case v == nil:
		return In{Value: valueOf(empty(row.TargetKind))}
	case row.TargetKind == bridge.Issue:
		return In{Value: valueOf(v)}
	case row.TargetKind == bridge.Names:
		return e.elementsIn(row, listOf(v))
	case row.TargetKind == bridge.Users || row.TargetKind == bridge.User:
		return e.land(row, v)
	}
	s, isText := v.(string)
	if !isText {
		return e.land(row, v)
	}
	if textual(row.TargetKind) {
		s = e.rules.TextIn(s)
	}
	local, leave, err := row.mapIn(e.rules.site, s)
	if err != nil || leave || row.TargetKind == bridge.Name {
		return row.settled(local, leave, err)
	}
	return e.land(row, local)
}

// settled is the value of a mapped name.
func (row *row) settled(local string, leave bool, err error) In {
	switch {
	case err != nil:
		return In{Err: err}
	case leave:
		return In{Leave: true, Why: "this site has nothing for what arrived"}
	}
	return In{Value: bridge.ValueOf(local)}
}

// mapIn finds the local word for the replica's: by the table, and where there is none the same name.
func (row *row) mapIn(s *site, replica string) (local string, leave bool, err error) {
	if row.values == nil {
		return row.present(s, replica)
	}
	if v, ok := row.values.in(replica); ok {
		return v, false, nil
	}
	if row.otherwise == "" || row.otherwise == "same" {
		return row.present(s, replica)
	}
	return row.otherValue(replica)
}

// present takes a name if this site has it, in the site's own spelling.
func (row *row) present(s *site, name string) (local string, leave bool, err error) {
	if own, ok := here(s.allowed(row.Target), name); ok {
		return own, false, nil
	}
	return row.otherValue(name)
}

// otherValue is what a row does with a value that matches nothing.
func (row *row) otherValue(replica string) (local string, leave bool, err error) {
	switch row.otherwise {
	case "leave":
		return "", true, nil
	case "default":
		return row.dflt, false, nil
	}
	return "", false, bridge.Permanent("value-unmapped", "field %q: this site has nothing for %q; add it to the values of the row", row.Key, short(replica))
}

// here finds a name among those the site has, in the site's own spelling; a list that is not known has every name.
func here(allowed []string, name string) (string, bool) {
	if allowed == nil {
		return name, true
	}
	for _, a := range allowed {
		if fold(a) == fold(name) {
			return a, true
		}
	}
	return "", false
}

// elementsIn maps a set element by element; elements to be left out do not fail the others.
func (e *evaluation) elementsIn(row *row, list []string) In {
	out := []string{}
	for _, s := range list {
		local, leave, err := e.element(row, s)
		if err != nil {
			return In{Err: err}
		}
		if !leave {
			out = append(out, local)
		}
	}
	return In{Value: valueOf(out)}
}

// eachIn applies an expression to every element that arrives.
func (e *evaluation) eachIn(row *row, v any) In {
	if row.TargetKind == bridge.Names {
		return e.elementsIn(row, listOf(v))
	}
	return In{Value: valueOf(peopleOf(v))}
}

// element maps one element, by the expression of the row or its table.
func (e *evaluation) element(row *row, replica string) (local string, leave bool, err error) {
	if row.in == nil {
		return row.mapIn(e.rules.site, replica)
	}
	made, err := e.run(row.in, map[string]any{"value": replica})
	if err != nil {
		return "", false, err
	}
	_, skip := made.(skipValue)
	local = words(made)
	return local, skip || local == "", nil
}

// Element maps one element of a set-valued field from the replica to this site; leave says that nothing is to be done
// for it. An element of a user field is given as Rules.Outgoing wrote it, and local is the user of the table, or empty
// when [Rules.ElementPerson] and [Rules.User] must decide.
func (r *Rules) Element(key, replicaElement string) (local string, leave bool, err error) {
	row, ok := r.byKey[key]
	if !ok || !row.In {
		return "", true, nil
	}
	if row.Kind == bridge.Users || row.TargetKind == bridge.Users {
		return r.users.localFor(r.ElementPerson(replicaElement)), false, nil
	}
	if row.in != nil && !row.eachIn {
		return replicaElement, false, nil
	}
	local, leave, err = r.evaluation(&Env{}).element(row, replicaElement)
	if err != nil {
		err = reason(row.Where, err)
	}
	return local, leave, err
}

// ElementPerson reads an element of a set of users back.
func (r *Rules) ElementPerson(replicaElement string) bridge.Person {
	if !strings.HasPrefix(replicaElement, "{") {
		return bridge.Person{Name: replicaElement}
	}
	var p bridge.Person
	if json.Unmarshal([]byte(replicaElement), &p) != nil {
		return bridge.Person{}
	}
	return p
}
