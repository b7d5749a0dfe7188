package site

import (
	"context"

	"drawbridge/shared/rule"
)

// Matches asks the triggers (or the stop triggers) of a rule set: from what is at hand where that decides, else Jira
// itself, once for all undecided ones.
func (s *Site) Matches(ctx context.Context, rules *rule.Rules, is *rule.Issue, id string, stop bool) (bool, error) {
	var ask []string
	for _, t := range rules.Triggers() {
		if !t.Active || t.Stop != stop {
			continue
		}
		match, decided := t.Decide(is)
		if decided && match {
			return true, nil
		}
		if !decided {
			ask = append(ask, t.JQL)
		}
	}
	if len(ask) == 0 {
		return false, nil
	}
	matches, err := s.Jira.Match(ctx, ask, id)
	for _, m := range matches {
		if m {
			return true, err
		}
	}
	return false, err
}
