package observe

import (
	"slices"

	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// Known is the local issue as far as the pair itself knows it, for rules that are asked without reading the issue. Whether
// it is in a service project is always said; a project that is not known counts as one, so that comments stay internal.
func Known(p *pair.Pair, v *View) *rule.Issue {
	h := &p.Head
	is := &rule.Issue{
		ID: h.Local.ID, Key: h.Local.Key, URL: h.Local.URL, Project: p.State.Project, Type: p.State.Type,
		Service: Service(v.Names, p.State.Project), Fields: map[string]any{},
	}
	for key, f := range p.State.Fields {
		if _, _, isElem := merge.SplitKey(key); isElem || f.Shown == "" {
			continue
		}
		if row, ok := v.Rules.Row(key); ok {
			is.Fields[local(row)] = f.Shown.Any()
		}
	}
	if s, ok := is.Fields["status"].(string); ok {
		is.Status = s
	}
	return is
}

// Service reports whether a project is a service project, as far as that is known.
func Service(names *jira.Names, project string) bool {
	i := slices.IndexFunc(names.Projects, func(p jira.Project) bool { return p.Key == project })
	return i < 0 || names.Projects[i].TypeKey == "service_desk"
}
