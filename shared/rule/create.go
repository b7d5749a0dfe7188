package rule

import (
	"fmt"
	"strings"

	"drawbridge/shared/bridge"
)

// A Target is where a new issue is made.
type Target struct {
	Project     string // key; empty: the project of the connection
	Type        string
	RequestType string // of a service project, where the rules name one
	Where       string // file:line
}

type createRules struct {
	off         bool
	project     string
	choose      *program // of the project
	fallback    string   // issue type
	requestType string
	where       string
}

// Create says where the issue for an arriving replica is made. Env.Issue is nil.
func (r *Rules) Create(env Env) (Target, error) {
	c := r.create
	if c.off {
		return Target{}, bridge.Permanent("create-off", "%s: the rules of this site make no issues (create.enabled is false)", c.where)
	}
	t := Target{Project: c.project, RequestType: c.requestType, Where: c.where}
	if c.choose != nil {
		v, err := r.evaluation(&env).run(c.choose, nil)
		if err != nil {
			return Target{}, err
		}
		if t.Project = strings.TrimSpace(words(v)); t.Project == "" {
			return Target{}, bridge.Permanent("rule-failed", "%s: create.project names no project for this issue", c.choose.where)
		}
	}
	if _, ok := here(r.site.Projects, t.Project); t.Project != "" && !ok {
		return Target{}, bridge.Permanent("project-unknown", "%s: this site has no project %q", c.where, short(t.Project))
	}
	var err error
	t.Type, err = r.createType(env)
	return t, err
}

// createType is the type the type row makes of the arriving one, else the fallback.
func (r *Rules) createType(env Env) (string, error) {
	var cause error
	if row := r.byKey["type"]; row != nil && row.In {
		if v, ok := env.Replica["type"]; ok {
			in := r.evaluation(&env).incoming(row, v)
			if in.Err == nil && !in.Leave && in.Value.Text() != "" {
				return in.Value.Text(), nil
			}
			cause = in.Err
		}
	}
	if t, ok := here(r.site.Types, r.create.fallback); ok && t != "" {
		return t, nil
	}
	if cause == nil {
		cause = fmt.Errorf("the issue that arrives has no type")
	}
	return "", bridge.Permanent("type-unknown", "%s: no issue type for the new issue: %w; name one in create.type", r.create.where, cause)
}
