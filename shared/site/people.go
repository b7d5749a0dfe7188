package site

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
)

// LearnPeople asks once for every user mentioned in an issue's texts, so that rules can show a name instead of an id.
// Who cannot be found stays unknown: a mention then reads "someone". It fails while Jira does not answer: nobody is taken
// for unknown because Jira was busy.
func (s *Site) LearnPeople(ctx context.Context, is *jira.Issue) error {
	if is == nil {
		return nil
	}
	texts := is.Texts()
	for _, c := range is.Comments {
		texts = append(texts, c.Body)
	}
	return s.LearnMentions(ctx, texts...)
}

// LearnMentions is LearnPeople for single texts.
func (s *Site) LearnMentions(ctx context.Context, texts ...string) error {
	for _, t := range texts {
		for _, id := range jira.Mentions(t) {
			if err := s.Learn(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

const maxPeople = 10000 // names kept; then all are forgotten and asked again

// Learn asks once who an id is.
func (s *Site) Learn(ctx context.Context, id string) error {
	s.mu.Lock()
	_, known := s.people[id]
	if len(s.people) > maxPeople {
		s.people = nil
	}
	s.mu.Unlock()
	if known {
		return nil
	}
	u, err := s.Jira.User(ctx, id)
	if err != nil && bridge.IsTemporary(err) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.people == nil {
		s.people = map[string]bridge.Person{}
	}
	s.people[id] = u.Person()
	return nil
}

// Person is who a mentioned id is, as far as was learnt.
func (s *Site) Person(id string) bridge.Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.people[id]
}
