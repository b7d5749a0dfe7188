package merge

import "fmt"

// Counts are what one step (a change of rules, one exchange, one reconciliation) is about to do to the pairs of a
// connection on this site.
type Counts struct {
	Pairs     int // pairs of the connection
	Created   int // twins that would be made, not counting those of a first sync that a person started
	Cleared   int // pairs in which a value would be replaced by nothing
	Deleted   int // pairs that would lose a comment, attachment, worklog or link
	Gone      int // pairs whose issue was deleted or left sync
	Rewritten int // pairs written for new rules, without an edit of a person
}

// What concerns fewer pairs, or no larger part of all of them, is everyday work.
const (
	manyLosing  = 25
	partLosing  = 0.20
	manyCreated = 200
	partCreated = 0.50
	manyWritten = 100
	partWritten = 0.50
)

// Unusual says, for a person, why so much would change at once that someone should look first, and "" if nothing is
// unusual. What it stops is what a wrong rule, an emptied project or a half-restored Jira would do; a person's bulk edit
// of values passes.
func Unusual(c Counts) string {
	for _, k := range []struct {
		n    int
		what string
	}{
		{c.Gone, "the issue was deleted or left sync"},
		{c.Deleted, "comments, attachments, worklogs or links would be deleted"},
		{c.Cleared, "a value would be cleared"},
	} {
		if k.n >= manyLosing && over(k.n, c.Pairs, partLosing) {
			return fmt.Sprintf("in %d of %d pairs at once %s", k.n, c.Pairs, k.what)
		}
	}
	if c.Created >= manyCreated && over(c.Created, c.Pairs, partCreated) {
		return fmt.Sprintf("%d issues would be created at once beside %d pairs", c.Created, c.Pairs)
	}
	if c.Rewritten >= manyWritten && over(c.Rewritten, c.Pairs, partWritten) {
		return fmt.Sprintf("the new rules would write to %d of %d pairs", c.Rewritten, c.Pairs)
	}
	return ""
}

func over(n, of int, part float64) bool { return float64(n) > part*float64(of) }
