package rule

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// binder joins a set and a site. It collects all problems, so that one attempt shows everything there is to mend.
type binder struct {
	*file
	set   *Set
	site  *site
	words *vocabulary
	rules *Rules
	past  bool // what is compiled now may read the changes of the issue
}

// Bind resolves names to the ids of a site, checks everything that can be checked before an issue comes, and compiles
// the expressions. The rules are nil when there are problems.
func (s *Set) Bind(schema Schema) (*Rules, Problems) {
	f := &file{name: s.file.name, lines: s.file.lines, builtin: s.file.builtin}
	b := &binder{file: f, set: s, site: newSite(schema)}
	b.rules = &Rules{set: s, site: b.site, byKey: map[string]*row{}, tables: map[string]*valueTable{}}
	b.checkRole()
	b.constants()
	b.words = newVocabulary(b.site, s, b.rules.consts)
	b.rules.open = b.words.open
	for name, t := range s.tables {
		b.rules.tables[name] = newValueTable(t, nil)
	}
	b.secrets()
	b.rows()
	b.script()
	b.loops()
	b.statusRules()
	b.userRules()
	b.memberRules()
	b.unknownHere()
	b.createRules()
	b.triggerRules()
	b.showRules()
	b.guardRules()
	if len(f.problems) > 0 {
		return nil, f.problems.sorted()
	}
	return b.rules, nil
}

func (b *binder) checkRole() {
	if b.set.role.set() && b.site.Role != "" && b.set.role.text != string(b.site.Role) {
		b.problem(b.set.role.at, "is it the other site's file?", "these are rules for the %s site, and this is the %s one", b.set.role.text, b.site.Role)
	}
}

// where names a place for messages at run time.
func (f *file) where(at pos) string {
	if at.builtin {
		return fmt.Sprintf("default rule set:%d", at.line)
	}
	return fmt.Sprintf("%s:%d", f.name, at.line)
}

func (b *binder) constants() {
	b.rules.consts = map[string]any{}
	reserved := newVocabulary(newSite(Schema{}), &Set{}, nil).base
	for _, c := range b.set.constants {
		_, taken := reserved[c.key.text]
		switch {
		case !identifier(c.key.text):
			b.problem(c.key.at, "letters, digits and _", "constants: %q is no name for a value", c.key.text)
		case taken || ours[c.key.text] || isBuiltin(c.key.text) || placeNames[c.key.text]:
			b.problem(c.key.at, "", "constants: %q has a meaning already", c.key.text)
		case c.value.kind == nullNode:
			b.problem(c.value.at, "", "constants: %q holds nothing", c.key.text)
		default:
			b.rules.consts[c.key.text] = c.value.constant()
		}
	}
}

// placeNames are the variables of single places.
var placeNames = map[string]bool{"value": true, "comment": true, "attachment": true, "worklog": true, "link": true}

// constant is a scalar of the file as expressions see it.
func (n *node) constant() any {
	switch n.kind {
	case numberNode:
		if f, err := toNumber(n.text); err == nil {
			return f
		}
	case boolNode:
		return strings.EqualFold(n.text, "true")
	case nullNode:
		return nil
	}
	return n.text
}

// secrets checks that what is to be secret exists, or a slip of the pen would let it out.
func (b *binder) secrets() {
	for _, w := range b.set.secret {
		if len(b.site.find(w.text)) == 0 && b.site.known && !secretFields[fold(w.text)] {
			b.problem(w.at, nearest(w.text, b.site.fieldNames()), "secret: this site has no field %q", w.text)
		}
	}
}

// field resolves the name of a field; a name nobody has, two have, or that must stay in is a problem.
func (b *binder) field(w word) *Field {
	if hint, ok := unruly[fold(w.text)]; ok {
		b.problem(w.at, hint, "%q cannot be in a row", w.text)
		return nil
	}
	found := b.site.find(w.text)
	switch {
	case len(found) == 0 && !b.site.known:
		b.problem(w.at, "the fields of this site are not known yet; an id (customfield_10010) needs no look-up", "field %q: cannot be looked up", w.text)
	case len(found) == 0:
		b.problem(w.at, nearest(w.text, b.site.fieldNames()), "field %q: unknown on this site", w.text)
	case len(found) > 1:
		b.problem(w.at, "write the id of one: "+ids(found), "field %q: %d fields of this site have this name", w.text, len(found))
	case b.site.secret(found[0], b.set.secret):
		b.problem(w.at, "", "field %q is secret: no rule may name it", w.text)
	default:
		return &found[0]
	}
	return nil
}

// named checks a name of this site against what the site has, and returns the site's own spelling.
func (b *binder) named(what string, w word, allowed []string) string {
	own, ok := here(allowed, w.text)
	if !ok {
		b.problem(w.at, nearest(w.text, allowed), "%s %q: unknown on this site", what, w.text)
	}
	return own
}

var asBool = []expr.Option{expr.AsBool()}

// condition compiles an expression that must be true or false; nil where none is written.
func (b *binder) condition(w word, lets []let, extra types.Map) *program {
	if !w.set() {
		return nil
	}
	return b.compile(w, lets, extra, asBool...)
}

func (b *binder) statusRules() {
	s := Status{through: map[string]bool{}, fields: map[string]map[string]bridge.Value{}}
	for _, p := range b.set.status.paths {
		var path []string
		for i, w := range p {
			path = append(path, b.named("status", w, b.site.Statuses))
			if i > 0 && i < len(p)-1 {
				s.through[fold(w.text)] = true
			}
		}
		s.paths = append(s.paths, path)
	}
	for _, w := range b.set.status.through {
		s.through[fold(b.named("status", w, b.site.Statuses))] = true
	}
	for _, t := range b.set.status.fields {
		s.fields[fold(b.named("status", t.status, b.site.Statuses))] = b.screen(t.fields)
	}
	b.rules.status = s
}

// screen reads the values for the screen of a transition.
func (b *binder) screen(entries []entry) map[string]bridge.Value {
	out := map[string]bridge.Value{}
	for _, e := range entries {
		f := b.field(e.key)
		if f == nil {
			continue
		}
		v, err := convert(f.Kind, e.value.constant())
		if err != nil {
			b.problem(e.value.at, "", "field %q: %s", e.key.text, err)
			continue
		}
		if s, ok := v.(string); ok {
			b.named(f.ID, word{s, e.value.at}, b.site.allowed(f.ID))
		}
		out[f.ID] = valueOf(v)
	}
	return out
}

func (b *binder) userRules() {
	s := b.set.users
	t := userTable{email: s.email.or("true") == "true", plain: s.mentions.text == "plain",
		anonymous: s.authors.text == "anonymous", role: s.role.text}
	for _, u := range s.table {
		local := b.named("user", u.local, b.site.Users)
		t.entries = append(t.entries, tableUser{local, u.remote.text, u.as_.text})
	}
	if s.fallback.set() && s.fallback.text != "nobody" {
		b.named("user", s.fallback, b.site.Users)
	}
	t.fallback = s.fallback.text
	for _, w := range s.send {
		t.sendMail = t.sendMail || w.text == "email"
		t.sendID = t.sendID || w.text == "id"
	}
	b.rules.users = t
}

func directions(w word) (out, in bool) {
	d := w.or("off")
	return d == "both" || d == "out", d == "both" || d == "in"
}

func (b *binder) memberRules() {
	c, extra := b.set.comments, types.Map{"comment": commentType}
	r := commentRules{restricted: c.restricted.text == "send", internal: c.internal.text == "send", visibility: setOf(texts(c.visibility)),
		author: c.author.text, public: c.arriving.text == "public", role: c.role.text, group: c.group.text}
	r.out, r.in = directions(c.direction)
	r.when, r.take = b.condition(c.when, nil, extra), b.condition(c.take, nil, extra)
	if chosen, ok := c.arriving.expression(); ok {
		r.choose = b.compile(chosen, nil, extra)
	}
	if c.body.set() {
		r.body = b.compile(c.body, nil, extra)
	}
	b.rules.comments = r

	a, extra := b.set.attachments, types.Map{"attachment": attachmentType}
	f := attachmentRules{restricted: a.restricted.text == "send", names: texts(a.names), notNames: texts(a.notNames),
		types: texts(a.types), notTypes: texts(a.notTypes)}
	f.out, f.in = directions(a.direction)
	f.maxSize, _ = bytesOf(a.maxSize.text)
	f.when, f.take = b.condition(a.when, nil, extra), b.condition(a.take, nil, extra)
	f.public = a.arriving.text == "public"
	if chosen, ok := a.arriving.expression(); ok {
		f.choose = b.compile(chosen, nil, extra)
	}
	b.rules.attachments = f

	w, extra := b.set.worklogs, types.Map{"worklog": worklogType}
	l := worklogRules{restricted: w.restricted.text == "send", author: w.author.text}
	l.out, l.in = directions(w.direction)
	l.when, l.take = b.condition(w.when, nil, extra), b.condition(w.take, nil, extra)
	b.rules.worklogs = l
	b.linkRules()
}

func texts(ws []word) []string {
	var out []string
	for _, w := range ws {
		out = append(out, w.text)
	}
	return out
}

func (b *binder) createRules() {
	s := b.set.create
	c := createRules{off: s.enabled.text == "false", fallback: s.issueType.text, requestType: s.requestType.text, where: b.where(s.enabled.at)}
	if s.issueType.set() && !s.issueType.at.builtin {
		c.fallback = b.named("issue type", s.issueType, b.site.Types)
	}
	for _, project := range sortedKeys(b.site.RequestTypes) {
		b.named("request type of "+project, s.requestType, b.site.RequestTypes[project])
	}
	if w, ok := s.project.expression(); ok {
		c.choose = b.compile(w, nil, nil)
		c.where = b.where(s.project.at)
	} else if s.project.set() {
		c.project = b.named("project", s.project, b.site.Projects)
		c.where = b.where(s.project.at)
	}
	b.rules.create = c
}

func (b *binder) triggerRules() {
	for _, t := range b.set.triggers {
		q, _ := parseJQL(t.jql.text)
		tr := Trigger{JQL: t.jql.text, Entity: t.entity.or("issue"), Note: t.note.text, Active: t.active.or("true") == "true",
			Stop: t.stop.text == "true", Where: b.where(t.at), parsed: q}
		if tr.Active && !tr.Stop && !tr.LooksBounded() {
			b.problem(t.jql.at, "name a project", "trigger: the query does not limit anything")
		}
		b.rules.triggers = append(b.rules.triggers, tr)
	}
	if w := b.set.scope.jql; w.set() {
		q, _ := parseJQL(w.text)
		b.rules.limit = &Trigger{JQL: w.text, Entity: "issue", Active: true, Where: b.where(w.at), parsed: q}
	}
	b.rules.projects = map[string]bool{}
	for _, w := range b.set.scope.projects {
		b.rules.projects[fold(b.named("project", w, b.site.Projects))] = true
	}
	b.rules.security = setOf(texts(b.set.security))
	if b.set.deletion.status.set() {
		b.named("status", b.set.deletion.status, b.site.Statuses)
	}
}
