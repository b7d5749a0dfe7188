package sign

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
)

const digestHeader = "Content-Digest"

// ContentDigest returns the value of the Content-Digest field (RFC 9530,
// section 2) for a body of these bytes, exactly as they go over the wire.
func ContentDigest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// checkDigest compares the one Content-Digest field with the body. It accepts
// the one form ContentDigest writes: no other algorithm, no second member.
func checkDigest(h http.Header, body []byte) (string, error) {
	got, err := single(h, digestHeader, ReasonDigest)
	if err != nil {
		return "", err
	}
	want := ContentDigest(body)
	if subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
		return "", refuse(ReasonDigest, "the content digest is not that of the %d bytes received", len(body))
	}
	return got, nil
}
