package jql

import (
	"cmp"
	"strings"
)

// The order of a query that names none: the newest issue first, as Jira
// Cloud (by creation) and Data Center (by key) show them. Issues that are equal
// in every named field are in that order too, so an order is always total.
var (
	byCreation = []sortKey{{field: lookup("created"), desc: true}, {field: lookup("key"), desc: true}}
	byKey      = []sortKey{{field: lookup("key"), desc: true}}
)

// Less tells whether a is listed before b. EMPTY is listed after all values,
// before them when descending. Keys are ordered by project, then by number.
func (q *Query) Less(env Env, a, b Issue) bool {
	keys := q.order
	if len(keys) == 0 && env.Flavour != datacenter {
		keys = byCreation
	}
	for _, list := range [][]sortKey{keys, byKey} {
		for _, k := range list {
			if n := k.compare(a.Get(k.field.name), b.Get(k.field.name)); n != 0 {
				return n < 0
			}
		}
	}
	return false
}

func (k sortKey) compare(a, b []Operand) int {
	n := cmp.Compare(len(b), len(a)) // EMPTY last
	if len(a) > 0 && len(b) > 0 {
		n = k.values(a, b)
	}
	if k.desc {
		return -n
	}
	return n
}

// values compares lists element by element, as labels need it.
func (k sortKey) values(a, b []Operand) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if n := k.operands(a[i], b[i]); n != 0 {
			return n
		}
	}
	return cmp.Compare(len(a), len(b))
}

func (k sortKey) operands(a, b Operand) int {
	switch {
	case !a.Time.IsZero() || !b.Time.IsZero():
		return a.Time.Compare(b.Time)
	case k.field.shape == issues && len(a.Names) > 0 && len(b.Names) > 0:
		return keys(a.Names[0], b.Names[0])
	case k.field.name == "priority" && a.Num != b.Num:
		return cmp.Compare(b.Num, a.Num) // the lowest number is the most urgent
	case a.Num != b.Num:
		return cmp.Compare(a.Num, b.Num)
	}
	return natural(sortText(a), sortText(b))
}

func sortText(o Operand) string {
	if len(o.Names) > 0 {
		return o.Names[0]
	}
	return o.Text
}

func keys(a, b string) int {
	p, m, ok1 := splitKey(a)
	q, n, ok2 := splitKey(b)
	if !ok1 || !ok2 {
		return natural(a, b)
	}
	return cmp.Or(strings.Compare(p, q), cmp.Compare(m, n))
}
