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
	return s.ask(ctx, ask, id)
}

// Kept says why nothing of an issue may leave: its security level, the scope, or a stop of the outgoing script; "" if
// something may. A failing script keeps everything in.
func (s *Site) Kept(ctx context.Context, rules *rule.Rules, env rule.Env, id string) (why string, err error) {
	if why, err = rules.Kept(env); err != nil {
		return err.Error(), nil
	}
	t, limited := rules.Limit()
	if why != "" || !limited {
		return why, nil
	}
	match, decided := t.Decide(env.Issue)
	if !decided {
		if match, err = s.ask(ctx, []string{t.JQL}, id); err != nil {
			return "", err
		}
	}
	if !match {
		why = "it is out of scope: " + t.JQL
	}
	return why, nil
}

// ask lets Jira say whether one of the queries matches an issue.
func (s *Site) ask(ctx context.Context, jql []string, id string) (bool, error) {
	matches, err := s.Jira.Match(ctx, jql, id)
	for _, m := range matches {
		if m {
			return true, err
		}
	}
	return false, err
}
