package rule

import (
	"github.com/expr-lang/expr/types"

	"drawbridge/shared/bridge"
)

// A Worklog is time spent on an issue of this site as rules see it. Restricted must be set where the caller does not know.
type Worklog struct {
	Author     bridge.Person
	Body       string
	Created    int64 // ms since 1970
	Started    int64 // ms since 1970
	Seconds    int64
	Restricted bool // limited to a role or group, or not proven open
}

type worklogRules struct {
	out, in    bool
	restricted bool // worklogs limited to a role or group leave
	when, take *program
	author     string
}

var worklogType = types.Map{"author": personType, "body": types.String, "seconds": types.Float64, "restricted": types.Bool}

func (w Worklog) variable() map[string]any {
	return map[string]any{"worklog": map[string]any{"author": personMap(w.Author), "body": w.Body, "seconds": float64(w.Seconds),
		"restricted": w.Restricted}}
}

// SendsWorklogs reports whether any worklog may leave: where none may, none need be read.
func (r *Rules) SendsWorklogs() bool { return r.worklogs.out }

// WorklogOut decides whether a worklog leaves, and what of it.
func (r *Rules) WorklogOut(env Env, w Worklog) (send bool, out bridge.Member, why string, err error) {
	switch {
	case !r.worklogs.out:
		return false, out, "the rules let no worklogs out", nil
	case w.Restricted && !r.worklogs.restricted:
		return false, out, "restricted worklogs stay in", nil
	}
	ok, err := r.evaluation(&env).truth(r.worklogs.when, w.variable())
	if err != nil || !ok {
		return false, out, "the rule's condition for worklogs does not hold", err
	}
	return true, bridge.Member{Kind: bridge.Worklog, Author: r.Author(w.Author), Body: r.TextOut(StripAdded(w.Body), env.Name),
		Created: w.Created, Started: w.Started, Seconds: w.Seconds, Restricted: w.Restricted}, "", nil
}

// WorklogIn decides whether a worklog that arrives is taken, and how it is written. One that was sent as restricted is
// written for whom comments.restrictedTo names, or not at all.
func (r *Rules) WorklogIn(env Env, m bridge.Member) (CommentWrite, error) {
	if !r.worklogs.in {
		return CommentWrite{Why: "the rules take no worklogs"}, nil
	}
	w := CommentWrite{Take: true}
	r.comments.audience(&w, m, false, false)
	if !w.Take {
		return w, nil
	}
	body := r.TextIn(m.Body)
	in := Worklog{Author: m.Author, Body: body, Seconds: m.Seconds, Restricted: m.Restricted}
	ok, err := r.evaluation(&env).truth(r.worklogs.take, in.variable())
	if err != nil || !ok {
		return CommentWrite{Why: "the rule's condition for arriving worklogs does not hold"}, err
	}
	w.Body = under(authorLine(r.worklogs.author, env, m), body)
	return w, nil
}
