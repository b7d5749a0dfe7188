package rule

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"drawbridge/shared/bridge"
)

// ContractOf is what rules send and accept, as the other side may be told: keys, kinds, and values where a table makes
// them finite. Names of this site that no table lists but rows let pass (its statuses, priorities, …) are among the values only
// if names is set. Nothing of expressions, queries and projects is in it.
func ContractOf(r *Rules, names bool) (sends, accepts bridge.Terms) {
	for _, row := range r.rows {
		if row.Out {
			add(&sends, row.Key, row.Kind, row.sent(r.site, names))
		}
		if row.reads() && r.Lets(row.Key) {
			add(&accepts, row.Key, row.takes(), accepted(r, row, names))
		}
	}
	for _, key := range needs(r) {
		if _, known := accepts.Term(key); !known && r.Lets(key) {
			add(&accepts, key, bridge.Opaque, nil)
		}
	}
	sends.Members = members(r.comments.out, r.attachments.out, r.worklogs.out, r.links.out)
	accepts.Members = members(r.comments.in, r.attachments.in, r.worklogs.in, r.links.in)
	for _, t := range []bridge.Terms{sends, accepts} {
		sort.Slice(t.Fields, func(i, j int) bool { return t.Fields[i].Key < t.Fields[j].Key })
	}
	return sends, accepts
}

// add puts a term in, but not one that no value fits.
func add(t *bridge.Terms, key string, kind bridge.Kind, values []string) {
	if values == nil || len(values) > 0 {
		t.Fields = append(t.Fields, bridge.Term{Key: key, Kind: kind, Values: values})
	}
}

// reads reports whether a row writes what arrives under its own key.
func (row *row) reads() bool { return row.In && (row.in == nil || row.in.names["value"]) }

// memberKinds are the kinds of members in the order of the sections that rule them.
var memberKinds = []bridge.MemberKind{bridge.Comment, bridge.Attachment, bridge.Worklog, bridge.Link}

func members(has ...bool) (out []bridge.MemberKind) {
	for i, kind := range memberKinds {
		if has[i] {
			out = append(out, kind)
		}
	}
	return out
}

// needs are the keys that incoming expressions read of the replica.
func needs(r *Rules) []string {
	keys := map[string]bool{}
	for _, p := range append(stopsOf(r.refusals), r.create.choose, r.comments.take, r.comments.choose, r.attachments.take, r.worklogs.take, r.links.take) {
		for _, key := range p.keys() {
			keys[key] = true
		}
	}
	for _, row := range r.rows {
		if row.In {
			for _, key := range row.in.keys() {
				keys[key] = true
			}
		}
	}
	return sortedKeys(keys)
}

// keys are the members of the replica that a program reads; nil has none.
func (p *program) keys() []string {
	if p == nil {
		return nil
	}
	return p.replica
}

// takes is the kind that a row takes: an expression takes any.
func (row *row) takes() bridge.Kind {
	if row.in != nil {
		return bridge.Opaque
	}
	return row.TargetKind
}

// named reports whether the values of a kind are names that a table may list.
func named(k bridge.Kind) bool { return k == bridge.Name || k == bridge.Names || k == bridge.Text }

// open reports whether a row lets a value pass that no table lists.
func (row *row) open() bool {
	return row.values == nil || row.otherwise == "" || row.otherwise == "same"
}

// sent are all values that a row sends; nil: any. With names, those of this site that pass as they are count as known.
func (row *row) sent(s *site, names bool) []string {
	here := s.allowed(row.Source)
	if row.out != nil || !named(row.Kind) || row.open() && (!names || here == nil) {
		return nil
	}
	var out []string
	if row.values != nil {
		out = row.values.sends
	}
	if row.open() {
		for _, local := range here {
			if v, found, err := row.mapOut(local); found && err == nil {
				out = append(out, v)
			}
		}
	}
	if row.otherwise == "default" {
		if v, found, err := row.mapOut(row.dflt); found && err == nil {
			out = append(out, v)
		}
	}
	return distinct(out)
}

// accepted are all values that a row finds something for; nil: any.
func accepted(r *Rules, row *row, names bool) []string {
	here := r.site.allowed(row.Target)
	if row.in != nil || !named(row.Kind) || row.otherwise == "default" || row.open() && (!names || here == nil) {
		return nil
	}
	var out []string
	if row.values != nil {
		out = append(out, row.values.takes...)
	}
	if row.open() {
		out = append(out, here...)
	}
	return distinct(slices.DeleteFunc(out, func(v string) bool {
		local, leave, err := row.mapIn(r.site, v)
		return err != nil || leave || row.Target == "issuetype" && r.guard.types != nil && !r.guard.types[fold(local)]
	}))
}

// distinct sorts values and keeps each once, however it is spelled; nothing at all stays an empty list, not nil.
func distinct(values []string) []string {
	out := []string{}
	for _, v := range values {
		if !slices.ContainsFunc(out, func(o string) bool { return fold(o) == fold(v) }) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// fits reports whether any value of one kind becomes one of another; Opaque is not known, and fits.
func fits(from, to bridge.Kind) bool {
	word := from == bridge.Text || from == bridge.RichText || from == bridge.Name
	switch {
	case from == to || from == bridge.Opaque || to == bridge.Opaque || from == "":
		return true
	case to == bridge.Number:
		return false
	case to == bridge.Date || to == bridge.DateTime:
		return from == bridge.Date || from == bridge.DateTime
	case to == bridge.User:
		return word
	case to == bridge.Users:
		return word || from == bridge.User || from == bridge.Names
	}
	return true // everything has a text
}

// Exceeds tells what is sent that a contract does not have: another key, kind or value.
func Exceeds(contract, sends bridge.Terms) (out []string) {
	for _, f := range sends.Fields {
		was, known := contract.Term(f.Key)
		switch more := beyond(f.Values, was.Values); {
		case !known:
			out = append(out, fmt.Sprintf("%s is not in it", f.Key))
		case f.Kind != was.Kind:
			out = append(out, fmt.Sprintf("%s is %s there, not %s", f.Key, was.Kind, f.Kind))
		case len(was.Values) > 0 && f.Values == nil:
			out = append(out, fmt.Sprintf("%s is one of %s there, not any", f.Key, listOfValues(was.Values)))
		case len(was.Values) > 0 && len(more) > 0:
			out = append(out, fmt.Sprintf("%s is never %s there", f.Key, listOfValues(more)))
		}
	}
	for _, m := range sends.Members {
		if !slices.Contains(contract.Members, m) {
			out = append(out, fmt.Sprintf("%ss are not in it", m))
		}
	}
	return out
}

// beyond are the values of one list that the other has not; case does not count.
func beyond(values, known []string) (out []string) {
	for _, v := range values {
		if !slices.ContainsFunc(known, func(k string) bool { return fold(k) == fold(v) }) {
			out = append(out, v)
		}
	}
	return out
}

// maxListed bounds the values that one line names.
const maxListed = 12

func listOfValues(values []string) string {
	list, more := values, ""
	if len(list) > maxListed {
		list, more = list[:maxListed], fmt.Sprintf(" and %d more", len(values)-maxListed)
	}
	return strings.Join(list, ", ") + more
}

// DiffContracts tells a person what one contract says and the one before did not, one line each: "+" added, "-" dropped,
// "~" retyped or with other values. Equal contracts give none.
func DiffContracts(was, is bridge.Contract) []string {
	return append(diffTerms("sends", was.Sends, is.Sends), diffTerms("accepts", was.Accepts, is.Accepts)...)
}

func diffTerms(what string, was, is bridge.Terms) (out []string) {
	keys := map[string]bool{}
	for _, f := range append(slices.Clone(was.Fields), is.Fields...) {
		keys[f.Key] = true
	}
	for _, key := range sortedKeys(keys) {
		a, had := was.Term(key)
		b, has := is.Term(key)
		switch {
		case !had:
			out = append(out, "+ "+what+" "+b.Key+": "+Spoken(b))
		case !has:
			out = append(out, "- "+what+" "+a.Key+": "+Spoken(a))
		case a.Kind != b.Kind:
			out = append(out, "~ "+what+" "+key+": "+Spoken(a)+" -> "+Spoken(b))
		default:
			out = append(out, diffValues(what+" "+key, a, b)...)
		}
	}
	for _, m := range memberKinds {
		switch had, has := slices.Contains(was.Members, m), slices.Contains(is.Members, m); {
		case has && !had:
			out = append(out, fmt.Sprintf("+ %s %ss", what, m))
		case had && !has:
			out = append(out, fmt.Sprintf("- %s %ss", what, m))
		}
	}
	return out
}

func diffValues(what string, a, b bridge.Term) []string {
	more, less := beyond(b.Values, a.Values), beyond(a.Values, b.Values)
	switch {
	case len(more)+len(less) == 0:
		return nil
	case len(a.Values) == 0 || len(b.Values) == 0:
		return []string{"~ " + what + ": " + Spoken(a) + " -> " + Spoken(b)}
	}
	var parts []string
	if len(more) > 0 {
		parts = append(parts, "now also "+listOfValues(more))
	}
	if len(less) > 0 {
		parts = append(parts, "no longer "+listOfValues(less))
	}
	return []string{"~ " + what + ": " + strings.Join(parts, "; ")}
}

// Spoken is a term in words: its kind, and its values where they are known.
func Spoken(t bridge.Term) string {
	kind := string(t.Kind)
	if t.Kind == bridge.Opaque {
		kind = "anything"
	}
	if len(t.Values) == 0 {
		return kind
	}
	return kind + ", one of " + listOfValues(t.Values)
}
