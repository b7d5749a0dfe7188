package site

import (
	"context"
	"io"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/exchange"
)

// Content is where attachments wait for the other site.
type Content interface {
	// Known returns the SHA-256 of our attachment's content where it waits already, and "" where it does not.
	Known(ctx context.Context, connection, attachment string, size int64) string
	// Offer puts the content of our attachment where the other site can get it and returns its SHA-256. It is streamed,
	// never whole in memory.
	Offer(ctx context.Context, connection, attachment string, size int64, r io.Reader) (sha256 string, err error)
	// Fetch opens the content of the other site's attachment. The reader fails at its end if it is not what was announced.
	Fetch(ctx context.Context, connection string, m bridge.Member) (io.ReadCloser, error)
}

// Keeper is Content that is kept on this half and can be dropped before it expires.
type Keeper interface {
	Drop(ctx context.Context, connection, attachment string, own bool) error
}

// Drop implements [Keeper].
func (b Blobs) Drop(ctx context.Context, connection, attachment string, own bool) error {
	role := b.Role
	if !own {
		role = role.Other()
	}
	return b.Store.Delete(ctx, exchange.BlobKey(connection, role, attachment))
}

// Blobs is Content on a blob store that both sites' content is in: the hub's.
type Blobs struct {
	Store blob.Store
	Role  bridge.Role // of this site
}

// Known implements Content.
func (b Blobs) Known(ctx context.Context, connection, attachment string, size int64) string {
	info, err := b.Store.Stat(ctx, exchange.BlobKey(connection, b.Role, attachment))
	if err != nil || info.Size != size {
		return ""
	}
	return info.SHA256
}

// Offer implements Content.
func (b Blobs) Offer(ctx context.Context, connection, attachment string, size int64, r io.Reader) (string, error) {
	info, err := b.Store.Put(ctx, exchange.BlobKey(connection, b.Role, attachment), r, size, "")
	return info.SHA256, err
}

// Fetch implements Content.
func (b Blobs) Fetch(ctx context.Context, connection string, m bridge.Member) (io.ReadCloser, error) {
	r, info, err := b.Store.Get(ctx, exchange.BlobKey(connection, b.Role.Other(), m.ID))
	if err != nil {
		return nil, bridge.Temporary("blob-missing", "attachment %q of the other site is not there yet: %w", m.Name, err)
	}
	if info.SHA256 != "" && info.SHA256 != m.SHA256 || info.Size != m.Size {
		return nil, closing(r, bridge.Permanent("blob-damaged", "attachment %q: its content is not what the other site announced", m.Name))
	}
	return r, nil
}

func closing(r io.Closer, err error) error {
	_ = r.Close() // the error at hand says more
	return err
}
