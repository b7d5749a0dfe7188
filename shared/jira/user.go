package jira

import (
	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// A User is a user as Jira shows one. On Cloud AccountID identifies, on Data Center Name (and Key, which survives renames).
type User struct {
	AccountID   string
	Name        string // user name; Data Center
	Key         string // Data Center
	DisplayName string
	Email       string // where the site shows it
	TimeZone    string
	Active      bool
}

// ID is what identifies the user on its site: the account id, or the user name.
func (u User) ID() string {
	switch {
	case u.AccountID != "":
		return u.AccountID
	case u.Name != "":
		return u.Name
	}
	return u.Key
}

// Is reports whether both are the same user of one site.
func (u User) Is(o User) bool { return u.ID() != "" && u.ID() == o.ID() }

// Person is the user as a neutral value holds one.
func (u User) Person() bridge.Person {
	return bridge.Person{Name: u.DisplayName, Email: u.Email, ID: u.ID()}
}

// readUser reads a user; null is nobody.
func readUser(u *User, raw []byte) error {
	if len(raw) == 0 || string(raw) == "null" {
		*u = User{}
		return nil
	}
	return u.UnmarshalJSON(raw)
}

// UnmarshalJSON reads a user of either flavour.
func (u *User) UnmarshalJSON(raw []byte) error {
	*u = User{Active: true}
	return walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "accountId":
			u.AccountID = word(value)
		case "name":
			u.Name = word(value)
		case "key":
			u.Key = word(value)
		case "displayName":
			u.DisplayName = word(value)
		case "emailAddress":
			u.Email = word(value)
		case "timeZone":
			u.TimeZone = word(value)
		case "active":
			u.Active = string(value) == "null" || bare(value) == "true"
		}
		return nil
	})
}
