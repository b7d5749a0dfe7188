package folderblob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/blob/blobtest"
	"drawbridge/shared/bridge"
)

func open(t *testing.T) *Folder {
	t.Helper()
	f, err := Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestConformance(t *testing.T) {
	blobtest.Conformance(t, blobtest.Options{}, func(t *testing.T) blob.Store { return open(t) })
}

func put(t *testing.T, f *Folder, key, content string) {
	t.Helper()
	if _, err := f.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), ""); err != nil {
		t.Fatal(err)
	}
}

func TestExpire(t *testing.T) {
	f := open(t)
	for i := range 3 {
		put(t, f, fmt.Sprint("old/", i), "x")
	}
	if n, err := f.Expire(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("Expire before an hour ago: %d, %v", n, err)
	}
	if _, err := f.Stat(t.Context(), "old/0"); err != nil {
		t.Errorf("what is young: %v", err)
	}
	if n, err := f.Expire(t.Context(), time.Now().Add(time.Hour)); n != 3 || err != nil {
		t.Errorf("Expire of everything: %d, %v", n, err)
	}
	if _, err := f.Stat(t.Context(), "old/0"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("what is old: %v", err)
	}
	put(t, f, "old/0", "again")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Expire(ctx, time.Now()); !errors.Is(err, context.Canceled) || !bridge.IsTemporary(err) {
		t.Errorf("Expire with a cancelled context: %v", err)
	}
}

func TestOnlyThisUserMayRead(t *testing.T) {
	f := open(t)
	put(t, f, "site/1", "secret")
	filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
}

func TestFailedPutLeavesNoFile(t *testing.T) {
	f := open(t)
	f.Put(t.Context(), "a", strings.NewReader("abc"), 4, "")
	entries, err := os.ReadDir(filepath.Join(f.dir, incoming))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in incoming: %v, %v", entries, err)
	}
}

func TestDamageIsSeen(t *testing.T) {
	damage := map[string]func(path string) error{
		"content changed": func(path string) error { return patch(path, -1, "X") },
		"cut":             func(path string) error { return os.Truncate(path, headerSize("site/1")+2) },
		"header cut":      func(path string) error { return os.Truncate(path, 3) },
		"key changed":     func(path string) error { return patch(path, int64(len(magic)+hashLength+1), "X") },
		"empty":           func(path string) error { return os.Truncate(path, 0) },
	}
	for name, f := range damage {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			put(t, s, "site/1", "content")
			if err := f(s.path("site/1")); err != nil {
				t.Fatal(err)
			}
			r, _, err := s.Get(t.Context(), "site/1")
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			if !errors.Is(err, blob.ErrMismatch) || bridge.IsTemporary(err) {
				t.Errorf("got %v, want a mismatch", err)
			}
		})
	}
}

// patch overwrites bytes at an offset; a negative one counts from the end.
func patch(path string, at int64, with string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if at < 0 {
		info, _ := file.Stat()
		at += info.Size()
	}
	_, err = file.WriteAt([]byte(with), at)
	return err
}

func TestOpenSweepsWhatACrashLeft(t *testing.T) {
	f := open(t)
	put(t, f, "a", "kept")
	old, young := filepath.Join(f.dir, incoming, "put-1"), filepath.Join(f.dir, incoming, "put-2")
	for _, path := range []string{old, young} {
		os.WriteFile(path, []byte("half"), 0o600)
	}
	os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour))
	if _, err := Open(f.dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old half file is there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young half file is gone: %v", err)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	os.WriteFile(path, nil, 0o600)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the folder", err)
	}
}
