// Package folderblob keeps blobs as files in a folder: the blob driver of one
// machine.
//
// A blob is one file with its SHA-256 and key in a header, named by the hash of
// the key, spread over 256 folders. A file appears whole,
// by rename after fsync, or not at all; a crash leaves at most a file in
// "incoming", which the next Open removes.
package folderblob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// A file is a header, then the content. The header holds the key too, because
// the name is only its hash: keys may be longer than file names, differ only
// in case, or be a prefix of one another.
const (
	magic      = "drawbridge-blob 1\n"
	hashLength = sha256.Size * 2
	incoming   = "incoming"
)

// Folder is a blob store in a folder.
type Folder struct{ dir string }

// Open uses dir, which is created if need be, readable by this user only.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(dir, incoming), 0o700); err != nil {
		return nil, bridge.Permanent("blob-folder", "blob folder %s: %w; give a folder that this user may write", dir, err)
	}
	f := &Folder{dir}
	return f, f.sweep()
}

// sweep removes what a crash left half written more than an hour ago; what is
// younger may be another process's work.
func (f *Folder) sweep() error {
	entries, err := os.ReadDir(filepath.Join(f.dir, incoming))
	if err != nil {
		return blob.Unavailable("sweep", f.dir, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(filepath.Join(f.dir, incoming, e.Name()))
		}
	}
	return nil
}

func (f *Folder) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(f.dir, name[:2], name[2:])
}

// headerSize is the length of the header of a key's file: magic, hash, key,
// each line ended.
func headerSize(key string) int64 { return int64(len(magic) + hashLength + 1 + len(key) + 1) }

// Put implements [blob.Store].
func (f *Folder) Put(ctx context.Context, key string, r io.Reader, size int64, sum string) (blob.Info, error) {
	if err := valid(ctx, "put", key); err != nil {
		return blob.Info{}, err
	}
	tmp, err := os.CreateTemp(filepath.Join(f.dir, incoming), "put-") // mode 0600
	if err != nil {
		return blob.Info{}, blob.Unavailable("put", key, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	v := blob.Verify(contextReader{ctx, r}, key, size, sum)
	if err := write(tmp, key, v); err != nil {
		return blob.Info{}, err
	}
	if err := f.commit(tmp, key); err != nil {
		return blob.Info{}, blob.Unavailable("put", key, err)
	}
	return blob.Info{Key: key, Size: size, SHA256: v.Sum(), Modified: time.Now().Truncate(time.Second)}, nil
}

// write fills the file: the header with room for the hash, the content, then
// the hash, and syncs it.
func write(tmp *os.File, key string, v *blob.Verifier) error {
	header := fmt.Sprintf("%s%*s\n%s\n", magic, hashLength, "", key)
	if _, err := tmp.WriteString(header); err != nil {
		return blob.Unavailable("put", key, err)
	}
	if _, err := io.Copy(tmp, v); err != nil {
		var known *bridge.Error
		if errors.As(err, &known) {
			return err
		}
		return blob.Unavailable("put", key, err)
	}
	if _, err := tmp.WriteAt([]byte(v.Sum()), int64(len(magic))); err != nil {
		return blob.Unavailable("put", key, err)
	}
	if err := tmp.Sync(); err != nil {
		return blob.Unavailable("put", key, err)
	}
	return nil
}

// commit puts the finished file in its place and makes the name durable.
func (f *Folder) commit(tmp *os.File, key string) error {
	path := f.path(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return err
	}
	return syncDir(f.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}

// Get implements [blob.Store].
func (f *Folder) Get(ctx context.Context, key string) (io.ReadCloser, blob.Info, error) {
	file, info, err := f.open(ctx, "get", key)
	if err != nil {
		return nil, blob.Info{}, err
	}
	v := blob.Verify(contextReader{ctx, file}, key, info.Size, info.SHA256)
	return blob.ReadCloser{Reader: v, Closer: file}, info, nil
}

// Stat implements [blob.Store].
func (f *Folder) Stat(ctx context.Context, key string) (blob.Info, error) {
	file, info, err := f.open(ctx, "stat", key)
	if err != nil {
		return blob.Info{}, err
	}
	return info, file.Close()
}

// open opens the key's file, reads its header and leaves it at the content.
func (f *Folder) open(ctx context.Context, what, key string) (*os.File, blob.Info, error) {
	if err := valid(ctx, what, key); err != nil {
		return nil, blob.Info{}, err
	}
	file, err := os.Open(f.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blob.Info{}, blob.NotFound(key)
	}
	if err != nil {
		return nil, blob.Info{}, blob.Unavailable(what, key, err)
	}
	info, err := describe(file, key)
	if err != nil {
		file.Close()
		return nil, blob.Info{}, err
	}
	return file, info, nil
}

func describe(file *os.File, key string) (blob.Info, error) {
	stat, err := file.Stat()
	if err != nil {
		return blob.Info{}, blob.Unavailable("stat", key, err)
	}
	header := make([]byte, headerSize(key))
	_, err = io.ReadFull(file, header)
	sum := string(header[len(magic):][:hashLength])
	if err != nil || string(header) != magic+sum+"\n"+key+"\n" {
		return blob.Info{}, bridge.Permanent("blob-mismatch", "%w: file %s is damaged (%s); delete it and let the attachment be sent again",
			blob.ErrMismatch, file.Name(), key)
	}
	return blob.Info{
		Key: key, Size: stat.Size() - headerSize(key), SHA256: sum, Modified: stat.ModTime().Truncate(time.Second),
	}, nil
}

// Delete implements [blob.Store].
func (f *Folder) Delete(ctx context.Context, key string) error {
	if err := valid(ctx, "delete", key); err != nil {
		return err
	}
	if err := os.Remove(f.path(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return blob.Unavailable("delete", key, err)
	}
	return nil
}

// Presign implements [blob.Store]; a folder has no URLs.
func (f *Folder) Presign(_ context.Context, key, method string, _ time.Duration) (string, bool, error) {
	if err := blob.ValidKey(key); err != nil {
		return "", false, err
	}
	return "", false, blob.ValidMethod(method)
}

// Expire deletes what was put before the given time and returns how many.
func (f *Folder) Expire(ctx context.Context, before time.Time) (int, error) {
	n := 0
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil || d.IsDir() {
			return skipIncoming(d, err)
		}
		if info, err := d.Info(); err != nil || !info.ModTime().Before(before) {
			return nil // gone meanwhile, or too young
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		n++
		return nil
	})
	if err != nil {
		return n, blob.Unavailable("expire", f.dir, err)
	}
	return n, nil
}

func skipIncoming(d fs.DirEntry, err error) error {
	if err == nil && d.Name() == incoming {
		return fs.SkipDir
	}
	return err
}

func valid(ctx context.Context, what, key string) error {
	if err := blob.ValidKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return blob.Unavailable(what, key, err)
	}
	return nil
}

// contextReader ends a long copy when its context does.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
