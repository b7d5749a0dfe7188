// Package bridge holds the words of Drawbridge as Go types: sites and their roles, the entries that the merge protocol
// works on, the changes and acks that travel between the two halves, and the classes of errors; and what may be shown to
// people of a text from outside ([Shown], [OneLine], [EscapeJSON]).
//
// It imports the standard library only and does nothing: every other package speaks through it. Start with [Entry] (what
// is merged), then [Change] and [Ack] (what travels), then [Error] (what can go wrong and who can mend it). The words
// are explained in docs/glossary.md.
package bridge
