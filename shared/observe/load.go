package observe

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/site"
)

// Load gathers the view of one connection for one issue: the rules in force, and what the site has told about itself,
// which is cached.
func Load(ctx context.Context, s *site.Site, c *bridge.Connection, is *jira.Issue, lane bridge.Lane) (*View, error) {
	rules, revision, err := s.Rules(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	s.LearnPeople(ctx, is)
	v := &View{Name: s.Person, Connection: c, Role: s.Role, Rules: rules, Revision: revision, HubTime: s.HubTime, Now: s.Now(), Lane: lane}
	v.Ruled = func(where, issue string, err error) { s.Ruled(c.ID, where, issue, err) }
	if v.Schema, err = s.Jira.Fields(ctx); err != nil {
		return nil, err
	}
	if v.Names, err = s.Jira.Names(ctx); err != nil {
		return nil, err
	}
	if v.Account, err = s.Account(ctx); err != nil {
		return nil, err
	}
	if is != nil {
		v.Issue, err = s.View(ctx, is)
	}
	if err == nil && v.Issue != nil && rules.Person(bridge.Person{Name: "n", Email: "e@x"}).Email != "" {
		addEmails(ctx, s, v)
	}
	return v, err
}

// addEmails completes people by what the site shows of them: an event does not carry e-mail addresses even where they are
// visible. Each person is asked for once.
func addEmails(ctx context.Context, s *site.Site, v *View) {
	for id, value := range v.Issue.Fields {
		if p, ok := value.(bridge.Person); ok && p.Email == "" && p.ID != "" {
			s.Learn(ctx, p.ID)
			p.Email = s.Person(p.ID).Email
			v.Issue.Fields[id] = p
		}
	}
}
