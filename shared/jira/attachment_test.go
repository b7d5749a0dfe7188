package jira

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"drawbridge/shared/bridge"
)

func TestUploadStreams(t *testing.T) {
	const name = "naïve \"file\".txt"
	var got []byte
	var length int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length = r.ContentLength
		_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		part, err := multipart.NewReader(r.Body, params["boundary"]).NextPart()
		if err != nil || part.FormName() != "file" || part.FileName() != name || r.Header.Get("X-Atlassian-Token") != "no-check" || r.URL.Path != "/rest/api/2/issue/1/attachments" {
			t.Errorf("part %v, %v, headers %v", part, err, r.Header)
		}
		got, _ = io.ReadAll(part)
		io.WriteString(w, `[{"id":"8","filename":"x","size":5,"content":"u"}]`)
	}))
	defer s.Close()
	c, _ := New(Options{APIURL: s.URL, Flavour: bridge.Cloud, Auth: Auth{"pat", "", func() (string, error) { return "x", nil }}})
	for _, size := range []int64{5, -1} {
		a, err := c.Upload(ctx, "1", name, size, strings.NewReader("hello"))
		if err != nil || a.ID != "8" || string(got) != "hello" || size < 0 != (length < 0) {
			t.Errorf("%+v, %v: %q, length %d", a, err, got, length)
		}
	}
}

func TestUploadFailures(t *testing.T) {
	s := script(t, ok(`[]`), ok(`[]`), ok(`[]`))
	c := s.client(t, bridge.DataCenter)
	for name, r := range map[string]io.Reader{"short": strings.NewReader("abc"), "long": strings.NewReader("abcdefg"), "broken": iotest.ErrReader(errors.New("disk"))} {
		if _, err := c.Upload(ctx, "1", "f", 5, r); bridge.NameOf(err) != "content-unreadable" || !bridge.IsTemporary(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s = script(t, answer{status: 404}, answer{status: 413}, answer{status: 429, header: map[string]string{"Retry-After": "1"}})
	for _, c := range []struct {
		fl   bridge.Flavour
		want string
	}{{bridge.DataCenter, "too-large"}, {bridge.Cloud, "too-large"}, {bridge.Cloud, "rate-limited"}} {
		if _, err := s.client(t, c.fl).Upload(ctx, "1", "f", 1, strings.NewReader("a")); bridge.NameOf(err) != c.want {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	if len(s.lines()) != 3 {
		t.Error("an upload was repeated")
	}
}

func download(t *testing.T, c *Client, a Attachment) (string, error) {
	t.Helper()
	r, err := c.Download(ctx, a)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	return b.String(), err
}

func TestDownloadFollowsCloudWithoutCredentials(t *testing.T) {
	media := script(t, ok("content"))
	jira := script(t, answer{status: 303, header: map[string]string{"Location": media.URL + "/f?token=secret"}}, answer{status: 303, header: map[string]string{"Location": media.URL + "/f?token=secret"}})
	u, _ := url.Parse(media.URL)
	c := jira.client(t, bridge.Cloud, func(o *Options) { o.AllowHosts = []string{u.Host} })
	if got, err := download(t, c, Attachment{ID: "8"}); got != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	wantLines(t, jira, "GET /jira/rest/api/2/attachment/content/8")
	if media.heads[0].Get("Authorization") != "" || jira.heads[0].Get("Authorization") == "" {
		t.Error("credentials went to the wrong host")
	}
	_, err := download(t, jira.client(t, bridge.Cloud), Attachment{ID: "8"})
	if bridge.NameOf(err) != "content-elsewhere" || bridge.IsTemporary(err) || len(media.lines()) != 1 || strings.Contains(err.Error(), "secret") {
		t.Errorf("an inside host was followed: %v", err)
	}
}

func TestRedirectTargets(t *testing.T) {
	c := script(t).client(t, bridge.Cloud)
	for target, fine := range map[string]bool{
		c.opts.APIURL + "/x": true, "https://93.184.216.34/x": true, "http://93.184.216.34/x": false, "https://127.0.0.1/x": false, "https://[::1]/": false,
		"https://169.254.169.254/latest": false, "https://10.1.2.3/": false, "https://192.168.1.1/": false, "https://172.16.0.1/": false, "https://100.64.1.1/": false,
		"https://[fd00::1]/": false, "https://[::ffff:127.0.0.1]/": false, "https://localhost/": false, "https://intranet/": false, "https://x.internal./": false,
		"https://printer.local/": false, "ftp://93.184.216.34/": false, "https://0.0.0.0/": false,
	} {
		req, err := http.NewRequest(http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.redirectDownload(req, nil); (err == nil) != fine {
			t.Errorf("%s: %v", target, err)
		}
	}
	req, _ := http.NewRequest(http.MethodGet, c.opts.APIURL, nil)
	if c.redirectDownload(req, make([]*http.Request, 6)) == nil {
		t.Error("endless redirects are followed")
	}
}

func TestDataCenterContentIsOfTheSite(t *testing.T) {
	s := script(t, ok("a"), ok("b"), ok("c"))
	c := s.client(t, bridge.DataCenter, func(o *Options) { o.BrowseURL = "https://jira.example.org/jira" })
	c.info = &ServerInfo{BaseURL: "https://old.example.org"}
	for _, content := range []string{s.URL + "/jira/secure/attachment/8/a%20b.txt", "https://jira.example.org/jira/secure/attachment/8/x", "https://old.example.org/secure/attachment/8/x"} {
		if _, err := download(t, c, Attachment{ID: "8", Content: content}); err != nil {
			t.Errorf("%s: %v", content, err)
		}
	}
	wantLines(t, s, "GET /jira/secure/attachment/8/a%20b.txt", "GET /jira/secure/attachment/8/x", "GET /jira/secure/attachment/8/x")
	for _, content := range []string{"https://evil.example/jira/secure/attachment/8/x", s.URL + "/other/secure/attachment/8/x", "", "file:///etc/passwd"} {
		if _, err := download(t, c, Attachment{ID: "8", Content: content}); bridge.NameOf(err) != "content-elsewhere" {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestDownloadFailures(t *testing.T) {
	s := script(t, answer{status: 404}, answer{status: 503}, ok("x"), answer{status: 200, body: "half", cut: true})
	c := s.client(t, bridge.Cloud)
	if _, err := download(t, c, Attachment{ID: "8"}); bridge.NameOf(err) != "not-found" {
		t.Error(err)
	}
	if got, err := download(t, c, Attachment{ID: "8"}); got != "x" || err != nil {
		t.Errorf("a read is tried again: %q, %v", got, err)
	}
	if got, err := download(t, c, Attachment{ID: "8"}); bridge.NameOf(err) != "content-unreadable" || !bridge.IsTemporary(err) {
		t.Errorf("half a content: %q, %v", got, err)
	}
}

func TestTheMediaHostIsNotTheSite(t *testing.T) {
	media := script(t, answer{status: 401}, answer{status: 403}, answer{status: 503}, answer{status: 503}, answer{status: 503}, answer{status: 503})
	there := answer{status: 303, header: map[string]string{"Location": media.URL + "/f"}}
	jira := script(t, there, there, there, there, there, there, there, there)
	u, _ := url.Parse(media.URL)
	c := jira.client(t, bridge.Cloud, func(o *Options) { o.AllowHosts = []string{u.Host} })
	if _, err := download(t, c, Attachment{ID: "8"}); bridge.NameOf(err) != "content-unreadable" || bridge.LevelOf(err) != bridge.LevelPair || !bridge.IsTemporary(err) {
		t.Error(err)
	}
	media.Close()
	if _, err := download(t, c, Attachment{ID: "8"}); bridge.NameOf(err) != "content-unreadable" || bridge.LevelOf(err) != bridge.LevelPair || strings.Contains(err.Error(), "/f") {
		t.Error(err)
	}
}

func TestCloudContentAtTheOldAddress(t *testing.T) {
	s := script(t, answer{status: 404}, ok("x"))
	c := s.client(t, bridge.Cloud)
	if got, err := download(t, c, Attachment{ID: "8", Content: s.URL + "/jira/secure/attachment/8/a"}); got != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
