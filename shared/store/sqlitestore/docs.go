package sqlitestore

import (
	"context"
	"database/sql"
	"math"
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
	for i, k := range keys {
		found, err := d.read(columns+"part = ? AND sort = ? AND "+alive, k.Part, k.Sort, d.db.millis())
		if err != nil {
			return nil, d.db.failed("read "+k.String(), err)
		}
		if len(found) > 0 {
			out[i] = &found[0]
		}
	}
	return out, nil
}

// List implements store.Store.
func (d docs) List(ctx context.Context, part string, r store.Range) ([]store.Doc, error) {
	if err := d.ready(ctx, store.ValidKey(store.Key{Part: part, Sort: "-"})); err != nil {
		return nil, err
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
	order := " ORDER BY sort LIMIT ?"
	if r.Reverse {
		order = " ORDER BY sort DESC LIMIT ?"
	}
	if r.After != "" && r.Reverse {
		add("sort < ?", r.After)
	} else if r.After != "" {
		add("sort > ?", r.After)
	}
	add(alive, d.db.millis())
	found, err := d.read(text+order, append(args, limit(r.Limit))...)
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

// limit is SQL's: a negative one means none.
func limit(n int) int {
	if n <= 0 {
		return -1
	}
	return n
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
	const text = "SELECT part, sort, at FROM doc WHERE ix = ? AND (at, part, sort) > (?, ?, ?) AND at <= ? ORDER BY at, part, sort LIMIT ?"
	rows, err := d.query(text, name, r.After.At, r.After.Key.Part, r.After.Key.Sort, until, limit(r.Limit))
	if err != nil {
		return nil, d.db.failed("read index "+name, err)
	}
	defer rows.Close()
	var out []store.IndexHit
	for rows.Next() {
		var h store.IndexHit
		if err := rows.Scan(&h.Key.Part, &h.Key.Sort, &h.At); err != nil {
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
	return d.db.write(ctx, "write "+ops[0].Key().String(), func(w *tx) error {
		now := d.db.millis()
		for _, o := range ops {
			if err := do(w, o, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func do(w *tx, o store.Op, now int64) error {
	have, err := revision(w, o.Key(), now)
	if err != nil {
		return err
	}
	if !o.Holds(have) {
		return &store.Conflict{Key: o.Key(), Kind: o.Kind}
	}
	switch {
	case o.Kind == store.OpCheck:
		return nil
	case o.Writes():
		return put(w, o.Doc, have+1)
	}
	_, err = w.exec("DELETE FROM doc WHERE part = ? AND sort = ?", o.Key().Part, o.Key().Sort)
	return err
}

// revision returns the stored revision, 0 if the document is absent or expired.
func revision(w *tx, k store.Key, now int64) (rev int64, err error) {
	rows, err := w.query("SELECT rev FROM doc WHERE part = ? AND sort = ? AND "+alive, k.Part, k.Sort, now)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	if rows.Next() {
		err = rows.Scan(&rev)
	}
	if err != nil {
		return 0, err
	}
	return rev, rows.Err()
}

func put(w *tx, d store.Doc, rev int64) error {
	var ix sql.NullString
	var at, expires sql.NullInt64
	if d.Index != nil {
		ix, at = sql.NullString{String: d.Index.Name, Valid: true}, sql.NullInt64{Int64: d.Index.At, Valid: true}
	}
	if !d.Expires.IsZero() {
		expires = sql.NullInt64{Int64: d.Expires.UnixMilli(), Valid: true}
	}
	const text = `INSERT INTO doc (part, sort, rev, ix, at, expires, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		rev = excluded.rev, ix = excluded.ix, at = excluded.at, expires = excluded.expires, body = excluded.body`
	_, err := w.exec(text, d.Key.Part, d.Key.Sort, rev, ix, at, expires, string(d.Body))
	return err
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
