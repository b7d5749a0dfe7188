package rule

import (
	"strings"
)

// A reader takes one value of the rule file and puts it where it belongs, reporting what does not fit.
type reader func(*node)

// keys are the keys one map of the rule file may have.
type keys map[string]reader

// decoder reads the node tree into a Set. The key tables in sections.go are the language; schema.json says the same.
type decoder struct {
	*file
	seen map[string][]string // what each kind of map may hold, for the test against the JSON Schema
}

func (d *decoder) fits(n *node, want nodeKind, what string) bool {
	if n.kind == want {
		return true
	}
	d.problem(n.at, "", "%s: %s is wanted here, not %s", what, kindNames[want], kindNames[n.kind])
	return false
}

// object reads a map whose keys are known.
func (d *decoder) object(n *node, what string, known keys) {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	d.seen[what] = names
	if n == nil || !d.fits(n, mapNode, what) {
		return
	}
	first := map[string]pos{}
	for _, p := range n.pairs {
		read, ok := known[p.key]
		switch at, twice := first[p.key]; {
		case !ok:
			d.problem(p.at, nearest(p.key, names), "%s: unknown key %q", what, p.key)
		case twice:
			d.problem(p.at, "", "%s: %q is here twice; first on line %d", what, p.key, at.line)
		default:
			first[p.key] = p.at
			read(p.value)
		}
	}
}

// each reads a list item by item.
func (d *decoder) each(what string, read reader) reader {
	return func(n *node) {
		if d.fits(n, listNode, what) {
			for _, item := range n.items {
				read(item)
			}
		}
	}
}

// text reads any text; numbers and booleans count as what they look like.
func (d *decoder) text(what string, to *word) reader {
	return func(n *node) {
		switch n.kind {
		case textNode, numberNode, boolNode:
			*to = word{n.text, n.at}
		default:
			d.fits(n, textNode, what)
		}
	}
}

// filled reads a text that must not be empty.
func (d *decoder) filled(what string, to *word) reader {
	return func(n *node) {
		d.text(what, to)(n)
		if to.set() && strings.TrimSpace(to.text) == "" {
			d.problem(n.at, "", "%s: is empty", what)
		}
	}
}

// expr reads an expression: text, or a number or boolean standing for itself.
func (d *decoder) expr(what string, to *word) reader { return d.filled(what, to) }

// choice reads one of a few words.
func (d *decoder) choice(what string, to *word, allowed ...string) reader {
	return func(n *node) {
		var w word
		d.text(what, &w)(n)
		if !w.set() {
			return
		}
		for _, a := range allowed {
			if w.text == a {
				*to = w
				return
			}
		}
		d.problem(w.at, similar(w.text, allowed), "%s: %q is not one of %s", what, w.text, strings.Join(allowed, ", "))
	}
}

// choiceOrExpr reads one of a few words, or = and an expression that makes one.
func (d *decoder) choiceOrExpr(what string, to *word, allowed ...string) reader {
	return func(n *node) {
		if n.kind == textNode && strings.HasPrefix(n.text, "=") {
			*to = word{n.text, n.at}
			return
		}
		d.choice(what, to, allowed...)(n)
	}
}

// truth reads true or false.
func (d *decoder) truth(what string, to *word) reader {
	return func(n *node) {
		if d.fits(n, boolNode, what) {
			*to = word{strings.ToLower(n.text), n.at}
		}
	}
}

// texts reads a list of texts; a single text counts as a list of one.
func (d *decoder) texts(what string, to *[]word) reader {
	return func(n *node) {
		*to = []word{}
		add := func(n *node) {
			var w word
			d.filled(what, &w)(n)
			if w.set() {
				*to = append(*to, w)
			}
		}
		if n.kind == textNode || n.kind == numberNode {
			add(n)
			return
		}
		d.each(what, add)(n)
	}
}

// entries reads a map whose keys are the writer's own and whose values are scalars.
func (d *decoder) entries(what string, to *[]entry) reader {
	return func(n *node) {
		if !d.fits(n, mapNode, what) {
			return
		}
		first := map[string]pos{}
		for _, p := range n.pairs {
			if at, twice := first[p.key]; twice {
				d.problem(p.at, "", "%s: %q is here twice; first on line %d", what, p.key, at.line)
				continue
			}
			first[p.key] = p.at
			if p.value.kind == mapNode || p.value.kind == listNode {
				d.problem(p.value.at, "", "%s: %q: a single value is wanted here, not %s", what, p.key, kindNames[p.value.kind])
				continue
			}
			*to = append(*to, entry{word{p.key, p.at}, p.value})
		}
	}
}

// values reads a value table.
func (d *decoder) values(what string, to **table) reader {
	return func(n *node) {
		t := &table{at: n.at}
		d.entries(what, &t.rows)(n)
		*to = t
	}
}

// literal reads any scalar.
func (d *decoder) literal(what string, to **node) reader {
	return func(n *node) {
		if n.kind == mapNode || n.kind == listNode {
			d.problem(n.at, "", "%s: a single value is wanted here, not %s", what, kindNames[n.kind])
			return
		}
		*to = n
	}
}
