package rule

import (
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// A Comment is a comment of this site as rules see it. What is not proven public counts as restricted: Restricted must
// be set where the caller does not know.
type Comment struct {
	Author     bridge.Person
	Body       string
	Created    int64  // ms since 1970
	Restricted bool   // limited to a role or group, or not proven open
	Internal   bool   // internal comment of a service project
	Visibility string // name of the role or group, where it is known
	Reply      bool   // a reply in a thread: it has its parent's visibility
}

// A CommentWrite is how a comment that arrives is written.
type CommentWrite struct {
	Take     bool
	Why      string // why not
	Body     string // with the author line in front
	Internal bool   // internal comment of a service project
	Role     string // visible to this project role only
	Group    string // visible to this group only
}

type commentRules struct {
	out, in    bool
	restricted bool // comments limited to a role or group leave
	internal   bool
	visibility map[string]bool
	when       *program
	body       *program
	take       *program
	author     string
	public     bool     // arriving comments are shown to customers
	choose     *program // of each: internal or public; nil: public says it for all
	role       string
	group      string
}

var commentType = types.Map{"author": personType, "body": types.String, "restricted": types.Bool, "internal": types.Bool,
	"visibility": types.String, "reply": types.Bool}

// CommentOut decides whether a comment leaves, and what of it.
func (r *Rules) CommentOut(env Env, c Comment) (send bool, out bridge.Member, why string, err error) {
	if why := r.comments.keeps(c); why != "" {
		return false, bridge.Member{}, why, nil
	}
	e := r.evaluation(&env)
	seen := map[string]any{"comment": map[string]any{"author": personMap(c.Author), "body": c.Body, "restricted": c.Restricted,
		"internal": c.Internal, "visibility": c.Visibility, "reply": c.Reply}}
	ok, err := e.truth(r.comments.when, seen)
	if err != nil || !ok {
		return false, bridge.Member{}, "the rule's condition for comments does not hold", err
	}
	body := c.Body
	if r.comments.body != nil {
		v, err := e.run(r.comments.body, seen)
		if err != nil {
			return false, bridge.Member{}, "", err
		}
		body = words(v)
	}
	body = r.TextOut(StripAdded(strings.ReplaceAll(body, "\r\n", "\n")), env.Name)
	return true, bridge.Member{Kind: bridge.Comment, Author: r.Author(c.Author), Body: body, Created: c.Created,
		Restricted: c.Restricted || c.Internal}, "", nil
}

// keeps says why a comment stays in, before any condition is looked at.
func (r *commentRules) keeps(c Comment) string {
	switch {
	case !r.out:
		return "the rules let no comments out"
	case c.Internal && !r.internal:
		return "internal comments stay in"
	}
	limited := c.Visibility != "" || (c.Restricted && !c.Internal)
	switch {
	case limited && !r.restricted:
		return "restricted comments stay in"
	case limited && c.Visibility == "" && len(r.visibility) > 0:
		return "who may see the comment is not known"
	case limited && len(r.visibility) > 0 && !r.visibility[fold(c.Visibility)]:
		return "comments for " + c.Visibility + " stay in"
	}
	return ""
}

// CommentIn decides whether a comment that arrives is taken, and how it is written. A comment sent as restricted is
// written restricted or not at all.
func (r *Rules) CommentIn(env Env, m bridge.Member) (CommentWrite, error) {
	if !r.comments.in {
		return CommentWrite{Why: "the rules take no comments"}, nil
	}
	if why := r.guard.holds(m); why != "" {
		return CommentWrite{Why: why}, nil
	}
	body, e := r.TextIn(m.Body), r.evaluation(&env)
	seen := map[string]any{"comment": map[string]any{"author": personMap(m.Author), "body": body, "restricted": m.Restricted,
		"internal": false, "visibility": "", "reply": false}}
	public, err := arriving(e, "comments", r.comments.choose, r.comments.public, seen)
	if err != nil {
		return CommentWrite{}, err
	}
	w := CommentWrite{Take: true}
	r.comments.audience(&w, m, env.Issue != nil && env.Issue.Service, public)
	if !w.Take {
		return w, nil
	}
	ok, err := e.truth(r.comments.take, seen)
	if err != nil || !ok {
		return CommentWrite{Why: "the rule's condition for arriving comments does not hold"}, err
	}
	w.Body = under(authorLine(r.comments.author, env, m), body)
	return w, nil
}

// arriving reports whether customers are to see what arrives in a service project: what choose makes of it, or else what is
// said of all.
func arriving(e *evaluation, section string, choose *program, all bool, seen map[string]any) (public bool, err error) {
	if choose == nil {
		return all, nil
	}
	v, err := e.run(choose, seen)
	if err != nil {
		return false, err
	}
	switch word := words(v); word {
	case "public", "internal":
		return word == "public", nil
	default:
		return false, bridge.Permanent("rule-failed", "%s: %s.arriving is %q, neither internal nor public", choose.where, section, short(word))
	}
}

// audience decides who may see the comment here.
func (r *commentRules) audience(w *CommentWrite, m bridge.Member, service, public bool) {
	w.Internal = service && !public
	if !m.Restricted {
		return
	}
	w.Role, w.Group = r.role, r.group
	w.Internal = service
	if !service && r.role == "" && r.group == "" {
		*w = CommentWrite{Why: "it was sent as restricted, and comments.restrictedTo names no role or group of this site"}
	}
}

// under is a text below its author line; either may be empty.
func under(line, body string) string {
	if line == "" || body == "" {
		return line + body
	}
	return line + "\n\n" + body
}

// authorLine is the line that says who wrote the original, and when.
func authorLine(template string, env Env, m bridge.Member) string {
	if template == "" {
		return ""
	}
	at := "an unknown time"
	if m.Created != 0 {
		at = time.UnixMilli(m.Created).UTC().Format("2006-01-02 15:04 UTC")
	}
	name := m.Author.Name
	if name == "" {
		name = "Someone"
	}
	quiet := strings.NewReplacer("[", "(", "]", ")", "{", "(", "}", ")", "*", "")
	return strings.NewReplacer("{name}", quiet.Replace(bridge.OneLine(name)), "{time}", at, "{key}", env.Pair.RemoteKey, "{url}", env.Pair.RemoteURL).
		Replace(template)
}
