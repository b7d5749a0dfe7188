package rule

import "strings"

// Parse reads a rule file and returns all mistakes of form at once; the set is nil when there are any. Names and
// expressions are checked by [Set.Bind], which knows the site.
func Parse(name string, src []byte) (*Set, Problems) {
	s, problems := parse(name, src)
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return s, nil
}

// Check returns every mistake of a rule file for a site: of form, names and expressions together.
func Check(name string, src []byte, schema Schema) Problems {
	_, problems, _ := Read(name, src, func(*Set) (Schema, error) { return schema, nil })
	return problems
}

// Read reads a rule file for a site and returns the rules, or every mistake. The site is asked when the file has said whom it
// names; where it cannot be asked, the mistakes of form are returned, and the error where there are none.
func Read(name string, src []byte, ask func(*Set) (Schema, error)) (*Rules, Problems, error) {
	s, problems := parse(name, src)
	if s == nil {
		return nil, problems.sorted(), nil
	}
	schema, err := ask(s)
	if err != nil {
		if len(problems) > 0 {
			err = nil
		}
		return nil, problems.sorted(), err
	}
	r, more := s.Bind(schema)
	if problems = append(problems, more...); len(problems) > 0 {
		return nil, problems.sorted(), nil
	}
	return r, nil, nil
}

func parse(name string, src []byte) (*Set, Problems) {
	f := newFile(name, src)
	root := readYAML(f, src)
	if len(f.problems) > 0 {
		return nil, f.problems
	}
	d := &decoder{file: f, seen: map[string][]string{}}
	s := d.set(root, defaults)
	s.source = append([]byte(nil), src...)
	return s, f.problems
}

// set reads a whole file on top of the default rule set, unless the file says that it stands alone.
func (d *decoder) set(root *node, base func() Set) *Set {
	s := &Set{file: d.file}
	if !standsAlone(root) {
		*s = base()
		s.file, s.base = d.file, word{}
	}
	if root == nil {
		root = &node{kind: mapNode, at: start}
	}
	own := []*rowSpec{}
	var version word
	d.object(root, "rule file", keys{
		"version":     d.choice("version", &version, "1"),
		"role":        d.choice("role", &s.role, "public", "private"),
		"base":        d.choice("base", &s.base, "default", "none"),
		"fields":      d.each("fields", func(n *node) { own = append(own, d.row(n)) }),
		"outgoing":    d.each("outgoing", func(n *node) { s.outgoing = append(s.outgoing, d.step(n, "step of outgoing")) }),
		"incoming":    d.each("incoming", func(n *node) { s.incoming = append(s.incoming, d.step(n, "step of incoming")) }),
		"constants":   d.entries("constants", &s.constants),
		"tables":      d.tables(s),
		"secret":      d.texts("secret", &s.secret),
		"security":    d.texts("security", &s.security),
		"status":      func(n *node) { d.status(n, &s.status) },
		"users":       func(n *node) { d.users(n, &s.users) },
		"comments":    func(n *node) { d.comments(n, &s.comments) },
		"attachments": func(n *node) { d.attachments(n, &s.attachments) },
		"worklogs":    func(n *node) { d.worklogs(n, &s.worklogs) },
		"links":       func(n *node) { d.links(n, &s.links) },
		"create":      func(n *node) { d.create(n, &s.create) },
		"triggers":    d.each("triggers", func(n *node) { s.triggers = append(s.triggers, d.trigger(n)) }),
		"scope":       func(n *node) { d.scope(n, &s.scope) },
		"method":      d.choice("method", &s.method, "automatic", "manual", "off", "shadow"),
		"deletion":    func(n *node) { d.deletion(n, &s.deletion) },
		"remoteLinks": d.choice("remoteLinks", &s.remoteLinks, "both", "receiver", "off"),
		"identity":    d.choice("identity", &s.identity, "full", "key", "none"),
		"guard":       func(n *node) { d.guard(n, &s.guard) },
		"show": func(n *node) {
			d.object(n, "show", keys{"twin": d.filled("twin", &s.showTwin), "state": d.filled("state", &s.showState)})
		},
	})
	if len(root.pairs) > 0 && !version.set() && len(d.problems) == 0 {
		d.problem(root.at, `begin the file with "version: 1"`, "rule file: the key %q is missing", "version")
	}
	d.duplicates(own)
	s.fields = overlay(s.fields, own)
	return s
}

// duplicates finds two rows with one replica key.
func (d *decoder) duplicates(rows []*rowSpec) {
	first := map[string]pos{}
	for _, r := range rows {
		key := r.keyText()
		if at, twice := first[key]; twice && key != "" {
			d.problem(r.keyWord().at, "", "row: the key %q is used already, on line %d", key, at.line)
			continue
		}
		first[key] = r.keyWord().at
	}
}

func standsAlone(root *node) bool {
	if root == nil {
		return false
	}
	for _, p := range root.pairs {
		if p.key == "base" && p.value.text == "none" {
			return true
		}
	}
	return false
}

// overlay puts the file's own rows after the default ones; a row with the key of a default one takes its place.
func overlay(base, own []*rowSpec) []*rowSpec {
	mine := map[string]bool{}
	for _, r := range own {
		mine[r.keyText()] = true
	}
	var out []*rowSpec
	for _, r := range base {
		if !mine[r.keyText()] {
			out = append(out, r)
		}
	}
	return append(out, own...)
}

func (d *decoder) row(n *node) *rowSpec {
	r, before := &rowSpec{at: n.at}, len(d.problems)
	if n.kind == textNode { // "- Priority" is short for "- field: Priority"
		r.field = word{n.text, n.at}
		return r
	}
	d.object(n, "row", keys{
		"field":     d.filled("field", &r.field),
		"from":      d.filled("from", &r.from),
		"to":        d.filled("to", &r.to),
		"key":       d.filled("key", &r.key),
		"direction": d.choice("direction", &r.direction, "both", "out", "in", "off"),
		"kind":      d.choice("kind", &r.kind, kindWords...),
		"values":    d.valuesOrName("values", &r.values, &r.useTable),
		"valuesIn":  d.values("valuesIn", &r.valuesIn),
		"otherwise": d.choice("otherwise", &r.otherwise, "same", "leave", "error", "default"),
		"default":   d.literal("default", &r.dflt),
		"when":      d.expr("when", &r.when),
		"out":       d.expr("out", &r.out),
		"in":        d.expr("in", &r.in),
	})
	if len(d.problems) == before {
		d.rowSense(r)
	}
	return r
}

// rowSense finds combinations that mean nothing.
func (d *decoder) rowSense(r *rowSpec) {
	dir := r.direction.or("both")
	switch {
	case !r.field.set() && !r.from.set() && !r.to.set() && !r.key.set():
		d.problem(r.at, `write "field: NAME"`, "row: names no field")
	case r.field.set() && (r.from.set() || r.to.set()):
		d.problem(r.at, "from is the field sent, to the field written", `row: either "field", or "from" and "to"`)
	case r.otherwise.text == "default" && r.dflt == nil:
		d.problem(r.otherwise.at, `add "default: VALUE"`, "row: otherwise is default, but there is no default")
	case r.out.set() && dir == "in":
		d.problem(r.out.at, "", `row: an "out" expression in a row that only comes in`)
	case r.in.set() && dir == "out":
		d.problem(r.in.at, "", `row: an "in" expression in a row that only goes out`)
	}
	if k := r.keyText(); k != "" && !goodKey(k) {
		d.problem(r.keyWord().at, keyHint, "row: %q cannot be a replica key", k)
	}
}

// valuesOrName reads a value table written here, or the name of one in "tables".
func (d *decoder) valuesOrName(what string, to **table, name *word) reader {
	return func(n *node) {
		if n.kind == textNode {
			*name = word{n.text, n.at}
			return
		}
		d.values(what, to)(n)
	}
}

func (d *decoder) step(n *node, what string) *stepSpec {
	t, before := &stepSpec{at: n.at}, len(d.problems)
	d.object(n, "step", keys{
		"when":  d.expr("when", &t.when),
		"let":   d.filled("let", &t.let),
		"be":    d.expr("be", &t.be),
		"set":   d.filled("set", &t.set),
		"to":    d.expr("to", &t.to),
		"key":   d.filled("key", &t.key),
		"carry": d.filled("carry", &t.carry),
		"stop":  d.filled("stop", &t.stop),
	})
	if len(d.problems) == before {
		d.stepSense(t, what)
	}
	return t
}

func (d *decoder) stepSense(t *stepSpec, what string) {
	deeds := 0
	for _, w := range []word{t.let, t.set, t.carry, t.stop} {
		if w.set() {
			deeds++
		}
	}
	switch {
	case deeds != 1:
		d.problem(t.at, "", `%s: exactly one of "let", "set", "carry", "stop" is wanted`, what)
	case t.let.set() && !t.be.set():
		d.problem(t.at, "", `%s: "let" wants "be"`, what)
	case (t.set.set() || t.carry.set()) && !t.to.set():
		d.problem(t.at, "", `%s: "set" and "carry" want "to"`, what)
	case t.let.set() && t.when.set():
		d.problem(t.when.at, "write the condition into the expression: CONDITION ? A : B", `%s: a "let" has no "when"`, what)
	case t.let.set() && !identifier(t.let.text):
		d.problem(t.let.at, "letters, digits and _", `%s: %q is no name for a value`, what, t.let.text)
	case strings.HasPrefix(what, "step of incoming") && t.carry.set():
		d.problem(t.at, "", `%s: "carry" belongs to the outgoing script`, what)
	}
}

func (d *decoder) tables(s *Set) reader {
	return func(n *node) {
		if !d.fits(n, mapNode, "tables") {
			return
		}
		s.tables = map[string]*table{}
		for _, p := range n.pairs {
			var t *table
			d.values("table "+p.key, &t)(p.value)
			s.tables[p.key] = t
		}
	}
}
