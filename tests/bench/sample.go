package bench

import (
	"fmt"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
)

// samplePair is a pair as it is after its twin was made: nine fields with an entry.
func samplePair(book *pair.Book, n int) *pair.Pair {
	p := book.New(Connection, bridge.Ref{ID: fmt.Sprint(10000 + n), Key: fmt.Sprint("PUB-", n)}, bridge.Public)
	p.Head.Remote, p.Head.Status, p.Head.Applied = bridge.Ref{ID: fmt.Sprint(9000000 + n), Key: fmt.Sprint("PRV-", n)}, pair.Synced, 3
	for _, key := range []string{"summary", "description", "status", "issuetype", "priority", "duedate", "labels", "assignee", "resolution"} {
		f := p.State.Field(key)
		e := bridge.Entry{Seq: 11000 + int64(n), Value: bridge.ValueOf("the value of " + key), Stamp: bridge.Stamp{Site: bridge.Public, At: 1790000000000}}
		f.Field = merge.Field{Mine: &e, Item: e.Seq, Shown: e.Value}
	}
	return p
}
