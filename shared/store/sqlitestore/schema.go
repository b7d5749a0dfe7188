package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"drawbridge/shared/bridge"
)

// applicationID marks our files (PRAGMA application_id): "DRBG".
const applicationID = 0x44524247

// migrations brings a file from schema n to n+1 with element n. Elements are
// never changed once released, only added.
var migrations = []string{`
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE doc (
	part TEXT NOT NULL, sort TEXT NOT NULL,
	rev INTEGER NOT NULL,
	ix TEXT, at INTEGER, -- place in the index; at in ms since 1970
	expires INTEGER,     -- ms since 1970
	body TEXT NOT NULL,
	PRIMARY KEY (part, sort)
) STRICT;
CREATE INDEX doc_index ON doc (ix, at, part, sort) WHERE ix IS NOT NULL;
CREATE INDEX doc_expires ON doc (expires) WHERE expires IS NOT NULL;
CREATE TABLE msg (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	lane INTEGER NOT NULL, -- 0 live, 1 bulk
	grp TEXT NOT NULL,
	body BLOB NOT NULL,
	sent INTEGER NOT NULL,              -- ms since 1970
	attempt INTEGER NOT NULL DEFAULT 0,
	hidden INTEGER NOT NULL DEFAULT 0,  -- out of sight until then, ms since 1970; 0: never received
	receipt TEXT,                       -- of the delivery in flight
	dead INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX msg_ready ON msg (dead, lane, seq);
CREATE INDEX msg_hidden ON msg (hidden, grp) WHERE hidden > 0;
CREATE UNIQUE INDEX msg_receipt ON msg (receipt) WHERE receipt IS NOT NULL;
CREATE TABLE dedup (
	lane INTEGER NOT NULL, grp TEXT NOT NULL, name TEXT NOT NULL, until INTEGER NOT NULL,
	PRIMARY KEY (lane, grp, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_until ON dedup (until);
`}

// migrate brings the schema up to date in one transaction, after a copy of the
// old file was kept beside it.
func (db *DB) migrate(steps []string) error {
	have, err := db.schema(len(steps))
	if err != nil || have == len(steps) {
		return err
	}
	if db.o.ReadOnly {
		return bridge.Permanent("state-older",
			"state file %s has schema %d, this drawbridge needs %d; start the hub or poller once to migrate it", db.path, have, len(steps))
	}
	if have > 0 {
		if err := db.Backup(context.Background(), fmt.Sprintf("%s.schema-%d", db.path, have)); err != nil {
			return err
		}
	}
	return db.failed("migrate", db.run(steps))
}

// schema returns the file's schema version, 0 for a new file, or why this
// binary must leave the file alone.
func (db *DB) schema(known int) (int, error) {
	var id, version, tables int
	for text, v := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := db.sql.QueryRow(text).Scan(v); err != nil {
			return 0, db.failed("open", err)
		}
	}
	if id != applicationID && (id != 0 || tables > 0) {
		return 0, bridge.Permanent("state-foreign", "%s is a SQLite file, but not one of Drawbridge; give another path", db.path)
	}
	if version > known {
		return 0, bridge.Permanent("state-newer",
			"state file %s is newer than this drawbridge (schema %d, known is %d); use version >= %s", db.path, version, known, db.writtenBy())
	}
	return version, nil
}

func (db *DB) writtenBy() string {
	var v string
	if err := db.sql.QueryRow("SELECT value FROM meta WHERE key = 'version'").Scan(&v); err != nil || v == "" {
		return "the one that wrote it"
	}
	return v
}

func (db *DB) run(steps []string) error {
	ctx := context.Background()
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := db.steps(ctx, conn, steps); err != nil {
		_, rollback := conn.ExecContext(ctx, "ROLLBACK")
		return errors.Join(err, rollback)
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// steps runs inside the write lock, so it looks again: another process may
// have migrated meanwhile.
func (db *DB) steps(ctx context.Context, conn *sql.Conn, steps []string) error {
	var have int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	for i := have; i < len(steps); i++ {
		if _, err := conn.ExecContext(ctx, steps[i]); err != nil {
			return fmt.Errorf("schema %d: %w", i+1, err)
		}
	}
	pragmas := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, max(have, len(steps)))
	if _, err := conn.ExecContext(ctx, pragmas); err != nil {
		return err
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO meta VALUES ('version', ?) ON CONFLICT DO UPDATE SET value = excluded.value", db.o.Version)
	return err
}

// fileLock is the path of the lock beside a state file.
func fileLock(path string) string { return path + ".lock" }

func inUse(path string) error {
	holder := "another process"
	if b, err := os.ReadFile(fileLock(path)); err == nil && len(b) > 0 {
		holder = "process " + string(b)
	}
	return bridge.Permanent("state-in-use", "state file %s is in use by %s; stop it first, or give another file", path, holder).At(bridge.LevelSite)
}
