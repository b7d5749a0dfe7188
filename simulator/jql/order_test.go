package jql

import (
	"sort"
	"strings"
	"testing"
)

func TestOrder(t *testing.T) {
	mk := func(key, created, prio string, rank float64, more issue) issue {
		is := issue{"key": {names(key)}, "created": {at(created)}, "priority": {{Names: []string{prio}, Num: rank}}}
		for k, v := range more {
			is[k] = v
		}
		return is
	}
	list := []issue{
		mk("A-2", "2026-01-01T00:00:00Z", "High", 2, issue{"labels": {names("b")}, "fixversion": {names("1.9")}}),
		mk("A-10", "2026-01-02T00:00:00Z", "Low", 4, issue{"labels": {names("a"), names("z")}, "fixversion": {names("1.10")}}),
		mk("B-1", "2026-01-03T00:00:00Z", "High", 2, issue{"duedate": {on("2026-02-01")}}),
	}
	for _, c := range []struct{ query, flavour, want string }{
		{``, "cloud", "B-1 A-10 A-2"},
		{``, "datacenter", "B-1 A-10 A-2"},
		{`order by key`, "", "A-2 A-10 B-1"},
		{`order by key asc`, "", "A-2 A-10 B-1"},
		{`order by issuekey desc`, "", "B-1 A-10 A-2"},
		{`order by created`, "", "A-2 A-10 B-1"},
		{`order by created desc`, "", "B-1 A-10 A-2"},
		{`order by priority`, "", "A-10 B-1 A-2"},
		{`order by priority desc, key asc`, "", "A-2 B-1 A-10"},
		{`order by priority desc, created desc`, "", "B-1 A-2 A-10"},
		{`order by labels`, "", "A-10 A-2 B-1"},
		{`order by labels desc`, "", "B-1 A-2 A-10"},
		{`order by fixVersion`, "", "A-2 A-10 B-1"},
		{`order by duedate, key`, "", "B-1 A-2 A-10"},
		{`order by duedate desc, key`, "", "A-2 A-10 B-1"},
		{`order by nothing, key`, "", "A-2 A-10 B-1"},
	} {
		if got := sorted(t, c.query, Env{Flavour: c.flavour}, list); got != c.want {
			t.Errorf("%s (%s): %s, want %s", c.query, c.flavour, got, c.want)
		}
	}
}

func sorted(t *testing.T, query string, env Env, list []issue) string {
	t.Helper()
	q, err := Parse(query)
	if err != nil {
		t.Fatal(err)
	}
	list = append([]issue(nil), list...)
	sort.Slice(list, func(i, j int) bool { return q.Less(env, list[i], list[j]) })
	var keys []string
	for _, is := range list {
		keys = append(keys, is["key"][0].Names[0])
	}
	return strings.Join(keys, " ")
}

// Every query is read and evaluated without a panic; the negation finds no
// issue that the query finds; quoting a value changes nothing for names.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`project = OPS AND updated >= "-2w 3h" ORDER BY updated ASC, key ASC`, `not (a in (1,"b") or cf[10] !~ 'x\u0041')`,
		`summary ~ "\"a b\" OR c* -d"`, `due <= endOfMonth("+1M") || assignee is not EMPTY`, `updated >= 1795248030500`, `a=b&c!=d|e<f`,
		"created >= startOfWeek(-1)\n", `text ~ "`, `fixVersion > 1.9`, `priority >= High`, `"cf[10010]" = 5`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := Parse(query)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without a text")
			}
			return
		}
		found, err := q.Match(env, bug)
		if q.Less(env, bug, blank) && q.Less(env, blank, bug) {
			t.Fatal("two issues before each other")
		}
		if !q.Bounded() || err != nil {
			return
		}
		if n, bad := Parse("NOT (" + beforeOrder(query, q) + "\n)"); bad == nil {
			if opposite, err := n.Match(env, bug); err == nil && found && opposite {
				t.Fatalf("%q and its negation both match", query)
			}
		}
	})
}

// beforeOrder gives up on queries with an ORDER BY.
func beforeOrder(query string, q *Query) string {
	if q.order != nil {
		return "("
	}
	return query
}
