package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"drawbridge/shared/bridge"
)

// Verifier reads exactly size bytes from r and checks their SHA-256. Drivers
// wrap what they are given in it, both ways.
type Verifier struct {
	r    io.Reader
	key  string
	size int64
	want string
	n    int64
	sum  hash.Hash
	err  error
}

// Verify returns a reader of r that ends with ErrMismatch instead of io.EOF
// unless r gave exactly size bytes with that SHA-256 (hex; empty: any).
func Verify(r io.Reader, key string, size int64, sha256hex string) *Verifier {
	return &Verifier{r: r, key: key, size: size, want: strings.ToLower(sha256hex), sum: sha256.New()}
}

// Read implements io.Reader.
func (v *Verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	if room := v.size + 1 - v.n; int64(len(p)) > room {
		p = p[:room]
	}
	n, err := v.r.Read(p)
	v.n += int64(n)
	v.sum.Write(p[:n])
	switch {
	case v.n > v.size:
		err = v.mismatch("longer than its %d bytes", v.size)
	case errors.Is(err, io.EOF) && v.n < v.size:
		err = v.mismatch("only %d of %d bytes", v.n, v.size)
	case err == io.EOF && v.want != "" && v.Sum() != v.want:
		err = v.mismatch("SHA-256 %s, announced was %s", v.Sum(), v.want)
	case err != nil && err != io.EOF:
		err = Unavailable("read", v.key, err)
	}
	v.err = err
	return n, err
}

func (v *Verifier) mismatch(format string, args ...any) error {
	return bridge.Permanent("blob-mismatch", "%w: %s is "+format, append([]any{ErrMismatch, v.key}, args...)...)
}

// Sum returns the SHA-256 of what was read so far, in hex.
func (v *Verifier) Sum() string { return hex.EncodeToString(v.sum.Sum(nil)) }

// Size returns how many bytes were read so far.
func (v *Verifier) Size() int64 { return v.n }

// ReadCloser joins a verifying reader with the closer beneath it.
type ReadCloser struct {
	io.Reader
	io.Closer
}
