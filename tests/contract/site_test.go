package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/simulator"
)

// data reads a file of ../shared/data, or skips the test.
func data(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", name))
	if os.IsNotExist(err) {
		t.Skipf("../shared/data/%s is not there: the project does not carry Atlassian's documents and recordings, and passes without them", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// call is one request and its answer.
type call struct {
	method, path string
	status       int
	kind         string // content type
	body         []byte
	JSON         any
}

// site is a seeded simulator behind HTTP that remembers the calls made.
type site struct {
	*simulator.Site
	t     *testing.T
	base  string
	api   string
	demo  simulator.Demo
	calls []call
}

func start(t *testing.T, flavour string) *site {
	t.Helper()
	return startWith(t, flavour, "CON")
}

func startWith(t *testing.T, flavour, project string) *site {
	t.Helper()
	s := simulator.New(simulator.Options{Flavour: flavour, Seed: 7, Configure: func(st *simulator.Settings) { st.RateLimits = false }})
	out := &site{Site: s, t: t, api: "/rest/api/2", demo: s.SeedDemo(project)}
	srv := httptest.NewServer(s.Handler())
	s.SetBaseURL(srv.URL)
	out.base = srv.URL
	t.Cleanup(func() { srv.Close(); s.Close() })
	return out
}

func (s *site) cloud() bool { return s.Flavour() == simulator.Cloud }

// sign adds the credentials of a demonstration user; "" stays anonymous.
func (s *site) sign(req *http.Request, name string) {
	switch {
	case name == "":
	case s.cloud():
		req.SetBasicAuth(name+"@example.com", name+"-token")
	default:
		req.Header.Set("Authorization", "Bearer "+name+"-token")
	}
}

// do makes a call as the administrator. A path is below the API unless it
// starts with /rest or /secure. The body is JSON text with %s verbs for args.
func (s *site) do(method, path, body string, args ...any) call {
	s.t.Helper()
	return s.as("admin", method, path, body, args...)
}

func (s *site) as(name, method, path, body string, args ...any) call {
	s.t.Helper()
	if len(args) > 0 {
		body = fmt.Sprintf(body, args...)
	}
	req := s.request(method, path, strings.NewReader(body))
	s.sign(req, name)
	return s.send(req)
}

func (s *site) request(method, path string, body io.Reader) *http.Request {
	s.t.Helper()
	if !strings.HasPrefix(path, "/rest/") && !strings.HasPrefix(path, "/secure/") {
		path = s.api + path
	}
	req, err := http.NewRequest(method, s.base+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req
}

func (s *site) send(req *http.Request) call {
	s.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	c := call{method: req.Method, path: req.URL.Path, status: resp.StatusCode, kind: resp.Header.Get("Content-Type"), body: b}
	_ = json.Unmarshal(b, &c.JSON) // what is not JSON stays nil
	s.calls = append(s.calls, c)
	return c
}

// at digs a value out of the answer: "issues.0.key".
func (c call) at(path string) string { return fmt.Sprint(dig(c.JSON, path)) }

func dig(x any, path string) any {
	for _, k := range strings.Split(path, ".") {
		switch v := x.(type) {
		case map[string]any:
			x = v[k]
		case []any:
			var i int
			if _, err := fmt.Sscan(k, &i); err != nil || i >= len(v) {
				return nil
			}
			x = v[i]
		default:
			return nil
		}
	}
	return x
}

// field gives the id of the field with that name.
func (s *site) field(name string) string {
	s.t.Helper()
	list, _ := s.do("GET", "/field", "").JSON.([]any)
	for _, f := range list {
		if dig(f, "name") == name {
			return dig(f, "id").(string)
		}
	}
	s.t.Fatalf("no field %q", name)
	return ""
}

// rich is a text in the notation of the API version in use.
func (s *site) rich(text string) string {
	if s.api != "/rest/api/3" {
		b, _ := json.Marshal(text)
		return string(b)
	}
	return fmt.Sprintf(`{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":%q}]}]}`, text)
}

// create makes an issue and gives its key.
func (s *site) create(project, kind, summary, more string) string {
	s.t.Helper()
	c := s.do("POST", "/issue", `{"fields":{"project":{"key":"%s"},"issuetype":{"name":"%s"},"summary":"%s"%s}}`, project, kind, summary, more)
	if c.status != http.StatusCreated {
		s.t.Fatalf("create: %d %s", c.status, c.body)
	}
	return c.at("key")
}

// upload attaches a file.
func (s *site) upload(key, name, content string) call {
	s.t.Helper()
	const edge = "edge"
	body := "--" + edge + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n--" + edge + "--\r\n"
	req := s.request("POST", "/issue/"+key+"/attachments", bytes.NewReader([]byte(body)))
	req.Header.Set("Content-Type", "multipart/form-data; boundary="+edge)
	req.Header.Set("X-Atlassian-Token", "no-check")
	s.sign(req, "admin")
	return s.send(req)
}
