package exchange

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// linkTime is how long a link to content outside the hub is good.
const linkTime = 10 * time.Minute

// BlobKey names the content of an attachment of a connection: the site where it
// was written and its id there.
func BlobKey(connection string, site bridge.Role, attachment string) string {
	return connection + "/" + string(site) + "/" + attachment
}

func partKey(key, sha256 string, part int64) string {
	return fmt.Sprintf("%s.parts/%s/%d", key, sha256, part)
}

// blobQuery is the query of a blob call; the signature covers it.
type blobQuery struct {
	sha256 string // of the whole content, lower-case hex
	size   int64  // of the whole content
	part   int64  // from 0; -1: none
	done   bool   // all parts are there (or the linked place is filled)
	link   bool   // a link is wanted, or was used
}

func parseBlobQuery(u *url.URL) (blobQuery, error) {
	v, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return blobQuery{}, badRequest("the query is malformed")
	}
	q := blobQuery{sha256: v.Get("sha256"), part: -1, done: v.Get("done") == "1", link: v.Get("link") == "1"}
	if text := v.Get("size"); text != "" {
		if q.size, err = strconv.ParseInt(text, 10, 64); err != nil || q.size < 0 {
			return blobQuery{}, badRequest("size: not a count of bytes")
		}
	}
	if text := v.Get("part"); text != "" {
		if q.part, err = strconv.ParseInt(text, 10, 32); err != nil || q.part < 0 {
			return blobQuery{}, badRequest("part: counts from 0")
		}
	}
	return q, nil
}

func (q blobQuery) parts() int64 { return (q.size + PartSize - 1) / PartSize }

// putBlob takes content of the private site: whole, in parts, or through a link.
func (c *call) putBlob(ctx context.Context, site, id string) (reply, error) {
	q, err := parseBlobQuery(c.r.URL)
	if err != nil {
		return reply{}, err
	}
	if err := c.checkPut(site, id, q); err != nil {
		return reply{}, err
	}
	if err := c.h.Book.remember(ctx, c.connection, c.proof); err != nil {
		return reply{}, err
	}
	key := BlobKey(c.connection, bridge.Private, id)
	switch {
	case q.done:
		err = c.finish(ctx, key, q)
	case q.link:
		return c.link(ctx, key, http.MethodPut)
	case q.part >= 0:
		_, err = c.h.Blobs.Put(ctx, partKey(key, q.sha256, q.part), bytes.NewReader(c.body), int64(len(c.body)), "")
	default:
		_, err = c.h.Blobs.Put(ctx, key, bytes.NewReader(c.body), q.size, q.sha256)
	}
	if errors.Is(err, blob.ErrMismatch) || errors.Is(err, blob.ErrNotFound) {
		return reply{}, badRequest("the content is not what was announced, or parts are missing")
	}
	if err != nil {
		return reply{}, err
	}
	return message(struct{}{})
}

func (c *call) checkPut(site, id string, q blobQuery) error {
	limit := cmp.Or(c.h.MaxBlob, defaultMaxBlob)
	sum, err := hex.DecodeString(q.sha256)
	switch {
	case site != string(bridge.Private) || !isToken(id):
		return badRequest("a poller puts attachments of the private site only")
	case err != nil || len(sum) != 32:
		return badRequest("sha256: 64 hex digits")
	case q.size > limit:
		return tooLarge(limit)
	case q.part >= 0 && (q.part >= q.parts() || int64(len(c.body)) != min(PartSize, q.size-q.part*PartSize)):
		return badRequest("part: has another size than its place says")
	}
	return nil
}

// finish puts the parts together, verifying size and hash, or looks whether the
// linked place was filled.
func (c *call) finish(ctx context.Context, key string, q blobQuery) error {
	if q.link {
		info, err := c.h.Blobs.Stat(ctx, key)
		if err == nil && info.Size != q.size {
			return badRequest("the content put through the link has %d bytes, announced were %d", info.Size, q.size)
		}
		return err
	}
	parts := &partReader{ctx: ctx, blobs: c.h.Blobs, key: key, sha256: q.sha256, parts: q.parts()}
	defer parts.Close()
	if _, err := c.h.Blobs.Put(ctx, key, parts, q.size, q.sha256); err != nil {
		if parts.missing {
			return blob.ErrNotFound
		}
		return err
	}
	for i := range q.parts() {
		if err := c.h.Blobs.Delete(ctx, partKey(key, q.sha256, i)); err != nil {
			c.h.Log.Info("part of an upload not deleted; it will expire", "key", key, "error", err.Error())
		}
	}
	return nil
}

// partReader reads the parts of an upload one after the other.
type partReader struct {
	ctx     context.Context
	blobs   blob.Store
	key     string
	sha256  string
	next    int64
	parts   int64
	open    io.ReadCloser
	missing bool
}

func (p *partReader) Read(b []byte) (int, error) {
	for {
		if p.open != nil {
			n, err := p.open.Read(b)
			if err != io.EOF {
				return n, err
			}
			p.Close()
			if n > 0 {
				return n, nil
			}
		}
		if p.next == p.parts {
			return 0, io.EOF
		}
		r, _, err := p.blobs.Get(p.ctx, partKey(p.key, p.sha256, p.next))
		if err != nil {
			p.missing = errors.Is(err, blob.ErrNotFound)
			return 0, err
		}
		p.open, p.next = r, p.next+1
	}
}

func (p *partReader) Close() error {
	if p.open == nil {
		return nil
	}
	r := p.open
	p.open = nil
	return r.Close()
}

func (c *call) link(ctx context.Context, key, method string) (reply, error) {
	place, ok, err := c.h.Blobs.Presign(ctx, key, method, linkTime)
	if err != nil || !ok {
		return message(Link{})
	}
	return message(Link{URL: place})
}

// getBlob gives out content of the public site: a part of it, or a link to all.
func (c *call) getBlob(ctx context.Context, site, id string) (reply, error) {
	q, err := parseBlobQuery(c.r.URL)
	if err != nil {
		return reply{}, err
	}
	if site != string(bridge.Public) || !isToken(id) {
		return reply{}, badRequest("a poller gets attachments of the public site only")
	}
	key := BlobKey(c.connection, bridge.Public, id)
	if q.link {
		return c.link(ctx, key, http.MethodGet)
	}
	content, err := c.readPart(ctx, key, max(q.part, 0))
	if errors.Is(err, blob.ErrNotFound) {
		return reply{}, &fault{Code: codeMissing, Message: "no such content", status: http.StatusNotFound}
	}
	return reply{status: http.StatusOK, bytes: content, raw: true}, err
}

// readPart reads one part. Where the driver's reader cannot seek, what comes
// before is read over: links are the way for large content.
func (c *call) readPart(ctx context.Context, key string, part int64) ([]byte, error) {
	r, info, err := c.h.Blobs.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	start := part * PartSize
	if start >= info.Size && start > 0 {
		return nil, blob.ErrNotFound
	}
	if s, ok := r.(io.Seeker); ok {
		_, err = s.Seek(start, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, r, start)
	}
	if err != nil {
		return nil, blob.Unavailable("read", key, err)
	}
	return io.ReadAll(io.LimitReader(r, PartSize))
}
