package rule

import (
	"fmt"
	"strconv"
	"strings"

	"drawbridge/shared/bridge"
)

// guard is what this site lets the other one do here, whatever the rows say: where, to which types and fields, of what size,
// how often. The zero value lets everything pass.
type guard struct {
	projects, types, fields map[string]bool // folded; nil: any
	text, attachment        int64           // bytes of a text, and of a file; 0: any
	creations               int             // per hour; 0: any
}

func (d *decoder) guard(n *node, s *guardSpec) {
	d.object(n, "guard", keys{
		"projects":   d.texts("projects", &s.projects),
		"types":      d.texts("types", &s.types),
		"fields":     d.texts("fields", &s.fields),
		"text":       d.filled("text", &s.text),
		"attachment": d.filled("attachment", &s.attachment),
		"creations":  d.filled("creations", &s.creations),
	})
	for what, w := range map[string]word{"text": s.text, "attachment": s.attachment} {
		if _, ok := bytesOf(w.text); w.set() && !ok {
			d.problem(w.at, "write 32 KB, 10 MB", "guard: %s: %q is no size", what, w.text)
		}
	}
	if v, err := strconv.Atoi(s.creations.text); s.creations.set() && (err != nil || v < 1) {
		d.problem(s.creations.at, "write a number, such as 100", "guard: creations: %q is no number of issues per hour", s.creations.text)
	}
}

func (b *binder) guardRules() {
	s, g := b.set.guard, guard{}
	g.projects = b.allowed("project", s.projects, b.site.Projects)
	g.types = b.allowed("type", s.types, b.site.Types)
	if s.fields != nil {
		g.fields = map[string]bool{}
		for _, w := range s.fields {
			if b.rules.byKey[fold(w.text)] == nil {
				b.problem(w.at, "", "guard: there is no row with the key %q", w.text)
			}
			g.fields[fold(w.text)] = true
		}
	}
	g.text, _ = bytesOf(s.text.text) // checked when the file was read
	g.attachment, _ = bytesOf(s.attachment.text)
	g.creations, _ = strconv.Atoi(s.creations.text)
	b.rules.guard = g
}

func (b *binder) allowed(what string, list []word, here []string) map[string]bool {
	if list == nil {
		return nil
	}
	out := map[string]bool{}
	for _, w := range list {
		out[fold(b.named(what, w, here))] = true
	}
	return out
}

// Admits says why the guard keeps the other site from writing to, or making, an issue of that project and type; nil: it does
// not. An empty type is not asked about.
func (r *Rules) Admits(project, issueType string) error {
	switch g := r.guard; {
	case g.projects != nil && !g.projects[fold(project)]:
		return bridge.Permanent("guard-refused", "the guard of this site lets the other one write to %s only, not to project %s", listed(g.projects), project)
	case g.types != nil && issueType != "" && !g.types[fold(issueType)]:
		return bridge.Permanent("guard-refused", "the guard of this site takes issues of type %s only, not %s", listed(g.types), issueType)
	}
	return nil
}

// Lets reports whether the guard lets the other site's values of a field be applied.
func (r *Rules) Lets(key string) bool { return r.guard.fields == nil || r.guard.fields[fold(key)] }

// CreationsPerHour is how many issues the other site may have made here in an hour; 0: any number.
func (r *Rules) CreationsPerHour() int { return r.guard.creations }

// guarded is an incoming value as the guard lets it pass.
func (r *Rules) guarded(key string, v any, in In) In {
	g := r.guard
	if !r.Lets(key) {
		return In{Leave: true, Why: fmt.Sprintf("the guard of this site does not take field %q", key)}
	}
	if text, ok := v.(string); ok && g.text > 0 && int64(len(text)) > g.text {
		return In{Err: bridge.Permanent("guard-refused", "field %q: %d bytes, the guard of this site takes %d", key, len(text), g.text)}
	}
	return in
}

// holds says why the guard does not take a comment or file; "": it does.
func (g *guard) holds(m bridge.Member) string {
	switch {
	case m.Kind == bridge.Attachment && g.attachment > 0 && m.Size > g.attachment:
		return fmt.Sprintf("the guard of this site takes files of %d bytes at most", g.attachment)
	case m.Kind == bridge.Comment && g.text > 0 && int64(len(m.Body)) > g.text:
		return fmt.Sprintf("the guard of this site takes texts of %d bytes at most", g.text)
	}
	return ""
}

func listed(set map[string]bool) string { return strings.Join(sortedKeys(set), ", ") }
