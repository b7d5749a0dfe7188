package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// Fault is how a call of the memory driver fails.
type Fault int

// The ways to fail.
const (
	FaultNone  Fault = iota
	FaultLost        // nothing was done, an error is returned
	FaultAfter       // it was done, an error is returned
)

// ErrInjected is the cause of an injected fault.
var ErrInjected = errors.New("injected fault")

// Memory is the driver that keeps everything in memory, for tests.
type Memory struct {
	Fail func(n int) Fault // asked at the n-th call of any method, from 1; nil: never

	mu    sync.Mutex
	calls int
	blobs map[string]memoryBlob
}

type memoryBlob struct {
	Info
	content []byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{blobs: map[string]memoryBlob{}} }

// All returns every content by its key, for tests that look at everything.
func (m *Memory) All() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string][]byte{}
	for key, b := range m.blobs {
		all[key] = b.content
	}
	return all
}

// call runs f under the lock, or fails before or after it.
func (m *Memory) call(ctx context.Context, what, key string, f func() error) error {
	if err := ctx.Err(); err != nil {
		return Unavailable(what, key, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	fault := FaultNone
	if m.Fail != nil {
		fault = m.Fail(m.calls)
	}
	if fault == FaultLost {
		return Unavailable(what, key, ErrInjected)
	}
	err := f()
	if err == nil && fault == FaultAfter {
		err = Unavailable(what, key, ErrInjected)
	}
	return err
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, key string, r io.Reader, size int64, sha256 string) (info Info, err error) {
	if err := ValidKey(key); err != nil {
		return Info{}, err
	}
	v := Verify(r, key, size, sha256)
	content, err := io.ReadAll(v)
	if err != nil {
		return Info{}, err
	}
	info = Info{key, size, v.Sum(), time.Now().Truncate(time.Second)}
	err = m.call(ctx, "put", key, func() error {
		m.blobs[key] = memoryBlob{info, content}
		return nil
	})
	return info, err
}

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, key string) (io.ReadCloser, Info, error) {
	b, err := m.find(ctx, "get", key)
	if err != nil {
		return nil, Info{}, err
	}
	return io.NopCloser(Verify(bytes.NewReader(b.content), key, b.Size, b.SHA256)), b.Info, nil
}

// Stat implements [Store].
func (m *Memory) Stat(ctx context.Context, key string) (Info, error) {
	b, err := m.find(ctx, "stat", key)
	return b.Info, err
}

func (m *Memory) find(ctx context.Context, what, key string) (b memoryBlob, err error) {
	if err := ValidKey(key); err != nil {
		return b, err
	}
	err = m.call(ctx, what, key, func() error {
		found, ok := m.blobs[key]
		if !ok {
			return NotFound(key)
		}
		b = found
		return nil
	})
	return b, err
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := ValidKey(key); err != nil {
		return err
	}
	return m.call(ctx, "delete", key, func() error {
		delete(m.blobs, key)
		return nil
	})
}

// Presign implements [Store]; there are no such URLs.
func (m *Memory) Presign(_ context.Context, key, method string, _ time.Duration) (string, bool, error) {
	if err := ValidKey(key); err != nil {
		return "", false, err
	}
	return "", false, ValidMethod(method)
}
