package jira

import "time"

// A History is one entry of an issue's changelog: everything one call or one click changed.
type History struct {
	ID       int64 // 0 where Jira did not give one
	Created  time.Time
	Author   User
	Items    []Item
	Metadata *Metadata
}

// An Item is one field's change. From and To are ids or exact values where the field kind has them; the strings are for
// people, in the language of whoever asked.
type Item struct {
	Field, FieldID, FieldType      string // FieldID: Cloud only, see [Schema.Resolve]
	From, FromString, To, ToString string
}

// Metadata is what a write says about itself in the call; Jira keeps it in the changelog ("historyMetadata").
type Metadata struct {
	Type      string
	ExtraData map[string]string
}
