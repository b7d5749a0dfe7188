package sign_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

var answer = []byte(`{"next_poll_ms":1000}`)

func response(t testing.TB, req *http.Request, status int, k sign.Key) *http.Response {
	t.Helper()
	id, err := sign.RequestIDOf(req.Header)
	if err != nil {
		t.Fatal(err)
	}
	resp := &http.Response{StatusCode: status, Header: http.Header{}}
	if err := sign.SignResponse(resp.Header, status, answer, id, k, now); err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestResponseVerifies(t *testing.T) {
	req := request(t)
	a, err := sign.ReadResponse(response(t, req, 200, hub), answer, req, hub.Public())
	if err != nil || a != (sign.Answer{KeyID: hub.ID(), Created: now}) {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestTamperedResponseIsRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		want sign.Reason
		do   func(resp *http.Response, body *[]byte, req *http.Request)
	}{
		{"status", sign.ReasonSignature, func(r *http.Response, _ *[]byte, _ *http.Request) { r.StatusCode = 204 }},
		{"body", sign.ReasonDigest, func(_ *http.Response, b *[]byte, _ *http.Request) { *b = []byte("{}") }},
		{"body and digest", sign.ReasonSignature, func(r *http.Response, b *[]byte, _ *http.Request) {
			*b = []byte("{}")
			r.Header.Set("Content-Digest", sign.ContentDigest(*b))
		}},
		{"digest stripped", sign.ReasonDigest, func(r *http.Response, _ *[]byte, _ *http.Request) { r.Header.Del("Content-Digest") }},
		{"unsigned", sign.ReasonUnsigned, func(r *http.Response, _ *[]byte, _ *http.Request) { r.Header = http.Header{} }},
		{"signature of the request reflected", sign.ReasonComponents, func(r *http.Response, _ *[]byte, q *http.Request) {
			r.Header = q.Header.Clone()
		}},
		{"binding stripped", sign.ReasonOther, func(r *http.Response, _ *[]byte, _ *http.Request) { r.Header.Del("Drawbridge-Request") }},
		{"binding doubled", sign.ReasonSeveral, func(r *http.Response, _ *[]byte, _ *http.Request) {
			r.Header.Add("Drawbridge-Request", r.Header.Get("Drawbridge-Request"))
		}},
		{"answer to another request", sign.ReasonOther, func(_ *http.Response, _ *[]byte, q *http.Request) {
			sign.SignRequest(q, body, poller, authority, now, "another-nonce-0123456789")
		}},
		{"answer to the same nonce but another body", sign.ReasonOther, func(_ *http.Response, _ *[]byte, q *http.Request) {
			sign.SignRequest(q, []byte("other"), poller, authority, now, nonce)
		}},
		{"answer to another request, binding rewritten", sign.ReasonSignature, func(r *http.Response, _ *[]byte, q *http.Request) {
			sign.SignRequest(q, []byte("other"), poller, authority, now, nonce)
			id, _ := sign.RequestIDOf(q.Header)
			r.Header.Set("Drawbridge-Request", string(id))
		}},
		{"request was never signed", sign.ReasonUnsigned, func(_ *http.Response, _ *[]byte, q *http.Request) { q.Header = http.Header{} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, b := request(t), answer
			resp := response(t, req, 200, hub)
			c.do(resp, &b, req)
			if _, err := sign.ReadResponse(resp, b, req, hub.Public()); sign.ReasonOf(err) != c.want {
				t.Errorf("%v, want reason %q", err, c.want)
			}
		})
	}
}

func TestResponseByAnotherKeyIsRefused(t *testing.T) {
	req := request(t)
	_, err := sign.ReadResponse(response(t, req, 200, other), answer, req, hub.Public())
	if sign.ReasonOf(err) != sign.ReasonUnknownKey {
		t.Errorf("other key: %v", err)
	}
	forged := response(t, req, 200, other)
	forged.Header.Set("Signature-Input", strings.Replace(forged.Header.Get("Signature-Input"), other.ID(), hub.ID(), 1))
	if _, err := sign.ReadResponse(forged, answer, req, hub.Public()); sign.ReasonOf(err) != sign.ReasonSignature {
		t.Errorf("other key under the hub's id: %v", err)
	}
	if _, err := sign.ReadResponse(response(t, req, 200, hub), answer, req, sign.PublicKey{}); sign.ReasonOf(err) != sign.ReasonUnknownKey {
		t.Errorf("no pinned key: %v", err)
	}
}

func TestVerifyResponseLooksAtTheClock(t *testing.T) {
	req := request(t)
	resp := response(t, req, 200, hub)
	for after, want := range map[time.Duration]sign.Reason{
		0: "", sign.DefaultMaxAge: "", sign.DefaultMaxAge + time.Second: sign.ReasonExpired,
		-sign.DefaultSkew: "", -sign.DefaultSkew - time.Second: sign.ReasonFuture,
	} {
		err := sign.VerifyResponse(resp, answer, req, hub.Public(), now.Add(after))
		if sign.ReasonOf(err) != want || (err == nil) != (want == "") {
			t.Errorf("%s after: %v, want %q", after, err, want)
		}
	}
}

func TestPeerAndWeAgreeOnResponses(t *testing.T) {
	req := request(t)
	resp := response(t, req, 200, hub)
	m := peerMessage{header: resp.Header, status: 200, body: answer}
	if _, err := m.verify(private(2).Public().(ed25519.PublicKey)); err != nil {
		t.Fatal(err)
	}
	input := resp.Header.Get("Signature-Input")
	rest := input[strings.Index(input, ")")+1:]
	resp.Header.Del("Signature")
	m.sign(private(2), "drawbridge", []string{"@status", "content-digest", "drawbridge-request"}, rest)
	if _, err := sign.ReadResponse(resp, answer, req, hub.Public()); err != nil {
		t.Error(err)
	}
}

func TestWhatNoResponseIsSignedFor(t *testing.T) {
	id, _ := sign.RequestIDOf(request(t).Header)
	for name, err := range map[string]error{
		"no key":        sign.SignResponse(http.Header{}, 200, nil, id, sign.Key{}, now),
		"no request":    sign.SignResponse(http.Header{}, 200, nil, "", hub, now),
		"injection":     sign.SignResponse(http.Header{}, 200, nil, id+"\r\nX: y", hub, now),
		"interim reply": sign.SignResponse(http.Header{}, 100, nil, id, hub, now),
	} {
		if err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestPublicAnswerTellsTheTimeAndNothingElse(t *testing.T) {
	at := now.Add(123 * time.Millisecond)
	status, b := sign.PublicAnswer(at)
	if want := `{"error":"refused","now":"2026-11-21T10:00:00.123Z"}`; status != 401 || string(b) != want {
		t.Errorf("%d %s, want 401 %s", status, b, want)
	}
	if got, err := sign.PublicNow(b); err != nil || !got.Equal(at) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := sign.PublicNow([]byte("<html>")); err == nil {
		t.Error("a time was read from HTML")
	}
}

func TestRefusalsCanBeToldApart(t *testing.T) {
	_, err := sign.VerifyRequest(request(t), body, verifier(now.Add(time.Hour)))
	if !errors.Is(err, &sign.Refusal{Reason: sign.ReasonExpired}) || errors.Is(err, &sign.Refusal{Reason: sign.ReasonFuture}) {
		t.Error(err)
	}
	seen := map[sign.Reason]bool{sign.ReasonOther: true, sign.ReasonReplay: true} // not made by VerifyRequest
	for _, c := range tamperings {
		seen[c.want] = true
	}
	for _, r := range sign.Reasons {
		if !seen[r] {
			t.Errorf("no tampering is refused for reason %q", r)
		}
	}
}
