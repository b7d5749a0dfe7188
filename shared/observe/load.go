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
	if err := s.LearnPeople(ctx, is); err != nil {
		return nil, err
	}
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
	if err == nil && is != nil && is.Parent() != "" && rules.SendsParents() {
		var inside bool
		inside, err = s.Book.InSync(ctx, c.ID, is.Parent())
		v.Issue.Apart = !inside
	}
	if err == nil && v.Issue != nil && rules.Person(bridge.Person{Name: "n", Email: "e@x"}).Email != "" {
		err = addEmails(ctx, s, v)
	}
	return v, err
}

// addEmails completes people by what the site shows of them: an event does not carry e-mail addresses even where they are
// visible. Each person is asked for once.
func addEmails(ctx context.Context, s *site.Site, v *View) error {
	for id, value := range v.Issue.Fields {
		switch value := value.(type) {
		case bridge.Person:
			if err := addEmail(ctx, s, &value); err != nil {
				return err
			}
			v.Issue.Fields[id] = value
		case []bridge.Person:
			for i := range value {
				if err := addEmail(ctx, s, &value[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func addEmail(ctx context.Context, s *site.Site, p *bridge.Person) error {
	if p.Email != "" || p.ID == "" {
		return nil
	}
	err := s.Learn(ctx, p.ID)
	p.Email = s.Person(p.ID).Email
	return err
}
