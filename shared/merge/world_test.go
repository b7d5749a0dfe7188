package merge_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// A protocol is the functions under test, so that a test can break one of them and see that the checks notice.
type protocol struct {
	observe   func(merge.Field, merge.Site, bool, ...merge.Item) (merge.Field, bool)
	receive   func(merge.Field, merge.Site, bridge.Entries) (merge.Field, bool)
	decide    func(merge.Field, merge.Site, func(*bridge.Entry) bridge.Value) merge.Decision
	note      func(merge.Field, merge.Decision) merge.Field
	shown     func(merge.Field, int64, bridge.Edit) merge.Field
	republish func(merge.Field, func(bridge.Value) bridge.Value, int64) (merge.Field, bool)
	broken    bool // the whole reference is not broken with it: do not compare
}

func product() protocol {
	return protocol{merge.Observe, merge.Receive, merge.Decide, merge.Note, merge.Shown, merge.Republish, false}
}

// A world is one run: two sites, the faults between them, and what must hold at the end.
type world struct {
	c      scenario
	policy bridge.Policy
	p      protocol
	r      *rand.Rand
	clock  int64
	healed bool // what refused writes no longer does
	a, b   *site
	net    []letter
	events map[*site][]item
	sent   map[*site]int
	edits  int
	past   []set
	last   []made // by edit; [0] is the value before the first
	seen   map[string]int
}

type letter struct {
	to *site
	replica
}

type made struct {
	at    int64
	value string
}

type set [4]uint64

func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }
func (s set) with(i int) set { s[i/64] |= 1 << (i % 64); return s }

// A failure is a check that did not hold.
type failure string

func (w *world) assert(ok bool, what string) {
	if !ok {
		panic(failure(what))
	}
}

func newWorld(c scenario, policy bridge.Policy, seed uint64, p protocol) *world {
	w := &world{c: c, policy: policy, p: p, r: rand.New(rand.NewPCG(seed, 1)), past: []set{{}}, last: []made{{}},
		events: map[*site][]item{}, sent: map[*site]int{}, seen: map[string]int{}}
	w.a, w.b = w.newSite(bridge.Public), w.newSite(bridge.Private)
	if c.skewed {
		w.a.skew = w.r.Int64N(80) - 40
	}
	if c.oneway {
		w.a.way, w.b.way = merge.Out, merge.In
	}
	return w
}

func (w *world) newSite(role bridge.Role) *site {
	start := w.c.begin()
	x := &site{w: w, jira: &jira{w: w, role: role, exists: true, value: start, made: map[int64]int{}}}
	x.policies = map[int64]bridge.Policy{0: w.policy}
	x.f.Shown = quote(start)
	x.ref = newWhole(quote(start))
	return x
}

func (w *world) chance(p float64) bool { return w.r.Float64() < p }

func (w *world) site(r bridge.Role) *site {
	if r == bridge.Public {
		return w.a
	}
	return w.b
}

func (w *world) two() (*site, *site) {
	if w.chance(.5) {
		return w.a, w.b
	}
	return w.b, w.a
}

func (w *world) err() int64 {
	if w.c.errs == 0 {
		return 0
	}
	return w.r.Int64N(2*w.c.errs+1) - w.c.errs
}

func (w *world) refuses(r bridge.Role, v bridge.Value) bool {
	return w.c.refuse && !w.healed && r == bridge.Private && strings.HasPrefix(unquote(v), "z")
}

// edit is someone editing the field in Jira; an empty v is any value.
func (w *world) edit(x *site, v string, creation bool) {
	if !x.exists {
		return
	}
	n := w.edits + 1
	switch {
	case v != "":
	case w.c.domain != "":
		i := w.r.IntN(len(w.c.domain))
		v = w.c.domain[i : i+1]
	default:
		v = fmt.Sprintf("%cv%d", "xyz"[w.r.IntN(3)], n)
	}
	if v == x.value && !creation {
		return
	}
	w.edits = n
	w.past = append(w.past, w.past[x.jira.edit].with(x.jira.edit))
	x.add(v, nil, n, creation)
	w.last = append(w.last, made{w.clock, v})
}

func (w *world) begin() {
	x, y := w.two()
	switch {
	case w.c.created:
		y.exists, y.f.Shown, y.ref.start = false, "", ""
		w.edit(x, "", true)
	case w.c.paired:
		w.edit(x, "", true)
		w.edit(y, "", true)
	}
}

// event delivers something that x's Jira did: any of it, or again, or never.
func (w *world) event(x *site) {
	w.events[x] = append(w.events[x], x.log[w.sent[x]:]...)
	w.sent[x] = len(x.log)
	if len(w.events[x]) == 0 {
		return
	}
	i, k := w.r.IntN(len(w.events[x])), w.r.Float64()
	e := w.events[x][i]
	if k < .84 {
		w.events[x] = append(append([]item(nil), w.events[x][:i]...), w.events[x][i+1:]...)
	}
	if k < .2 {
		return
	}
	x.observe([]item{e}, false)
	x.project(false)
}

func (w *world) step() {
	k, c := w.r.Float64(), w.c
	x, y := w.two()
	switch {
	case k < .25:
		w.edit(x, "", false)
	case k < .5:
		w.event(x)
	case k < .54 && c.restore:
		w.disaster(x, y, k)
	case k < .56 && c.change != "":
		if w.chance(.2) {
			w.a.policies = maps.Clone(w.a.policies) // the site that publishes them
			w.a.policies[w.a.revision()+1] = c.change
		}
	case k < .58 && c.marked:
		x.published++
	case k < .62 && c.marked:
		x.publish()
	case k < .64:
		if len(x.open) == 0 {
			x.pick()
		}
	case k < .80:
		w.exchange(x, y)
	case len(w.net) > 0:
		i := w.r.IntN(len(w.net))
		l := w.net[i]
		w.net = append(append([]letter(nil), w.net[:i]...), w.net[i+1:]...)
		l.to.receive(l.replica, w.chance(.15))
	}
}

func (x *site) revision() int64 {
	var top int64
	for r := range x.policies {
		top = max(top, r)
	}
	return top
}

func (w *world) disaster(x, y *site, k float64) {
	switch {
	case x.snap == nil:
		x.backup()
	case k < .53:
		x.restore()
	case k < .535 && y.snap != nil:
		x.restore()
		y.restore()
	case x.exists:
		x.lose()
	}
}

func (w *world) exchange(x, y *site) {
	if w.chance(.7) {
		w.send(x, y)
	}
	if w.chance(.5) {
		w.send(y, x) // crossing
	}
}

func (w *world) send(x, y *site) {
	l := letter{y, x.replica()}
	if w.chance(.3) {
		l.policies = nil // they travel on their own
	}
	w.net = append(w.net, l)
}

// quiet is rounds without edits or faults. Reconciling reads the changelogs; a start that does not hears the other site
// before it writes.
func (w *world) quiet(rounds int, reconcile bool) {
	for range rounds {
		ra, rb := w.a.replica(), w.b.replica()
		if reconcile {
			w.a.read()
			w.b.read()
		} else {
			w.b.receive(ra, false)
			w.a.receive(rb, false)
		}
		for _, x := range []*site{w.a, w.b} {
			x.publish()
			x.project(false)
		}
		if reconcile {
			w.b.receive(ra, false)
			w.a.receive(rb, false)
		}
	}
}

// settle lets everything come to rest, every conflict with its answer.
func (w *world) settle(after string, reconcile bool) {
	w.quiet(6, reconcile)
	for range 3 {
		if x, _ := w.two(); len(x.open) == 0 && x.pick() {
			w.quiet(6, reconcile)
		}
	}
	before := w.a.writes + w.b.writes
	w.quiet(3, reconcile)
	w.assert(before == w.a.writes+w.b.writes, "ping-pong"+after)
	for _, x := range []*site{w.a, w.b} {
		_, v := merge.Winner(x.f, x.site())
		w.assert(v == merge.None || v == merge.Known || v == merge.Decided, string(v)+" for ever"+after)
	}
}

// run is one run; it returns the check that did not hold.
func (w *world) run() (err error) {
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			err = fmt.Errorf("%s", string(f))
		default:
			panic(f)
		}
	}()
	w.begin()
	for range 5 + w.r.IntN(115) {
		w.step()
	}
	w.healed = true
	if w.chance(.5) {
		for _, l := range w.net {
			l.to.receive(l.replica, false)
		}
	}
	w.settle("", true)
	w.agree()
	if x, _ := w.two(); x.snap != nil { // and nobody notices, so nobody reads a changelog
		x.rollBack()
		w.settle(" after a rollback", false)
		w.agree()
	}
	w.peace()
	return nil
}

// same ignores what the normalising Jira adds.
func same(a, b string) bool { return strings.TrimRight(a, "'") == strings.TrimRight(b, "'") }
