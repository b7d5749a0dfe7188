package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/remitly-oss/httpsig-go"
)

// Key material of RFC 9421, B.1.4.
const (
	rfcPrivate = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"
	rfcPublic  = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n"
)

// Request and signature of RFC 9421, B.2 and B.2.6.
const (
	rfcBody      = `{"hello": "world"}`
	rfcParams    = `("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`
	rfcSignature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
)

var (
	rfcComponents = []string{"date", "@method", "@path", "@authority", "content-type", "content-length"}
	rfcValues     = []string{"Tue, 20 Apr 2021 02:07:55 GMT", "POST", "/foo", "example.com", "application/json", "18"}
)

func rfcKey(t *testing.T) Key {
	t.Helper()
	block, _ := pem.Decode([]byte(rfcPrivate))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return keyFromSeed(parsed.(ed25519.PrivateKey).Seed())
}

func TestRFC9421KeyMaterial(t *testing.T) {
	block, _ := pem.Decode([]byte(rfcPublic))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	derived := rfcKey(t).Public()
	if !bytes.Equal(derived.bytes[:], public.(ed25519.PublicKey)) {
		t.Fatal("the private key of B.1.4 does not give its public key")
	}
}

func TestRFC9421B26SignatureIsReproduced(t *testing.T) {
	if got := list(rfcComponents) + rfcParams[len(list(rfcComponents)):]; got != rfcParams {
		t.Fatalf("component list %s", list(rfcComponents))
	}
	signature := rfcKey(t).sign(base(rfcComponents, rfcValues, rfcParams))
	if got := base64.StdEncoding.EncodeToString(signature); got != rfcSignature {
		t.Fatalf("signature of B.2.6:\n got %s\nwant %s", got, rfcSignature)
	}
}

func TestRFC9421B26VerifiesInTheLibrary(t *testing.T) {
	for _, path := range []string{"/foo", "/fop"} {
		r := rfcRequest(path)
		p := httpsig.VerifyProfile{
			SignatureLabel: "sig-b26", DisableTimeEnforcement: true, AllowedAlgorithms: profile.AllowedAlgorithms,
		}
		_, err := httpsig.Verify(r, oneKey{"test-key-ed25519", rfcKey(t).Public()}, p)
		if (err == nil) != (path == "/foo") {
			t.Errorf("path %s: %v", path, err)
		}
	}
}

func rfcRequest(path string) *http.Request {
	return &http.Request{
		Method: "POST", Host: "example.com", URL: &url.URL{Path: path, RawQuery: "param=Value&Pet=dog"},
		Body: io.NopCloser(bytes.NewReader([]byte(rfcBody))),
		Header: http.Header{
			"Date": {rfcValues[0]}, "Content-Type": {"application/json"}, "Content-Length": {"18"},
			"Signature-Input": {"sig-b26=" + rfcParams}, "Signature": {"sig-b26=:" + rfcSignature + ":"},
		},
	}
}

func TestRFC9530Digests(t *testing.T) {
	for body, want := range map[string]string{
		"{\"hello\": \"world\"}\n":     "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", // RFC 9530, appendix B
		"{\"hello\": \"world\"}":       "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:", // the same without the line feed
		"":                             "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", // empty
		"{\"title\": \"New Title\"}\n": "sha-256=:mEkdbO7Srd9LIOegftO0aBX+VPTVz7/CSHes2Z27gc4=:", // RFC 9530, appendix B
	} {
		if got := ContentDigest([]byte(body)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", body, got, want)
		}
	}
}
