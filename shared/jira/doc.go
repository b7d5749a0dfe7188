// Package jira speaks to Jira: both flavours, Cloud and Data Center, behind one client with neutral values and typed
// errors. It knows nothing of sync: no pairs, no rules, no stored keys.
//
// Underneath works github.com/andygrunwald/go-jira: its client, its request building and its authentication. Where a
// method of it sends or reads what a current Jira does not (see docs/decisions/go-jira.md), the call has structs of its own
// here.
//
// Both flavours are spoken to through REST API version 2, so that texts are wiki markup on both sides and no notation
// has to be converted here.
//
// Where to start reading: [Client] and [Options] (client.go), then one call from its method to the wire: [Client.Edit]
// (edit.go), call.go (attempts, politeness, answers), error.go (what an answer means). [Issue] (issue.go) and [Field] (field.go)
// are what Jira says; [Issue.Neutral] (neutral.go) makes a neutral value of it and [Field.Wire] (wire.go) goes the other way.
// [DecodeEvent] (event.go) reads webhook bodies, which walk.go takes apart; markup.go finds people and files in texts.
//
// Sources, by name, are Atlassian's pages "The Jira Cloud platform REST API (v2)", "Jira Data Center REST API 10.3",
// "Webhooks" (Jira Cloud platform) and "Managing webhooks" (Jira Data Center), and "Rate limiting" (Jira Cloud platform).
package jira
