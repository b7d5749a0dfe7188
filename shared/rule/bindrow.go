package rule

import (
	"reflect"
	"slices"
	"sort"

	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// rows binds the fields list.
func (b *binder) rows() {
	b.statusSection()
	for _, spec := range b.set.fields {
		if r := b.row(spec); r != nil {
			b.add(r, spec)
		}
	}
}

// statusSection puts the status map into the status row.
func (b *binder) statusSection() {
	s := b.set.status
	if s.values == nil && !s.otherwise.set() {
		return
	}
	fields := append([]*rowSpec(nil), b.set.fields...)
	for i, spec := range fields {
		if spec.keyText() != "status" {
			continue
		}
		if spec.values != nil || spec.useTable.set() {
			b.problem(spec.at, "keep one of them", `the row "status" has values, and so has "status: map"`)
		}
		joined := *spec
		joined.values, joined.otherwise, joined.dflt = s.values, s.otherwise, s.dflt
		fields[i] = &joined
		set := *b.set
		set.fields, b.set = fields, &set
		return
	}
	b.problem(s.values.at, `add "- field: status"`, `"status: map" maps nothing: there is no row "status"`)
}

// add refuses a second row for a key, and a second row that writes a field.
func (b *binder) add(r *row, spec *rowSpec) {
	if first, twice := b.rules.byKey[r.Key]; twice {
		if s := b.set.spec(first); s != nil && s.keyText() == spec.keyText() {
			return // said when the file was read
		}
		hint := ""
		if r.Key != spec.keyText() {
			hint = secondKey
		}
		b.problem(spec.keyWord().at, hint, "row: the key %q is used already, at %s", r.Key, first.Where)
		return
	}
	for _, other := range b.rules.rows {
		if r.In && other.In && r.Target == other.Target {
			b.problem(spec.keyWord().at, oneWriter, "row: the field %q is written already by the row %q at %s", r.Target, other.Key, other.Where)
			return
		}
	}
	b.rules.byKey[r.Key] = r
	b.rules.rows = append(b.rules.rows, r)
}

// secondKey is the way out where what would follow one key is to be written to two fields.
const secondKey = `let the other site send it under a second key as well ("{key: NAME, out: …}"), and name that: "key: NAME"`

// oneWriter is the way out where two rows would write one field: which of two values stands must not depend on which of
// them happened to change last.
const oneWriter = "let one row decide: in: 'CONDITION ? A : B', or switch that row off"

// row binds one row; nil when it is switched off or has problems.
func (b *binder) row(spec *rowSpec) *row {
	dir := b.direction(spec)
	if dir == "off" {
		return nil
	}
	before := len(b.problems)
	r := &row{Row: Row{Key: spec.keyText(), Where: b.where(spec.at)}, otherwise: spec.otherwise.text}
	r.Out, r.In = dir != "in", dir != "out"
	b.ends(r, spec)
	if len(b.problems) > before || (r.Out && r.source == nil && !spec.out.set()) {
		b.nothing(r, spec, before)
		return nil
	}
	b.expressions(r, spec, nil)
	if led := r.led(spec); led != "" {
		r.Key = led
	}
	b.tableOf(r, spec)
	b.readsOf(r)
	if len(b.problems) > before {
		return nil
	}
	return r
}

// led is the key of a row that names none and makes what it writes of other keys: the first it reads, as in a script.
func (r *row) led(spec *rowSpec) string {
	if spec.key.set() || spec.field.set() || r.Out || r.in == nil || r.in.names["value"] || len(r.in.replica) == 0 || slices.Contains(r.in.replica, r.Key) {
		return ""
	}
	return r.in.replica[0]
}

func (b *binder) nothing(r *row, spec *rowSpec, before int) {
	if len(b.problems) == before && !spec.at.builtin {
		b.problem(spec.at, `add "field", "from" or "out"`, "row %q: goes out, but says nothing of what", r.Key)
	}
}

// direction is both, unless the row has only one end.
func (b *binder) direction(spec *rowSpec) string {
	if spec.direction.set() {
		return spec.direction.text
	}
	sends := spec.field.set() || spec.from.set() || spec.out.set()
	takes := spec.field.set() || spec.to.set()
	switch {
	case sends && !takes:
		return "out"
	case takes && !sends:
		return "in"
	}
	return "both"
}

// ends resolves what is sent and what is written.
func (b *binder) ends(r *row, spec *rowSpec) {
	from, to := spec.from, spec.to
	if spec.field.set() {
		from, to = spec.field, spec.field
	}
	if spec.field.set() && r.Out && r.In {
		r.source = b.field(spec.field)
		r.target = r.source
	} else {
		if r.Out && from.set() {
			r.source = b.field(from)
		}
		if r.In && to.set() {
			r.target = b.field(to)
		}
	}
	if r.In && !to.set() {
		b.problem(spec.at, `add "to: FIELD"`, "row %q: comes in, but names no field to write", r.Key)
	}
	if r.source != nil {
		r.Source = r.source.ID
	}
	if r.target != nil {
		r.Target, r.TargetKind = r.target.ID, r.target.Kind
	}
}

// expressions compiles a row's expressions; between the two halves it is decided how the value travels.
func (b *binder) expressions(r *row, spec *rowSpec, lets []let) {
	b.past = true
	if spec.when.set() {
		r.when = b.condition(spec.when, lets, nil)
	}
	if spec.out.set() && r.Out {
		r.out = b.compile(spec.out, lets, types.Map{"value": r.outValue()})
		r.eachOut = r.out != nil && r.source != nil && r.source.Kind.Set() && r.out.names["value"]
	}
	b.past = false
	if r.Kind == "" {
		b.kinds(r, spec)
	}
	if spec.in.set() && r.In {
		b.incomingExpression(r, spec, lets)
	}
}

// outValue is the type of "value" in an outgoing expression: of a set it is one element.
func (r *row) outValue() types.Type {
	switch {
	case r.source == nil:
		return types.Any
	case r.source.Kind == bridge.Names:
		return types.String
	case r.source.Kind == bridge.Users:
		return personType
	}
	return typeOf(r.source.Kind)
}

// incomingExpression compiles "in". Sets are merged element by element, so there it sees one element and nothing else.
func (b *binder) incomingExpression(r *row, spec *rowSpec, lets []let) {
	r.in = b.compile(spec.in, lets, types.Map{"value": types.Any})
	if r.in == nil {
		return
	}
	r.eachIn = r.Kind.Set() && r.TargetKind.Set() && r.in.names["value"]
	if !r.eachIn {
		b.fitsKind(spec.in, r.in, r.TargetKind, "the field "+r.Target)
		if r.Kind.Set() && r.TargetKind.Set() && len(r.in.replica) > 0 {
			b.problem(spec.in.at, `"value" is the element that arrives`, "a set is written element by element: the expression cannot read the replica")
		}
		return
	}
	for name := range placesBeside {
		if r.in.names[name] {
			b.problem(spec.in.at, `only "value", constants and tables are to be had here`, "a set is written element by element: the expression cannot read %q", name)
		}
	}
}

// placesBeside are the variables an element knows nothing of.
var placesBeside = map[string]bool{"issue": true, "replica": true, "previous": true, "first_sync": true, "pair": true}

// kinds decides how the value travels.
func (b *binder) kinds(r *row, spec *rowSpec) {
	switch {
	case spec.kind.set():
		r.Kind = bridge.Kind(spec.kind.text)
	case r.eachOut:
		r.Kind = r.source.Kind
	case r.out != nil && r.out.result != nil:
		r.Kind = b.kindOf(r, r.out.result)
	case r.out != nil && r.source == nil && r.target == nil:
		r.Kind = bridge.Opaque // whatever the expression makes
	case r.source != nil:
		r.Kind = r.source.Kind
	case r.target != nil:
		r.Kind = r.target.Kind
	default:
		r.Kind = bridge.Text
	}
	if r.eachOut && !r.Kind.Set() {
		b.problem(spec.out.at, `leave "field" out and write issue.NAME for the whole set`, "%q is one element of a set here, which cannot become %s", "value", r.Kind)
	}
	if r.out != nil && !r.eachOut {
		b.fitsKind(spec.out, r.out, r.Kind, "a value that travels as "+string(r.Kind))
	}
	if r.Kind == bridge.Issue && r.out != nil || r.TargetKind == bridge.Issue && spec.in.set() || r.In && (r.Kind == bridge.Issue) != (r.TargetKind == bridge.Issue) {
		b.problem(spec.keyWord().at, `"when" says of which issues it is sent; elsewhere issue.parent.key is a text`, "row %q: the parent goes as it is, and nowhere else", r.Key)
	}
	if r.In && r.TargetKind == bridge.Opaque {
		b.problem(spec.keyWord().at, "", "field %q: fields of this kind can be read, but not written", r.Target)
	}
	if r.Out && r.out == nil && r.Kind == bridge.Opaque {
		b.problem(spec.keyWord().at, `add an "out" expression`, "field %q: fields of this kind cannot be sent as they are", r.Source)
	}
}

// kindOf is the kind of what an expression makes; text stays of the kind of its source where that is text too.
func (b *binder) kindOf(r *row, t reflect.Type) bridge.Kind {
	switch {
	case isText(t) && r.source != nil && typeOf(r.source.Kind) == types.String:
		return r.source.Kind
	case isText(t) && r.source == nil && r.target != nil && typeOf(r.target.Kind) == types.String:
		return r.target.Kind
	case isText(t):
		return bridge.RichText // may have several lines; the field it lands in decides
	case isNumber(t):
		return bridge.Number
	case t.Kind() == reflect.Slice && r.source != nil && r.source.Kind.Set():
		return r.source.Kind
	case t.Kind() == reflect.Slice:
		return bridge.Names
	case t.Kind() == reflect.Map:
		return bridge.User
	}
	return bridge.Opaque
}

// fitsKind refuses an expression whose result can never become the kind.
func (b *binder) fitsKind(w word, p *program, kind bridge.Kind, what string) {
	if p == nil || p.result == nil {
		return
	}
	t, ok := p.result, true
	switch kind {
	case bridge.Number, bridge.Date, bridge.DateTime:
		ok = isText(t) || (isNumber(t) && kind == bridge.Number)
	case bridge.User:
		ok = isText(t) || t.Kind() == reflect.Map
	case bridge.Names, bridge.Users:
		ok = isText(t) || t.Kind() == reflect.Slice
	}
	if !ok || t == reflect.TypeFor[skipValue]() {
		b.problem(w.at, "", "the expression makes %s, which cannot become %s", spoken(t), what)
	}
}

func spoken(t reflect.Type) string {
	switch {
	case isText(t):
		return "text"
	case isNumber(t):
		return "a number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a map"
	}
	return "nothing"
}

// tableOf binds the value table and checks its local side against the site.
func (b *binder) tableOf(r *row, spec *rowSpec) {
	t := spec.values
	if spec.useTable.set() {
		if t = b.set.tables[spec.useTable.text]; t == nil {
			b.problem(spec.useTable.at, nearest(spec.useTable.text, sortedKeys(b.set.tables)), "values: there is no table %q", spec.useTable.text)
			return
		}
	}
	if spec.dflt != nil {
		r.dflt = spec.dflt.text
		b.named(r.Key, word{r.dflt, spec.dflt.at}, b.site.allowed(r.Target))
	}
	if t == nil && spec.valuesIn == nil {
		return
	}
	r.values = newValueTable(t, spec.valuesIn)
	if k := r.Kind; k != bridge.Name && k != bridge.Names && k != bridge.Text {
		hint := `use an "out" and an "in" expression`
		if k == bridge.Issue {
			hint = "an issue is the twin of one, or it is not"
		}
		b.problem(spec.keyWord().at, hint, "row %q: a value of the kind %s has no value table", r.Key, k)
	}
	b.localSide(r, t, spec.valuesIn)
}

func (b *binder) localSide(r *row, t, arriving *table) {
	id := r.Target
	if id == "" {
		id = r.Source
	}
	allowed := b.site.allowed(id)
	if allowed == nil {
		return
	}
	if t != nil {
		for _, e := range t.rows {
			b.named(r.Key, e.key, allowed)
		}
	}
	if arriving != nil {
		for _, e := range arriving.rows {
			b.named(r.Key, word{e.value.text, e.value.at}, allowed)
		}
	}
}

// readsOf collects what the outgoing value depends on, and the incoming one beside what arrives under the row's own key.
func (b *binder) readsOf(r *row) {
	ids := map[string]bool{}
	for _, p := range []*program{r.when, r.out} {
		if !r.Out {
			continue
		}
		for _, id := range p.fields() {
			ids[id] = true
		}
	}
	if r.Out && r.Source != "" && (r.out == nil || r.out.names["value"]) {
		ids[r.Source] = true
	}
	r.Reads = sortedKeys(ids)
	r.History = r.Out && (r.when.past() || r.out.past())
	r.Follows = nil
	if r.In && r.in != nil {
		r.Follows = slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(r.in.replica), func(k string) bool { return k == r.Key }))))
	}
	r.Constant = r.In && r.in != nil && !r.in.names["value"] && len(r.in.replica) == 0
}

// loops finds rows that feed each other: what arrives for one is sent as the other, for ever.
func (b *binder) loops() {
	for i, r := range b.rules.rows {
		for _, o := range b.rules.rows[i+1:] {
			if r.feeds(o) && o.feeds(r) {
				b.problem(b.lineOf(o), "let one of them go one way only", "rows %q and %q go in a circle: each sends what the other writes", r.Key, o.Key)
			}
		}
	}
}

// feeds reports whether what arrives for one row is sent by the other.
func (r *row) feeds(o *row) bool {
	i := sort.SearchStrings(o.Reads, r.Target)
	return r.In && o.Out && r.Target != "" && i < len(o.Reads) && o.Reads[i] == r.Target
}

// unknownHere refuses incoming expressions that read a field of this site which no row carries: a change is applied without
// reading the issue, so nothing else of it is known then.
func (b *binder) unknownHere() {
	carried := map[string]bool{"issuetype": true}
	for _, r := range b.rules.rows {
		carried[r.Source], carried[r.Target] = true, true
	}
	check := func(at pos, p *program) {
		for _, id := range p.fields() {
			if !carried[id] {
				b.problem(at, `add a row for it, with "direction: in" where it shall not leave`, "an incoming expression reads the field %q, and no row carries it", id)
			}
		}
	}
	for _, r := range b.rules.rows {
		check(b.lineOf(r), r.in)
	}
	for _, s := range b.set.incoming {
		for _, stop := range b.rules.refusals {
			if s.stop.set() && stop.when != nil && stop.when.where == b.where(s.when.at) {
				check(s.when.at, stop.when)
			}
		}
	}
	check(b.set.comments.take.at, b.rules.comments.take)
	check(b.set.comments.arriving.at, b.rules.comments.choose)
	check(b.set.attachments.take.at, b.rules.attachments.take)
	check(b.set.attachments.arriving.at, b.rules.attachments.choose)
	check(b.set.links.take.at, b.rules.links.take)
}

func (b *binder) lineOf(r *row) pos { return b.set.lineOf(r) }

// lineOf is where a row stands: its key, or the step of a script that made it.
func (s *Set) lineOf(r *row) pos {
	if spec := s.spec(r); spec != nil {
		return spec.keyWord().at
	}
	for _, step := range append(append([]*stepSpec(nil), s.outgoing...), s.incoming...) {
		for _, w := range []word{step.set, step.carry} {
			if w.set() && s.file.where(step.at) == r.Where {
				return w.at
			}
		}
	}
	return start
}

// spec is a row as it was written, nil for one that a script made.
func (s *Set) spec(r *row) *rowSpec {
	for _, same := range []func(*rowSpec) bool{
		func(spec *rowSpec) bool { return spec.keyText() == r.Key },
		func(spec *rowSpec) bool { return s.file.where(spec.at) == r.Where }, // its key is one that it reads
	} {
		if i := slices.IndexFunc(s.fields, same); i >= 0 {
			return s.fields[i]
		}
	}
	return nil
}
