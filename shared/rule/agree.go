package rule

import (
	"slices"

	"drawbridge/shared/bridge"
)

// Disagreements reports where rules and what the other side says it sends and accepts do not fit together, at the place in
// the file. Nothing of it is a mistake of the file alone, and one of the two sides changes first: so these are warnings. What
// nobody wrote, the default rule set, is not looked at.
func Disagreements(r *Rules, theirs bridge.Contract) Problems {
	a := &agreement{file: &file{name: r.set.file.name, lines: r.set.file.lines}, rules: r, theirs: theirs}
	for _, row := range r.rows {
		a.row(row, r.set.lineOf(row))
	}
	for _, stop := range r.refusals {
		for _, s := range r.set.incoming {
			if s.stop.set() && stop.when != nil && stop.when.where == a.where(s.when.at) {
				a.reads(s.when.at, stop.when)
			}
		}
	}
	a.members()
	return a.problems.sorted()
}

// agreement collects what does not fit.
type agreement struct {
	*file
	rules  *Rules
	theirs bridge.Contract
}

func (a *agreement) row(row *row, at pos) {
	var sent, taken []string // over there; none: any
	theirs, isSent := a.theirs.Sends.Term(row.Key)
	wanted, isTaken := a.theirs.Accepts.Term(row.Key)
	switch {
	case row.reads() && row.Out && !isSent && !isTaken:
		a.problem(at, overThere(row.Key, append(keysIn(a.theirs.Sends), keysIn(a.theirs.Accepts)...)), "row %q: the other side neither sends nor takes it", row.Key)
	case row.reads() && !isSent:
		a.problem(at, overThere(row.Key, keysIn(a.theirs.Sends)), "row %q: the other side does not send it", row.Key)
	case row.Out && !isTaken:
		a.problem(at, overThere(row.Key, keysIn(a.theirs.Accepts)), "row %q: the other side does not take it", row.Key)
	}
	if row.reads() && isSent {
		sent = a.takes(row, theirs, at)
	}
	if row.In {
		a.reads(at, row.in)
	}
	if row.Out && isTaken {
		taken = a.sends(row, wanted, at)
	}
	for _, w := range a.rules.set.words(row, true) {
		if !among(sent, w) {
			a.problem(w.at, overThere(w.text, sent), "row %q: the other side never sends %q", row.Key, w.text)
		}
	}
	for _, w := range a.rules.set.words(row, false) {
		switch never := !among(sent, w); {
		case never && !among(taken, w):
			a.problem(w.at, overThere(w.text, sent), "row %q: the other side neither sends nor takes %q", row.Key, w.text)
		case never:
			a.problem(w.at, overThere(w.text, sent), "row %q: the other side never sends %q", row.Key, w.text)
		case !among(taken, w):
			a.problem(w.at, overThere(w.text, taken), "row %q: the other side has nothing for %q", row.Key, w.text)
		}
	}
}

// overThere is the hint for a name that the other side does not know: the closest one that it does, or all.
func overThere(name string, known []string) string {
	best := similar(name, known)
	if best == "" && len(known) > 0 {
		best = "over there: " + listOfValues(distinct(known))
	}
	return best
}

// among reports whether a word is among values; none means any.
func among(values []string, w word) bool {
	return len(values) == 0 || len(beyond([]string{w.text}, values)) == 0
}

// reads looks for what an incoming expression reads of the replica.
func (a *agreement) reads(at pos, p *program) {
	for _, key := range p.keys() {
		if _, known := a.theirs.Sends.Term(key); !known {
			a.problem(at, overThere(key, keysIn(a.theirs.Sends)), "replica.%s is read here, and the other side does not send it", key)
		}
	}
}

// takes looks at what a row makes of what arrives, and returns the values that do, where they are known and a table counts.
func (a *agreement) takes(row *row, t bridge.Term, at pos) []string {
	switch {
	case !fits(t.Kind, row.takes()):
		a.problem(at, "", "row %q: the other side sends %s, and not all of that becomes %s", row.Key, t.Kind, row.TargetKind)
		return nil
	case row.in != nil || !named(row.Kind):
		return nil
	}
	none := slices.DeleteFunc(slices.Clone(t.Values), func(v string) bool {
		_, _, err := row.mapIn(a.rules.site, v)
		return err == nil
	})
	if len(none) > 0 {
		a.problem(at, "add it to the values of the row", "row %q: the other side sends %s, for which this site has nothing", row.Key, listOfValues(none))
	}
	return t.Values
}

// sends looks at what becomes over there of what a row sends, and returns the values that are taken, where they are known.
func (a *agreement) sends(row *row, t bridge.Term, at pos) []string {
	switch {
	case !fits(row.Kind, t.Kind):
		a.problem(at, "", "row %q: sends %s, and not all of that becomes %s over there", row.Key, row.Kind, t.Kind)
		return nil
	case len(t.Values) == 0:
		return nil
	}
	var written []string
	for _, w := range a.rules.set.words(row, false) {
		written = append(written, w.text)
	}
	if more := beyond(beyond(row.sent(a.rules.site, true), t.Values), written); len(more) > 0 {
		a.problem(at, "over there: "+listOfValues(t.Values), "row %q: the other side has nothing for %s", row.Key, listOfValues(more))
	}
	return t.Values
}

// members looks at the sections for members whose direction is written out.
func (a *agreement) members() {
	s := a.rules.set
	for i, direction := range []word{s.comments.direction, s.attachments.direction, s.worklogs.direction, s.links.direction} {
		kind := memberKinds[i]
		out, in := directions(direction)
		if out && !slices.Contains(a.theirs.Accepts.Members, kind) {
			a.problem(direction.at, "", "%ss leave, and the other side takes none", kind)
		}
		if in && !slices.Contains(a.theirs.Sends.Members, kind) {
			a.problem(direction.at, "", "%ss are taken, and the other side sends none", kind)
		}
	}
}

func keysIn(t bridge.Terms) (out []string) {
	for _, f := range t.Fields {
		out = append(out, f.Key)
	}
	return out
}

// words are the words on the way that the table of a row lists, where they stand: those of valuesIn, or of values.
func (s *Set) words(row *row, arriving bool) (out []word) {
	spec := s.spec(row)
	switch {
	case spec == nil:
	case arriving && spec.valuesIn != nil:
		for _, e := range spec.valuesIn.rows {
			out = append(out, e.key)
		}
	case !arriving:
		t := spec.values
		if spec.useTable.set() {
			t = s.tables[spec.useTable.text]
		} else if t == nil && row.Key == "status" {
			t = s.status.values
		}
		if t != nil {
			for _, e := range t.rows {
				out = append(out, word{e.value.text, e.value.at})
			}
		}
	}
	return out
}
