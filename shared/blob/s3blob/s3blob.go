// Package s3blob keeps blobs as objects of an S3 bucket: the blob driver on
// AWS.
//
// An object's key is the blob's; its SHA-256 stands in the metadata "sha256"
// and is checked by S3 when it is put. The bucket's lifecycle rules expire
// objects; see template.yaml. Start reading at [New].
package s3blob

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// Store is a bucket. It implements blob.Store.
type Store struct {
	call   calls
	bucket string
}

var _ blob.Store = (*Store)(nil)

// New uses a bucket that exists.
func New(client *s3.Client, bucket string) *Store { return &Store{callsOf(client), bucket} }

// inMemory is the size up to which content waits in memory for its hash;
// above, it waits in a temporary file.
const inMemory = 256 << 10

const hashName = "sha256"

// Put implements blob.Store. S3 wants size and hash before the content, and
// the SDK wants to read it twice, so it is spooled first.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, sum string) (blob.Info, error) {
	if err := ready(ctx, "put", key); err != nil {
		return blob.Info{}, err
	}
	v := blob.Verify(r, key, size, sum)
	body, discard, err := spool(v, key, size)
	if err != nil {
		return blob.Info{}, err
	}
	defer discard()
	raw, err := hex.DecodeString(v.Sum())
	if err != nil {
		return blob.Info{}, err
	}
	_, err = s.call.putObject(ctx, &s3.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: body, ContentLength: &size,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(raw)),
		Metadata:       map[string]string{hashName: v.Sum()},
	})
	if err != nil {
		return blob.Info{}, s.failed(ctx, "put", key, err)
	}
	return blob.Info{Key: key, Size: size, SHA256: v.Sum(), Modified: time.Now().Truncate(time.Second)}, nil
}

// spool reads all of v and returns it from the start.
func spool(v *blob.Verifier, key string, size int64) (body io.ReadSeeker, discard func(), err error) {
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
	if _, err = io.Copy(tmp, v); err == nil {
		_, err = tmp.Seek(0, io.SeekStart)
	}
	if err != nil {
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
	if err := ready(ctx, "get", key); err != nil {
		return nil, blob.Info{}, err
	}
	out, err := s.call.getObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return nil, blob.Info{}, s.failed(ctx, "get", key, err)
	}
	info := describe(key, out.ContentLength, out.LastModified, out.Metadata)
	v := blob.Verify(out.Body, key, info.Size, info.SHA256)
	return blob.ReadCloser{Reader: v, Closer: out.Body}, info, nil
}

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Info, error) {
	if err := ready(ctx, "stat", key); err != nil {
		return blob.Info{}, err
	}
	out, err := s.call.headObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return blob.Info{}, s.failed(ctx, "stat", key, err)
	}
	return describe(key, out.ContentLength, out.LastModified, out.Metadata), nil
}

func describe(key string, size *int64, modified *time.Time, metadata map[string]string) blob.Info {
	return blob.Info{
		Key: key, Size: aws.ToInt64(size), SHA256: metadata[hashName], Modified: aws.ToTime(modified).Truncate(time.Second),
	}
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := ready(ctx, "delete", key); err != nil {
		return err
	}
	_, err := s.call.deleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return s.failed(ctx, "delete", key, err)
	}
	return nil
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
	expires := s3.WithPresignExpires(ttl)
	if method == "GET" {
		req, err := s.call.presignGet(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}, expires)
		if err != nil {
			return "", false, s.failed(ctx, "presign", key, err)
		}
		return req.URL, true, nil
	}
	req, err := s.call.presignPut(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key}, expires)
	if err != nil {
		return "", false, s.failed(ctx, "presign", key, err)
	}
	return req.URL, true, nil
}

// deleteBatch is the most objects S3 deletes in one request.
const deleteBatch = 1000

// Expire implements blob.Store. It lists the whole bucket: on AWS the bucket's
// lifecycle rules do the daily work.
func (s *Store) Expire(ctx context.Context, before time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, blob.Unavailable("expire", s.bucket, err)
	}
	old, err := s.before(ctx, before)
	if err != nil {
		return 0, s.failed(ctx, "list", s.bucket, err)
	}
	for some := range slices.Chunk(old, deleteBatch) {
		in := &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: some, Quiet: aws.Bool(true)}}
		if _, err := s.call.deleteObjects(ctx, in); err != nil {
			return 0, s.failed(ctx, "expire", s.bucket, err)
		}
	}
	return len(old), nil
}

func (s *Store) before(ctx context.Context, t time.Time) (old []types.ObjectIdentifier, err error) {
	for in := (&s3.ListObjectsV2Input{Bucket: &s.bucket}); ; {
		page, err := s.call.listObjectsV2(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			if aws.ToTime(o.LastModified).Before(t) {
				old = append(old, types.ObjectIdentifier{Key: o.Key})
			}
		}
		if in.ContinuationToken = page.NextContinuationToken; in.ContinuationToken == nil {
			return old, nil
		}
	}
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

// failed wraps an error of the SDK. An absent object is seen as such only by
// a role that may list the bucket; S3 denies it to others.
func (s *Store) failed(ctx context.Context, what, key string, err error) error {
	if ctx.Err() != nil {
		return blob.Unavailable(what, key, ctx.Err())
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "NoSuchKey", "NotFound":
			return blob.NotFound(key)
		case "NoSuchBucket":
			return bridge.Permanent("blob-bucket", "bucket %s: %s %s: %w; deploy the stack, or name the right bucket",
				s.bucket, what, key, err).At(bridge.LevelSite)
		case "AccessDenied", "Forbidden":
			return bridge.Temporary("blob-denied", "bucket %s: %s %s: %w; look at the role's policy and the bucket's key",
				s.bucket, what, key, err).At(bridge.LevelSite)
		}
	}
	return bridge.Temporary("blob-unavailable", "bucket %s: %s %s: %w", s.bucket, what, key, err)
}
