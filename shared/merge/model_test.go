package merge_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

var (
	seed = flag.Uint64("seed", 1, "first seed of the random runs")
	runs = flag.Int("runs", 60, "random runs of every case under every policy")
)

// A scenario is what a run has to live with; tests/model/converge.py has the same.
type scenario struct {
	skewed, unknown, refuse, restore, created, paired, oneway bool
	walk                                                      bool // some values are reached over others only
	marked                                                    bool // rules are republished, and mark what they make
	lossy, ticks                                              bool // mappings do not invert; Jira normalises
	errs                                                      int64
	domain, start                                             string
	change                                                    bridge.Policy
}

var scenarios = []struct {
	name string
	scenario
}{
	{"plain", scenario{}},
	{"clocks-apart", scenario{skewed: true}},
	{"ids-unknown", scenario{unknown: true}},
	{"clock-estimates-off", scenario{skewed: true, errs: 5}},
	{"normalised", scenario{ticks: true, unknown: true}},
	{"two-values", scenario{domain: "TF", unknown: true}},
	{"two-values-normalised", scenario{domain: "TF", ticks: true, unknown: true}},
	{"set-element", scenario{domain: "TF", start: "F", unknown: true, restore: true}},
	{"walk", scenario{domain: "OFOFD", start: "O", walk: true, unknown: true}},
	{"walk-restored", scenario{domain: "OFOFD", start: "O", walk: true, restore: true, refuse: true}},
	{"lossy-mapping", scenario{lossy: true}},
	{"refused", scenario{refuse: true}},
	{"policy-changed", scenario{change: bridge.PrivateSite}},
	{"restored", scenario{restore: true}},
	{"created", scenario{created: true}},
	{"created-hard", scenario{created: true, unknown: true, restore: true, refuse: true}},
	{"paired-by-hand", scenario{paired: true, unknown: true}},
	{"republished", scenario{marked: true, unknown: true}},
	{"republished-restored", scenario{marked: true, restore: true, ticks: true}},
	{"one-way", scenario{oneway: true, unknown: true}},
	{"one-way-restored", scenario{oneway: true, restore: true, refuse: true}},
	{"all", scenario{skewed: true, unknown: true, refuse: true, restore: true, errs: 5, change: bridge.PrivateSite}},
	{"all-created", scenario{created: true, skewed: true, unknown: true, refuse: true, restore: true, errs: 5, change: bridge.PrivateSite}},
}

var policies = []bridge.Policy{bridge.Newest, bridge.PublicSite, bridge.PrivateSite, bridge.Ask}

func (c scenario) begin() string {
	if c.start != "" {
		return c.start
	}
	return "a"
}

func (c scenario) out(v string, rules int64) string {
	switch {
	case c.marked:
		return fmt.Sprintf("%s>%d", v, rules)
	case c.lossy:
		return strings.ToUpper(v)
	}
	return v
}

func (c scenario) into(v string, rules int64) string {
	switch {
	case c.marked:
		return fmt.Sprintf("%s>%d", v, rules)
	case c.lossy:
		return v[:1] + "!"
	}
	return v
}

func (c scenario) norm(v string) string {
	if c.ticks && !strings.HasSuffix(v, "'") {
		return v + "'"
	}
	return v
}

// halts are the values on the way from one to another: of Open, Doing and Finished the first and the last are reached from
// each other over Doing only.
func (c scenario) halts(from, to string) []string {
	if c.walk && (from == "O" && to == "F" || from == "F" && to == "O") {
		return []string{"D"}
	}
	return nil
}

// ident says that a value reads the same on both sites.
func (c scenario) ident() bool { return !c.marked && !c.lossy }

func TestConverge(t *testing.T) {
	seen := map[string]int{}
	for _, s := range scenarios {
		for _, policy := range policies {
			t.Run(s.name+"/"+string(policy), func(t *testing.T) {
				for n := range uint64(*runs) {
					w := newWorld(s.scenario, policy, *seed+n, product())
					if err := w.run(); err != nil {
						a, _ := json.Marshal(w.a.f)
						b, _ := json.Marshal(w.b.f)
						t.Fatalf("%v\npublic  %s\nprivate %s\nrepeat: go test ./shared/merge -run '%s$' -seed=%d -runs=1",
							err, a, b, t.Name(), *seed+n)
					}
					for k, c := range w.seen {
						seen[k] += c
					}
				}
			})
		}
	}
	t.Logf("seen: %v", seen)
	if *runs < 50 || t.Failed() || flag.Lookup("test.run").Value.String() != "" {
		return
	}
	for _, must := range []string{string(merge.Known), string(merge.Decided), string(merge.Waiting), string(merge.Behind),
		string(merge.Asking), string(merge.NoteShown), string(merge.Write), string(merge.Wait), string(merge.AskPerson)} {
		if seen[must] == 0 {
			t.Errorf("no run came to %q: the runs prove nothing about it", must)
		}
	}
}

// agree holds when edits have stopped.
func (w *world) agree() {
	a, b := w.a.jira, w.b.jira
	if w.c.oneway {
		ok := w.a.f.Mine == nil || b.edit == a.edit || w.past[b.edit].has(a.edit)
		w.assert(ok, "a remote edit missing on the site that only takes")
		return
	}
	if w.c.ident() {
		w.assert(same(a.value, b.value), "diverged")
	}
	for _, x := range []*site{w.a, w.b} {
		if e, _ := merge.Winner(x.f, x.site()); e != nil && e.Stamp.Site == x.role {
			w.assert(same(x.value, w.last[x.made[e.Seq]].value), "not what was edited on its own site")
		}
	}
	w.projected(w.a, w.b)
	w.projected(w.b, w.a)
	if w.c.domain != "" {
		return
	}
	if len(a.log) > 0 && len(b.log) > 0 && w.c.ident() {
		w.assert(a.edit == b.edit, "diverged in meaning")
	}
	if a.edit != b.edit || w.c.lossy {
		return // where values coincide, an edit may stand for another that reads the same
	}
	newest := 0
	for e := 1; e <= w.edits; e++ {
		w.assert(!w.past[e].has(a.edit), "an edit made on top of the standing one was overruled")
		newest = e // edits are numbered in order of time
	}
	if w.policy == bridge.Newest && !w.c.skewed && w.c.change == "" {
		w.assert(a.edit == newest, "not newest")
	}
	w.policed()
}

// real: there is a conflict only where neither edit was made on top of the other.
func (w *world) real(x *site, v merge.Verdict) {
	if v != merge.Decided && v != merge.Asking || w.c.restore || w.c.domain != "" || w.c.lossy {
		return // lost state and equal values can hide that an edit was seen
	}
	a, b := w.a.made, w.b.made
	mine, theirs := a[x.f.Mine.Seq], b[x.f.Theirs.Seq]
	if x == w.b {
		mine, theirs = a[x.f.Theirs.Seq], b[x.f.Mine.Seq]
	}
	w.assert(!w.past[mine].has(theirs) && !w.past[theirs].has(mine), "a conflict where there is none")
}

// policed: of two edits of which neither was made over the other, the policy's site has the standing one.
func (w *world) policed() {
	a, b := w.a, w.b
	if w.policy == bridge.Newest || w.policy == bridge.Ask || w.c.change != "" || !w.c.ident() || a.f.Mine == nil || b.f.Mine == nil {
		return
	}
	x, y := a.made[a.f.Mine.Seq], b.made[b.f.Mine.Seq]
	if w.past[x].has(y) || w.past[y].has(x) {
		return
	}
	want := x
	if w.policy == bridge.PrivateSite {
		want = y
	}
	w.assert(a.jira.edit == want, "policy not followed")
}

// projected: after new rules y shows what the latest rules make of x's standing edit.
func (w *world) projected(x, y *site) {
	e, _ := merge.Winner(x.f, x.site())
	if !w.c.marked || e == nil || e.Stamp.Site != x.role || len(y.log) == 0 {
		return
	}
	v := w.c.into(w.c.out(unquote(x.f.Raw), x.published), y.published)
	w.assert(same(y.value, v), "old rules still show")
}

// peace: an edit made when everything is at rest always stands.
func (w *world) peace() {
	if w.c.oneway {
		w.peaceOneWay()
		return
	}
	x, y := w.two()
	v := "peace"
	if w.c.domain != "" {
		for v = "peace"; v == "peace" || same(x.value, v); {
			i := w.r.IntN(len(w.c.domain))
			v = w.c.domain[i : i+1]
		}
	}
	w.edit(x, v, false)
	w.settle(" after peace", true)
	w.assert(same(x.value, v), "an edit in peace lost at home")
	w.assert(same(y.value, w.c.into(w.c.out(v, x.published), y.published)), "an edit in peace not carried")
}

func (w *world) peaceOneWay() {
	w.edit(w.a, "first", false)
	w.settle(" one way", true)
	w.assert(w.b.value == "first", "an edit in peace not carried")
	w.edit(w.b, "local", false)
	w.settle(" one way", true)
	w.assert(w.a.value == "first" && w.b.value == "local", "a local edit fought, or sent, on the site that only takes")
	w.edit(w.a, "second", false)
	w.settle(" one way", true)
	w.assert(w.b.value == "second", "a later remote edit not written over the local one")
}
