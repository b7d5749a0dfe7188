// Package s3blob keeps blobs as objects of an S3 bucket: the blob driver on
// AWS.
//
// An object's key is the blob's; its SHA-256 stands in the metadata "sha256"
// and is checked by S3 when it is put, being part of the signature. The
// bucket's lifecycle rules expire objects; see template.yaml. Start reading at
// [New].
package s3blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"drawbridge/shared/awscall"
	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// Store is a bucket. It implements blob.Store.
type Store struct {
	s3     *awscall.Client
	bucket string
}

var _ blob.Store = (*Store)(nil)

// New uses a bucket that exists.
func New(cfg aws.Config, bucket string) *Store { return &Store{awscall.New(cfg, "s3", bucket), bucket} }

// inMemory is the size up to which content waits in memory for its hash;
// above, it waits in a temporary file.
const inMemory = 256 << 10

// hashHeader is the metadata that holds the hash.
const hashHeader = "X-Amz-Meta-Sha256"

// Put implements blob.Store. S3 wants size and hash before the content, and
// an attempt may be the second one, so it is spooled first.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, sum string) (blob.Info, error) {
	if err := ready(ctx, "put", key); err != nil {
		return blob.Info{}, err
	}
	v := blob.Verify(r, key, size, sum)
	content, discard, err := spool(v, key, size)
	if err != nil {
		return blob.Info{}, err
	}
	defer discard()
	resp, err := s.s3.Do(ctx, awscall.Request{
		Method: http.MethodPut, Path: "/" + key, Header: http.Header{hashHeader: {v.Sum()}},
		Body: awscall.Body{Content: content, Size: size, SHA256: v.Sum()},
	})
	if err != nil {
		return blob.Info{}, s.failed(ctx, "put", key, err)
	}
	resp.Body.Close()
	return blob.Info{Key: key, Size: size, SHA256: v.Sum(), Modified: time.Now().Truncate(time.Second)}, nil
}

// spool reads all of v.
func spool(v *blob.Verifier, key string, size int64) (content io.ReaderAt, discard func(), err error) {
	if size <= inMemory {
		content, err := io.ReadAll(v)
		return bytes.NewReader(content), func() {}, err
	}
	tmp, err := os.CreateTemp("", "drawbridge-blob-")
	if err != nil {
		return nil, nil, blob.Unavailable("put", key, err)
	}
	os.Remove(tmp.Name()) // it goes with its last handle; where that fails, with discard
	discard = func() {
		tmp.Close()
		os.Remove(tmp.Name())
	}
	if _, err = io.Copy(tmp, v); err != nil {
		discard()
		return nil, nil, spoolFailed(key, err)
	}
	return tmp, discard, nil
}

func spoolFailed(key string, err error) error {
	var known *bridge.Error
	if errors.As(err, &known) {
		return err
	}
	return blob.Unavailable("put", key, err)
}

// Get implements blob.Store.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, blob.Info, error) {
	resp, err := s.call(ctx, "get", http.MethodGet, key)
	if err != nil {
		return nil, blob.Info{}, err
	}
	info := describe(key, resp)
	return blob.ReadCloser{Reader: blob.Verify(resp.Body, key, info.Size, info.SHA256), Closer: resp.Body}, info, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	resp, err := s.call(ctx, "stat", http.MethodHead, key)
	if err != nil {
		return blob.Info{}, err
	}
	resp.Body.Close()
	return describe(key, resp), nil
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	resp, err := s.call(ctx, "delete", http.MethodDelete, key)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// call makes a request without a body.
func (s *Store) call(ctx context.Context, what, method, key string) (*http.Response, error) {
	if err := ready(ctx, what, key); err != nil {
		return nil, err
	}
	resp, err := s.s3.Do(ctx, awscall.Request{Method: method, Path: "/" + key})
	if err != nil {
		return nil, s.failed(ctx, what, key, err)
	}
	return resp, nil
}

func describe(key string, resp *http.Response) blob.Info {
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified")) // S3 always says it
	return blob.Info{Key: key, Size: resp.ContentLength, SHA256: resp.Header.Get(hashHeader), Modified: modified}
}

// Presign implements blob.Store. A URL is valid for at most as long as the
// credentials that signed it; those of a Lambda function last some hours.
func (s *Store) Presign(ctx context.Context, key, method string, ttl time.Duration) (string, bool, error) {
	if err := blob.ValidMethod(method); err != nil {
		return "", false, err
	}
	if err := ready(ctx, "presign", key); err != nil {
		return "", false, err
	}
	url, err := s.s3.Presign(ctx, method, "/"+key, ttl)
	if err != nil {
		return "", false, s.failed(ctx, "presign", key, err)
	}
	return url, true, nil
}

func ready(ctx context.Context, what, key string) error {
	if err := blob.ValidKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return blob.Unavailable(what, key, err)
	}
	return nil
}

// failed wraps a failed call. An absent object is seen as such only by a role
// that may list the bucket; S3 denies it to others.
func (s *Store) failed(ctx context.Context, what, key string, err error) error {
	if ctx.Err() != nil {
		return blob.Unavailable(what, key, ctx.Err())
	}
	if refusal := new(awscall.Error); errors.As(err, &refusal) {
		switch {
		case refusal.Code == "NoSuchBucket":
			return bridge.Permanent("blob-bucket", "bucket %s: %s %s: %w; deploy the stack, or name the right bucket",
				s.bucket, what, key, err).At(bridge.LevelSite)
		case refusal.Status == http.StatusNotFound: // to HEAD without a word
			return blob.NotFound(key)
		case refusal.Code == "AccessDenied", refusal.Code == "" && refusal.Status == http.StatusForbidden:
			return bridge.Temporary("blob-denied", "bucket %s: %s %s: %w; look at the role's policy and the bucket's key",
				s.bucket, what, key, err).At(bridge.LevelSite)
		}
	}
	return bridge.Temporary("blob-unavailable", "bucket %s: %s %s: %w", s.bucket, what, key, err)
}
