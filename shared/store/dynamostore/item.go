package dynamostore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"drawbridge/shared/bridge"
	"drawbridge/shared/store"
)

// item is a stored document as DynamoDB has it.
type item map[string]types.AttributeValue

// stored is a document with what only the driver needs.
type stored struct {
	store.Doc
	writer string
}

func (d stored) expired(now time.Time) bool { return !d.Expires.IsZero() && !now.Before(d.Expires) }

func keyItem(k store.Key) item { return item{"part": str(k.Part), "sort": str(k.Sort)} }

// itemOf is the item that holds the document at a revision.
func itemOf(d store.Doc, rev int64, writer string) item {
	it := keyItem(d.Key)
	it["rev"], it["writer"] = num(rev), str(writer)
	for name, v := range values(d) {
		it[name] = v
	}
	return it
}

// values are the attributes a write sets; those it lacks must go.
func values(d store.Doc) item {
	it := item{"body": str(string(d.Body))}
	if d.Index != nil {
		it["list"], it["at"] = str(d.Index.Name), num(d.Index.At)
	}
	if !d.Expires.IsZero() {
		it["expires"], it["ttl"] = num(d.Expires.UnixMilli()), num(d.Expires.Unix()+1)
	}
	return it
}

// optional are the attributes a document may lack.
var optional = []string{"list", "at", "expires", "ttl"}

func (m item) text(name string) string {
	s, _ := m[name].(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// number returns a number; an absent one is 0.
func (m item) number(name string) (int64, error) {
	n, _ := m[name].(*types.AttributeValueMemberN)
	if n == nil {
		return 0, nil
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0, m.damaged(err)
	}
	return v, nil
}

func (m item) key() store.Key { return store.Key{Part: m.text("part"), Sort: m.text("sort")} }

func (m item) damaged(err error) error {
	return bridge.Permanent("state-damaged", "item %q is damaged: %w; repair or delete it in the AWS console", m.key(), err)
}

// doc returns the document, nil for no item.
func (m item) doc() (*stored, error) {
	if len(m) == 0 {
		return nil, nil
	}
	rev, err := m.number("rev")
	if err != nil {
		return nil, err
	}
	d := &stored{store.Doc{Key: m.key(), Body: []byte(m.text("body")), Rev: rev}, m.text("writer")}
	if rev < 1 || len(d.Body) == 0 {
		return nil, m.damaged(fmt.Errorf("revision %d, body of %d bytes", rev, len(d.Body)))
	}
	at, err := m.number("at")
	if err != nil {
		return nil, err
	}
	if list := m.text("list"); list != "" {
		d.Index = &store.Index{Name: list, At: at}
	}
	expires, err := m.number("expires")
	if err == nil && expires > 0 {
		d.Expires = time.UnixMilli(expires)
	}
	return d, err
}

// Size is the size in bytes by which DynamoDB bills the item of a document: of the names and values of its attributes
// (Amazon DynamoDB Developer Guide, "Item sizes and formats").
func Size(d store.Doc) (n int) {
	for name, v := range itemOf(d, max(d.Rev, 1), strings.Repeat("x", writerLen)) {
		n += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			n += len(v.Value)
		case *types.AttributeValueMemberN:
			n += (len(v.Value)+1)/2 + 1
		}
	}
	return n
}
