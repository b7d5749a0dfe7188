package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// allView is what a new rule set would change over all pairs.
type allView struct {
	Pairs   int                `json:"pairs"`           // looked at
	Changed int                `json:"changed"`         // of which something would change
	Fields  map[string]*effect `json:"fields"`          // by field, those that would change
	Stops   int                `json:"stops"`           // nothing would leave any more
	Starts  int                `json:"starts"`          // something would leave, and nothing did
	Fails   int                `json:"fails,omitempty"` // of the script, which fails as a whole
	Some    []string           `json:"some,omitempty"`  // keys of the first changed ones
}

// effect is what a new rule set would do to one field, in numbers of pairs.
type effect struct {
	Leaves  turn `json:"leaves"`  // what is sent of it
	Written turn `json:"written"` // what is written to it here, of what the other side sent
	Fails   int  `json:"fails,omitempty"`
}

// turn counts what becomes of a value.
type turn struct {
	Another int `json:"another,omitempty"`
	First   int `json:"first,omitempty"` // there was none
	NoMore  int `json:"noMore,omitempty"`
}

// count takes in a pair in which something changes: was there a value, and is there one under the new rules?
func (t *turn) count(was, is bool) {
	switch {
	case was && !is:
		t.NoMore++
	case is && !was:
		t.First++
	default:
		t.Another++
	}
}

func (t turn) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		n    int
	}{{"another value", t.Another}, {"for the first time", t.First}, {"no more", t.NoMore}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", p.what, p.n))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// effect is that of the field of a replica key.
func (v *allView) effect(key string) *effect {
	if v.Fields[key] == nil {
		v.Fields[key] = &effect{}
	}
	return v.Fields[key]
}

const someKeys = 10

// ruleTestAll compares a new rule set with the one in force over all pairs; each issue is read once, 50 at a time.
func (h *half) ruleTestAll(ctx context.Context, c *bridge.Connection, next *rule.Rules, jql string) error {
	now, _, err := h.site.Rules(ctx, c.ID)
	if err != nil {
		return err
	}
	v := allView{Fields: map[string]*effect{}}
	bar := h.screen.progress("pairs")
	defer bar.done()
	var some []*pair.Pair
	look := func() error {
		err := h.compareRules(ctx, c, now, next, jql, some, &v)
		some = nil
		bar.step(v.Pairs, 0)
		return err
	}
	err = h.eachPair(ctx, c.ID, "", func(p *pair.Pair) error {
		if p.Head.Status == pair.Stopped {
			return nil
		}
		if some = append(some, p); len(some) < 50 {
			return nil
		}
		return look()
	})
	if err == nil && len(some) > 0 {
		err = look()
	}
	if err != nil {
		return err
	}
	return h.screen.show(v, func(w io.Writer) { h.printAll(w, v) })
}

func (h *half) compareRules(ctx context.Context, c *bridge.Connection, now, next *rule.Rules, jql string, ps []*pair.Pair, v *allView) error {
	known, ids := map[string]*pair.Pair{}, []string{}
	for _, p := range ps {
		known[p.Head.Local.ID] = p
		ids = append(ids, p.Head.Local.ID)
	}
	query := "id in (" + strings.Join(ids, ", ") + ")"
	if jql != "" {
		query = "(" + jira.ByKey(jql)[1:]
		query = strings.TrimSuffix(query, " ORDER BY key ASC") + " AND id in (" + strings.Join(ids, ", ") + ")"
	}
	return h.site.Jira.Search(ctx, jira.ByKey(query), jira.SearchOptions{}, func(is *jira.Issue) error {
		view, err := observe.Load(ctx, h.site, c, is, bridge.Bulk)
		if err != nil {
			return err
		}
		p := known[is.ID]
		env := observe.Env(p, view, view.Issue)
		v.Pairs++
		was, err := h.site.Kept(ctx, now, env, is.ID)
		if err != nil {
			return err
		}
		kept, err := h.site.Kept(ctx, next, env, is.ID)
		if err != nil {
			return err
		}
		if v.differs(p, now, next, env, was == "", kept == "") {
			v.Changed++
			if len(v.Some) < someKeys {
				v.Some = append(v.Some, is.Key)
			}
		}
		return nil
	})
}

// differs counts the fields that two rule sets treat differently for one pair.
func (v *allView) differs(p *pair.Pair, now, next *rule.Rules, env rule.Env, left, leaves bool) bool {
	was, err1 := now.Outgoing(env)
	is, err2 := next.Outgoing(env)
	changed := false
	switch {
	case err2 != nil:
		v.Fails++
		changed = err1 == nil
	case left && !leaves:
		v.Stops++
		changed = true
	case !left && leaves:
		v.Starts++
		changed = true
	default:
		changed = v.leave(p, env.Local, was.Fields, is.Fields)
	}
	wasIn, _ := now.Incoming(env)
	isIn, _ := next.Incoming(env)
	return v.write(p, wasIn, isIn) || changed
}

// leave counts what is sent. Publishing is no edit: a side sends what was edited there, and where the issue was first, what
// nobody edited yet.
func (v *allView) leave(p *pair.Pair, here bridge.Role, was, is map[string]rule.Out) (changed bool) {
	sent := func(o rule.Out) bool { return o.Err == nil && (o.Value != "" || o.Set != nil) }
	mine, theirs := edited(p)
	for _, k := range keysOf(was, is) {
		a, b := was[k], is[k]
		if b.Err != nil {
			v.effect(k).Fails++
		}
		speaks := mine[k] || p.Head.Origin == here && !theirs[k]
		if speaks && (sent(a) != sent(b) || sent(b) && !sameOut(a, b)) {
			v.effect(k).Leaves.count(sent(a), sent(b))
			changed = true
		}
	}
	return changed
}

// write counts what is written here, of what was edited last on the other side.
func (v *allView) write(p *pair.Pair, was, is map[string]rule.In) (changed bool) {
	written := func(in rule.In) bool { return in.Field != "" && in.Err == nil && !in.Leave }
	for _, k := range keysOf(was, is) {
		if f := p.State.Fields[k]; f != nil && f.Mine != nil && f.Theirs != nil && f.Mine.Saw >= f.Theirs.Seq {
			continue // edited here since
		}
		a, b := was[k], is[k]
		if b.Err != nil && a.Err == nil {
			v.effect(k).Fails++
		}
		if written(a) != written(b) || written(b) && !sameIn(a, b) {
			v.effect(k).Written.count(written(a), written(b))
			changed = true
		}
	}
	return changed
}

// edited are the replica keys that were edited here, and on the other side.
func edited(p *pair.Pair) (mine, theirs map[string]bool) {
	mine, theirs = map[string]bool{}, map[string]bool{}
	for key, f := range p.State.Fields {
		base, _, _ := merge.SplitKey(key)
		mine[base] = mine[base] || f.Mine != nil
		theirs[base] = theirs[base] || f.Theirs != nil
	}
	return mine, theirs
}

func keysOf[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func sameOut(a, b rule.Out) bool { return a.Value == b.Value && maps.Equal(a.Set, b.Set) }

func sameIn(a, b rule.In) bool {
	return a.Field == b.Field && a.Value == b.Value && reflect.DeepEqual(a.User, b.User)
}

func (h *half) printAll(w io.Writer, v allView) {
	fmt.Fprintf(w, "%s looked at, %d would change\n", plural(v.Pairs, "pair", "pairs"), v.Changed)
	if len(v.Fields) > 0 {
		rows := [][]string{{"FIELD", "LEAVES", "IS WRITTEN HERE", "FAILS"}}
		for _, k := range sorted(v.Fields) {
			e := v.Fields[k]
			fails := "-"
			if e.Fails > 0 {
				fails = fmt.Sprint(e.Fails)
			}
			rows = append(rows, []string{k, e.Leaves.String(), e.Written.String(), fails})
		}
		fmt.Fprintln(w)
		table(w, rows)
		fmt.Fprintln(w)
	}
	for _, l := range []struct {
		what string
		n    int
	}{{"nothing would leave any more", v.Stops}, {"would leave, and did not", v.Starts}, {h.screen.red("the script fails"), v.Fails}} {
		if l.n > 0 {
			fmt.Fprintf(w, "%s: %s\n", l.what, plural(l.n, "pair", "pairs"))
		}
	}
	if len(v.Some) > 0 {
		fmt.Fprintf(w, "for instance %s; see one with drawbridge rules test %s --rules FILE\n", strings.Join(v.Some, ", "), v.Some[0])
	}
}
