// Package merge decides, for one field of one pair, which edit stands and what is to be written to the local Jira. It
// is the merge protocol of docs/architecture.md as pure functions: no context, no clock, no input or output. Both sites
// call the same functions on the same entries and come to the same winner without talking.
//
// The protocol is modelled in tests/model/converge.py, which keeps every changelog item it ever saw. This package keeps
// a summary of bounded size, [Field], and the tests prove that the summary decides exactly as the whole would.
//
// Read in this order:
//
//   - [Field] and [Item] (field.go): what is kept, and what is seen.
//   - [Observe] (observe.go): changelog items, in any order and any number of times, become our entry.
//   - [Join], [Receive], [Winner], [Pick] (winner.go): two entries become one winner.
//   - [Decide], [Note], [Wrote], [Shown] (decide.go): what the winner asks of the local Jira, and what became of it.
//   - [ElementKey], [DiffSet] (element.go): the elements of a set, each of them a field.
//   - [Member] (member.go): comments, attachments, worklogs and links, which are never merged, only carried.
//   - [Unusual] (safety.go): when a person should look before many issues change.
//
// A caller that has seen items does
//
//	f, dirty = merge.Observe(f, site, open, items...)
//
// and one that was sent entries, while no write of ours is open (if one is, it reads the changelog and observes first):
//
//	f, forgotten = merge.Receive(f, site, in)
//	if forgotten { read the changelog; Observe it; Receive again }
//
// and both go on, unless a write is open, with
//
//	d := merge.Decide(f, site, incomingRule)
//	f = merge.Note(f, d) // always; saved together with the intent when d says Write
//	if d.Kind == merge.Write { write d.Value, saying d.Edit in the call }
//	f, dirty = merge.Observe(f, site, false, merge.Item{ID: id, Value: shown, Carries: &d.Edit}) // once its item is known
//	f = merge.Shown(f, before, d.Edit)                                                           // or it left no item
//
// The package owns no stored key: shared/pair stores a Field as the JSON it is.
package merge
