// Package bench measures what Drawbridge costs: calls to Jira, time, processor time, memory. Two simulated Jiras run as
// processes of their own, so that what is measured is Drawbridge alone; both halves run in the process of the test, wired
// as cmd/drawbridge wires them, each with its state in a SQLite file on disk, and talk real, signed HTTP to each other.
//
// `make bench` runs all scenes and prints one table (BENCH=quick: smaller, under five minutes); `go test` runs the counts
// only, which do not depend on the machine. Figures and what they mean: docs/performance.md.
//
// Start reading at [World], then [Scenes]; jira.go is a Jira process, half.go one side, people.go who edits issues,
// post.go the webhooks that come twice or not at all, report.go the table.
package bench
