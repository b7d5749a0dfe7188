package jira

import (
	"encoding/json"

	"drawbridge/shared/bridge"
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

// UnmarshalJSON reads a user of either flavour.
func (u *User) UnmarshalJSON(raw []byte) error {
	var w struct {
		AccountID    text   `json:"accountId"`
		Name         text   `json:"name"`
		Key          text   `json:"key"`
		DisplayName  text   `json:"displayName"`
		EmailAddress text   `json:"emailAddress"`
		TimeZone     text   `json:"timeZone"`
		Active       *truth `json:"active"`
	}
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	*u = User{AccountID: string(w.AccountID), Name: string(w.Name), Key: string(w.Key), DisplayName: string(w.DisplayName),
		Email: string(w.EmailAddress), TimeZone: string(w.TimeZone), Active: w.Active == nil || bool(*w.Active)}
	return nil
}
