package sign_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

const (
	authority = "hub.example.com"
	nonce     = "nonce-0123456789abcdef"
)

var (
	now    = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	poller = seeded(1)
	hub    = seeded(2)
	other  = seeded(3)
	body   = []byte(`{"acks":[]}`)
)

// seeded returns a key made from a seed, for tests only.
func seeded(b byte) sign.Key {
	k, err := sign.NewKey(bytes.NewReader(bytes.Repeat([]byte{b}, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

func private(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32))
}

func verifier(at time.Time) sign.Verifier {
	return sign.Verifier{Authority: authority, Now: at, Key: func(id string) (sign.PublicKey, error) {
		if id == poller.ID() {
			return poller.Public(), nil
		}
		return sign.PublicKey{}, fmt.Errorf("key %s: %w", id, sign.ErrUnknownKey)
	}}
}

func request(t testing.TB) *http.Request {
	t.Helper()
	r := httptest.NewRequest("POST", "https://wrong-host.example/v1/connections/c1/exchange?part=2", bytes.NewReader(body))
	if err := sign.SignRequest(r, body, poller, authority, now, nonce); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequestVerifies(t *testing.T) {
	proof, err := sign.VerifyRequest(request(t), body, verifier(now.Add(time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	want := sign.Proof{KeyID: poller.ID(), Nonce: nonce, Created: now, Expires: now.Add(sign.Lifetime), ID: proof.ID}
	if proof != want {
		t.Errorf("proof %+v, want %+v", proof, want)
	}
	if id, err := sign.RequestIDOf(request(t).Header); err != nil || id != proof.ID || !strings.HasPrefix(string(id), nonce+".") {
		t.Errorf("id %q, %v", id, err)
	}
}

func TestRequestWithEmptyBodyIsSigned(t *testing.T) {
	r := httptest.NewRequest("GET", "/v1/connections/c1/blobs/public/10001", nil)
	if err := sign.SignRequest(r, nil, poller, authority, now, nonce); err != nil {
		t.Fatal(err)
	}
	if _, err := sign.VerifyRequest(r, nil, verifier(now)); err != nil {
		t.Error(err)
	}
	if _, err := sign.VerifyRequest(r, []byte("x"), verifier(now)); sign.ReasonOf(err) != sign.ReasonDigest {
		t.Errorf("a body where none was signed: %v", err)
	}
}

// A tampering changes a correctly signed request, or the receiver, and names the
// reason it has to be refused for.
type tampering struct {
	name string
	want sign.Reason
	do   func(r *http.Request, body *[]byte, v *sign.Verifier)
}

func header(name, old, with string) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(r *http.Request, _ *[]byte, _ *sign.Verifier) {
		got := r.Header.Get(name)
		if !strings.Contains(got, old) {
			panic("the case no longer fits: " + name + " has no " + old)
		}
		r.Header.Set(name, strings.Replace(got, old, with, 1))
	}
}

func drop(names ...string) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(r *http.Request, _ *[]byte, _ *sign.Verifier) {
		for _, n := range names {
			r.Header.Del(n)
		}
	}
}

func add(name, value string) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(r *http.Request, _ *[]byte, _ *sign.Verifier) {
		if value == "" {
			value = r.Header.Get(name)
		}
		r.Header.Add(name, value)
	}
}

func at(d time.Duration) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(_ *http.Request, _ *[]byte, v *sign.Verifier) { v.Now = now.Add(d) }
}

func onURL(f func(*url.URL)) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(r *http.Request, _ *[]byte, _ *sign.Verifier) { f(r.URL) }
}

func onBody(b string) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(_ *http.Request, body *[]byte, _ *sign.Verifier) { *body = []byte(b) }
}

// resign signs with the peer, so that the signature itself is right.
func resign(key byte, components []string, params string) func(*http.Request, *[]byte, *sign.Verifier) {
	return func(r *http.Request, body *[]byte, _ *sign.Verifier) {
		peerMessage{r.Header, r.Method, authority, r.URL.Path, r.URL.RawQuery, 0, *body}.
			sign(private(key), "drawbridge", components, params)
	}
}

var five = []string{"@method", "@authority", "@path", "@query", "content-digest"}

func params(created, expires time.Duration, rest string) string {
	return fmt.Sprintf(`;created=%d;expires=%d;nonce="%s";keyid="%s";tag="drawbridge-request"%s`,
		now.Add(created).Unix(), now.Add(expires).Unix(), nonce, poller.ID(), rest)
}

var tamperings = []tampering{
	{"method", sign.ReasonSignature, func(r *http.Request, _ *[]byte, _ *sign.Verifier) { r.Method = "PUT" }},
	{"odd method", sign.ReasonTarget, func(r *http.Request, _ *[]byte, _ *sign.Verifier) { r.Method = "post" }},
	{"path", sign.ReasonSignature, onURL(func(u *url.URL) { u.Path = "/v1/connections/c2/exchange" })},
	{"path with a trailing slash", sign.ReasonSignature, onURL(func(u *url.URL) { u.Path += "/" })},
	{"path with dots", sign.ReasonTarget, onURL(func(u *url.URL) { u.Path = "/v1/x/../connections/c1/exchange" })},
	{"path escaped", sign.ReasonTarget, onURL(func(u *url.URL) { u.RawPath = "/v1/connections/%63%31/exchange" })},
	{"path relative", sign.ReasonTarget, onURL(func(u *url.URL) { u.Path = "v1/connections/c1/exchange" })},
	{"query", sign.ReasonSignature, onURL(func(u *url.URL) { u.RawQuery = "part=3" })},
	{"query dropped", sign.ReasonSignature, onURL(func(u *url.URL) { u.RawQuery = "" })},
	{"query escaped", sign.ReasonTarget, onURL(func(u *url.URL) { u.RawQuery = "part=%32" })},
	{"body", sign.ReasonDigest, onBody(`{"acks":[1]}`)},
	{"body emptied", sign.ReasonDigest, onBody("")},
	{"body and digest", sign.ReasonSignature, func(r *http.Request, b *[]byte, _ *sign.Verifier) {
		*b = []byte("{}")
		r.Header.Set("Content-Digest", sign.ContentDigest(*b))
	}},
	{"authority of another hub", sign.ReasonSignature, func(_ *http.Request, _ *[]byte, v *sign.Verifier) { v.Authority = "evil.example" }},

	{"digest stripped", sign.ReasonDigest, drop("Content-Digest")},
	{"digest doubled", sign.ReasonSeveral, add("Content-Digest", "")},
	{"digest with a second algorithm", sign.ReasonSeveral, header("Content-Digest", "sha-256", "sha-512=:AA==:, sha-256")},
	{"digest of another algorithm", sign.ReasonDigest, header("Content-Digest", "sha-256", "sha-512")},
	{"digest in other spelling", sign.ReasonDigest, header("Content-Digest", "sha-256", "SHA-256")},

	{"signature stripped", sign.ReasonUnsigned, drop("Signature", "Signature-Input")},
	{"signature field stripped", sign.ReasonMalformed, drop("Signature")},
	{"input field stripped", sign.ReasonMalformed, drop("Signature-Input")},
	{"signature field doubled", sign.ReasonSeveral, add("Signature", "")},
	{"input field doubled", sign.ReasonSeveral, add("Signature-Input", "")},
	{"second signature in one field", sign.ReasonSeveral, header("Signature", "drawbridge", "x=:AA==:, drawbridge")},
	{"second input in one field", sign.ReasonSeveral, header("Signature-Input", "drawbridge", `x=();created=1, drawbridge`)},
	{"another label", sign.ReasonMalformed, header("Signature-Input", "drawbridge=", "sig1=")},
	{"label differs between fields", sign.ReasonMalformed, header("Signature", "drawbridge=", "sig1=")},
	{"signature zeroed", sign.ReasonSignature, func(r *http.Request, _ *[]byte, _ *sign.Verifier) {
		r.Header.Set("Signature", "drawbridge=:"+base64.StdEncoding.EncodeToString(make([]byte, 64))+":")
	}},
	{"signature cut", sign.ReasonMalformed, header("Signature", "==:", ":")},
	{"signature with loose base64 bits", sign.ReasonMalformed, func(r *http.Request, _ *[]byte, _ *sign.Verifier) {
		s := []byte(r.Header.Get("Signature"))
		last := &s[len(s)-4] // carries 4 bits that have to be zero
		*last = map[byte]byte{'A': 'B', 'Q': 'R', 'g': 'h', 'w': 'x'}[*last]
		r.Header.Set("Signature", string(s))
	}},
	{"field too long", sign.ReasonMalformed, header("Signature-Input", "drawbridge=", strings.Repeat("x", 2000))},

	{"components reordered", sign.ReasonComponents, resign(1, []string{"@authority", "@method", "@path", "@query", "content-digest"}, params(0, time.Minute, ""))},
	{"component left out", sign.ReasonComponents, resign(1, five[:4], params(0, time.Minute, ""))},
	{"component added", sign.ReasonComponents, resign(1, append(five[:5:5], "date"), params(0, time.Minute, ""))},
	{"no components", sign.ReasonComponents, header("Signature-Input", `"@method" "@authority" "@path" "@query" "content-digest"`, "")},
	{"component with a parameter", sign.ReasonComponents, header("Signature-Input", `"@method"`, `"@method";req`)},
	{"no list", sign.ReasonMalformed, header("Signature-Input", ")", "")},

	{"alg named", sign.ReasonAlgorithm, resign(1, five, params(0, time.Minute, `;alg="ed25519"`))},
	{"alg of a shared secret", sign.ReasonAlgorithm, header("Signature-Input", ";created", `;alg="hmac-sha256";created`)},
	{"unknown parameter", sign.ReasonParameter, resign(1, five, params(0, time.Minute, ";x=1"))},
	{"parameter twice", sign.ReasonParameter, header("Signature-Input", ";expires", ";created=1;expires")},
	{"created left out", sign.ReasonParameter, header("Signature-Input", fmt.Sprintf(";created=%d", now.Unix()), "")},
	{"expires left out", sign.ReasonParameter, header("Signature-Input", fmt.Sprintf(";expires=%d", now.Add(sign.Lifetime).Unix()), "")},
	{"nonce left out", sign.ReasonParameter, header("Signature-Input", `;nonce="`+nonce+`"`, "")},
	{"nonce too short", sign.ReasonParameter, header("Signature-Input", nonce, "abc")},
	{"nonce with hostile characters", sign.ReasonParameter, header("Signature-Input", nonce, `abcdefghijklmnopq\"`)},
	{"keyid left out", sign.ReasonParameter, header("Signature-Input", `;keyid="`+poller.ID()+`"`, "")},
	{"tag left out", sign.ReasonParameter, header("Signature-Input", `;tag="drawbridge-request"`, "")},
	{"all parameters left out", sign.ReasonParameter, resign(1, five, "")},
	{"created is a text", sign.ReasonParameter, header("Signature-Input", fmt.Sprintf("created=%d", now.Unix()), `created="now"`)},
	{"created is negative", sign.ReasonParameter, header("Signature-Input", "created=", "created=-")},
	{"created with a leading zero", sign.ReasonParameter, header("Signature-Input", "created=", "created=0")},
	{"tag of a response", sign.ReasonTag, header("Signature-Input", "drawbridge-request", "drawbridge-response")},

	{"created moved", sign.ReasonSignature, header("Signature-Input", fmt.Sprint(now.Unix()), fmt.Sprint(now.Unix()+1))},
	{"expires moved", sign.ReasonSignature, header("Signature-Input", fmt.Sprint(now.Add(sign.Lifetime).Unix()), fmt.Sprint(now.Add(sign.Lifetime).Unix()+9))},
	{"nonce replaced", sign.ReasonSignature, header("Signature-Input", nonce, "another-0123456789abcd")},
	{"expired", sign.ReasonExpired, at(sign.Lifetime + time.Millisecond)},
	{"long expired", sign.ReasonExpired, at(24 * time.Hour)},
	{"from the future", sign.ReasonFuture, at(-sign.DefaultSkew - time.Second)},
	{"lives too long", sign.ReasonLifetime, resign(1, five, params(0, sign.DefaultMaxAge+time.Second, ""))},
	{"expires before it was made", sign.ReasonLifetime, resign(1, five, params(0, -time.Second, ""))},

	{"unknown key", sign.ReasonUnknownKey, header("Signature-Input", poller.ID(), other.ID())},
	{"signed by another key under this id", sign.ReasonSignature, resign(3, five, params(0, time.Minute, ""))},
	{"store gives another key", sign.ReasonUnknownKey, func(_ *http.Request, _ *[]byte, v *sign.Verifier) {
		v.Key = func(string) (sign.PublicKey, error) { return other.Public(), nil }
	}},
	{"store gives no key", sign.ReasonUnknownKey, func(_ *http.Request, _ *[]byte, v *sign.Verifier) {
		v.Key = func(string) (sign.PublicKey, error) { return sign.PublicKey{}, nil }
	}},
}

func TestTamperedRequestIsRefused(t *testing.T) {
	for _, c := range tamperings {
		t.Run(c.name, func(t *testing.T) {
			r, b, v := request(t), bytes.Clone(body), verifier(now)
			c.do(r, &b, &v)
			proof, err := sign.VerifyRequest(r, b, v)
			if sign.ReasonOf(err) != c.want {
				t.Errorf("refused with %v, want reason %q", err, c.want)
			}
			if proof != (sign.Proof{}) {
				t.Errorf("a refused request proves %+v", proof)
			}
		})
	}
}

func TestTimeLimitsAreExact(t *testing.T) {
	for _, d := range []time.Duration{-sign.DefaultSkew, 0, sign.Lifetime} {
		if _, err := sign.VerifyRequest(request(t), body, verifier(now.Add(d))); err != nil {
			t.Errorf("received %s after signing: %v", d, err)
		}
	}
}

func TestFailingKeyStoreIsNoRefusal(t *testing.T) {
	v, broken := verifier(now), errors.New("table is throttled")
	v.Key = func(string) (sign.PublicKey, error) { return sign.PublicKey{}, broken }
	_, err := sign.VerifyRequest(request(t), body, v)
	if !errors.Is(err, broken) || sign.ReasonOf(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	for name, f := range map[string]func(*http.Request) error{
		"no key":          func(r *http.Request) error { return sign.SignRequest(r, nil, sign.Key{}, authority, now, nonce) },
		"no authority":    func(r *http.Request) error { return sign.SignRequest(r, nil, poller, "", now, nonce) },
		"short nonce":     func(r *http.Request) error { return sign.SignRequest(r, nil, poller, authority, now, "short") },
		"nonce injection": func(r *http.Request) error { return sign.SignRequest(r, nil, poller, authority, now, nonce+`";x="`) },
		"path": func(r *http.Request) error {
			r.URL.Path = "/a b"
			return sign.SignRequest(r, nil, poller, authority, now, nonce)
		},
	} {
		r := httptest.NewRequest("GET", "/x", nil)
		if err := f(r); err == nil || r.Header.Get("Signature") != "" {
			t.Errorf("%s: signed, %v", name, err)
		}
	}
}

func TestPeerVerifiesOurRequest(t *testing.T) {
	r := request(t)
	m := peerMessage{r.Header, "POST", authority, "/v1/connections/c1/exchange", "part=2", 0, body}
	got, err := m.verify(private(1).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if got["tag"] != "drawbridge-request" || got["nonce"] != nonce || got["keyid"] != poller.ID() {
		t.Errorf("parameters %v", got)
	}
	m.method = "PUT"
	if _, err := m.verify(private(1).Public().(ed25519.PublicKey)); err == nil {
		t.Error("the peer does not notice a changed method")
	}
}

func TestWeVerifyThePeersRequest(t *testing.T) {
	r := httptest.NewRequest("PUT", "/v1/connections/c1/blobs/public/1", nil)
	r.Header.Set("Content-Digest", peerDigest(body))
	b := bytes.Clone(body)
	resign(1, five, params(0, time.Minute, ""))(r, &b, nil)
	if _, err := sign.VerifyRequest(r, body, verifier(now)); err != nil {
		t.Error(err)
	}
}

func TestAuthority(t *testing.T) {
	for in, want := range map[string]string{
		"https://Hub.Example.com":          "hub.example.com",
		"https://hub.example.com:443/base": "hub.example.com",
		"https://hub.example.com:8443":     "hub.example.com:8443",
		"http://127.0.0.1:80":              "127.0.0.1",
		"http://hub.example.com:443":       "hub.example.com:443",
		"https://[::1]:443":                "[::1]",
	} {
		u, _ := url.Parse(in)
		if got := sign.Authority(u); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestRefusalTextIsOneSafeLine(t *testing.T) {
	r := request(t)
	r.Header.Set("Signature-Input", "drawbridge=(\"a\x1b[31m\r\nInjected: yes\")")
	_, err := sign.VerifyRequest(r, body, verifier(now))
	if err == nil || strings.ContainsAny(err.Error(), "\r\n\x1b") {
		t.Errorf("%q", err)
	}
}

func BenchmarkSignRequest(b *testing.B) {
	r := httptest.NewRequest("POST", "/v1/connections/c1/exchange", nil)
	for b.Loop() {
		if err := sign.SignRequest(r, body, poller, authority, now, nonce); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyRequest(b *testing.B) {
	r, v := request(b), verifier(now)
	for b.Loop() {
		if _, err := sign.VerifyRequest(r, body, v); err != nil {
			b.Fatal(err)
		}
	}
}
