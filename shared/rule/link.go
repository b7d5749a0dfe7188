package rule

import (
	"fmt"

	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// A Link is a link between two issues as rules see it, from the issue that is its source.
type Link struct {
	Type string // its name at this site; of one that arrives, where no row says otherwise, its name on the way
	Key  string // of the issue at the other end
}

type linkRules struct {
	out, in    bool
	values     *valueTable // left the type here, right its name on the way
	leave      bool        // only the types of the table
	when, take *program
	where      string
}

var linkType = types.Map{"type": types.String, "key": types.String}

func (l Link) variable() map[string]any {
	return map[string]any{"link": map[string]any{"type": l.Type, "key": l.Key}}
}

func (d *decoder) links(n *node, s *linksSpec) {
	s.at = n.at
	d.object(n, "links", keys{
		"direction": d.choice("direction", &s.direction, "both", "out", "in", "off"),
		"values":    d.values("values", &s.values),
		"otherwise": d.choice("otherwise", &s.otherwise, "same", "leave"),
		"when":      d.expr("when", &s.when),
		"take":      d.expr("take", &s.take),
	})
}

func (b *binder) linkRules() {
	s, extra := b.set.links, types.Map{"link": linkType}
	r := linkRules{leave: s.otherwise.text == "leave", where: b.where(s.at)}
	r.out, r.in = directions(s.direction)
	r.when, r.take = b.condition(s.when, nil, extra), b.condition(s.take, nil, extra)
	if s.values != nil {
		r.values = newValueTable(s.values, nil)
		for _, e := range s.values.rows {
			b.named("link type", e.key, b.site.LinkTypes)
		}
	}
	b.rules.links = r
}

// SendsLinks reports whether any link may leave: where none may, none need be looked at.
func (r *Rules) SendsLinks() bool { return r.links.out }

// LinkOut decides whether a link leaves whose other end is in a pair too, and what its type is called on the way.
func (r *Rules) LinkOut(env Env, l Link) (send bool, name, why string, err error) {
	if !r.links.out {
		return false, "", "the rules let no links out", nil
	}
	ok, err := r.evaluation(&env).truth(r.links.when, l.variable())
	if err != nil || !ok {
		return false, "", "the rule's condition for links does not hold", err
	}
	if r.links.values != nil {
		if name, ok := r.links.values.out(l.Type); ok {
			return true, name, "", nil
		}
	}
	if r.links.leave {
		return false, "", fmt.Sprintf("links of type %q stay in", l.Type), nil
	}
	return true, l.Type, "", nil
}

// LinkIn decides whether a link that arrives is made here, and of which type; key is that of the issue at the other end.
func (r *Rules) LinkIn(env Env, m bridge.Member, key string) (local, why string, err error) {
	if !r.links.in {
		return "", "the rules take no links", nil
	}
	mapped := false
	if r.links.values != nil {
		local, mapped = r.links.values.in(m.Name)
	}
	if !mapped {
		own, ok := here(r.site.LinkTypes, m.Name)
		if r.links.leave {
			return "", fmt.Sprintf("links of type %q are not taken", short(m.Name)), nil
		}
		if !ok {
			return "", fmt.Sprintf("this site has no link type %q; add it to the values of links", short(m.Name)), nil
		}
		local = own
	}
	ok, err := r.evaluation(&env).truth(r.links.take, Link{Type: local, Key: key}.variable())
	if err != nil || !ok {
		return "", "the rule's condition for arriving links does not hold", err
	}
	return local, "", nil
}
