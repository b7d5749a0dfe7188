package rule

import (
	"fmt"

	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// A script is a list of steps. It is not a second engine: a step that sets or carries something becomes a row, "let" becomes
// part of the expressions after it, and "stop" is a condition of the whole replica.

type stopStep struct {
	when *program
	why  string
}

func (b *binder) script() {
	b.outgoingScript()
	b.incomingScript()
}

func (b *binder) outgoingScript() {
	var lets []let
	for _, s := range b.set.outgoing {
		switch {
		case s.let.set():
			b.past = true
			lets = b.let(s, lets)
			b.past = false
		case s.stop.set():
			b.rules.stops = append(b.rules.stops, stopStep{b.condition(s.when, lets, nil), s.stop.text})
		case s.carry.set():
			b.carry(s, lets)
		default:
			b.setOut(s, lets)
		}
	}
}

func (b *binder) let(s *stepSpec, lets []let) []let {
	_, taken := b.words.base[s.let.text]
	if taken || ours[s.let.text] || isBuiltin(s.let.text) || placeNames[s.let.text] {
		b.problem(s.let.at, "", "let: %q has a meaning already", s.let.text)
		return lets
	}
	for _, l := range lets {
		if l.name == s.let.text {
			b.problem(s.let.at, "", "let: %q is there already", s.let.text)
			return lets
		}
	}
	if b.compile(s.be, lets, types.Map{"value": types.Any}) == nil {
		return lets
	}
	return append(lets, let{s.let.text, s.be.text})
}

// carry makes "carry NAME to EXPR" a row without a field: an incoming rule may read what it sends.
func (b *binder) carry(s *stepSpec, lets []let) {
	if !goodKey(s.carry.text) {
		b.problem(s.carry.at, keyHint, "carry: %q cannot be a replica key", s.carry.text)
		return
	}
	r := &row{Row: Row{Key: s.carry.text, Out: true, Kind: bridge.Opaque, Where: b.where(s.at)}}
	b.bindHalf(r, &rowSpec{at: s.at, key: s.carry, when: s.when, out: s.to}, lets, false)
}

// setOut makes "set KEY to EXPR" the outgoing half of a row: of the row with that key, or of a new one.
func (b *binder) setOut(s *stepSpec, lets []let) {
	key := s.set.text
	if sys, ok := systemByName(key); ok {
		key = sys.key
	}
	if !goodKey(key) {
		b.problem(s.set.at, keyHint, "set: %q cannot be a replica key", key)
		return
	}
	r, known := b.rules.byKey[key]
	if !known {
		r = &row{Row: Row{Key: key, Where: b.where(s.at)}}
	}
	if r.out != nil {
		b.problem(s.set.at, "", "set: %q has a value already, at %s", key, r.Where)
		return
	}
	r.Out = true
	spec := &rowSpec{at: s.at, key: s.set, when: s.when, out: s.to}
	b.bindHalf(r, spec, lets, known)
}

// bindHalf compiles the half of a row a script gives.
func (b *binder) bindHalf(r *row, spec *rowSpec, lets []let, known bool) {
	before := len(b.problems)
	in, constant := r.in, r.Constant
	b.expressions(r, spec, lets)
	if in != nil {
		r.in = in
	}
	b.readsOf(r)
	if in != nil {
		r.Constant = constant
	}
	if len(b.problems) == before && !known {
		b.add(r, spec)
	}
}

func (b *binder) incomingScript() {
	var lets []let
	for _, s := range b.set.incoming {
		switch {
		case s.let.set():
			lets = b.let(s, lets)
		case s.stop.set():
			b.rules.refusals = append(b.rules.refusals, stopStep{b.condition(s.when, lets, nil), s.stop.text})
		default:
			b.setIn(s, lets)
		}
	}
}

// setIn makes "set FIELD to EXPR" the incoming half of a row. Its key is the one written, else the first member of
// replica it reads, else the field's own.
func (b *binder) setIn(s *stepSpec, lets []let) {
	f := b.field(s.set)
	if f == nil {
		return
	}
	spec := &rowSpec{at: s.at, key: s.key, to: s.set, in: b.guarded(s)}
	probe := b.compile(spec.in, lets, types.Map{"value": types.Any})
	if probe == nil {
		return
	}
	key := keyFor(s.set.text)
	switch {
	case s.key.set():
		key = s.key.text
	case len(probe.replica) > 0:
		key = keyFor(probe.replica[0])
	}
	r, known := b.rules.byKey[key]
	if known && r.in != nil || known && r.In && r.Target != f.ID {
		b.problem(s.set.at, secondKey, "set: what arrives as %q is written already, at %s", key, r.Where)
		return
	}
	if !known {
		r = &row{Row: Row{Key: key, Where: b.where(s.at)}}
		spec.key = word{key, s.set.at}
	}
	r.In, r.target, r.Target, r.TargetKind = true, f, f.ID, f.Kind
	out := r.out
	b.bindHalf(r, spec, lets, known)
	r.out = out
}

// guarded writes the condition of an incoming step into its expression.
func (b *binder) guarded(s *stepSpec) word {
	if !s.when.set() {
		return s.to
	}
	if b.condition(s.when, nil, types.Map{"value": types.Any}) == nil {
		return s.to
	}
	return word{fmt.Sprintf("(%s) ? (%s) : skip", s.when.text, s.to.text), s.to.at}
}

// stopped evaluates the stops of a script and gives the reason of the first that holds.
func (e *evaluation) stopped(steps []stopStep) (string, error) {
	for _, s := range steps {
		stop, err := e.truth(s.when, nil)
		if err != nil {
			return "", err
		}
		if stop {
			return s.why, nil
		}
	}
	return "", nil
}

func stopsOf(steps []stopStep) []*program {
	var out []*program
	for _, s := range steps {
		out = append(out, s.when)
	}
	return out
}

// maxCarried bounds a value of no kind: characters and elements.
const maxCarried = 32 << 10

// small reports whether a value is plain data of a bounded size, however its parts are shared.
func small(v any, left *int, depth int) bool {
	if *left--; *left < 0 || depth > 6 {
		return false
	}
	switch v := v.(type) {
	case nil, bool, int:
		return true
	case float64:
		return v == v && v < 1e300 && v > -1e300
	case string:
		*left -= len(v)
		return *left >= 0
	case []string:
		for _, s := range v {
			*left -= len(s) + 1
		}
		return *left >= 0
	case []any:
		for _, e := range v {
			if !small(e, left, depth+1) {
				return false
			}
		}
		return true
	case map[string]any:
		for k, e := range v {
			if *left -= len(k); !small(e, left, depth+1) {
				return false
			}
		}
		return true
	}
	return false
}
