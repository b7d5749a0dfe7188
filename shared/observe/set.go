package observe

import (
	"maps"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
)

// set folds one row of a set-valued field: each element is a field of its own, true or false.
func (f *fold) set(row rule.Row) {
	if local(row) == "" {
		f.made(row)
		return
	}
	field, ok := f.v.Schema.ByID(local(row))
	if !ok {
		return
	}
	_, now, known := site.Shown(field, f.seen.Issue)
	touched := f.touching(row)
	if !known || len(touched) == 0 && !f.seen.Base {
		return
	}
	names := f.elementNames(row, field, now, touched)
	for _, e := range sortedElements(names) {
		key := merge.ElementKey(row.Key, names[e])
		if f.seen.Out && !contains(now, e) && !f.told(key) {
			continue
		}
		if items := f.elementItems(field, key, e, contains(now, e), touched); len(items) > 0 {
			f.observe(row, key, items)
		}
	}
}

// told reports whether either site knows of the element.
func (f *fold) told(key string) bool {
	field := f.p.State.Fields[key]
	return field != nil && (field.Mine != nil || field.Theirs != nil)
}

// made folds a set that the outgoing rule makes of other things: its elements are known by their replica names only.
func (f *fold) made(row rule.Row) {
	touched := f.touching(row)
	o, ok := f.out().Fields[row.Key]
	if !ok || !row.Out || len(touched) == 0 && !f.seen.Base {
		return
	}
	f.v.Says(row.Where, f.p.Head.Local.ID, o.Err)
	if o.Err != nil {
		return
	}
	elements := map[string]bool{}
	for key := range f.p.State.Fields {
		if base, elem, isElem := merge.SplitKey(key); isElem && base == row.Key {
			elements[elem] = false
		}
	}
	for _, e := range o.Set {
		elements[e] = true
	}
	for _, e := range slices.Sorted(maps.Keys(elements)) {
		key, in := merge.ElementKey(row.Key, e), elements[e]
		stored := f.p.State.Fields[key]
		if was := stored != nil && stored.Mine != nil && stored.Mine.Value == bridge.True; was == in {
			continue
		}
		it := merge.Item{ID: f.seen.First, At: f.begun(), Rules: f.v.Revision}
		if len(touched) > 0 {
			it = f.item(key, touched[len(touched)-1])
		}
		it.Value, it.Out = bridge.ValueOf(in), bridge.ValueOf(in)
		f.observe(row, key, []merge.Item{it})
	}
}

// touching are the histories that change the row's field.
func (f *fold) touching(row rule.Row) []jira.History {
	var out []jira.History
	for _, h := range f.seen.Histories {
		if slices.ContainsFunc(h.Items, func(it jira.Item) bool { return f.touches(row, it) }) {
			out = append(out, h)
		}
	}
	return out
}

// elementNames maps every local element that is, was or may be in the set to its replica name; what the rule does not
// let out is left away, unless the remote site knows it.
func (f *fold) elementNames(row rule.Row, field jira.Field, now []string, touched []jira.History) map[string]string {
	all := slices.Clone(now)
	for _, h := range touched {
		for _, it := range h.Items {
			if f.v.Schema.Resolve(it) == field.ID {
				added, removed := elements(field, it)
				all = append(append(all, added...), removed...)
			}
		}
	}
	names := map[string]string{}
	for key := range f.p.State.Fields {
		if base, elem, ok := merge.SplitKey(key); ok && base == row.Key {
			if name, leave, err := f.v.Rules.Element(row.Key, elem); err == nil && !leave {
				names[name] = elem
				all = append(all, name)
			}
		}
	}
	if !row.Out || !f.out().Send {
		return names
	}
	slices.Sort(all)
	for e, name := range f.v.Rules.Names(Env(f.p, f.v, f.with(field, slices.Compact(all))), row.Key) {
		names[e] = name
	}
	return names
}

// with is the issue as if the set held just these elements.
func (f *fold) with(field jira.Field, elements []string) *rule.Issue {
	is := *f.v.Issue
	is.Fields = maps.Clone(is.Fields)
	is.Fields[field.ID] = elements
	if field.Kind == bridge.Users {
		now, _ := f.v.Issue.Fields[field.ID].([]bridge.Person)
		people := slices.Clone(now)
		for _, id := range elements {
			if !slices.ContainsFunc(now, func(p bridge.Person) bool { return p.ID == id }) {
				people = append(people, f.v.Name(id))
			}
		}
		is.Fields[field.ID] = people
	}
	return &is
}

// elementItems are the items of one element: where it came or went, and what the set shows now.
func (f *fold) elementItems(field jira.Field, key, e string, in bool, touched []jira.History) []merge.Item {
	var out []merge.Item
	add := func(it merge.Item, in bool) {
		it.Value = bridge.ValueOf(in)
		it.Out = it.Value
		out = append(out, it)
	}
	for _, h := range touched {
		for _, ji := range h.Items {
			if f.v.Schema.Resolve(ji) != field.ID {
				continue
			}
			if added, removed := elements(field, ji); contains(added, e) {
				add(f.item(key, h), true)
			} else if contains(removed, e) {
				add(f.item(key, h), false)
			}
		}
	}
	if n := len(out); n > 0 {
		out[n-1].Value, out[n-1].Out = bridge.ValueOf(in), bridge.ValueOf(in)
		return out
	}
	if f.seen.Base && in {
		add(merge.Item{ID: f.seen.First, At: f.begun(), Rules: f.v.Revision}, true)
		return out
	}
	return f.unexplained(key, in, touched, out)
}

// unexplained is an element that differs from what was last seen although no item at hand names it: an item was missed,
// or shows its elements in a form we do not read. The newest item of the field is then its edit.
func (f *fold) unexplained(key string, in bool, touched []jira.History, out []merge.Item) []merge.Item {
	stored := f.p.State.Fields[key]
	was := stored != nil && stored.Shown == bridge.True
	if was == in || len(touched) == 0 {
		return out
	}
	if stored != nil && touched[len(touched)-1].ID <= max(stored.Item, stored.Aside) {
		return out // a late body, which shows what was before
	}
	it := f.item(key, touched[len(touched)-1])
	it.Value, it.Out = bridge.ValueOf(in), bridge.ValueOf(in)
	return append(out, it)
}

// elements are the elements an item says were added to and removed from the set. Labels carry the whole list in one
// string, components and versions one name an item, multi-selects the names with commas between (seen in recorded
// changelogs of both flavours).
func elements(field jira.Field, it jira.Item) (added, removed []string) {
	from, to := split(field, it.FromString), split(field, it.ToString)
	for _, e := range to {
		if !contains(from, e) {
			added = append(added, e)
		}
	}
	for _, e := range from {
		if !contains(to, e) {
			removed = append(removed, e)
		}
	}
	return added, removed
}

func split(field jira.Field, s string) []string {
	switch {
	case s == "":
		return nil
	case field.Items == "option" || field.Items == "user":
		parts := strings.Split(s, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts
	case field.ID == "labels" || field.Items == "string":
		return strings.Fields(s)
	}
	return []string{s}
}

func contains(set []string, e string) bool { return slices.Contains(set, e) }

func sortedElements(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for e := range m {
		out = append(out, e)
	}
	slices.Sort(out)
	return out
}
