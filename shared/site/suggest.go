package site

import (
	"context"
	"slices"
	"strings"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
)

// A Suggestion is a person of the other site and who that may be here.
type Suggestion struct {
	Remote bridge.Person   `json:"remote"`
	Issues int             `json:"issues"` // pairs in which the person was met
	Local  []bridge.Person `json:"local"`  // candidates, the likeliest first
	Why    string          `json:"why"`    // e-mail, name, names alike, none
	Known  bool            `json:"known"`  // the rules find somebody already
}

// Suggest lists the people met in what the other site sent, with those of this site who may be the same. Nothing is decided:
// a person approves each by a row of the users table.
func (s *Site) Suggest(ctx context.Context, connection string) ([]Suggestion, error) {
	met, err := s.met(ctx, connection)
	if err != nil {
		return nil, err
	}
	rules, _, err := s.Rules(ctx, connection)
	if err != nil {
		return nil, err
	}
	out := []Suggestion{}
	for p, n := range met {
		one := Suggestion{Remote: p, Issues: n, Known: rules.User(p).Local != ""}
		if one.Local, one.Why, err = s.alike(ctx, p); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Suggestion) int {
		if a.Issues != b.Issues {
			return b.Issues - a.Issues
		}
		return strings.Compare(a.Remote.Name, b.Remote.Name)
	})
	return out, nil
}

// met counts the people of the other site by the pairs they stand in.
func (s *Site) met(ctx context.Context, connection string) (map[bridge.Person]int, error) {
	met := map[bridge.Person]int{}
	err := s.Book.Each(ctx, connection, func(l pair.Line) error {
		p, err := s.Book.Load(ctx, connection, l.Issue)
		if err != nil || p == nil {
			return err
		}
		copies, err := p.Copies(ctx)
		if err != nil {
			return err
		}
		here := map[bridge.Person]bool{}
		for _, c := range copies {
			here[c.Want.Author] = true
		}
		for _, f := range p.State.Fields {
			if f.Theirs == nil {
				continue
			}
			if who, ok := PersonOf(f.Theirs.Value).(bridge.Person); ok {
				here[who] = true
			}
		}
		for who := range here {
			if who.Name != "" || who.Email != "" {
				met[who]++
			}
		}
		return nil
	})
	return met, err
}

// alike finds active users by e-mail, then by the same name, then by its words.
func (s *Site) alike(ctx context.Context, p bridge.Person) ([]bridge.Person, string, error) {
	u, ok, err := s.Jira.UserByEmail(ctx, p.Email)
	if err != nil || ok {
		return []bridge.Person{u.Person()}, "e-mail", err
	}
	words := strings.Fields(p.Name)
	if len(words) == 0 {
		return nil, "none", nil
	}
	found, err := s.Jira.FindUser(ctx, words[len(words)-1])
	if err != nil {
		return nil, "", err
	}
	var same, near []bridge.Person
	for _, u := range found {
		switch {
		case !u.Active:
		case strings.EqualFold(u.DisplayName, p.Name):
			same = append(same, u.Person())
		default:
			near = append(near, u.Person())
		}
	}
	switch {
	case len(same) > 0:
		return same, "name", nil
	case len(near) > 0:
		return near[:min(len(near), 3)], "names alike", nil
	}
	return nil, "none", nil
}
