package config

import "strings"

// Roles say who may do what at the command line. A name is a login name, name@connection, or * for everybody.
type Roles struct {
	Operators   []string `json:"operators"`
	RuleEditors []string `json:"rule_editors"`
	Viewers     []string `json:"viewers"`
}

// Named reports whether the list names the person for a connection; the name of a connection does not count in case.
func Named(list []string, person, connection string) bool {
	for _, entry := range list {
		name, only, scoped := strings.Cut(entry, "@")
		if (name == person || name == "*") && (!scoped || strings.EqualFold(only, connection)) {
			return true
		}
	}
	return false
}
