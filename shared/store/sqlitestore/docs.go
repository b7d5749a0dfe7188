package sqlitestore

import (
	"context"
	"database/sql"
	"math"
	"strconv"
	"strings"
	"time"

	"drawbridge/shared/store"
)

// docs is the store port on a file.
type docs struct{ db *DB }

const (
	columns = "SELECT part, sort, rev, ix, at, expires, body FROM doc WHERE "
	alive   = "(expires IS NULL OR expires > ?)"
)

// Get implements store.Store.
func (d docs) Get(ctx context.Context, keys ...store.Key) ([]*store.Doc, error) {
	if err := d.ready(ctx, store.ValidKeys(keys)); err != nil {
		return nil, err
	}
	out := make([]*store.Doc, len(keys))
	for i := 0; i < len(keys); {
		n := together(keys[i:])
		if err := d.get(keys[i:i+n], out[i:i+n]); err != nil {
			return nil, d.db.failed("read "+keys[i].String(), err)
		}
		i += n
	}
	return out, nil
}

// most is how many documents one query reads.
const most = 16

// together counts the keys at the beginning that are of one partition, at most as many as one query reads.
func together(keys []store.Key) int {
	n := 1
	for n < min(len(keys), most) && keys[n].Part == keys[0].Part {
		n++
	}
	return n
}

// get reads documents of one partition in one query: what belongs together is seen together.
func (d docs) get(keys []store.Key, out []*store.Doc) error {
	now := d.db.millis()
	miss := d.db.cache.get(keys, out, now)
	if miss == nil {
		return nil
	}
	args := make([]any, 0, len(keys)+2)
	args = append(args, keys[0].Part)
	for _, k := range keys {
		args = append(args, k.Sort)
	}
	found, err := d.read(columns+"part = ? AND sort IN (?"+strings.Repeat(", ?", len(keys)-1)+") AND "+alive, append(args, now)...)
	for i := range found {
		for j, k := range keys {
			if found[i].Key == k {
				out[j] = &found[i]
			}
		}
	}
	d.db.cache.end(miss, err, func() { d.db.cache.holdAll(keys, out) })
	return err
}

// List implements store.Store.
func (d docs) List(ctx context.Context, part string, r store.Range) ([]store.Doc, error) {
	if err := d.ready(ctx, store.ValidKey(store.Key{Part: part, Sort: "-"})); err != nil {
		return nil, err
	}
	held, miss := d.db.cache.list(part, r)
	if miss == nil {
		return held, nil
	}
	text, args := columns+"part = ?", []any{part}
	add := func(condition string, arg any) {
		text += " AND " + condition
		args = append(args, arg)
	}
	if r.Prefix != "" {
		add("sort >= ?", r.Prefix)
		add("sort < ?", prefixEnd(r.Prefix))
	}
	order := " ORDER BY sort"
	if r.Reverse {
		order = " ORDER BY sort DESC"
	}
	if r.After != "" && r.Reverse {
		add("sort < ?", r.After)
	} else if r.After != "" {
		add("sort > ?", r.After)
	}
	add(alive, d.db.millis())
	found, err := d.read(text+order+limit(r.Limit), args...)
	d.db.cache.end(miss, err, func() { d.db.cache.holdList(part, r, found) })
	if err != nil {
		return nil, d.db.failed("list "+part, err)
	}
	return found, nil
}

// prefixEnd returns the lowest string above all that begin with prefix, which
// is UTF-8 and so has no byte 0xff.
func prefixEnd(prefix string) string {
	b := []byte(prefix)
	b[len(b)-1]++
	return string(b)
}

// limit is SQL's. It stands in the text: for a limit that is a parameter SQLite plans the query anew at every use.
func limit(n int) string {
	if n <= 0 {
		return ""
	}
	return " LIMIT " + strconv.Itoa(n)
}

// Indexed implements store.Store.
func (d docs) Indexed(ctx context.Context, name string, r store.IndexRange) ([]store.IndexHit, error) {
	if err := d.ready(ctx, store.ValidKey(store.Key{Part: name, Sort: "-"})); err != nil {
		return nil, err
	}
	until := r.Until
	if until == 0 {
		until = math.MaxInt64
	}
	const text = "SELECT part, sort, at, rev FROM doc WHERE ix = ? AND (at, part, sort) > (?, ?, ?) AND at <= ? ORDER BY at, part, sort"
	rows, err := d.query(text+limit(r.Limit), name, r.After.At, r.After.Key.Part, r.After.Key.Sort, until)
	if err != nil {
		return nil, d.db.failed("read index "+name, err)
	}
	defer rows.Close()
	var out []store.IndexHit
	for rows.Next() {
		var h store.IndexHit
		if err := rows.Scan(&h.Key.Part, &h.Key.Sort, &h.At, &h.Rev); err != nil {
			return nil, d.db.failed("read index "+name, err)
		}
		out = append(out, h)
	}
	return out, d.db.failed("read index "+name, rows.Err())
}

// Apply implements store.Store.
func (d docs) Apply(ctx context.Context, ops ...store.Op) error {
	if err := d.ready(ctx, store.ValidOps(ops)); err != nil {
		return err
	}
	if len(ops) == 0 {
		return nil
	}
	write := func(w *tx) error { return apply(w, ops, d.db.millis()) }
	return d.db.submit(ctx, "write "+ops[0].Key().String(), &job{ctx: ctx, do: write, ops: ops, done: make(chan struct{})})
}

// apply leaves nothing behind where a condition does not hold: the first operation judges its own before it writes, and so those of
// the others are judged before that. Taking back what was written would cost a copy of every page.
func apply(w *tx, ops []store.Op, now int64) error {
	for _, o := range ops[1:] {
		if !o.Conditional() {
			continue
		}
		if err := check(w, o, now); err != nil {
			return err
		}
	}
	for i, o := range ops {
		if i > 0 && o.Kind == store.OpCheck {
			continue
		}
		if err := do(w, o, now); err != nil {
			return err
		}
	}
	return nil
}

// Sequence implements store.Store: one transaction costs less than several.
func (d docs) Sequence(ctx context.Context, ops ...store.Op) error { return d.Apply(ctx, ops...) }

// The writes, each one statement that also judges its condition: no row written means that it does not hold.
const (
	insert   = "INSERT INTO doc (part, sort, rev, ix, at, expires, body) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET "
	contents = "ix = ?3, at = ?4, expires = ?5, body = ?6"
	here     = " WHERE part = ?1 AND sort = ?2"
	putText  = insert + "rev = iif(expires IS NULL OR expires > ?7, rev, 0) + 1, " + contents
	newText  = insert + "rev = 1, " + contents + " WHERE expires <= ?7"
	nextText = "UPDATE doc SET rev = rev + 1, " + contents + here + " AND (expires IS NULL OR expires > ?7) AND rev = ?8"
	delText  = "DELETE FROM doc" + here
	endText  = delText + " AND (expires IS NULL OR expires > ?3) AND rev = ?4"
)

func do(w *tx, o store.Op, now int64) error {
	part, sort := o.Key().Part, o.Key().Sort
	var done sql.Result
	var err error
	switch o.Kind {
	case store.OpPut:
		_, err = w.exec(putText, row(o.Doc, now)...)
		return err
	case store.OpCreate:
		done, err = w.exec(newText, row(o.Doc, now)...)
	case store.OpReplace:
		done, err = w.exec(nextText, append(row(o.Doc, now), o.Doc.Rev)...)
	case store.OpDelete:
		_, err = w.exec(delText, part, sort)
		return err
	case store.OpDeleteRev:
		done, err = w.exec(endText, part, sort, now, o.Doc.Rev)
	default:
		return check(w, o, now)
	}
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return &store.Conflict{Key: o.Key(), Kind: o.Kind}
}

// row are the arguments of a write: ?1 to ?7.
func row(d store.Doc, now int64) []any {
	var ix sql.NullString
	var at, expires sql.NullInt64
	if d.Index != nil {
		ix, at = sql.NullString{String: d.Index.Name, Valid: true}, sql.NullInt64{Int64: d.Index.At, Valid: true}
	}
	if !d.Expires.IsZero() {
		expires = sql.NullInt64{Int64: d.Expires.UnixMilli(), Valid: true}
	}
	return []any{d.Key.Part, d.Key.Sort, ix, at, expires, string(d.Body), now}
}

// check compares the stored revision, 0 if the document is absent or expired.
func check(w *tx, o store.Op, now int64) error {
	rows, err := w.query("SELECT rev FROM doc WHERE part = ? AND sort = ? AND "+alive, o.Key().Part, o.Key().Sort, now)
	if err != nil {
		return err
	}
	defer rows.Close()
	var rev int64
	if rows.Next() {
		if err := rows.Scan(&rev); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil || o.Holds(rev) {
		return err
	}
	return &store.Conflict{Key: o.Key(), Kind: o.Kind}
}

// ready returns why a call may not start: a refused request or an ended context.
func (d docs) ready(ctx context.Context, invalid error) error {
	if invalid != nil {
		return invalid
	}
	return d.db.failed("use", ctx.Err())
}

// query does not take a context: reads are short and local, and watching one
// costs more than they do.
func (d docs) query(text string, args ...any) (*sql.Rows, error) {
	s, err := d.db.reader(text)
	if err != nil {
		return nil, err
	}
	return s.Query(args...)
}

func (d docs) read(text string, args ...any) ([]store.Doc, error) {
	rows, err := d.query(text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []store.Doc
	for rows.Next() {
		doc, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, doc)
	}
	return out, rows.Err()
}

func scan(rows *sql.Rows) (d store.Doc, err error) {
	var ix sql.NullString
	var at, expires sql.NullInt64
	if err := rows.Scan(&d.Key.Part, &d.Key.Sort, &d.Rev, &ix, &at, &expires, &d.Body); err != nil {
		return d, err
	}
	if ix.Valid {
		d.Index = &store.Index{Name: ix.String, At: at.Int64}
	}
	if expires.Valid {
		d.Expires = time.UnixMilli(expires.Int64)
	}
	return d, nil
}
