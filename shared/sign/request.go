package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// Lifetime is how long a signed request may be delivered: its expires is its
	// created plus this. Long enough to upload 4 MB over a slow line.
	Lifetime = 2 * time.Minute

	// DefaultSkew and DefaultMaxAge stand in for zero values of a Verifier.
	DefaultSkew   = 30 * time.Second
	DefaultMaxAge = 5 * time.Minute
)

// Verifier says what a receiver of requests accepts.
type Verifier struct {
	// Authority is the receiver's own name, from configuration and never from
	// the Host header, in the form Authority returns.
	Authority string

	// Key finds the public key of a key id; ErrUnknownKey if there is none. To
	// confine keys to a connection, look only among the keys of that connection.
	Key func(keyID string) (PublicKey, error)

	// Now is when the request arrived.
	Now time.Time

	// Skew is how far a sender's clock may be ahead; DefaultSkew if zero. There
	// is no such allowance after expiry, so that Proof.Expires is the moment
	// after which a nonce may be forgotten.
	Skew time.Duration

	// MaxAge is the longest time between created and expires; DefaultMaxAge if
	// zero. It bounds how long nonces have to be remembered.
	MaxAge time.Duration
}

// Proof is what a verified request proves.
type Proof struct {
	KeyID            string
	Nonce            string
	Created, Expires time.Time // whole seconds
	ID               RequestID // what a response to this request is bound to
}

// Nonces remembers the nonces of requests that change something. This package
// does not use it; it is what VerifyRequest expects of its caller.
type Nonces interface {
	// Remember stores (keyID, nonce) at least until the given time and says
	// whether it was new. It has to be one atomic conditional write; of two
	// concurrent calls one gets true. A nonce that is not new is a replay: answer
	// with PublicAnswer, change nothing.
	Remember(ctx context.Context, keyID, nonce string, until time.Time) (fresh bool, err error)
}

// NewNonce returns a fresh nonce: 16 bytes of rand, 22 characters.
func NewNonce(rand io.Reader) (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", fmt.Errorf("making a nonce: %w", err)
	}
	return encode(b), nil
}

// Authority returns the normal form of a base URL's authority (RFC 9421, 2.2.3):
// host and port in lower case, without the default port of the scheme. Sender
// and receiver both derive it from the hub URL in their configuration.
func Authority(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return host
}

// SignRequest sets Content-Digest, Signature-Input and Signature on r. body is
// what will go over the wire, after compression; r.Body is not touched. The
// authority is the receiver's, in the form Authority returns; now is the time as
// the receiver has it (see Clock); nonce is 16 to 64 of [A-Za-z0-9_-], never used
// before. Errors are permanent: the request cannot be signed as it is.
func SignRequest(r *http.Request, body []byte, k Key, authority string, now time.Time, nonce string) error {
	if k.IsZero() {
		return errors.New("signing a request: no key")
	}
	if authority == "" {
		return errors.New("signing a request: no authority")
	}
	if !isToken(nonce) || len(nonce) < 16 {
		return errors.New("signing a request: the nonce has to be 16 to 64 of [A-Za-z0-9_-]")
	}
	if err := checkTarget(r.Method, r.URL); err != nil {
		return fmt.Errorf("signing a request: %w", err)
	}
	digest := ContentDigest(body)
	in := input{shape: requestShape, created: now.Unix(), expires: now.Add(Lifetime).Unix(), nonce: nonce, keyID: k.ID()}
	r.Header.Set(digestHeader, digest)
	in.write(r.Header, []string{r.Method, authority, r.URL.Path, "?" + r.URL.RawQuery, digest}, k)
	return nil
}

// VerifyRequest checks the signature of r, of which body is the whole body as it
// came over the wire, read by the caller within its limits. An error is a
// *Refusal, or else a failure of v.Key, which is temporary. It checks, in this
// order: form, target, digest, key, signature, time; so a refusal for its time
// is known to come from the owner of the key.
func VerifyRequest(r *http.Request, body []byte, v Verifier) (Proof, error) {
	in, signature, err := readFields(r.Header, requestShape)
	if err != nil {
		return Proof{}, err
	}
	if len(in.nonce) < 16 {
		return Proof{}, refuse(ReasonParameter, "the nonce is shorter than 16 characters")
	}
	if err := checkTarget(r.Method, r.URL); err != nil {
		return Proof{}, err
	}
	digest, err := checkDigest(r.Header, body)
	if err != nil {
		return Proof{}, err
	}
	key, err := v.key(in.keyID)
	if err != nil {
		return Proof{}, err
	}
	if err := verifyRequestSignature(r, v.Authority, body, digest, in, key); err != nil {
		return Proof{}, err
	}
	if err := v.checkTime(in); err != nil {
		return Proof{}, err
	}
	return in.proof(signature), nil
}

func (in input) proof(signature []byte) Proof {
	return Proof{
		KeyID: in.keyID, Nonce: in.nonce,
		Created: time.Unix(in.created, 0).UTC(), Expires: time.Unix(in.expires, 0).UTC(),
		ID: requestID(in.nonce, signature),
	}
}

func (v Verifier) key(id string) (PublicKey, error) {
	key, err := v.Key(id)
	if errors.Is(err, ErrUnknownKey) || err == nil && key.IsZero() {
		return PublicKey{}, refuse(ReasonUnknownKey, "nobody here has the key %s", id)
	}
	if err != nil {
		return PublicKey{}, fmt.Errorf("looking up key %s: %w", id, err)
	}
	if key.ID() != id {
		return PublicKey{}, refuse(ReasonUnknownKey, "the key found for %s is another one, %s", id, key.ID())
	}
	return key, nil
}

func (v Verifier) checkTime(in input) error {
	created, expires := time.Unix(in.created, 0), time.Unix(in.expires, 0)
	skew, maxAge := orDefault(v.Skew, DefaultSkew), orDefault(v.MaxAge, DefaultMaxAge)
	switch {
	case in.expires <= in.created || expires.Sub(created) > maxAge:
		return refuse(ReasonLifetime, "key %s signed for %s; at most %s is allowed", in.keyID, expires.Sub(created), maxAge)
	case created.Sub(v.Now) > skew:
		return refuse(ReasonFuture, "key %s signed %s in the future; its clock is ahead", in.keyID, created.Sub(v.Now).Round(time.Second))
	case v.Now.After(expires):
		return refuse(ReasonExpired, "the signature by key %s expired %s ago: a replay, or its clock is behind", in.keyID,
			v.Now.Sub(expires).Round(time.Second))
	}
	return nil
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}

// checkTarget refuses methods, paths and queries that can be written in more
// than one way, and with them every disagreement about their spelling.
func checkTarget(method string, u *url.URL) error {
	switch method {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		return refuse(ReasonTarget, "the method %.20q is not signed", method)
	}
	if path := u.EscapedPath(); !strings.HasPrefix(path, "/") || len(path) > maxField || !only(path, "/_-") {
		return refuse(ReasonTarget, "the path %.80q has more than [A-Za-z0-9/_-]", path)
	}
	if len(u.RawQuery) > maxField || !only(u.RawQuery, "_=&-") {
		return refuse(ReasonTarget, "the query %.80q has more than [A-Za-z0-9_=&-]", u.RawQuery)
	}
	return nil
}
