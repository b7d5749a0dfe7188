// Package store is the port to Drawbridge's state: JSON documents under an
// ordered key, written in conditional atomic batches, with one sparse index
// ordered by time that lists what waits to be done.
//
// The port owns no keys; its users (package pair first of all) list theirs in
// their own package comments. Start reading at [Store], then [Op]; package
// storetest states in tests what every driver promises. The memory driver,
// [Memory], fails on request and is the one to test flows against.
package store

import (
	"context"
	"time"
)

// Limits every driver keeps, so that a document which fits one fits all. They
// follow DynamoDB: an item of 400 KB, 100 actions and 4 MB in a transaction,
// a sort key of 1 KB (Amazon DynamoDB Developer Guide, "Quotas").
const (
	MaxKey   = 1 << 10   // bytes in Key.Part, Key.Sort and Index.Name, each
	MaxBody  = 350 << 10 // bytes in Doc.Body
	MaxOps   = 100       // operations in one Apply
	MaxBatch = 3 << 20   // bytes of all bodies in one Apply
)

// Key names a document: a partition and an ordered sort key within it. Both
// are valid UTF-8, never empty, at most MaxKey bytes, compared byte by byte.
type Key struct{ Part, Sort string }

// String returns the key as people see it in errors and logs.
func (k Key) String() string { return k.Part + " " + k.Sort }

// Doc is one stored document.
type Doc struct {
	Key  Key
	Body []byte // a JSON object, at most MaxBody bytes, returned as it was given; nobody changes its bytes, the store may share them

	// Rev counts the writes of this document: 1 at creation, one more at each
	// put. Drivers set it. Replace requires the stored one to equal it. A
	// document deleted or expired and then made again starts anew.
	Rev int64

	Index   *Index    // nil: not in the sparse index
	Expires time.Time // zero: never; from then on the document is absent; kept in ms
}

// Index puts a document into the sparse index. A document is in at most one
// place of it.
type Index struct {
	Name string // the list, e.g. "pending/<connection>/live" or "due/<site>"
	At   int64  // order within the list: milliseconds since 1970, above zero
}

// Range selects documents of one partition by sort key. Its zero value selects all.
type Range struct {
	Prefix  string // sort keys that begin so
	After   string // only what follows this sort key in reading order (exclusive)
	Limit   int    // at most so many; zero: no limit
	Reverse bool   // from the highest sort key down
}

// IndexRange selects a part of one list of the index. Its zero value selects all.
type IndexRange struct {
	After IndexHit // continue after this hit (exclusive); zero: from the oldest
	Until int64    // hits up to and including this At; zero: no bound
	Limit int      // at most so many; zero: no limit
}

// IndexHit says that a document may be in a list of the index.
type IndexHit struct {
	Key Key
	At  int64
	Rev int64 // of the document, as the index has it; 0: this driver's index does not tell
}

// Store holds documents. Its methods are safe for concurrent use. Every error
// is temporary or permanent (see package bridge); a [Conflict] is neither a
// failure of the store nor worth a blind retry: read again, then decide.
//
// An error that is not a Conflict may follow a write that was done: only
// reading tells. A Conflict says that nothing of the batch was done by this
// call, or of a sequence nothing from the named operation on.
type Store interface {
	// Get returns the documents of the keys in their order, nil in the place
	// of one that is absent or expired. It sees every Apply that has returned.
	// There may be any number of keys, also the same one twice.
	Get(ctx context.Context, keys ...Key) ([]*Doc, error)

	// List returns documents of a partition ordered by sort key. It sees every
	// Apply that has returned; a long list is not one moment's view.
	List(ctx context.Context, part string, r Range) ([]Doc, error)

	// Apply does all operations or none. If a condition fails, it returns a
	// *Conflict that names the key of the first such operation. No key may
	// occur twice. One operation is one plain write, several a transaction
	// (on AWS at twice the price).
	Apply(ctx context.Context, ops ...Op) error

	// Sequence does the operations one after the other, in this order, each
	// under its own condition, and stops at the first that fails: what comes
	// before it is done. A driver may instead do all or none. So every prefix
	// must be harmless. Each is one plain write; keys may not occur twice.
	Sequence(ctx context.Context, ops ...Op) error

	// Indexed returns hits of one list, oldest first. It is a hint: it may
	// lag, repeat a hit or miss one for a while. Read the document before
	// acting on it. Expired documents may be listed.
	Indexed(ctx context.Context, name string, r IndexRange) ([]IndexHit, error)
}
