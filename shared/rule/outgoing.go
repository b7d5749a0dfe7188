package rule

import (
	"errors"
	"fmt"
	"strings"

	"drawbridge/shared/bridge"
)

// Outgoing makes the replica of an issue: everything the outgoing rule lets out, and nothing else. The error is of the
// rule set itself (a script that fails); the failure of one row is in its Out.
func (r *Rules) Outgoing(env Env) (Replica, error) {
	if env.Issue == nil {
		return Replica{Why: "there is no issue"}, nil
	}
	e := r.evaluation(&env)
	if why, err := e.kept(); err != nil || why != "" {
		return Replica{Why: why}, err
	}
	out := Replica{Send: true, Fields: make(map[string]Out, len(r.rows))}
	for _, row := range r.rows {
		if !row.Out || !row.known(env.Issue) {
			continue
		}
		if v, applies := e.outgoing(row); applies {
			out.Fields[row.Key] = v
		}
	}
	return out, nil
}

// Names are what the row of a set calls elements on the way, whatever else keeps the issue in; nil if the row has nothing to
// say for it.
func (r *Rules) Names(env Env, key string) map[string]string {
	row, ok := r.byKey[key]
	if !ok || !row.Out || !row.known(env.Issue) {
		return nil
	}
	out, _ := r.evaluation(&env).outgoing(row)
	return out.Set
}

// Kept says why nothing of an issue may leave, before any row is looked at; "" if something may. The scope's query is asked
// apart: see [Rules.Limit].
func (r *Rules) Kept(env Env) (why string, err error) { return r.evaluation(&env).kept() }

func (e *evaluation) kept() (why string, err error) {
	r, i := e.rules, e.env.Issue
	switch {
	case i.Security != "" && !r.security[fold(i.Security)]:
		return fmt.Sprintf("the issue has the security level %q, which no rule lets out", i.Security), nil
	case len(r.projects) > 0 && i.Project != "" && !r.projects[fold(i.Project)]:
		return fmt.Sprintf("project %s is out of scope", i.Project), nil
	}
	return e.stopped(r.stops)
}

// Guards are the local field ids that decide whether anything, or a comment, may leave at all: what has to be known of an
// issue before a comment of it leaves.
func (r *Rules) Guards() []string {
	ids := map[string]bool{}
	for _, p := range append([]*program{r.comments.when, r.comments.body}, stopsOf(r.stops)...) {
		for _, id := range p.fields() {
			ids[id] = true
		}
	}
	if r.limit != nil {
		for _, id := range r.limit.Fields() {
			ids[id] = true
		}
	}
	return sortedKeys(ids)
}

// known reports whether everything that the row sends is made of is known of the issue.
func (row *row) known(i *Issue) bool { return i.knows(row.Reads) && (!row.History || i.History != nil) }

// outgoing is the value of one row; applies is false where the row has nothing to say for this issue.
func (e *evaluation) outgoing(row *row) (o Out, applies bool) {
	ok, err := e.truth(row.when, nil)
	if err != nil {
		return Out{Err: reason(row.Where, err)}, true
	}
	if !ok {
		return Out{}, false
	}
	if row.out == nil {
		return e.plainOut(row)
	}
	if row.eachOut {
		return e.eachOut(row)
	}
	var value any
	if row.source != nil {
		value = e.member(ref{field: *row.source})
	}
	v, err := e.run(row.out, map[string]any{"value": value})
	if err != nil {
		return Out{Err: reason(row.Where, err)}, true
	}
	if _, skip := v.(skipValue); skip {
		return Out{}, false
	}
	return e.finish(row, v)
}

// eachOut evaluates the expression for every element of a set; "skip" and nothing leave the element in.
func (e *evaluation) eachOut(row *row) (Out, bool) {
	v, _ := e.env.Issue.field(row.Source)
	set := map[string]string{}
	put := func(local string, value any) error {
		made, err := e.run(row.out, map[string]any{"value": value})
		if _, skip := made.(skipValue); err != nil || skip || isEmpty(made) {
			return err
		}
		if row.Kind == bridge.Users {
			set[local] = e.rules.personElement(personOf(made))
		} else {
			set[local] = words(made)
		}
		return nil
	}
	var err error
	if row.source.Kind == bridge.Users {
		for _, p := range peopleOf(v) {
			err = errors.Join(err, put(personID(p), personMap(p)))
		}
	} else {
		for _, s := range listOf(v) {
			err = errors.Join(err, put(s, s))
		}
	}
	if err != nil {
		return Out{Err: reason(row.Where, err)}, true
	}
	return Out{Set: set}, true
}

// finish converts what an expression made into the kind of the row.
func (e *evaluation) finish(row *row, v any) (Out, bool) {
	v, err := convert(row.Kind, v)
	if err != nil {
		return Out{Err: reason(row.Where, err)}, true
	}
	if s, ok := v.(string); ok {
		v = e.rules.TextOut(s, e.env.Name)
	}
	left := maxCarried
	if row.Kind == bridge.Opaque && !small(v, &left, 0) {
		return Out{Err: reason(row.Where, fmt.Errorf("field %q: the value is too large or of a form that cannot travel", row.Key))}, true
	}
	switch {
	case row.Kind == bridge.Users:
		return Out{Set: e.rules.peopleOut(v)}, true
	case row.Kind == bridge.User:
		return Out{Value: e.rules.personOut(v)}, true
	case row.Kind == bridge.Names:
		set := map[string]string{}
		for _, s := range v.([]string) {
			set[s] = s
		}
		return Out{Set: set}, true
	}
	return Out{Value: valueOf(v)}, true
}

// plainOut is the value of a row without an expression.
func (e *evaluation) plainOut(row *row) (Out, bool) {
	v, _ := e.env.Issue.field(row.Source)
	switch row.Kind {
	case bridge.Names:
		return row.elementsOut(listOf(v))
	case bridge.Users:
		return Out{Set: e.rules.peopleOut(v)}, true
	case bridge.User:
		return Out{Value: e.rules.personOut(v)}, true
	case bridge.Issue:
		m, _ := v.(map[string]any)
		return Out{Value: valueOf(m["id"])}, !e.env.Issue.Apart
	}
	s, isText := v.(string)
	switch {
	case !isText:
		return Out{Value: valueOf(normal(row.Kind, v))}, true
	case textual(row.Kind):
		s = e.rules.TextOut(StripAdded(strings.ReplaceAll(s, "\r\n", "\n")), e.env.Name)
	case row.Kind == bridge.DateTime:
		return Out{Value: valueOf(normal(row.Kind, v))}, true
	}
	if s == "" {
		return Out{Value: bridge.Cleared}, true
	}
	mapped, found, err := row.mapOut(s)
	switch {
	case err != nil:
		return Out{Err: reason(row.Where, err)}, true
	case !found:
		return Out{}, false
	}
	return Out{Value: bridge.ValueOf(mapped)}, true
}

// normal gives equal values equal forms; what has no better form stays as it is.
func normal(kind bridge.Kind, v any) any {
	if n, err := convert(kind, v); err == nil {
		return n
	}
	return plain(v)
}

// elementsOut maps a set element by element.
func (row *row) elementsOut(list []string) (Out, bool) {
	set := make(map[string]string, len(list))
	for _, l := range list {
		mapped, found, err := row.mapOut(l)
		if err != nil {
			return Out{Err: reason(row.Where, err)}, true
		}
		if found {
			set[l] = mapped
		}
	}
	return Out{Set: set}, true
}

// mapOut is the replica's word for a local one: by the table, else by "otherwise".
func (row *row) mapOut(local string) (replica string, found bool, err error) {
	if row.values == nil {
		return local, true, nil
	}
	if v, ok := row.values.out(local); ok {
		return v, true, nil
	}
	switch row.otherwise {
	case "leave":
		return "", false, nil
	case "error":
		return "", false, fmt.Errorf("field %q: the table has no %q", row.Key, short(local))
	case "default":
		if v, ok := row.values.out(row.dflt); ok {
			return v, true, nil
		}
		return row.dflt, true, nil
	}
	return local, true, nil
}
