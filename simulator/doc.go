// Package simulator is a Jira that runs inside a test, a demo or a laptop: one
// program with two flavours, Jira Cloud and Jira Data Center.
//
// It speaks REST as each flavour does, keeps a changelog, sends webhooks,
// refuses what a real Jira refuses, and can be told to misbehave: lose
// answers, send webhooks twice, late or never, lag behind in search. It shares no
// code with the programs it is used to test, so that one misreading of Jira
// cannot hide in both.
//
// # What it leaves out
//
// README.md lists that first. Whatever is not simulated answers 501.
//
// # Where to start reading
//
// A request goes through server.go (routes, authentication, faults, counters)
// into one handler. The handlers are grouped by what they are about:
//
//	issue.go      create, read, edit, delete
//	edit.go       how a body's `fields` and `update` become new values
//	kind.go       what a value of each field kind looks like, read, shown, logged
//	change.go     the write: changelog, `updated`, events, automation
//	workflow.go   transitions
//	view.go       how things are shown, to whom and in which time zone
//	search.go     searches of both flavours;  find.go what JQL sees and finds
//	webhook.go    registration;  event.go bodies;  deliver.go delivery
//	fault.go      misbehaviour on request;  limit.go rate limits
//	seed.go       the demonstration site
//	manage.go     the management port;  front.go REST and pages on one address
//
// All data is in one struct, state (model.go), guarded by one mutex; it is what
// persist.go writes to a file and what a snapshot holds.
package simulator
