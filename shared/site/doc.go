// Package site is one Jira taking part, as the flows see it: its client, its book of pairs, its published rules, the
// hub's timeline, and the translation between what Jira shows and the neutral values that rules and merging work on.
//
// Stored keys (partition, then sort key; C is a connection id):
//
//	rules/C   current           the revision in force
//	rules/C   theirs            the revision in force over there
//	rules/C   their-version     of Drawbridge, as the remote half last said
//	rules/C   contract          what this side last published of what it sends and accepts
//	rules/C   their-contract    what the remote side published, and what of it was approved here
//	rules/C   revision/<n>      one published rule file: source, author, time, message
//	site/S    event-ids         whether the changelog ids in the events of site S are those of its changelog
//	guard/C   <harm>/<time>/I   pair I was cleared, rewritten, … then; kept for an hour
//	site      name              S: what site was called when its state began, and what its keys carry ever since
//	site/S    identity          which Jira site S is: a clone is refused
//	site/S    deliveries        what is known of the webhook: how many came, the last, changes it said nothing of
//	site/S    secrets           by what the secrets of a stack are known, as last seen: fingerprints
//	shadow/C  would/R, kept/I   what would have become of an issue while rules say "method: shadow"
//	guard/C   allowed           a person's word that what was stopped for safety is meant
//	audit/S   <time>-<n>        what was done to this half: who, what, before, after; kept for two years
//
// Start reading at [Site], then [Site.View] (issue to rules) and [Task] (what the queue carries).
package site
