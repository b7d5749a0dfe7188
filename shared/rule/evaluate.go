package rule

import (
	"time"

	"drawbridge/shared/bridge"
)

// evaluation is one call of Outgoing or Incoming: its variables are made once, and only if an expression wants them.
type evaluation struct {
	*state
	vars map[string]any
}

func (r *Rules) evaluation(env *Env) *evaluation {
	return &evaluation{state: &state{rules: r, env: env}}
}

// variables makes what expressions see; fields of the issue are added when a program reads them.
func (e *evaluation) variables() map[string]any {
	if e.vars != nil {
		return e.vars
	}
	env, p := e.env, e.env.Pair
	e.vars = map[string]any{
		"issue":      map[string]any{},
		"replica":    e.arrived(env.Replica),
		"previous":   e.arrived(env.Previous),
		"first_sync": env.First,
		"pair": map[string]any{"local_key": p.LocalKey, "remote_key": p.RemoteKey, "local_url": p.LocalURL,
			"remote_url": p.RemoteURL, "connection": p.Connection},
		"local":    map[string]any{"role": string(env.Local)},
		"remote":   map[string]any{"role": string(env.Remote)},
		"skip":     skipValue{},
		budgetName: e.state,
	}
	for name, c := range e.rules.consts {
		e.vars[name] = c
	}
	return e.vars
}

// arrived makes of values of the other site what expressions see; no mention in them can reach a user of this site.
func (e *evaluation) arrived(values map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for k, v := range values {
		v = plain(v)
		if s, ok := v.(string); ok {
			v = e.rules.TextIn(s)
		}
		out[k] = v
	}
	return out
}

// run evaluates a program with the extra variables of its place.
func (e *evaluation) run(p *program, extra map[string]any) (any, error) {
	return p.run(e.scope(p, extra), e.state)
}

func (e *evaluation) truth(p *program, extra map[string]any) (bool, error) {
	if p == nil {
		return true, nil
	}
	return p.truth(e.scope(p, extra), e.state)
}

func (e *evaluation) scope(p *program, extra map[string]any) map[string]any {
	vars := e.variables()
	issue := vars["issue"].(map[string]any)
	for _, ref := range p.reads {
		if _, done := issue[ref.name]; !done {
			issue[ref.name] = e.member(ref)
		}
	}
	for name, v := range extra {
		vars[name] = v
	}
	return vars
}

// member is one member of issue as an expression sees it.
func (e *evaluation) member(r ref) any {
	i := e.env.Issue
	if i == nil {
		i = &Issue{}
	}
	switch {
	case r.field.ID != "":
		v, _ := i.field(r.field.ID)
		if s, ok := v.(string); ok && textual(r.field.Kind) {
			v = StripAdded(s)
		}
		return typed(r.field.Kind, v)
	case r.name == "service":
		return i.Service
	case r.name == pastName:
		return e.past(i.History)
	}
	return map[string]string{"id": i.ID, "key": i.Key, "url": i.URL, "project": i.Project}[r.name]
}

// maxPast is how many changes an expression sees: the latest.
const maxPast = 500

// past are the changes of the issue as expressions see them, latest first; those of fields they may not read are not there.
func (e *evaluation) past(all []Past) []any {
	out := []any{}
	for n := len(all) - 1; n >= 0 && len(out) < maxPast; n-- {
		p := all[n]
		if name, ok := e.rules.open[p.Field]; ok {
			out = append(out, map[string]any{"field": name, "from": p.From, "to": p.To, "by": personMap(p.By),
				"at": time.UnixMilli(p.At).UTC().Format(neutralTime)})
		}
	}
	return out
}

func textual(k bridge.Kind) bool { return k == bridge.Text || k == bridge.RichText }

// field returns a field and whether it is known.
func (i *Issue) field(id string) (any, bool) {
	if i == nil {
		return nil, false
	}
	v, ok := i.Fields[id]
	switch {
	case ok:
		return v, true
	case id == "status" && i.Status != "":
		return i.Status, true
	case id == "issuetype" && i.Type != "":
		return i.Type, true
	}
	return nil, false
}

// knows reports whether the issue carries everything a program reads.
func (i *Issue) knows(ids []string) bool {
	for _, id := range ids {
		if _, ok := i.field(id); !ok {
			return false
		}
	}
	return true
}

// reason puts the place of the rule in front of an error that does not name one yet.
func reason(where string, err error) error {
	if bridge.NameOf(err) == "rule-failed" {
		return err
	}
	if bridge.NameOf(err) == "value-unmapped" {
		return bridge.Permanent("value-unmapped", "%s: %w", where, err) // of this value: the row works for others
	}
	return bridge.Permanent("rule-failed", "%s: %w", where, err)
}
