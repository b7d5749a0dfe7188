package merge_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// A jira is a site's Jira: the value it shows and the changelog of it. edit is the edit it shows, for the checks only.
type jira struct {
	w      *world
	role   bridge.Role
	skew   int64
	exists bool
	value  string
	edit   int
	log    []item
	made   map[int64]int // edits by changelog id
}

type item struct {
	id      int64
	value   string
	at      int64
	carries *bridge.Edit
	halt    bool
}

// add appends an item. Other fields have items too, so ids have gaps.
func (j *jira) add(value string, carries *bridge.Edit, edit int, creation bool) item {
	j.w.clock++
	j.value, j.edit = value, edit
	id := int64(0)
	if n := len(j.log); n > 0 {
		id = j.log[n-1].id
	}
	if !creation {
		id += 1 + j.w.r.Int64N(3)
	}
	if carries == nil {
		j.made[id] = edit
	}
	it := item{id: id, value: value, at: j.w.clock + j.skew, carries: carries}
	j.log = append(j.log, it)
	return it
}

// halt adds what our write shows on its way.
func (j *jira) halt(value string, carries *bridge.Edit, edit int) {
	j.add(value, carries, edit, false)
	j.log[len(j.log)-1].halt = true
}

// An intent is a write of ours whose place in the changelog is unknown.
type intent struct {
	id       int64 // of the item it left; -1: none
	edit     bridge.Edit
	before   int64
	accepted bool // Jira answered; else we crashed and do not know
}

// A state is what a site stores about the field, and what a backup brings back.
type state struct {
	f        merge.Field
	open     []intent
	policies map[int64]bridge.Policy
	rules    int64
	ref      whole
}

// A site drives the functions under test as publish and apply do.
type site struct {
	state
	*jira
	w         *world
	way       merge.Way
	published int64 // revision of the rules in force, which the bulk lane brings to the field
	writes    int
	snap      *state
}

func (x *site) site() merge.Site {
	return merge.Site{Role: x.role, Policies: x.policies, Way: x.way}
}

func (x *site) item(it item) merge.Item {
	return merge.Item{ID: it.id, Value: quote(it.value), Carries: it.carries, Halt: it.halt, Rules: x.published,
		Out: quote(x.w.c.out(it.value, x.published)), At: it.at - x.skew + x.w.err()}
}

func (x *site) observe(items []item, whole bool) {
	known, settled := make([]merge.Item, 0, len(items)), []intent(nil)
	for _, it := range items {
		known = append(known, x.item(it))
		x.open = slices.DeleteFunc(slices.Clone(x.open), func(i intent) bool { return i.id == it.id })
	}
	if whole {
		settled, x.open = x.open, nil
	}
	x.f, _ = x.w.p.observe(x.f, x.site(), len(x.open) > 0, known...)
	x.ref.observe(x.site(), len(x.open) > 0, known...)
	for _, i := range settled {
		if i.accepted && i.id < 0 { // and no item: Jira showed our value already
			x.f = x.w.p.shown(x.f, i.before, i.edit)
			x.ref.shownSince(x.site(), i.before, i.edit)
		}
	}
}

func (x *site) read() { x.observe(x.log, true) }

func (x *site) local(e *bridge.Entry) bridge.Value {
	return quote(x.w.c.into(unquote(e.Value), x.published))
}

func (x *site) project(crash bool) (crashed bool) {
	if len(x.open) > 0 {
		return false
	}
	d := x.w.p.decide(x.f, x.site(), x.local)
	x.w.compare(x, d)
	_, verdict := merge.Winner(x.f, x.site())
	x.w.seen[string(verdict)]++
	x.w.seen[string(d.Kind)]++
	x.w.real(x, verdict)
	x.f = x.w.p.note(x.f, d)
	x.ref.note(x.site(), x.local)
	if d.Kind != merge.Write || x.w.refuses(x.role, d.Value) {
		return false
	}
	return x.write(d, crash)
}

func (x *site) write(d merge.Decision, crash bool) (crashed bool) {
	edit := x.w.site(d.Edit.Site).made[d.Edit.Seq]
	x.check(d, edit)
	before, real := x.f.Item, x.w.c.norm(unquote(d.Value))
	in := intent{-1, d.Edit, before, true}
	if x.exists && !x.walk(d, real, edit) {
		x.open = append(slices.Clone(x.open), intent{-1, d.Edit, before, false})
		return crash
	}
	var it *item
	switch {
	case !x.exists:
		x.exists = true
		if x.w.chance(.2) {
			return false // the row came after the creation: not carried
		}
		n := x.add(real, &d.Edit, edit, true)
		it = &n
	case real != x.value:
		n := x.add(real, &d.Edit, edit, false)
		it = &n
	}
	if it != nil {
		in.id = it.id
	}
	switch {
	case crash:
		x.open = append(slices.Clone(x.open), intent{-1, d.Edit, before, false})
		return true
	case x.w.c.unknown && x.w.chance(.5):
		x.open = append(slices.Clone(x.open), in)
	case it == nil:
		x.open = append(slices.Clone(x.open), in)
		x.read()
		x.project(false)
	default:
		x.wrote(*it)
	}
	return false
}

// walk makes the halts on the way to the value. A crash, or a person, may cut it off at any of them.
func (x *site) walk(d merge.Decision, to string, edit int) bool {
	for _, halt := range x.w.c.halts(x.value, to) {
		x.halt(halt, &d.Edit, edit)
		if x.w.healed || x.w.chance(.6) {
			continue
		}
		if x.w.chance(.5) {
			x.w.edit(x, "", false)
		}
		return false
	}
	return true
}

// wrote takes in the item of our write, by either of the two ways there are.
func (x *site) wrote(it item) {
	if x.w.chance(.5) {
		x.f = merge.Wrote(x.f, it.id, quote(it.value), *it.carries)
		x.ref.observe(x.site(), false, x.item(it))
		x.f, _ = x.w.p.observe(x.f, x.site(), false)
		return
	}
	x.observe([]item{it}, false)
}

// check holds for every single write.
func (x *site) check(d merge.Decision, edit int) {
	x.writes++
	x.w.assert(x.writes < 200, "endless writing")
	for _, it := range x.ref.known {
		older := it.Carries != nil && d.Edit.Site != x.role && it.Carries.Site == d.Edit.Site && it.Carries.Seq > d.Edit.Seq
		x.w.assert(!older, "an older edit written over a newer one")
	}
	halted := x.f.Carries != nil && *x.f.Carries == bridge.Edit{}
	if x.f.Redo == nil && !halted && !x.w.c.oneway {
		x.w.assert(!x.w.past[x.edit].has(edit), "an edit overwritten by one it was made on top of")
	}
}

// A replica is what travels: both entries, and the policies that are published at the public site.
type replica struct {
	entries  bridge.Entries
	policies map[int64]bridge.Policy
}

func (x *site) replica() replica {
	return replica{merge.Replica(x.f, x.site()), maps.Clone(x.policies)}
}

func (x *site) receive(in replica, crash bool) {
	for r, p := range in.policies {
		if _, known := x.policies[r]; !known {
			x.policies = maps.Clone(x.policies)
			x.policies[r] = p
		}
	}
	if len(x.open) > 0 {
		x.read()
	}
	f, forgotten := x.w.p.receive(x.f, x.site(), in.entries)
	x.f = f
	x.ref.receive(x.site(), in.entries)
	if forgotten {
		x.read()
		x.f, _ = x.w.p.receive(x.f, x.site(), in.entries)
		x.ref.receive(x.site(), in.entries)
	}
	x.project(crash)
}

func (x *site) pick() bool {
	_, v := merge.Winner(x.f, x.site())
	if v != merge.Asking {
		return false
	}
	e := x.f.Mine.ID()
	if x.w.chance(.5) {
		e = x.f.Theirs.ID()
	}
	f, ok := merge.Pick(x.f, x.site(), e)
	x.w.assert(ok, "a pick refused")
	x.f = f
	x.ref.pick(e)
	x.project(false)
	return true
}

// publish is the bulk lane reaching the field: rules newer than its state are applied.
func (x *site) publish() {
	if len(x.open) > 0 || x.rules == x.published {
		return
	}
	x.rules = x.published
	out := func(v bridge.Value) bridge.Value { return quote(x.w.c.out(unquote(v), x.published)) }
	x.f, _ = x.w.p.republish(x.f, out, x.published)
	x.ref.republish(out, x.published)
	x.project(false)
}

// backup goes through JSON, as stored state does.
func (x *site) backup() {
	raw, err := json.Marshal(x.f)
	if err != nil {
		panic(err)
	}
	s := x.state
	s.f = merge.Field{}
	if err := json.Unmarshal(raw, &s.f); err != nil {
		panic(err)
	}
	s.ref = x.ref.clone()
	x.snap = &s
}

func (x *site) rollBack() {
	policies := x.policies
	x.state = *x.snap
	x.ref = x.snap.ref.clone()
	if x == x.w.a {
		x.policies = policies // the connection's, kept where they are published
	}
}

func (x *site) restore() { x.rollBack(); x.read(); x.project(false) } // a new generation reads the changelog

func (x *site) lose() {
	policies := x.policies
	if x == x.w.b {
		policies = map[int64]bridge.Policy{0: x.w.policy}
	}
	x.state = state{policies: policies, ref: newWhole("")}
	x.read()
	x.project(false)
}

func quote(s string) bridge.Value   { return bridge.Value(`"` + s + `"`) }
func unquote(v bridge.Value) string { return strings.Trim(string(v), `"`) }
