package bridge

import (
	"fmt"
	"strconv"
	"strings"
)

// An Edit names one edit of one field: the site it was made on and the id of its changelog item there. Edit 0 of a site
// is the creation of the issue where Jira writes no changelog for it.
type Edit struct {
	Site Role  `json:"site"`
	Seq  int64 `json:"seq"`
}

// String is the edit as our writes carry it: "private:10234".
func (e Edit) String() string { return fmt.Sprintf("%s:%d", e.Site, e.Seq) }

// ParseEdit reads what [Edit.String] wrote.
func ParseEdit(s string) (Edit, bool) {
	role, seq, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	return Edit{Site: Role(role), Seq: n}, ok && err == nil && Role(role).Valid()
}

// A Stamp is the time of an edit on the hub's timeline, converted once by the site that observed it, and the policy
// revision then in force there.
type Stamp struct {
	At     int64 `json:"at"` // milliseconds since 1970 on the hub's timeline
	Site   Role  `json:"site"`
	Policy int64 `json:"policy"` // revision of the connection's conflict policy
}

// Compare orders stamps: by time, then by site, then by policy revision, so that no two different stamps are equal.
func (s Stamp) Compare(o Stamp) int {
	switch {
	case s.At != o.At:
		return compare(s.At, o.At)
	case s.Site != o.Site:
		if s.Site < o.Site {
			return -1
		}
		return 1
	default:
		return compare(s.Policy, o.Policy)
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// An Entry is the latest edit of one field made on one site. Every field of a pair has two, one per site.
type Entry struct {
	// Seq is the changelog id of the edit: the order of edits on one site, immune to clocks, retries and restored state.
	Seq int64 `json:"seq"`
	// Saw is the highest Seq of the other site's edits that had been put on this site before this edit was made; Unseen
	// if none had.
	Saw int64 `json:"saw"`
	// Value is what the outgoing rule made of the value.
	Value Value `json:"value"`
	Stamp Stamp `json:"stamp"`
	// Rules is the revision of the rule set that made Value: at equal Seq the value of the higher one counts.
	Rules int64 `json:"rules,omitempty"`
}

// Unseen is the Saw of an edit made before anything of the other site had been put there. It is not 0, because edit 0,
// the creation of an issue, is an edit that can be seen.
const Unseen int64 = -1

// ID names the edit this entry records.
func (e Entry) ID() Edit { return Edit{Site: e.Stamp.Site, Seq: e.Seq} }
