package observe

import (
	"slices"

	"drawbridge/shared/jira"
	"drawbridge/shared/rule"
)

// Remember gives the issue its changes, where the rules read them; the histories are all there are up to what is shown.
func (v *View) Remember(hs []jira.History) {
	if v.Issue == nil || !v.Rules.ReadsHistory() {
		return
	}
	hs = slices.Clone(hs)
	slices.SortStableFunc(hs, func(a, b jira.History) int { return int(min(1, max(-1, a.ID-b.ID))) })
	v.Issue.History = []rule.Past{}
	for _, h := range hs {
		for _, it := range h.Items {
			v.Issue.History = append(v.Issue.History, rule.Past{Field: v.Schema.Resolve(it), From: it.FromString, To: it.ToString,
				At: h.Created.UnixMilli(), By: h.Author.Person()})
		}
	}
}
