package rule

import (
	"drawbridge/shared/bridge"
)

// A UserChoice says who a person of the other site is on this one: the first that is not empty counts.
type UserChoice struct {
	Local    string // from the user table
	ByEmail  string // an address to search for
	Fallback string // who stands in for people not known here
	Nobody   bool   // the fallback is to leave the field empty
}

type userTable struct {
	entries  []tableUser
	email    bool
	fallback string
	sendMail bool
	sendID   bool
	plain    bool // mentions become plain text

	anonymous bool   // nobody is told who wrote a comment, a worklog or a file
	role      string // or they are told this
}

type tableUser struct{ local, remote, as string }

// User finds who a person of the other site is here.
func (r *Rules) User(p bridge.Person) UserChoice {
	c := UserChoice{Local: r.users.localFor(p), Fallback: r.users.fallback}
	if r.users.email {
		c.ByEmail = p.Email
	}
	if c.Fallback == "nobody" {
		c.Fallback, c.Nobody = "", true
	}
	return c
}

// Person is what of a person of this site leaves: the display name, or what the table calls them, and address and id
// only where the rules say so.
func (r *Rules) Person(p bridge.Person) bridge.Person {
	out := bridge.Person{Name: p.Name}
	if u, ok := r.users.entry(p); ok && u.as != "" {
		return bridge.Person{Name: u.as}
	}
	if r.users.sendMail {
		out.Email = p.Email
	}
	if r.users.sendID {
		out.ID = p.ID
	}
	return out
}

// Author is what leaves of who wrote a comment, a worklog or a file: what leaves of every person, the role that all are
// called by, or nothing. What the table calls somebody counts before the role.
func (r *Rules) Author(p bridge.Person) bridge.Person {
	u, listed := r.users.entry(p)
	switch {
	case r.users.anonymous:
		return bridge.Person{}
	case r.users.role != "" && listed && u.as != "":
		return bridge.Person{Name: u.as}
	case r.users.role != "":
		return bridge.Person{Name: r.users.role}
	}
	return r.Person(p)
}

// localFor is the local user of the table for a person of the other site, known by id, address or name, in this order.
func (t *userTable) localFor(p bridge.Person) string {
	for _, known := range []string{p.ID, p.Email, p.Name} {
		if known == "" {
			continue
		}
		for _, u := range t.entries {
			if fold(u.remote) == fold(known) {
				return u.local
			}
		}
	}
	return ""
}

// entry is the row of the table for a person of this site.
func (t *userTable) entry(p bridge.Person) (tableUser, bool) {
	for _, u := range t.entries {
		if u.local == p.ID || (p.Email != "" && fold(u.local) == fold(p.Email)) || (p.ID == "" && fold(u.local) == fold(p.Name)) {
			return u, true
		}
	}
	return tableUser{}, false
}

// personOut writes a person as it travels.
func (r *Rules) personOut(v any) bridge.Value {
	p := personOf(v)
	if p == (bridge.Person{}) {
		return bridge.Cleared
	}
	return valueOf(r.Person(p))
}

// peopleOut maps a set of users: the local element is the id, the replica's the person as it leaves.
func (r *Rules) peopleOut(v any) map[string]string {
	set := map[string]string{}
	for _, p := range peopleOf(v) {
		set[personID(p)] = r.personElement(p)
	}
	return set
}

func personID(p bridge.Person) string {
	if p.ID == "" {
		return p.Name
	}
	return p.ID
}

// personElement writes a person as an element of a set: the name alone, or the JSON of more.
func (r *Rules) personElement(p bridge.Person) string {
	out := r.Person(p)
	if out == (bridge.Person{Name: out.Name}) {
		return out.Name
	}
	return string(valueOf(out))
}
