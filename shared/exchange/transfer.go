package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// Content describes the content of an attachment.
type Content struct {
	ID     string // of the attachment at the site it was written
	Size   int64
	SHA256 string // lower-case hex
}

// largeSize is the size from which a link is asked for before parts are sent.
const largeSize = 4 * PartSize

func (c *Client) blobPath(site bridge.Role, id string) string {
	return "/v1/connections/" + c.Connection + "/blobs/" + string(site) + "/" + id
}

func (b Content) query(extra string) string {
	return fmt.Sprintf("sha256=%s&size=%d%s", b.SHA256, b.Size, extra)
}

// Upload gives the hub the content of a private attachment. open may be called
// twice: when the place a link names cannot be reached, parts go through the hub.
// At most one part is held in memory. A repeated upload replaces the first.
func (c *Client) Upload(ctx context.Context, b Content, open func() (io.ReadCloser, error)) error {
	if b.Size > largeSize {
		if done, err := c.uploadLinked(ctx, b, open); done || err != nil {
			return err
		}
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	return c.uploadParts(ctx, b, blob.Verify(r, b.ID, b.Size, b.SHA256))
}

func (c *Client) uploadParts(ctx context.Context, b Content, r io.Reader) error {
	path, part := c.blobPath(bridge.Private, b.ID), make([]byte, min(b.Size, PartSize))
	single := b.Size <= PartSize
	for i, sent := 0, int64(0); sent < b.Size || i == 0; i++ {
		part = part[:min(b.Size-sent, PartSize)]
		if _, err := io.ReadFull(r, part); err != nil {
			return readError(b, err)
		}
		query := b.query(fmt.Sprintf("&part=%d", i))
		if single {
			query = b.query("")
		}
		if sent += int64(len(part)); sent == b.Size {
			if _, err := r.Read(make([]byte, 1)); err != io.EOF {
				return readError(b, err)
			}
		}
		if _, err := c.do(ctx, http.MethodPut, path, query, part); err != nil {
			return err
		}
	}
	if single {
		return nil
	}
	_, err := c.do(ctx, http.MethodPut, path, b.query("&done=1"), nil)
	return err
}

// readError tells content that is not what was announced from a failed read.
func readError(b Content, err error) error {
	if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
		return bridge.Permanent("blob-mismatch", "attachment %s is not the %d bytes announced", b.ID, b.Size)
	}
	return err
}

// uploadLinked puts the content straight into the object store, where the hub
// has one that can be reached from here; done is false where not.
func (c *Client) uploadLinked(ctx context.Context, b Content, open func() (io.ReadCloser, error)) (done bool, err error) {
	place, err := c.askLink(ctx, http.MethodPut, c.blobPath(bridge.Private, b.ID), b.query("&link=1"))
	if err != nil || place == "" {
		return false, err
	}
	r, err := open()
	if err != nil {
		return false, err
	}
	defer r.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, place, io.NopCloser(blob.Verify(r, b.ID, b.Size, b.SHA256)))
	if err != nil {
		return false, nil
	}
	req.ContentLength = b.Size
	resp, err := c.send(req)
	if err != nil {
		return false, ctx.Err()
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return false, nil
	}
	_, err = c.do(ctx, http.MethodPut, c.blobPath(bridge.Private, b.ID), b.query("&done=1&link=1"), nil)
	return err == nil, err
}

// Download fetches the content of a public attachment into w and verifies its
// size and SHA-256. After an error w holds something that must not be used.
func (c *Client) Download(ctx context.Context, b Content, w io.Writer) error {
	if b.Size > largeSize {
		place, err := c.askLink(ctx, http.MethodGet, c.blobPath(bridge.Public, b.ID), "link=1")
		if err != nil {
			return err
		}
		if r := c.openLink(ctx, place); r != nil {
			defer r.Close()
			_, err := io.Copy(w, blob.Verify(r, b.ID, b.Size, b.SHA256))
			return err
		}
	}
	return c.downloadParts(ctx, b, w)
}

func (c *Client) downloadParts(ctx context.Context, b Content, w io.Writer) error {
	sum, got := sha256.New(), int64(0)
	for i := 0; got < b.Size || i == 0; i++ {
		part, err := c.do(ctx, http.MethodGet, c.blobPath(bridge.Public, b.ID), fmt.Sprintf("part=%d", i), nil)
		if err != nil {
			return err
		}
		if got += int64(len(part)); got > b.Size || got < b.Size && len(part) != PartSize {
			break
		}
		sum.Write(part)
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if got != b.Size || hex.EncodeToString(sum.Sum(nil)) != b.SHA256 {
		return bridge.Permanent("blob-mismatch", "attachment %s at the hub is not the %d bytes with SHA-256 %.64s", b.ID, b.Size, b.SHA256)
	}
	return nil
}

func (c *Client) askLink(ctx context.Context, method, path, query string) (string, error) {
	answer, err := c.do(ctx, method, path, query, nil)
	if err != nil {
		return "", err
	}
	var l Link
	if err := decode(answer, maxSmallDecoded, &l); err != nil {
		return "", badAnswer("%w", err)
	}
	if u, err := url.Parse(l.URL); err != nil || u.Scheme != "https" && u.Scheme != c.Base.Scheme {
		return "", nil // never from TLS to no TLS
	}
	return l.URL, nil
}

// openLink opens a link of the hub; nil where it cannot be reached from here.
func (c *Client) openLink(ctx context.Context, place string) io.ReadCloser {
	if place == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil
	}
	resp, err := c.send(req)
	if err != nil {
		return nil
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil
	}
	return resp.Body
}

// ObjectStore asks the hub for a place in its object store, as for a large attachment, and knocks at it without putting
// anything there. It returns the store's host, "" if the hub has no store, and why it cannot be reached from here, nil if
// it can. The error is the hub's.
func (c *Client) ObjectStore(ctx context.Context) (host string, unreached, err error) {
	probe := Content{ID: "doctor", Size: largeSize, SHA256: hex.EncodeToString(make([]byte, sha256.Size))}
	place, err := c.askLink(ctx, http.MethodPut, c.blobPath(bridge.Private, probe.ID), probe.query("&link=1"))
	if err != nil || place == "" {
		return "", nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, place, nil)
	if err != nil {
		return "", nil, badAnswer("%w", err)
	}
	resp, unreached := c.send(req)
	if unreached == nil {
		_ = resp.Body.Close() // a store that refuses a HEAD is reached all the same
	}
	var u *url.Error
	if errors.As(unreached, &u) {
		unreached = u.Err // the address is a credential
	}
	return req.URL.Host, unreached, nil
}
