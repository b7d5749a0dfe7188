package attack

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/exchange"
)

func zipped(r io.Reader) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.Copy(z, r)
	z.Close()
	return b.Bytes()
}

// zeros is an endless reader, cut by io.LimitReader.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// badRequest sends r, signed by a poller that is known, and fails unless the hub
// says it is not understood and passes nothing on.
func (h *hub) badRequest(name string, r *http.Request) {
	h.t.Helper()
	passed := len(h.passed)
	if a := h.send(r); a.status != 400 || !strings.Contains(a.body, `"error":"request"`) || len(a.body) > 300 {
		h.t.Errorf("%s: %d %.300s", name, a.status, a.body)
	}
	if len(h.passed) != passed {
		h.t.Errorf("%s: passed on", name)
	}
}

func TestBombs(t *testing.T) {
	h := newHub(t)
	bomb := zipped(io.LimitReader(zeros{}, 200<<20))
	deep := strings.Repeat(`{"a":`, 500_000) + "1" + strings.Repeat("}", 500_000)
	for name, body := range map[string][]byte{
		"gzip bomb of 200 MB":    bomb,
		"gzip bomb in gzip":      zipped(bytes.NewReader(bomb)),
		"deep JSON":              []byte(deep),
		"deep JSON, zipped":      zipped(strings.NewReader(deep)),
		"deep arrays":            []byte(strings.Repeat("[", 1<<20)),
		"endless number":         []byte(`{"protocol":` + strings.Repeat("9", 1<<20) + "}"),
		"truncated":              heartbeat("c1")[:40],
		"not UTF-8":              []byte("{\"protocol\":1,\"\xff\":\xfe}"),
		"another encoding":       []byte("\xff\xfe{\x00}\x00"),
		"201 changes":            []byte(`{"protocol":1,"from":{"poller":"poller-c1","state":"s","generation":1,"instance":"i"},"changes":[` + strings.Repeat("{},", 200) + "{}]}"),
		"another's connection":   []byte(`{"protocol":1,"from":{"poller":"poller-c1","state":"s","generation":1,"instance":"i"},"changes":[{"connection":"c2"}]}`),
		"an ack for another's":   []byte(`{"protocol":1,"from":{"poller":"poller-c1","state":"s","generation":1,"instance":"i"},"acks":[{"connection":"c2"}]}`),
		"instance with newlines": []byte(`{"protocol":1,"from":{"poller":"poller-c1","state":"s","generation":1,"instance":"i\nlevel=ERROR"}}`),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.badRequest(name, h.signed(poller1, "POST", exchange1, body))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 300<<20 {
			t.Errorf("%s: %d MB were allocated for it", name, grown>>20)
		}
	}
	h.accepted("the next genuine one", h.genuine())
}

func TestBombsWithoutAKeyAreNotEvenUnpacked(t *testing.T) {
	h := newHub(t)
	h.refused("gzip bomb by nobody", h.signed(nobody, "POST", exchange1, zipped(io.LimitReader(zeros{}, 64<<20))))
	small := zipped(io.LimitReader(zeros{}, 1<<24))
	h.refused("gzip bomb for an invitation", h.signed(nobody, "POST", "/v1/invitations/none/accept", small))
}

func TestTooLargeBodies(t *testing.T) {
	h := newHub(t)
	for path, size := range map[string]int{
		exchange1: exchange.MaxEncoded + 1, "/v1/connections/c1/keys": 70 << 10, "/v1/invitations/none/accept": 70 << 10,
		"/v1/connections/c1/blobs/private/1": exchange.PartSize + 1,
	} {
		method := "POST"
		if strings.Contains(path, "blobs") {
			method = "PUT"
		}
		for _, chunked := range []bool{false, true} {
			r := h.signed(nobody, method, path, make([]byte, size))
			if chunked {
				r.ContentLength = -1
			}
			if a := h.send(r); a.status != 413 {
				t.Errorf("%s, chunked %v: %d %s", path, chunked, a.status, a.body)
			}
		}
	}
	r := h.signed(poller1, "GET", "/v1/connections/c1/blobs/public/1", []byte("x"))
	if a := h.send(r); a.status != 413 {
		t.Errorf("a GET with a body: %d %s", a.status, a.body)
	}
}

func TestTenThousandHeaders(t *testing.T) {
	h := newHub(t)
	for _, n := range []int{150, 10_000} {
		r := h.genuine()
		for i := range n {
			r.Header.Add(fmt.Sprintf("X-%d", i%7000), "x")
		}
		resp, err := h.server.Client().Do(r)
		if err != nil {
			continue // the server hung up while we were still talking
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%d headers: %d", n, resp.StatusCode)
		}
	}
	if len(h.passed) != 0 {
		t.Error("passed on")
	}
}

func TestSlowPeersDoNotHoldUpOthers(t *testing.T) {
	h := newHub(t)
	if h.server.Config.ReadHeaderTimeout == 0 || h.server.Config.ReadTimeout == 0 || h.server.Config.IdleTimeout == 0 {
		t.Fatal("the server waits for slow peers for ever")
	}
	for i := range 50 {
		c := h.dial()
		if i%2 == 0 {
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n", exchange1) // the rest of the header never comes
			continue
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nDrawbridge-Protocol: 1\r\n\r\n{", exchange1)
	}
	started := time.Now()
	h.accepted("genuine", h.genuine())
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %s beside 50 slow peers", took)
	}
}

func TestASlowBodyIsCutOff(t *testing.T) {
	h := newHub(t)
	impatient := *h.handler
	impatient.BodyTime = 200 * time.Millisecond
	h.url.Host = httptestServer(t, &impatient)
	c := h.dial()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nDrawbridge-Protocol: 1\r\n\r\n{", exchange1)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("the hub still waits: %v", err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

// httptestServer serves h and returns its host and port.
func httptestServer(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestUnknownProtocolIsRefusedClearly(t *testing.T) {
	h := newHub(t)
	for _, version := range []string{"", "0", "2", "1, 2", "01", "x"} {
		r := h.genuine()
		r.Header.Set("Drawbridge-Protocol", version)
		if a := h.send(r); a.status != 400 || !strings.Contains(a.body, "this hub speaks Drawbridge protocol 1") {
			t.Errorf("protocol %q: %d %s", version, a.status, a.body)
		}
	}
	body := bytes.Replace(heartbeat("c1"), []byte(`"protocol":1`), []byte(`"protocol":2`), 1)
	h.badRequest("header and message differ", h.signed(poller1, "POST", exchange1, body))
	if len(h.passed) != 0 {
		t.Error("passed on")
	}
}

func TestBlobNamesThatClimb(t *testing.T) {
	h := newHub(t)
	query := "?sha256=" + sha256Of("x") + "&size=1"
	for _, path := range []string{
		"/v1/connections/c1/blobs/private/__", "/v1/connections/c1/blobs/public/1", "/v1/connections/c1/blobs/c2/1", "/v1/connections/c1/blobs/private-x/1",
	} {
		a := h.send(h.signed(poller1, "PUT", path+query, []byte("x")))
		if strings.HasSuffix(path, "private/__") {
			if a.status != 200 {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
			continue
		}
		if a.status != 400 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"/v1/connections/c1/blobs/private/..", "/v1/connections/c1/blobs/private/a/b", "/v1/connections/c1/blobs/private/"} {
		r, err := http.NewRequest("PUT", h.server.URL+path+query, strings.NewReader("x"))
		h.must(err)
		good := h.signed(poller1, "PUT", "/v1/connections/c1/blobs/private/1"+query, []byte("x"))
		r.Header = good.Header
		h.refused(path, r)
	}
	if n := len(h.blobs.All()); n != 1 {
		t.Errorf("%d blobs were stored", n)
	}
}

func TestBlobQueriesThatLie(t *testing.T) {
	h := newHub(t)
	sum := sha256Of("x")
	for _, query := range []string{
		"size=1", "sha256=zz&size=1", "sha256=" + sum + "&size=-1", "sha256=" + sum + "&size=x", "sha256=" + sum + "&size=2", "sha256=" + sha256Of("y") + "&size=1",
		"sha256=" + sum + "&size=1&part=1", "sha256=" + sum + "&size=9000000&part=0", "sha256=" + sum + "&size=1&part=-1", "sha256=" + sum + "&size=9000000&done=1",
		"sha256=" + sum + "&size=1&part=99999999999999999999",
	} {
		a := h.send(h.signed(poller1, "PUT", "/v1/connections/c1/blobs/private/1?"+query, []byte("x")))
		if a.status != 400 {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
	if n := len(h.blobs.All()); n != 0 {
		t.Errorf("%d blobs were stored", n)
	}
}
