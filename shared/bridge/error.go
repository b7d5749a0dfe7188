package bridge

import (
	"errors"
	"fmt"
	"time"
)

// A Level is how far an error stops things.
type Level string

// The error levels. Almost everything is of level pair.
const (
	LevelPair       Level = "pair"
	LevelConnection Level = "connection"
	LevelSite       Level = "site"
)

// An Error is permanent or temporary, names itself for the catalogue in docs/errors.md, and says what was attempted and
// the way out. It is wrapped once where the attempt was made and handled in one place.
type Error struct {
	Name      string        // catalogue name: "field-unknown", "site-unreachable", …; never changes once published
	Level     Level         // empty means pair
	Temporary bool          // a retry may cure it
	After     time.Duration // temporary: not before this much time (a Retry-After); 0: the caller's back-off
	Field     string        // the field it is about, if it is about one
	Message   string        // lower case, names issue, field and site, and the way out; holds the cause's text
	Cause     error         // for errors.Is and errors.As
}

func (e *Error) Error() string {
	switch {
	case e.Message == "" && e.Cause != nil:
		return e.Cause.Error()
	default:
		return e.Message
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Permanent makes an error that no retry cures. A %w in the format keeps the cause.
func Permanent(name, format string, args ...any) *Error {
	return newError(name, false, format, args)
}

// Temporary makes an error that a retry may cure. A %w in the format keeps the cause.
func Temporary(name, format string, args ...any) *Error {
	return newError(name, true, format, args)
}

func newError(name string, temporary bool, format string, args []any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Name: name, Temporary: temporary, Message: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// At returns a copy of the error at another level.
func (e *Error) At(l Level) *Error {
	c := *e
	c.Level = l
	return &c
}

// IsTemporary reports whether a retry may cure err. An error that is not one of ours (a cancelled context, a disk
// that is full, a connection cut) is temporary: giving up on it would lose something.
func IsTemporary(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return e.Temporary
	}
	return err != nil
}

// LevelOf returns how far err stops things; pair unless it says otherwise.
func LevelOf(err error) Level {
	var e *Error
	if errors.As(err, &e) && e.Level != "" {
		return e.Level
	}
	return LevelPair
}

// NameOf returns the catalogue name of err, or "unexpected".
func NameOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Name != "" {
		return e.Name
	}
	return "unexpected"
}
