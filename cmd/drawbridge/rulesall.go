package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// allView is what a new rule set would change over all pairs.
type allView struct {
	Pairs   int            `json:"pairs"`          // looked at
	Changed int            `json:"changed"`        // of which something would change
	Out     map[string]int `json:"out"`            // by field: what leaves would be another value
	In      map[string]int `json:"in"`             // by field: what is written here would be
	Stops   int            `json:"stops"`          // nothing would leave any more
	Starts  int            `json:"starts"`         // something would leave, and nothing did
	Some    []string       `json:"some,omitempty"` // keys of the first changed ones
	Failing map[string]int `json:"failing,omitempty"`
}

const someKeys = 10

// ruleTestAll compares a new rule set with the one in force over all pairs; each issue is read once, 50 at a time.
func (h *half) ruleTestAll(ctx context.Context, c *bridge.Connection, next *rule.Rules, jql string) error {
	now, _, err := h.site.Rules(ctx, c.ID)
	if err != nil {
		return err
	}
	v := allView{Out: map[string]int{}, In: map[string]int{}, Failing: map[string]int{}}
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
		env := observe.Env(known[is.ID], view, view.Issue)
		v.Pairs++
		was, err := h.site.Kept(ctx, now, env, is.ID)
		if err != nil {
			return err
		}
		kept, err := h.site.Kept(ctx, next, env, is.ID)
		if err != nil {
			return err
		}
		if v.differs(now, next, env, was == "", kept == "") {
			v.Changed++
			if len(v.Some) < someKeys {
				v.Some = append(v.Some, is.Key)
			}
		}
		return nil
	})
}

// differs counts the fields that two rule sets treat differently for one pair.
func (v *allView) differs(now, next *rule.Rules, env rule.Env, left, leaves bool) bool {
	was, err1 := now.Outgoing(env)
	is, err2 := next.Outgoing(env)
	changed := false
	switch {
	case err2 != nil:
		v.Failing["(script)"]++
		changed = err1 == nil
	case left && !leaves:
		v.Stops++
		changed = true
	case !left && leaves:
		v.Starts++
		changed = true
	default:
		changed = count2(v.Out, keysOf(was.Fields, is.Fields), func(k string) bool {
			if is.Fields[k].Err != nil {
				v.Failing[k]++
			}
			return !sameOut(was.Fields[k], is.Fields[k])
		})
	}
	wasIn, _ := now.Incoming(env)
	isIn, _ := next.Incoming(env)
	return count2(v.In, keysOf(wasIn, isIn), func(k string) bool { return !sameIn(wasIn[k], isIn[k]) }) || changed
}

func count2(into map[string]int, keys []string, differs func(string) bool) (any bool) {
	for _, k := range keys {
		if differs(k) {
			into[k]++
			any = true
		}
	}
	return any
}

func keysOf[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func sameOut(a, b rule.Out) bool {
	return a.Value == b.Value && maps.Equal(a.Set, b.Set) && (a.Err == nil) == (b.Err == nil)
}

func sameIn(a, b rule.In) bool {
	return a.Field == b.Field && a.Value == b.Value && a.Leave == b.Leave && (a.Err == nil) == (b.Err == nil) && reflect.DeepEqual(a.User, b.User)
}

func (h *half) printAll(w io.Writer, v allView) {
	fmt.Fprintf(w, "%s looked at, %d would change\n", plural(v.Pairs, "pair", "pairs"), v.Changed)
	for _, part := range []struct {
		what   string
		counts map[string]int
	}{{"leaves with another value", v.Out}, {"is written here with another value", v.In}, {h.screen.red("fails"), v.Failing}} {
		for _, k := range slices.Sorted(maps.Keys(part.counts)) {
			fmt.Fprintf(w, "  %s %s: %s\n", k, part.what, plural(part.counts[k], "pair", "pairs"))
		}
	}
	if v.Stops > 0 {
		fmt.Fprintf(w, "  nothing would leave any more: %s\n", plural(v.Stops, "pair", "pairs"))
	}
	if v.Starts > 0 {
		fmt.Fprintf(w, "  would leave, and did not: %s\n", plural(v.Starts, "pair", "pairs"))
	}
	if len(v.Some) > 0 {
		fmt.Fprintf(w, "for instance %s; see one with drawbridge rules test %s --rules FILE\n", strings.Join(v.Some, ", "), v.Some[0])
	}
}
