package attack

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/sign"
)

func TestTheGenuineRequestIsTaken(t *testing.T) {
	h := newHub(t)
	h.accepted("genuine", h.genuine())
	if len(h.passed) != 1 || h.passed[0] != "exchange c1" {
		t.Errorf("passed on: %v", h.passed)
	}
}

func TestForgedSignaturesAreRefused(t *testing.T) {
	h := newHub(t)
	set := func(r *http.Request, body []byte) {
		r.Body, r.ContentLength = readCloser(body), int64(len(body))
	}
	for name, change := range map[string]func(r *http.Request){
		"unsigned":               func(r *http.Request) { r.Header.Del("Signature"); r.Header.Del("Signature-Input") },
		"signature stripped":     func(r *http.Request) { r.Header.Del("Signature") },
		"input stripped":         func(r *http.Request) { r.Header.Del("Signature-Input") },
		"digest stripped":        func(r *http.Request) { r.Header.Del("Content-Digest") },
		"signature doubled":      func(r *http.Request) { r.Header.Add("Signature", r.Header.Get("Signature")) },
		"input doubled":          func(r *http.Request) { r.Header.Add("Signature-Input", r.Header.Get("Signature-Input")) },
		"second signature first": func(r *http.Request) { prepend(r, "x", r.Header.Get("Signature")) },
		"other body":             func(r *http.Request) { set(r, heartbeat("c2")) },
		"other body, other digest": func(r *http.Request) {
			set(r, heartbeat("c2"))
			r.Header.Set("Content-Digest", sign.ContentDigest(heartbeat("c2")))
		},
		"query added":              func(r *http.Request) { r.URL.RawQuery = "x=1" },
		"method":                   func(r *http.Request) { r.Method = "PUT" },
		"path":                     func(r *http.Request) { r.URL.Path = exchange2 },
		"path with two slashes":    func(r *http.Request) { r.URL.Path = "/v1//connections/c1/exchange" },
		"path climbing":            func(r *http.Request) { r.URL.Path = "/v1/connections/c2/../c1/exchange" },
		"path encoded":             func(r *http.Request) { r.URL.Path = exchange1; r.URL.RawPath = "/v1/connections/c%31/exchange" },
		"components reordered":     func(r *http.Request) { reorder(r) },
		"tag of answers":           func(r *http.Request) { replace(r, "drawbridge-request", "drawbridge-response") },
		"expiry moved":             func(r *http.Request) { replace(r, ";expires=", ";expires=9") },
		"alg none":                 func(r *http.Request) { replace(r, ";created", `;alg="none";created`) },
		"alg with a shared secret": func(r *http.Request) { replace(r, ";created", `;alg="hmac-sha256";created`) },
		"key id of the other":      func(r *http.Request) { replace(r, poller1.ID(), poller2.ID()) },
		"key id of nobody":         func(r *http.Request) { replace(r, poller1.ID(), nobody.ID()) },
		"key id of the hub":        func(r *http.Request) { replace(r, poller1.ID(), hubKey.ID()) },
		"created is a text":        func(r *http.Request) { replace(r, ";created=", `;created="x";y=`) },
		"input is garbage":         func(r *http.Request) { r.Header.Set("Signature-Input", strings.Repeat("(", 900)) },
		"no such call":             func(r *http.Request) { r.URL.Path = "/v1/connections/c1/secrets" },
		"no such version":          func(r *http.Request) { r.URL.Path = "/v2/connections/c1/exchange" },
		"admin":                    func(r *http.Request) { r.URL.Path = "/" },
	} {
		r := h.genuine()
		change(r)
		h.refused(name, r)
	}
}

func prepend(r *http.Request, label, value string) {
	r.Header["Signature"] = []string{strings.Replace(value, "drawbridge", label, 1), value}
}

func replace(r *http.Request, old, with string) {
	v := r.Header.Get("Signature-Input")
	if !strings.Contains(v, old) {
		panic("the case no longer fits: " + old)
	}
	r.Header.Set("Signature-Input", strings.Replace(v, old, with, 1))
}

func reorder(r *http.Request) { replace(r, `"@method" "@authority"`, `"@authority" "@method"`) }

func TestTheHostHeaderDecidesNothing(t *testing.T) {
	h := newHub(t)
	r := h.genuine()
	r.Host = "evil.example"
	h.accepted("another Host header", r)
	other := h.signedFor(poller1, "evil.example")
	other.Host = "evil.example"
	h.refused("signed for another hub", other)
}

func (h *hub) signedFor(k sign.Key, authority string) *http.Request {
	r := h.genuine()
	h.nonces++
	h.must(sign.SignRequest(r, heartbeat("c1"), k, authority, h.now(), fmt.Sprintf("nonce-%014d", h.nonces)))
	return r
}

func TestReplays(t *testing.T) {
	h := newHub(t)
	r := h.genuine()
	h.accepted("the first time", again(r))
	h.refused("at once", again(r))
	h.wait(time.Minute)
	h.refused("within the window", again(r))
	h.wait(sign.Lifetime - time.Minute)
	h.refused("in its last second", again(r))
	h.wait(time.Second)
	h.refused("after the window", again(r))
	h.wait(24 * time.Hour)
	h.refused("the next day", again(r))
}

func TestReplayOfWhatWasTurnedAwayBusy(t *testing.T) {
	h := newHub(t)
	h.accepted("holder", h.genuine())
	standby := h.signed(poller1, "POST", exchange1, []byte(`{"protocol":1,"from":{"poller":"poller-c1","state":"copy","generation":1,"instance":"j"}}`))
	h.wait(30 * time.Second)
	if a := h.send(again(standby)); a.status != 409 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	h.wait(45 * time.Second) // the lease is over, the request is not
	h.refused("replayed into a free lease", again(standby))
}

func TestReplayOfOtherCalls(t *testing.T) {
	h := newHub(t)
	rotation := sign.NewRotation("c1", poller1, nobody)
	for name, r := range map[string]*http.Request{
		"content":  h.signed(poller1, "PUT", "/v1/connections/c1/blobs/private/1?sha256="+sha256Of("x")+"&size=1", []byte("x")),
		"rotation": h.signed(poller1, "POST", "/v1/connections/c1/keys", mustJSON(rotation)),
	} {
		h.accepted(name, again(r))
		h.refused(name+" replayed", again(r))
	}
}

func TestReplayRaceLetsOneThrough(t *testing.T) {
	h := newHub(t)
	r := h.genuine()
	statuses := make(chan int)
	for range 20 {
		go func() {
			resp, err := h.server.Client().Do(again(r))
			if err != nil {
				statuses <- 0
				return
			}
			resp.Body.Close()
			statuses <- resp.StatusCode
		}()
	}
	taken := 0
	for range 20 {
		if s := <-statuses; s == 200 {
			taken++
		} else if s != 401 {
			t.Errorf("answered %d", s)
		}
	}
	if taken != 1 || len(h.passed) != 1 {
		t.Errorf("%d of 20 copies were taken, %d passed on", taken, len(h.passed))
	}
}

func TestOldAndFutureRequestsAreRefused(t *testing.T) {
	h := newHub(t)
	late, early := h.genuine(), h.genuine()
	h.wait(sign.Lifetime + time.Second)
	h.refused("late", late)
	h.wait(-sign.Lifetime - sign.DefaultSkew - 2*time.Second)
	h.refused("early", early)
}

func TestKeysWorkOnTheirOwnConnectionOnly(t *testing.T) {
	h := newHub(t)
	query := "?sha256=" + sha256Of("x") + "&size=1"
	for _, c := range []struct {
		name, method, path string
		body               []byte
	}{
		{"exchange", "POST", exchange2, heartbeat("c2")},
		{"exchange under our poller id", "POST", exchange2, heartbeat("c1")},
		{"put content", "PUT", "/v1/connections/c2/blobs/private/1" + query, []byte("x")},
		{"get content", "GET", "/v1/connections/c2/blobs/public/1", nil},
		{"get a link", "GET", "/v1/connections/c2/blobs/public/1?link=1", nil},
		{"rotate", "POST", "/v1/connections/c2/keys", mustJSON(sign.NewRotation("c2", poller1, nobody))},
		{"a connection that is none", "POST", "/v1/connections/c3/exchange", heartbeat("c3")},
		{"hostile connection id", "POST", "/v1/connections/_____-/exchange", heartbeat("c1")},
	} {
		h.refused(c.name, h.signed(poller1, c.method, c.path, c.body))
	}
}

func TestARotationNeedsBothKeys(t *testing.T) {
	h := newHub(t)
	taken := sign.NewRotation("c1", poller1, nobody)
	taken.New = poller2.Public() // a key the sender does not have
	for name, r := range map[string]sign.Rotation{
		"somebody else's key":     taken,
		"not by the key in force": sign.NewRotation("c1", poller2, nobody),
		"for another connection":  sign.NewRotation("c2", poller1, nobody),
		"nothing":                 {},
	} {
		req := h.signed(poller1, "POST", "/v1/connections/c1/keys", mustJSON(r))
		if a := h.send(req); a.status != 401 {
			t.Errorf("%s: answered %d %s", name, a.status, a.body)
		}
	}
	h.accepted("the key before", h.genuine())
	h.refused("the key that was to be", h.signed(nobody, "POST", exchange1, heartbeat("c1")))
}

func TestAnAnswerToAnotherRequestIsNotBelieved(t *testing.T) {
	h := newHub(t)
	mine, other := h.genuine(), h.genuine()
	a := h.accepted("genuine", again(other))
	resp := &http.Response{StatusCode: a.status, Header: a.header}
	if _, err := sign.ReadResponse(resp, []byte(a.body), mine, hubKey.Public()); sign.ReasonOf(err) != sign.ReasonOther {
		t.Errorf("the answer to another request: %v", err)
	}
	if _, err := sign.ReadResponse(resp, []byte(a.body), other, hubKey.Public()); err != nil {
		t.Errorf("the answer to this request: %v", err)
	}
}

func TestRefusalsLookAlikeAndAreSigned(t *testing.T) {
	h := newHub(t)
	for name, r := range map[string]*http.Request{
		"unknown connection": h.signed(poller1, "POST", "/v1/connections/none/exchange", heartbeat("c1")),
		"wrong key":          h.signed(nobody, "POST", exchange1, heartbeat("c1")),
		"unknown invitation": h.signed(nobody, "POST", "/v1/invitations/none/accept", heartbeat("c1")),
	} {
		a := h.send(again(r))
		resp := &http.Response{StatusCode: a.status, Header: a.header}
		if _, err := sign.ReadResponse(resp, []byte(a.body), r, hubKey.Public()); err != nil {
			t.Errorf("%s: the refusal is not signed: %v", name, err)
		}
		names := []string{}
		for n := range a.header {
			names = append(names, n)
		}
		if a.status != 401 || len(names) != 10 {
			t.Errorf("%s: %d with fields %v", name, a.status, names)
		}
	}
}

func TestTheLogSaysWhyInOneLineEach(t *testing.T) {
	h := newHub(t)
	before := h.log.String()
	r := h.signed(nobody, "POST", exchange1, []byte("{}"))
	r.Header.Set("Signature-Input", "drawbridge=(\"a\" \"level=ERROR msg=all-is-lost\")")
	h.refused("log injection", r)
	line := strings.TrimPrefix(h.log.String(), before)
	if strings.Count(line, "\n") != 1 || strings.Contains(line, " level=ERROR ") || !strings.Contains(line, "reason=components") {
		t.Errorf("logged %q", line)
	}
	if signature := r.Header.Get("Signature"); strings.Contains(line, signature[15:60]) {
		t.Error("a signature is in the log")
	}
}

func readCloser(b []byte) *body { return &body{bytes.NewReader(b)} }

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }
