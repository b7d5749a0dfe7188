package observe

import (
	"slices"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
	"drawbridge/shared/site"
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
		base, elem, isElem := merge.SplitKey(key)
		row, ok := v.Rules.Row(base)
		if !ok || f.Shown == "" || local(row) == "" {
			continue
		}
		field, _ := v.Schema.ByID(local(row))
		switch {
		case isElem && f.Shown == bridge.True:
			set, _ := is.Fields[field.ID].([]string)
			if name, leave, err := v.Rules.Element(base, elem); err == nil && !leave {
				is.Fields[field.ID] = append(set, name)
			}
		case isElem:
		case field.Kind == bridge.User:
			is.Fields[field.ID] = known(v, site.PersonOf(f.Shown))
		default:
			is.Fields[field.ID] = f.Shown.Any()
		}
	}
	if s, ok := is.Fields["status"].(string); ok {
		is.Status = s
	}
	return is
}

// known is a person of whom the pair keeps the id alone.
func known(v *View, person any) any {
	p, ok := person.(bridge.Person)
	if !ok || p.Name != "" || v.Name == nil {
		return person
	}
	if found := v.Name(p.ID); found.ID != "" {
		return found
	}
	return p
}

// Service reports whether a project is a service project, as far as that is known.
func Service(names *jira.Names, project string) bool {
	i := slices.IndexFunc(names.Projects, func(p jira.Project) bool { return p.Key == project })
	return i < 0 || names.Projects[i].TypeKey == "service_desk"
}
