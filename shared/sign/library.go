package sign

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/remitly-oss/httpsig-go"
)

// The library verifies; docs/decisions/httpsig.md says why, and lists its traps.
// It is given only messages rebuilt from parts that were checked here, never one
// as it came in: one value for each field, parameters of the right type, the
// authority from configuration. Hence it cannot be surprised, and has no say in
// times (checked in checkTime) or in what has to be covered (shape).

var profile = httpsig.VerifyProfile{
	SignatureLabel:         label,
	AllowedAlgorithms:      []httpsig.Algorithm{httpsig.Algo_ED25519},
	RequiredMetadata:       []httpsig.Metadata{httpsig.MetaCreated, httpsig.MetaKeyID, httpsig.MetaTag},
	DisallowedMetadata:     []httpsig.Metadata{httpsig.MetaAlgorithm},
	DisableTimeEnforcement: true,
}

// verifyRequestSignature gives the library the request as the receiver sees it.
func verifyRequestSignature(r *http.Request, authority string, body []byte, digest string, in input, key PublicKey) error {
	clean := &http.Request{
		Method: r.Method,
		Host:   authority,
		URL:    &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery},
		Header: cleanHeader(r.Header, digest, in),
		Body:   io.NopCloser(bytes.NewReader(body)),
	}
	result, err := httpsig.Verify(clean, oneKey{in.keyID, key}, profile)
	return verdict(result, err, in)
}

// verifyResponseSignature gives the library the response as the client sees it.
// The signature itself is still in the fields that in was read from.
func verifyResponseSignature(status int, h http.Header, body []byte, digest string, req RequestID, in input, hub PublicKey) error {
	clean := &http.Response{
		StatusCode: status,
		Header:     cleanHeader(h, digest, in),
		Body:       io.NopCloser(bytes.NewReader(body)),
	}
	clean.Header.Set(requestHeader, string(req))
	result, err := httpsig.VerifyResponse(clean, oneKey{in.keyID, hub}, profile)
	return verdict(result, err, in)
}

func cleanHeader(h http.Header, digest string, in input) http.Header {
	clean := http.Header{}
	clean.Set(digestHeader, digest)
	clean.Set(inputHeader, label+"="+in.params())
	clean.Set(signatureHeader, h.Get(signatureHeader))
	return clean
}

func verdict(result httpsig.VerifyResult, err error, in input) error {
	if err != nil || !result.Verified {
		return refuse(ReasonSignature, "the signature is not one of this message by key %s", in.keyID)
	}
	return nil
}

// oneKey is the library's key store: one key, already looked up.
type oneKey struct {
	id  string
	key PublicKey
}

var errOtherKey = errors.New("not the key that was looked up")

func (o oneKey) FetchByKeyID(_ context.Context, _ http.Header, id string) (httpsig.KeySpecer, error) {
	if id != o.id {
		return nil, errOtherKey
	}
	return httpsig.KeySpec{KeyID: id, Algo: httpsig.Algo_ED25519, PubKey: ed25519.PublicKey(o.key.bytes[:])}, nil
}

func (o oneKey) Fetch(context.Context, http.Header, httpsig.MetadataProvider) (httpsig.KeySpecer, error) {
	return nil, errOtherKey
}
