package sign

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const requestHeader = "Drawbridge-Request"

// RequestID identifies one signed request: its nonce, a dot, and the base64url
// SHA-256 of its 64 signature bytes. Because the signature covers method,
// authority, path, query and body, so does the id. Responses carry and cover it
// as the field Drawbridge-Request.
type RequestID string

func requestID(nonce string, signature []byte) RequestID {
	sum := sha256.Sum256(signature)
	return RequestID(nonce + "." + encode(sum[:]))
}

// RequestIDOf reads the id of a request from its fields without verifying
// anything: enough to bind a signed refusal to it, and not to believe it.
func RequestIDOf(h http.Header) (RequestID, error) {
	in, signature, err := readFields(h, requestShape)
	if err != nil {
		return "", err
	}
	return requestID(in.nonce, signature), nil
}

func (id RequestID) valid() bool {
	nonce, sum, ok := strings.Cut(string(id), ".")
	return ok && isToken(nonce) && len(sum) == 43 && only(sum, "_-")
}

// SignResponse sets Content-Digest, Drawbridge-Request, Signature-Input and
// Signature in h. body is what will go over the wire, req the id of the request
// being answered (Proof.ID, or RequestIDOf for a refusal), k the hub's key.
func SignResponse(h http.Header, status int, body []byte, req RequestID, k Key, now time.Time) error {
	if k.IsZero() {
		return errors.New("signing a response: no key")
	}
	if !req.valid() {
		return errors.New("signing a response: not the id of a request")
	}
	if status < 200 || status > 599 {
		return errors.New("signing a response: the status has to be final, 200 to 599")
	}
	digest := ContentDigest(body)
	in := input{shape: responseShape, created: now.Unix(), keyID: k.ID()}
	h.Set(digestHeader, digest)
	h.Set(requestHeader, string(req))
	in.write(h, []string{strconv.Itoa(status), digest, string(req)}, k)
	return nil
}

// Answer is what a verified response proves besides its status and body.
type Answer struct {
	KeyID   string
	Created time.Time // the hub's time, whole seconds
}

// ReadResponse checks that resp, with body as it came over the wire, was signed
// by hub in answer to req, which still carries the fields SignRequest set. It
// looks at no clock: the request's nonce is fresh, so its answer is. An error is
// a *Refusal; ReasonUnsigned means that something in between answered, not the
// hub, which is temporary and proves nothing.
func ReadResponse(resp *http.Response, body []byte, req *http.Request, hub PublicKey) (Answer, error) {
	want, err := RequestIDOf(req.Header)
	if err != nil {
		return Answer{}, err
	}
	in, _, err := readFields(resp.Header, responseShape)
	if err != nil {
		return Answer{}, err
	}
	if hub.IsZero() || in.keyID != hub.ID() {
		return Answer{}, refuse(ReasonUnknownKey, "the response is signed by key %s, not by the pinned hub key %s", in.keyID, hub.ID())
	}
	got, err := single(resp.Header, requestHeader, ReasonOther)
	if err != nil {
		return Answer{}, err
	}
	if got != string(want) {
		return Answer{}, refuse(ReasonOther, "the response answers the request %.120q, not %q", got, want)
	}
	digest, err := checkDigest(resp.Header, body)
	if err != nil {
		return Answer{}, err
	}
	if err := verifyResponseSignature(resp.StatusCode, resp.Header, body, digest, want, in, hub); err != nil {
		return Answer{}, err
	}
	return Answer{KeyID: in.keyID, Created: time.Unix(in.created, 0).UTC()}, nil
}

// VerifyResponse is ReadResponse for a caller whose own clock can be trusted: it
// also refuses a response made more than DefaultMaxAge before now or more than
// DefaultSkew after it. A poller, whose clock may be wrong, uses ReadResponse
// and learns the hub's time from it; see Clock.
func VerifyResponse(resp *http.Response, body []byte, req *http.Request, hub PublicKey, now time.Time) error {
	a, err := ReadResponse(resp, body, req, hub)
	if err != nil {
		return err
	}
	switch age := now.Sub(a.Created); {
	case age > DefaultMaxAge:
		return refuse(ReasonExpired, "the response was signed %s ago", age.Round(time.Second))
	case -age > DefaultSkew:
		return refuse(ReasonFuture, "the response was signed %s in the future", (-age).Round(time.Second))
	}
	return nil
}
