// Package blob is the port to the content of attachments and of long queue
// messages: bytes under a key with their size and SHA-256, streamed, never
// whole in memory.
//
// Keys are chosen by the users of the port, e.g. "<site>/<attachment id>".
// Start reading at [Store]; package blobtest states in tests what every driver
// promises; [Memory] is the driver for tests, package folderblob keeps files.
package blob

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"drawbridge/shared/bridge"
)

// MaxKey is the longest key, in bytes.
const MaxKey = 512

// Info describes a stored blob.
type Info struct {
	Key      string
	Size     int64     // bytes
	SHA256   string    // lower-case hex; empty if it came in through a presigned URL
	Modified time.Time // when it was put; whole seconds
}

// Errors of the port; both are permanent.
var (
	ErrNotFound = errors.New("blob: not found")
	ErrMismatch = errors.New("blob: content is not what was announced")
)

// Store keeps blobs. Its methods are safe for concurrent use. Every error is
// temporary or permanent (see package bridge). What a failed Put leaves is
// what was there before; nobody ever reads half a blob.
type Store interface {
	// Put stores what r gives under the key, replacing what is there. It reads
	// at most size+1 bytes and fails with ErrMismatch if there are not exactly
	// size of them or they do not have the SHA-256 given (hex; empty: any).
	// An error of r is returned as a temporary one and stores nothing.
	Put(ctx context.Context, key string, r io.Reader, size int64, sha256 string) (Info, error)

	// Get opens a blob; ErrNotFound if there is none. Where the SHA-256 is
	// known, the reader's last Read fails with ErrMismatch instead of io.EOF
	// if the content is damaged. The caller closes it.
	Get(ctx context.Context, key string) (io.ReadCloser, Info, error)

	// Stat describes a blob; ErrNotFound if there is none.
	Stat(ctx context.Context, key string) (Info, error)

	// Delete removes a blob; that there is none is no error.
	Delete(ctx context.Context, key string) error

	// Presign returns a URL with which whoever has it may GET or PUT the blob
	// until ttl is over; ok is false if the driver has no such URLs.
	Presign(ctx context.Context, key, method string, ttl time.Duration) (url string, ok bool, err error)
}

// ValidKey returns a permanent error for a key no driver takes. A key is
// segments of letters, digits and "._-" with "/" between them, none of which
// begins with a dot.
func ValidKey(key string) error {
	if len(key) > MaxKey {
		return refuse("blob: key of %d bytes is longer than %d: %.40q…", len(key), MaxKey, key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment[0] == '.' || strings.Trim(segment, allowed) != "" {
			return refuse("blob: key %q: must be segments of letters, digits and ._- between slashes, none beginning with a dot", key)
		}
	}
	return nil
}

const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

// ValidMethod returns a permanent error for a method Presign does not know.
func ValidMethod(method string) error {
	if method != "GET" && method != "PUT" {
		return refuse("blob: presign for method %q: must be GET or PUT", method)
	}
	return nil
}

func refuse(format string, args ...any) error {
	return bridge.Permanent("blob-request", format, args...)
}

// NotFound makes the permanent error for an absent blob.
func NotFound(key string) error {
	return bridge.Permanent("blob-missing", "%w: %s", ErrNotFound, key)
}

// Unavailable makes the temporary error of a failed call; what says which call.
func Unavailable(what, key string, err error) error {
	return bridge.Temporary("blob-unavailable", "blob: %s %s: %w", what, key, err)
}
