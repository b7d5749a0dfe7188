package rule

import (
	"path"
	"strconv"
	"strings"
	"unicode"

	"drawbridge/shared/bridge"
)

// The readers of the sections beside fields and scripts.

var kindWords = []string{
	string(bridge.Text), string(bridge.RichText), string(bridge.Number), string(bridge.Date), string(bridge.DateTime),
	string(bridge.Name), string(bridge.Names), string(bridge.User), string(bridge.Users),
}

func (d *decoder) status(n *node, s *statusSpec) {
	d.object(n, "status", keys{
		"map":       d.values("status map", &s.values),
		"otherwise": d.choice("otherwise", &s.otherwise, "same", "leave", "error", "default"),
		"default":   d.literal("default", &s.dflt),
		"paths":     d.each("paths", func(n *node) { s.paths = append(s.paths, d.path(n)) }),
		"through":   d.texts("through", &s.through),
		"fields":    d.transitions(s),
	})
	if s.otherwise.text == "default" && s.dflt == nil {
		d.problem(s.otherwise.at, `add "default: VALUE"`, "status: otherwise is default, but there is no default")
	}
}

// path reads one path: the statuses in the order in which they are walked.
func (d *decoder) path(n *node) []word {
	var p []word
	d.texts("path", &p)(n)
	if n.kind == listNode && len(p) < 3 {
		d.problem(n.at, "", "path: names at least three statuses; a direct step needs no path")
	}
	seen := map[string]bool{}
	for _, w := range p {
		if seen[fold(w.text)] {
			d.problem(w.at, "", "path: goes in a circle through %q", w.text)
		}
		seen[fold(w.text)] = true
	}
	return p
}

func (d *decoder) transitions(s *statusSpec) reader {
	return func(n *node) {
		if !d.fits(n, mapNode, "transition fields") {
			return
		}
		for _, p := range n.pairs {
			t := transitionSpec{status: word{p.key, p.at}}
			d.entries("transition fields of "+p.key, &t.fields)(p.value)
			s.fields = append(s.fields, t)
		}
	}
}

func (d *decoder) users(n *node, s *usersSpec) {
	d.object(n, "users", keys{
		"table":    d.each("user table", func(n *node) { s.table = append(s.table, d.user(n)) }),
		"email":    d.truth("email", &s.email),
		"fallback": d.filled("fallback", &s.fallback),
		"send":     d.texts("send", &s.send),
		"mentions": d.choice("mentions", &s.mentions, "map", "plain"),
		"authors":  d.choice("authors", &s.authors, "full", "role", "anonymous"),
		"role":     d.filled("role", &s.role),
	})
	if (s.authors.text == "role") != s.role.set() {
		d.problem(n.at, "", `users: "authors: role" and "role", what to call them, go together`)
	}
	for _, w := range s.send {
		if w.text != "email" && w.text != "id" {
			d.problem(w.at, "", "send: %q is not one of email, id", w.text)
		}
	}
	d.doubleUsers(s.table)
}

func (d *decoder) user(n *node) userSpec {
	u := userSpec{at: n.at}
	d.object(n, "user", keys{
		"local":  d.filled("local", &u.local),
		"remote": d.filled("remote", &u.remote),
		"as":     d.filled("as", &u.as_),
	})
	if n.kind == mapNode && (!u.local.set() || (!u.remote.set() && !u.as_.set())) {
		d.problem(n.at, "", `user: "local" and "remote" are both wanted`)
	}
	return u
}

func (d *decoder) doubleUsers(users []userSpec) {
	first := map[string]int{}
	for _, u := range users {
		if !u.remote.set() {
			continue
		}
		if line, twice := first[fold(u.remote.text)]; twice {
			d.problem(u.remote.at, "", "user: %q has a row already, on line %d", u.remote.text, line)
			continue
		}
		first[fold(u.remote.text)] = u.remote.at.line
	}
}

func (d *decoder) comments(n *node, s *commentsSpec) {
	d.object(n, "comments", keys{
		"direction":    d.choice("direction", &s.direction, "both", "out", "in", "off"),
		"restricted":   d.choice("restricted", &s.restricted, "keep", "send"),
		"internal":     d.choice("internal", &s.internal, "keep", "send"),
		"visibility":   d.texts("visibility", &s.visibility),
		"when":         d.expr("when", &s.when),
		"body":         d.expr("body", &s.body),
		"take":         d.expr("take", &s.take),
		"author":       d.template("author", &s.author, "name", "time", "key", "url"),
		"arriving":     d.choiceOrExpr("arriving", &s.arriving, "internal", "public"),
		"restrictedTo": func(n *node) { d.audience(n, s) },
	})
	if len(s.visibility) > 0 && s.restricted.text != "send" {
		d.problem(s.visibility[0].at, `add "restricted: send"`, "comments: visibility names what is sent, but restricted comments stay in")
	}
}

func (d *decoder) audience(n *node, s *commentsSpec) {
	d.object(n, "restrictedTo", keys{
		"role":  d.filled("role", &s.role),
		"group": d.filled("group", &s.group),
	})
	if n.kind == mapNode && s.role.set() == s.group.set() {
		d.problem(n.at, "", `restrictedTo: either "role" or "group"`)
	}
}

// template reads a text with {places} for what is known of a comment.
func (d *decoder) template(what string, to *word, places ...string) reader {
	return func(n *node) {
		d.text(what, to)(n)
		rest := to.text
		for {
			open := strings.IndexByte(rest, '{')
			if open < 0 {
				return
			}
			name, after, closed := strings.Cut(rest[open+1:], "}")
			if !closed {
				d.problem(n.at, "", `%s: a "{" is never closed`, what)
				return
			}
			if !contains(places, name) {
				d.problem(n.at, nearest(name, places), "%s: {%s} is not known", what, name)
			}
			rest = after
		}
	}
}

func (d *decoder) worklogs(n *node, s *worklogsSpec) {
	d.object(n, "worklogs", keys{
		"direction":  d.choice("direction", &s.direction, "both", "out", "in", "off"),
		"restricted": d.choice("restricted", &s.restricted, "keep", "send"),
		"when":       d.expr("when", &s.when),
		"take":       d.expr("take", &s.take),
		"author":     d.template("author", &s.author, "name", "time", "key", "url"),
	})
}

func (d *decoder) attachments(n *node, s *attachmentsSpec) {
	d.object(n, "attachments", keys{
		"direction":  d.choice("direction", &s.direction, "both", "out", "in", "off"),
		"restricted": d.choice("restricted", &s.restricted, "keep", "send"),
		"maxSize":    d.filled("maxSize", &s.maxSize),
		"names":      d.patterns("names", &s.names),
		"notNames":   d.patterns("notNames", &s.notNames),
		"types":      d.patterns("types", &s.types),
		"notTypes":   d.patterns("notTypes", &s.notTypes),
		"when":       d.expr("when", &s.when),
		"take":       d.expr("take", &s.take),
		"arriving":   d.choiceOrExpr("arriving", &s.arriving, "internal", "public"),
	})
	if s.maxSize.set() {
		if _, ok := bytesOf(s.maxSize.text); !ok {
			d.problem(s.maxSize.at, "write 500 KB, 10 MB, 1 GB", "attachments: %q is no size", s.maxSize.text)
		}
	}
}

func (d *decoder) patterns(what string, to *[]word) reader {
	return func(n *node) {
		d.texts(what, to)(n)
		for _, w := range *to {
			if _, err := path.Match(w.text, ""); err != nil || len(w.text) > 200 {
				d.problem(w.at, `write it like "*.log"`, "%s: %q is no pattern", what, w.text)
			}
		}
	}
}

// bytesOf reads "10 MB" as a number of bytes; units are powers of 1024.
func bytesOf(s string) (int64, bool) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	unit := int64(1)
	for suffix, u := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if strings.HasSuffix(s, suffix) {
			s, unit = strings.TrimSuffix(s, suffix), u
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "B"), 10, 64)
	if err != nil || n < 0 || n > 1<<33 {
		return 0, false
	}
	return n * unit, true
}

func (d *decoder) create(n *node, s *createSpec) {
	d.object(n, "create", keys{
		"enabled":     d.truth("enabled", &s.enabled),
		"project":     d.filled("project", &s.project),
		"type":        d.filled("type", &s.issueType),
		"requestType": d.filled("requestType", &s.requestType),
	})
}

func (d *decoder) trigger(n *node) triggerSpec {
	t := triggerSpec{at: n.at}
	d.object(n, "trigger", keys{
		"jql":    d.filled("jql", &t.jql),
		"entity": d.choice("entity", &t.entity, "issue"),
		"note":   d.text("note", &t.note),
		"active": d.truth("active", &t.active),
		"stop":   d.truth("stop", &t.stop),
	})
	if n.kind == mapNode && !t.jql.set() {
		d.problem(n.at, `add "jql: QUERY"`, "trigger: has no query")
	}
	d.query(t.jql)
	return t
}

// query checks a piece of JQL for form.
func (d *decoder) query(w word) {
	if !w.set() {
		return
	}
	if _, err := parseJQL(w.text); err != nil {
		d.problem(d.within(w, err.line, err.col), err.hint, "JQL: %s", err.message)
	}
}

func (d *decoder) scope(n *node, s *scopeSpec) {
	d.object(n, "scope", keys{
		"projects": d.texts("projects", &s.projects),
		"jql":      d.filled("jql", &s.jql),
	})
	d.query(s.jql)
}

// deletion reads "keep", "delete", or {close: STATUS}.
func (d *decoder) deletion(n *node, s *deletionSpec) {
	if n.kind == mapNode {
		d.object(n, "deletion", keys{"close": d.filled("close", &s.status)})
		s.policy = word{"close", n.at}
		return
	}
	if n.text == "close" {
		d.problem(n.at, `write "deletion: {close: STATUS}"`, "deletion: close wants the status to close with")
		return
	}
	d.choice("deletion", &s.policy, "keep", "delete")(n)
	s.status = word{}
}

// identifier reports whether s can name a value in an expression.
func identifier(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// fold makes two spellings of one name equal: case and outer white space do not count.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
