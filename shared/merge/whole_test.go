package merge_test

import (
	"fmt"
	"maps"
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

// A whole is the reference: the protocol as the model has it, on every item ever known instead of on a summary. Every
// decision of every run is compared with it.
type whole struct {
	known        map[int64]merge.Item
	silent       []merge.Placed
	mine, theirs *bridge.Entry
	shown        *merge.Silent
	redo         *int64
	held         bool
	start        bridge.Value
}

func newWhole(start bridge.Value) whole {
	return whole{known: map[int64]merge.Item{}, start: start}
}

func (h whole) clone() whole {
	h.known, h.silent = maps.Clone(h.known), slices.Clone(h.silent)
	return h
}

func (h *whole) observe(s merge.Site, open bool, items ...merge.Item) {
	for _, it := range items {
		if old, ok := h.known[it.ID]; !ok || it.Rules > old.Rules {
			h.known[it.ID] = it
		}
	}
	h.held = open
	if !open {
		h.refresh(s)
	}
}

func (h *whole) edit(s merge.Site, it merge.Item) bool { return it.Carries == nil && s.Way != merge.In }

func (h *whole) refresh(s merge.Site) {
	n := int64(-1)
	for _, it := range h.known {
		if h.edit(s, it) {
			n = max(n, it.ID)
		}
	}
	if n < 0 {
		return
	}
	saw := h.placedBefore(s, n)
	if h.mine != nil {
		saw = max(saw, h.mine.Saw)
	}
	e := bridge.Entry{Seq: n, Saw: saw, Value: h.known[n].Out, Rules: h.known[n].Rules,
		Stamp: bridge.Stamp{At: h.known[n].At, Site: s.Role, Policy: slices.Max(slices.Collect(maps.Keys(s.Policies)))}}
	if h.mine != nil && h.mine.Seq == n {
		e.Stamp = h.mine.Stamp
		if e.Rules <= h.mine.Rules {
			e.Value, e.Rules = h.mine.Value, h.mine.Rules
		}
	}
	h.mine = &e
}

func (h *whole) placedBefore(s merge.Site, n int64) int64 {
	saw := bridge.Unseen
	for _, it := range h.known {
		if it.ID < n && it.Carries != nil && it.Carries.Site != s.Role {
			saw = max(saw, it.Carries.Seq)
		}
	}
	for _, p := range h.silent {
		if p.After < n {
			saw = max(saw, p.Seq)
		}
	}
	return saw
}

func (h *whole) receive(s merge.Site, in bridge.Entries) {
	if in.Mine != nil {
		old := h.theirs
		h.theirs = merge.Join(old, in.Mine)
		if old != nil && old.Seq == h.theirs.Seq && old.Value != h.theirs.Value {
			h.again(s)
		}
	}
	if s.Way != merge.In && in.Theirs != nil && h.mine != nil && in.Theirs.Seq == h.mine.Seq {
		h.mine = merge.Join(h.mine, in.Theirs)
	}
}

func (h *whole) again(s merge.Site) {
	if n, carries := h.latest(s); carries != nil {
		h.redo = &n
	}
}

// latest is the latest item that counts: an edit that stays at home does not.
func (h *whole) latest(s merge.Site) (int64, *bridge.Edit) {
	n, carries := int64(-1), (*bridge.Edit)(nil)
	for _, it := range h.known {
		switch {
		case it.ID <= n:
		case it.Carries != nil:
			n, carries = it.ID, it.Carries
			if it.Halt {
				carries = &bridge.Edit{}
			}
		case h.edit(s, it):
			n, carries = it.ID, &bridge.Edit{Site: s.Role, Seq: it.ID}
		}
	}
	return max(n, 0), carries
}

func (h *whole) top() (int64, bridge.Value) {
	n, v := int64(-1), h.start
	for _, it := range h.known {
		if it.ID > n {
			n, v = it.ID, it.Value
		}
	}
	return max(n, 0), v
}

func (h *whole) pick(e bridge.Edit) {
	if a := *h.mine; e == a.ID() {
		a.Saw = h.theirs.Seq
		h.mine = &a
		return
	}
	b := *h.theirs
	b.Saw = h.mine.Seq
	h.theirs = &b
}

func (h *whole) republish(out func(bridge.Value) bridge.Value, rules int64) {
	if n, carries := h.latest(merge.Site{}); carries != nil {
		h.redo = &n
	}
	if h.mine != nil && h.mine.Rules < rules {
		e := *h.mine
		e.Value, e.Rules = out(h.known[e.Seq].Value), rules
		h.mine = &e
	}
}

func (h *whole) shownSince(s merge.Site, before int64, e bridge.Edit) {
	if n, _ := h.latest(s); n == before {
		h.stands(s, e)
	}
}

func (h *whole) stands(s merge.Site, e bridge.Edit) {
	n, _ := h.latest(s)
	h.shown, h.redo = &merge.Silent{Edit: e, Item: n}, nil
	if e.Site != s.Role {
		top, _ := h.top()
		h.silent = append(h.silent, merge.Placed{After: top, Seq: e.Seq})
	}
}

func (h *whole) winner(s merge.Site) (*bridge.Entry, merge.Verdict) {
	f := merge.Field{Mine: h.mine, Theirs: h.theirs}
	if seq := h.placedBefore(s, 1<<62); seq > bridge.Unseen {
		f.Placed = &merge.Placed{Seq: seq}
	}
	return merge.Winner(f, s)
}

// decide is the decision in words.
func (h *whole) decide(s merge.Site, local func(*bridge.Entry) bridge.Value) (kind merge.Kind, e bridge.Edit, v bridge.Value) {
	w, verdict := h.winner(s)
	switch verdict {
	case merge.None:
		return merge.Nothing, e, ""
	case merge.Waiting, merge.Behind:
		return merge.Wait, e, ""
	case merge.Asking:
		return merge.AskPerson, e, ""
	}
	e = w.ID()
	n, carries := h.latest(s)
	top, shown := h.top()
	own := e.Site == s.Role
	redo := h.redo != nil && *h.redo == n && !own && (carries == nil || top == n)
	if !redo && (carries != nil && *carries == e || h.shown != nil && *h.shown == (merge.Silent{Edit: e, Item: n})) {
		return merge.Nothing, e, ""
	}
	if own {
		v = h.known[e.Seq].Value
	} else {
		v = local(w)
	}
	if v == shown {
		return merge.NoteShown, e, v
	}
	return merge.Write, e, v
}

func (h *whole) note(s merge.Site, local func(*bridge.Entry) bridge.Value) {
	kind, e, _ := h.decide(s, local)
	if w, _ := h.winner(s); w != nil && w == h.mine && h.theirs != nil && s.Way == merge.Both {
		n, _ := h.latest(s)
		if !slices.ContainsFunc(h.silent, func(p merge.Placed) bool { return p.Seq == h.theirs.Seq }) {
			h.silent = append(h.silent, merge.Placed{After: n, Seq: h.theirs.Seq})
		}
	}
	if kind == merge.NoteShown {
		h.stands(s, e)
	}
}

// compare asserts that the summary decided as the whole does. A note is compared by what follows from it.
func (w *world) compare(x *site, d merge.Decision) {
	if w.p.broken {
		return
	}
	kind, e, v := x.ref.decide(x.site(), x.local)
	got := d.Kind
	if got == merge.NoteShown && kind == merge.Nothing {
		got = merge.Nothing // only that a remote edit was beaten
	}
	if got != kind || (kind == merge.Write || kind == merge.NoteShown) && d.Edit != e || kind == merge.Write && d.Value != v {
		w.assert(false, fmt.Sprintf("the summary decides %+v, the whole %v %v %s\n%+v\n%+v", d, kind, e, v, x.f, x.ref))
	}
	if (x.f.Mine == nil) != (x.ref.mine == nil) || x.f.Mine != nil && !x.ref.alike(x.site(), x.f.Mine) {
		w.assert(false, fmt.Sprintf("the summary's entry is %+v, the whole's %+v", x.f.Mine, x.ref.mine))
	}
}

// alike: equal, except for what an entry saw before the latest remote edit known, which nobody ever asks.
func (h *whole) alike(s merge.Site, mine *bridge.Entry) bool {
	e, latest := *h.mine, h.placedBefore(s, 1<<62)
	if h.theirs != nil {
		latest = max(latest, h.theirs.Seq)
	}
	if e.Saw < latest && mine.Saw < latest {
		e.Saw = mine.Saw
	}
	return *mine == e
}
