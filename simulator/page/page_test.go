package page_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"drawbridge/simulator"
)

// browser opens the pages of a seeded site.
type browser struct {
	t    *testing.T
	base string
	site *simulator.Site
}

func open(t *testing.T, flavour string) *browser {
	t.Helper()
	s := simulator.New(simulator.Options{Flavour: flavour, Seed: 1, Configure: func(st *simulator.Settings) { st.RateLimits = false }})
	s.SeedDemo("WEB")
	srv := httptest.NewServer(s.Front("Test Jira"))
	s.SetBaseURL(srv.URL)
	t.Cleanup(func() { srv.Close(); s.Close() })
	return &browser{t: t, base: srv.URL, site: s}
}

func both(t *testing.T, f func(*testing.T, *browser)) {
	for _, fl := range []string{simulator.Cloud, simulator.DataCenter} {
		t.Run(fl, func(t *testing.T) { f(t, open(t, fl)) })
	}
}

type shown struct {
	t      *testing.T
	status int
	text   string
	head   http.Header
	path   string // where redirects led
}

func (b *browser) do(req *http.Request) *shown {
	b.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &shown{b.t, resp.StatusCode, string(data), resp.Header, resp.Request.URL.Path}
}

func (b *browser) get(path string) *shown {
	b.t.Helper()
	req, err := http.NewRequest("GET", b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form given as name, value, name, value…
func (b *browser) post(path string, pairs ...string) *shown {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest("POST", b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (s *shown) want(status int, texts ...string) *shown {
	s.t.Helper()
	if s.status != status {
		s.t.Fatalf("status %d, want %d\n%s", s.status, status, s.text)
	}
	for _, text := range texts {
		if !strings.Contains(s.text, text) {
			s.t.Fatalf("the page lacks %q\n%s", text, s.text)
		}
	}
	return s
}

func (s *shown) lacks(text string) {
	s.t.Helper()
	if strings.Contains(s.text, text) {
		s.t.Fatalf("the page has %q\n%s", text, s.text)
	}
}

// find gives the first group of the first match.
func (s *shown) find(pattern string) string {
	s.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s.text)
	if m == nil {
		s.t.Fatalf("the page has no %s\n%s", pattern, s.text)
	}
	return m[1]
}

// create fills the form and gives the key.
func (b *browser) create(summary string, more ...string) string {
	b.t.Helper()
	kind := b.get("/create").want(200).find(`<select name="type">\s*<option value="(\d+)"`)
	s := b.post("/create", append([]string{"project", "WEB", "type", kind, "field-summary", summary}, more...)...).want(200)
	return strings.TrimPrefix(s.path, "/browse/")
}

func TestCreateAndList(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		b.get("/").want(200, "No issues here")
		key := b.create("First <issue> & more", "field-description", "*bold* text", "field-labels", "one two", "field-duedate", "2026-12-24")
		b.site.Reindex()
		b.get("/").want(200, key, "First &lt;issue&gt; &amp; more", "To Do", `class="label">one<`)
		b.get("/browse/"+key).want(200, "<strong>bold</strong> text", "2026-12-24", "one, two", "First &lt;issue&gt; &amp; more")
		b.get("/?jql="+url.QueryEscape(`summary ~ "nothing"`)).want(200, "No issues here")
		b.get("/?jql="+url.QueryEscape(`summary ~ "first"`)).want(200, key)
		b.get("/?jql=nonsense").want(400, "Error in the JQL Query: Expecting operator")
		b.post("/create", "project", "WEB", "type", b.get("/create").find(`<select name="type">\s*<option value="(\d+)"`), "field-summary", "", "field-labels", "kept").want(400, "summary: ", `value="kept"`)
		b.get("/create?project=WEBSD").want(200, "Request Type")
		b.get("/create?project=NOPE").want(404)
	})
}

func TestEditEveryField(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		key := b.create("Fields")
		at := "/browse/" + key
		page := b.get(at).want(200)
		for _, c := range []struct{ name, value, shows string }{
			{"summary", "Renamed <x>", "<h1>Renamed &lt;x&gt;</h1>"},
			{"description", "h2. Head\r\n* item", "<h2>Head</h2><ul><li><p>item</p></li></ul>"},
			{"labels", "red green", "green, red"},
			{"duedate", "2027-01-02", "2027-01-02"},
			{"environment", "_here_", "<em>here</em>"},
			{"Customer", "ACME <Ltd>", "ACME &lt;Ltd&gt;"},
			{"Release notes", "{{code}}", "<code>code</code>"},
			{"Story points", "3.5", "3.5"},
			{"Target date", "2027-02-03", "2027-02-03"},
			{"Incident start", "2027-03-04T05:06", "2027, "},
			{"Topics", "a b", "a, b"},
			{"priority", "option:Highest", "Highest"},
			{"assignee", "option:Alice Archer", "Alice Archer"},
			{"Severity", "option:Critical", "Critical"},
			{"Platforms", "option:Linux", "Linux"},
			{"components", "option:Backend", "Backend"},
			{"fixVersions", "option:1.1", "1.1"},
			{"Approver", "option:Bob Builder", "Bob Builder"},
			{"Reviewers", "option:Carol Customer", "Carol Customer"},
		} {
			field := c.name
			if strings.ToUpper(field[:1]) == field[:1] {
				field = page.find(`<dt>` + field + `</dt>(?s:.*?)name="field" value="([^"]+)"`)
			}
			value := c.value
			if label, choose := strings.CutPrefix(value, "option:"); choose {
				value = page.find(`name="field" value="` + field + `">(?s:.*?)<option value="([^"]+)"[^>]*>` + regexp.QuoteMeta(label) + `<`)
			}
			b.post(at+"/edit", "field", field, "value", value).want(200, c.shows)
		}
		b.post(at+"/edit", "field", "labels", "value", "").want(200)
		b.post(at+"/edit", "field", "assignee", "value", "").want(200)
		b.post(at+"/edit", "field", "Story points", "value", "1").want(400, "cannot be edited")
		b.post(at+"/edit", "field", "duedate", "value", "soon").want(400, "role=\"alert\"")
		b.post(at+"/edit", "field", "summary", "value", "").want(400, "summary: ")
		b.post(at + "/nothing").want(404)
	})
}

func TestTransition(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		at := "/browse/" + b.create("Moves")
		menu := b.get(at).want(200, `class="lozenge big new">To Do`).find(`(?s)<div class="menu">(.*?)</details>`)
		var done, resolution string
		for _, form := range strings.Split(menu, "<form")[1:] {
			if strings.Contains(form, `lozenge done`) {
				s := &shown{t: t, text: form}
				done = s.find(`name="transition" value="(\d+)"`)
				resolution = s.find(`<option value="(\d+)">Done<`)
			}
		}
		b.post(at+"/transition", "transition", done, "field-resolution", "").want(400, "Resolution is required")
		b.post(at+"/transition", "transition", done, "field-resolution", resolution).want(200, `class="lozenge big done">Done`, "<dt>Resolution</dt>")
		b.post(at+"/transition", "transition", "999").want(400, "valid for the current state")
	})
}

func TestComments(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		at := "/browse/" + b.create("Talk")
		page := b.post(at+"/comment", "body", "<script>alert(1)</script> *hi*", "who", "").want(200, "&lt;script&gt;", "<strong>hi</strong>")
		page.lacks("<script>alert")
		id := page.find(`id="comment-(\d+)"`)
		b.post(at+"/comment/"+id, "body", "changed").want(200, "changed", "edited")
		b.post(at+"/comment", "body", "secret", "who", "Administrators").want(200, "Only Administrators", `class="comment restricted"`)
		b.post(at+"/comment", "body", "").want(400, "Comment body can not be empty!")
		b.post(at + "/comment-delete/" + id).want(200).lacks("changed</p>")
		b.post(at+"/comment/99999", "body", "x").want(404)
	})
}

func TestInternalComment(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		kind := b.get("/create?project=WEBSD").want(200).find(`<select name="type">\s*<option value="(\d+)"`)
		s := b.post("/create", "project", "WEBSD", "type", kind, "field-summary", "Help").want(200, "Internal note</option>")
		b.post(s.path+"/comment", "body", "for us", "who", "internal").want(200, `class="comment internal"`, `class="tag">Internal note`)
	})
}

const png = "\x89PNG\r\n\x1a\n not really"

func (b *browser) attach(path, name, mime, content string) *shown {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		b.t.Fatal(err)
	}
	fmt.Fprint(part, content)
	form.Close()
	req, err := http.NewRequest("POST", b.base+path, &body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	return b.do(req)
}

func TestAttachments(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		at := "/browse/" + b.create("Files", "field-description", "!a b.png! and [^evil.html]")
		b.attach(at+"/attachment", "evil.html", "text/html", "<script>alert(1)</script>").want(200, "evil.html", "25 B")
		page := b.attach(at+"/attachment", "a b.png", "image/png", png).want(200, "a b.png")
		src := page.find(`<img src="([^"]+)" alt="a b.png"`)
		if got := b.get(src).want(200); got.text != png || got.head.Get("Content-Type") != "image/png" {
			t.Errorf("image: %q %v", got.text, got.head)
		}
		file := b.get(page.find(`<a class="name" href="([^"]+evil[^"]+)"`)).want(200, "<script>")
		if !strings.HasPrefix(file.head.Get("Content-Disposition"), "attachment") || file.head.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("a page somebody attached must not open here: %v", file.head)
		}
		b.post(at+"/attachment").want(400, "Choose a file")
		id := page.find(`attachment-delete/(\d+)`)
		b.post(at + "/attachment-delete/" + id).want(200).lacks("attachment-delete/" + id)
		b.get("/page/attachment/99999/x").want(404)
	})
}

func TestDelete(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		at := "/browse/" + b.create("Goes")
		if s := b.post(at + "/delete").want(200); s.path != "/" {
			t.Errorf("after a deletion: %s", s.path)
		}
		b.get(at).want(404, "Issue")
	})
}

func TestHistoryAndLinks(t *testing.T) {
	both(t, func(t *testing.T, b *browser) {
		at := "/browse/" + b.create("Old")
		b.post(at+"/edit", "field", "summary", "value", "New").want(200, `<span class="old">Old</span> → <span class="new">New</span>`)
		user, pass := "admin@example.com", "admin-token"
		if b.site.Flavour() == simulator.DataCenter {
			user, pass = "admin", "admin"
		}
		req, _ := http.NewRequest("POST", b.base+"/rest/api/2/issue/"+strings.TrimPrefix(at, "/browse/")+"/remotelink",
			strings.NewReader(`{"globalId":"g","relationship":"twin","object":{"url":"javascript:alert(1)","title":"There <b>"}}`))
		req.SetBasicAuth(user, pass)
		req.Header.Set("Content-Type", "application/json")
		if s := b.do(req); s.status >= 300 {
			t.Fatalf("remote link: %d %s", s.status, s.text)
		}
		b.get(at).want(200, "twin", "There &lt;b&gt;").lacks(`href="javascript`)
	})
}

func TestOtherSitesCannotPost(t *testing.T) {
	b := open(t, simulator.Cloud)
	at := "/browse/" + b.create("Mine")
	for _, h := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		req, _ := http.NewRequest("POST", b.base+at+"/delete", nil)
		req.Header.Set(h[0], h[1])
		b.do(req).want(403)
	}
	s := b.get(at).want(200)
	if csp := s.head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("policy: %s", csp)
	}
}

func TestAssetsAndRest(t *testing.T) {
	b := open(t, simulator.DataCenter)
	b.get("/page/page.css").want(200, ".datacenter")
	b.get("/page/page.js").want(200, "data-live")
	b.get("/page/frame.html").want(404)
	b.get("/favicon.ico").want(200, "#5e4db2")
	b.get("/rest/api/2/serverInfo").want(200, "deploymentType")
}
