// Package blobtest is the conformance suite of the blob port: every driver
// runs it, the AWS driver against a real engine.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/shared/blob"
	"drawbridge/shared/bridge"
)

// Options says what the driver under test can do.
type Options struct {
	Presigns bool // it hands out URLs
	// Unchecked: the engine under test does not check signature and expiry of
	// presigned URLs, so their refusals are not tested.
	Unchecked bool
}

// Conformance runs the suite. open returns an empty store that is released by
// t.Cleanup; it is called once for each test.
func Conformance(t *testing.T, o Options, open func(t *testing.T) blob.Store) {
	tests := []struct {
		name string
		run  func(*suite)
	}{
		{"absent", absent},
		{"put and get", putGet},
		{"sizes", sizes},
		{"replace", replace},
		{"announced size and hash", announced},
		{"failing reader", failingReader},
		{"keys", keys},
		{"delete", remove},
		{"presign", presign},
		{"presign refusals", presignRefusals},
		{"concurrent puts", concurrent},
		{"cancelled context", cancelled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			tt.run(&suite{t, ctx, open(t), o})
		})
	}
}

type suite struct {
	*testing.T
	ctx context.Context
	b   blob.Store
	o   Options
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// stream hides everything of a reader but Read, as a network connection does.
func stream(content string) io.Reader { return io.MultiReader(strings.NewReader(content)) }

func (s *suite) put(key, content string) blob.Info {
	s.Helper()
	info, err := s.b.Put(s.ctx, key, stream(content), int64(len(content)), hash(content))
	if err != nil {
		s.Fatalf("Put %s: %v", key, err)
	}
	return info
}

func (s *suite) holds(key, content string) {
	s.Helper()
	r, info, err := s.b.Get(s.ctx, key)
	if err != nil {
		s.Fatalf("Get %s: %v", key, err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != content {
		s.Errorf("%s holds %d bytes %.40q (%v), want %d bytes %.40q", key, len(got), got, err, len(content), content)
	}
	s.describes(info, key, content)
	stat, err := s.b.Stat(s.ctx, key)
	if err != nil {
		s.Fatalf("Stat %s: %v", key, err)
	}
	s.describes(stat, key, content)
}

func (s *suite) describes(info blob.Info, key, content string) {
	s.Helper()
	if info.Key != key || info.Size != int64(len(content)) || info.SHA256 != hash(content) {
		s.Errorf("%s is described as %+v", key, info)
	}
	if age := time.Since(info.Modified); age < -3*time.Second || age > time.Minute {
		s.Errorf("%s was modified at %v", key, info.Modified)
	}
}

func (s *suite) lacks(key string) {
	s.Helper()
	_, statErr := s.b.Stat(s.ctx, key)
	r, _, getErr := s.b.Get(s.ctx, key)
	if getErr == nil {
		r.Close()
	}
	for _, err := range []error{statErr, getErr} {
		if !errors.Is(err, blob.ErrNotFound) || bridge.IsTemporary(err) {
			s.Errorf("%s: got %v, want not found", key, err)
		}
	}
}

func absent(s *suite) {
	s.lacks("site/1")
	if err := s.b.Delete(s.ctx, "site/1"); err != nil {
		s.Errorf("Delete of nothing: %v", err)
	}
}

func putGet(s *suite) {
	s.describes(s.put("site/1", "content"), "site/1", "content")
	s.holds("site/1", "content")
	info, err := s.b.Put(s.ctx, "site/2", stream("no hash"), 7, "")
	if err != nil {
		s.Fatalf("Put without hash: %v", err)
	}
	s.describes(info, "site/2", "no hash")
	s.holds("site/2", "no hash")
	if _, err := s.b.Put(s.ctx, "site/3", stream("upper"), 5, strings.ToUpper(hash("upper"))); err != nil {
		s.Errorf("Put with an upper-case hash: %v", err)
	}
	s.holds("site/3", "upper")
}

func sizes(s *suite) {
	for _, n := range []int{0, 1, 4095, 4096, 65537, 9 << 20} {
		content := string(bytes.Repeat([]byte("0123456789abcdef\x00\xff"), n/18+1)[:n])
		key := fmt.Sprint("size/", n)
		s.put(key, content)
		s.holds(key, content)
	}
}

func replace(s *suite) {
	s.put("a", "first and long")
	s.put("a", "second")
	s.holds("a", "second")
}

func announced(s *suite) {
	s.put("kept", "before")
	tests := map[string]struct {
		content string
		size    int64
		hash    string
	}{
		"too short":  {"abc", 4, ""},
		"too long":   {"abcd", 3, ""},
		"wrong hash": {"abc", 3, hash("abd")},
		"not a hash": {"abc", 3, "xyz"},
		"empty":      {"", 1, ""},
		"none meant": {"a", 0, ""},
	}
	for name, tt := range tests {
		for _, key := range []string{"kept", "new"} {
			_, err := s.b.Put(s.ctx, key, stream(tt.content), tt.size, tt.hash)
			if !errors.Is(err, blob.ErrMismatch) || bridge.IsTemporary(err) {
				s.Errorf("%s: got %v, want a mismatch", name, err)
			}
		}
	}
	s.holds("kept", "before")
	s.lacks("new")
}

type failing struct{ n int }

var errCut = errors.New("connection cut")

func (f *failing) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, errCut
	}
	n := min(len(p), f.n)
	f.n -= n
	return n, nil
}

func failingReader(s *suite) {
	s.put("kept", "before")
	for _, n := range []int{0, 10, 100000} {
		_, err := s.b.Put(s.ctx, "kept", &failing{n}, 200000, "")
		if !errors.Is(err, errCut) || !bridge.IsTemporary(err) {
			s.Errorf("reader cut after %d bytes: %v", n, err)
		}
	}
	s.holds("kept", "before")
}

func keys(s *suite) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".hidden", "a/.b", "a b", "a\\b", "a\x00", "é",
		"a:b", "a%2fb", "~", strings.Repeat("k", blob.MaxKey+1),
	} {
		_, putErr := s.b.Put(s.ctx, key, stream("x"), 1, "")
		_, _, getErr := s.b.Get(s.ctx, key)
		_, statErr := s.b.Stat(s.ctx, key)
		_, _, signErr := s.b.Presign(s.ctx, key, "GET", time.Minute)
		for _, err := range []error{putErr, getErr, statErr, signErr, s.b.Delete(s.ctx, key)} {
			if err == nil || bridge.IsTemporary(err) || errors.Is(err, blob.ErrNotFound) {
				s.Errorf("key %.40q: got %v, want a permanent refusal", key, err)
			}
		}
	}
	long := strings.Repeat("long/", blob.MaxKey/5) + "k"
	for _, key := range []string{"a", "A", "a.b-c_d", "a...", "site/10001/claim", long, "1/" + strings.Repeat("n", 200)} {
		s.put(key, key)
		s.holds(key, key)
	}
	s.put("x/y", "1")
	s.put("x/y.z", "2")
	s.holds("x/y", "1")
	s.lacks("x")
	s.lacks("x/y/z")
}

func remove(s *suite) {
	s.put("a/b", "1")
	s.put("a/c", "2")
	for range 2 {
		if err := s.b.Delete(s.ctx, "a/b"); err != nil {
			s.Fatalf("Delete: %v", err)
		}
		s.lacks("a/b")
	}
	s.holds("a/c", "2")
}

func concurrent(s *suite) {
	contents := []string{strings.Repeat("a", 70000), strings.Repeat("b", 70000), "c"}
	var wg sync.WaitGroup
	for i := range 9 {
		content := contents[i%3]
		wg.Go(func() {
			if _, err := s.b.Put(s.ctx, "same", stream(content), int64(len(content)), hash(content)); err != nil {
				s.Errorf("Put: %v", err)
			}
		})
	}
	wg.Wait()
	info, err := s.b.Stat(s.ctx, "same")
	if err != nil {
		s.Fatal(err)
	}
	for _, content := range contents {
		if hash(content) == info.SHA256 {
			s.holds("same", content)
			return
		}
	}
	s.Errorf("the blob is none of those put: %+v", info)
}

func cancelled(s *suite) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	_, putErr := s.b.Put(ctx, "a", stream("x"), 1, "")
	_, _, getErr := s.b.Get(ctx, "a")
	_, statErr := s.b.Stat(ctx, "a")
	for name, err := range map[string]error{
		"Put": putErr, "Get": getErr, "Stat": statErr, "Delete": s.b.Delete(ctx, "a"),
	} {
		if !errors.Is(err, context.Canceled) || !bridge.IsTemporary(err) {
			s.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	s.lacks("a")
}

func (s *suite) presigned(key, method string, ttl time.Duration) string {
	s.Helper()
	url, ok, err := s.b.Presign(s.ctx, key, method, ttl)
	if err != nil || !ok || url == "" {
		s.Fatalf("Presign %s %s: %q, %v, %v", method, key, url, ok, err)
	}
	return url
}

func (s *suite) http(method, url, body string) (int, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.ctx, method, url, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func presign(s *suite) {
	if _, _, err := s.b.Presign(s.ctx, "a", "DELETE", time.Minute); err == nil || bridge.IsTemporary(err) {
		s.Errorf("presigned DELETE: %v", err)
	}
	if !s.o.Presigns {
		if url, ok, err := s.b.Presign(s.ctx, "a", "GET", time.Minute); ok || url != "" || err != nil {
			s.Errorf("got %q, %v, %v from a driver without URLs", url, ok, err)
		}
		return
	}
	s.put("site/1", "content")
	if code, got := s.http("GET", s.presigned("site/1", "GET", time.Minute), ""); code != 200 || got != "content" {
		s.Errorf("presigned GET: %d %q", code, got)
	}
	if code, got := s.http("PUT", s.presigned("site/2", "PUT", time.Minute), "put from outside"); code != 200 {
		s.Errorf("presigned PUT: %d %q", code, got)
	}
	r, info, err := s.b.Get(s.ctx, "site/2")
	if err != nil {
		s.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != "put from outside" || info.Size != int64(len(got)) {
		s.Errorf("after a presigned PUT: %q, %+v, %v", got, info, err)
	}
}

func presignRefusals(s *suite) {
	if !s.o.Presigns || s.o.Unchecked {
		s.Skip("no presigned URLs, or an engine that does not check them")
	}
	s.put("site/1", "content")
	url := s.presigned("site/1", "GET", time.Minute)
	if code, _ := s.http("PUT", url, "x"); code < 400 {
		s.Errorf("a URL for GET was used to PUT: %d", code)
	}
	if code, _ := s.http("GET", strings.Replace(url, "site/1", "site/2", 1), ""); code != 403 {
		s.Errorf("a URL was used for another key: %d", code)
	}
	short := s.presigned("site/1", "GET", time.Second)
	time.Sleep(2100 * time.Millisecond)
	if code, _ := s.http("GET", short, ""); code < 400 {
		s.Errorf("an expired URL was used: %d", code)
	}
}
