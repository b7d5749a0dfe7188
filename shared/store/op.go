package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// Kind is what an [Op] does.
type Kind int

// The kinds of operations.
const (
	OpPut Kind = iota + 1
	OpCreate
	OpReplace
	OpDelete
	OpDeleteRev
	OpCheck
)

// String returns the kind's name as in the constructors, lower case.
func (k Kind) String() string {
	names := []string{"none", "put", "create", "replace", "delete", "delete-rev", "check"}
	if k < 0 || int(k) >= len(names) {
		return "unknown"
	}
	return names[k]
}

// Op is one operation of a batch; make it with a constructor.
type Op struct {
	Kind Kind
	Doc  Doc // Put, Create, Replace: the document; else only its Key and Rev count
}

// Put writes the document whatever was there.
func Put(d Doc) Op { return Op{OpPut, d} }

// Create writes the document if there is none.
func Create(d Doc) Op { return Op{OpCreate, d} }

// Replace writes the document if the stored one has revision d.Rev (above
// zero); the stored revision is then d.Rev+1.
func Replace(d Doc) Op { return Op{OpReplace, d} }

// Delete removes the document if it is there.
func Delete(k Key) Op { return Op{OpDelete, Doc{Key: k}} }

// DeleteRev removes the document if it has revision rev (above zero).
func DeleteRev(k Key, rev int64) Op { return Op{OpDeleteRev, Doc{Key: k, Rev: rev}} }

// Check writes nothing and requires revision rev; zero: the document must be absent.
func Check(k Key, rev int64) Op { return Op{OpCheck, Doc{Key: k, Rev: rev}} }

// Key returns the key the operation is about.
func (o Op) Key() Key { return o.Doc.Key }

// Writes reports whether the operation leaves a document behind.
func (o Op) Writes() bool { return o.Kind == OpPut || o.Kind == OpCreate || o.Kind == OpReplace }

// Conditional reports whether the operation requires anything of what is stored.
func (o Op) Conditional() bool { return o.Kind != OpPut && o.Kind != OpDelete }

// Holds reports whether the operation's condition holds where rev is stored;
// zero: absent or expired. Drivers that evaluate conditions in Go use it.
func (o Op) Holds(rev int64) bool {
	switch o.Kind {
	case OpCreate:
		return rev == 0
	case OpReplace, OpDeleteRev, OpCheck:
		return rev == o.Doc.Rev
	}
	return true
}

// ErrConflict is what every *Conflict is.
var ErrConflict = errors.New("store: conflict")

// Conflict is the failure of an operation's condition.
type Conflict struct {
	Key  Key
	Kind Kind
}

// Error names the operation and the key.
func (c *Conflict) Error() string {
	return fmt.Sprintf("store: conflict: %s of %q: the stored document is not as required", c.Kind, c.Key)
}

// Is makes errors.Is(err, ErrConflict) true.
func (c *Conflict) Is(target error) bool { return target == ErrConflict }

// refuse makes the permanent error of a request that breaks the port's rules.
func refuse(format string, args ...any) error {
	return bridge.Permanent("store-request", format, args...)
}

// ValidKey returns a permanent error for a key no driver takes.
func ValidKey(k Key) error {
	if err := validName("partition", k.Part); err != nil {
		return err
	}
	return validName("sort key", k.Sort)
}

// ValidKeys is ValidKey for several.
func ValidKeys(keys []Key) error {
	for _, k := range keys {
		if err := ValidKey(k); err != nil {
			return err
		}
	}
	return nil
}

func validName(what, s string) error {
	switch {
	case s == "":
		return refuse("store: empty %s", what)
	case len(s) > MaxKey:
		return refuse("store: %s of %d bytes is longer than %d: %.40q…", what, len(s), MaxKey, s)
	case !utf8.ValidString(s):
		return refuse("store: %s %.40q is not UTF-8", what, s)
	}
	return nil
}

// ValidOps returns a permanent error for a batch no driver takes. Drivers call
// it first, so that all refuse the same.
func ValidOps(ops []Op) error {
	if len(ops) > MaxOps {
		return refuse("store: %d operations in one batch, at most %d", len(ops), MaxOps)
	}
	seen := make(map[Key]bool, len(ops))
	size := 0
	for _, o := range ops {
		if seen[o.Key()] {
			return refuse("store: key %q twice in one batch", o.Key())
		}
		seen[o.Key()] = true
		if err := validOp(o); err != nil {
			return err
		}
		size += len(o.Doc.Body)
	}
	if size > MaxBatch {
		return refuse("store: batch of %d bytes, at most %d", size, MaxBatch)
	}
	return nil
}

// OneByOne is a Sequence by a driver's apply.
func OneByOne(ctx context.Context, apply func(context.Context, ...Op) error, ops []Op) error {
	if err := ValidOps(ops); err != nil {
		return err
	}
	for _, o := range ops {
		if err := apply(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func validOp(o Op) error {
	if err := ValidKey(o.Key()); err != nil {
		return err
	}
	if o.Kind < OpPut || o.Kind > OpCheck {
		return refuse("store: operation on %q without a kind", o.Key())
	}
	if (o.Kind == OpReplace || o.Kind == OpDeleteRev) && o.Doc.Rev < 1 || o.Doc.Rev < 0 {
		return refuse("store: %s of %q with revision %d", o.Kind, o.Key(), o.Doc.Rev)
	}
	if !o.Writes() {
		return nil
	}
	return validDoc(o.Doc)
}

func validDoc(d Doc) error {
	if len(d.Body) > MaxBody {
		return refuse("store: body of %q has %d bytes, at most %d", d.Key, len(d.Body), MaxBody)
	}
	if !strings.HasPrefix(string(d.Body[:min(1, len(d.Body))]), "{") || !utf8.Valid(d.Body) || !walk.Valid(d.Body) {
		return refuse("store: body of %q is not a JSON object", d.Key)
	}
	if d.Index == nil {
		return nil
	}
	if d.Index.At < 1 {
		return refuse("store: index %q of %q at %d, must be above zero", d.Index.Name, d.Key, d.Index.At)
	}
	return validName("index name", d.Index.Name)
}
