package e2e

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// A company is a private side as companies have it. Its Jira shows a certificate of the company's own authority, wants a
// client certificate and a password, and stands below /jira; it is reached through one proxy, the hub through another, on
// TLS itself, and both proxies ask who it is. On the public side the hub serves TLS, and its account is a service account:
// its scoped token is good below api.atlassian.com/ex/jira/CLOUD-ID only, as a bearer, and has no scope for webhooks.
type company struct {
	w            *rig.World
	ca           *authority
	toJira       *proxy
	toHub        *proxy
	jira, hub    string // host:port
	hubPort      string
	jiraProxy    string
	hubProxy     string
	atlassian    string
	jiraPassword string
}

const cloudPath = "/ex/jira/5a1c-cloud"

func newCompany(t *testing.T) *company {
	w := rig.New(t, rig.Options{Apart: true})
	c := &company{w: w, ca: newAuthority(t, w.Dir), toJira: &proxy{user: "to-jira", password: "jira-proxy-pass"}, toHub: &proxy{user: "to-hub", password: "hub-proxy-pass"}}
	c.jira = c.ca.serve(t, "jira", true, &tls.Config{ClientCAs: c.ca.pool(t), ClientAuth: tls.RequireAndVerifyClientCert},
		below(t, w.Private.Base, "/jira", func(*http.Request) (int, string) { return 0, "" }))
	token := strings.TrimSpace(read(t, w.Path("cloud-token")))
	c.atlassian = c.ca.serve(t, "atlassian", true, nil, below(t, w.Public.Base, cloudPath, func(r *http.Request) (int, string) {
		switch {
		case r.Header.Get("Authorization") != "Bearer scoped-token":
			return http.StatusUnauthorized, `{"code":401,"message":"Unauthorized"}`
		case strings.Contains(r.URL.Path, "/rest/webhooks/"):
			return http.StatusUnauthorized, `{"code":401,"message":"Unauthorized; scope does not match"}`
		}
		r.SetBasicAuth("drawbridge@example.com", token)
		return 0, ""
	}))
	c.jiraProxy = "http://" + c.ca.serve(t, "proxy-one", false, nil, c.toJira)
	c.hubProxy = "https://" + c.ca.serve(t, "proxy-two", true, nil, c.toHub)
	c.hubPort = w.HubURL[strings.LastIndex(w.HubURL, ":")+1:]
	c.hub = "localhost:" + c.hubPort
	c.ca.issue(t, "poller-of-corp")
	c.ca.issue(t, "hub-of-acme")
	for name, text := range map[string]string{"scoped-token": "scoped-token", "pass-one": c.toJira.password + "\n", "pass-two": c.toHub.password} {
		w.Write(name, text)
	}
	w.Write("hub.yaml", c.hubYAML())
	w.Write("poller.yaml", c.pollerYAML())
	return c
}

func (c *company) hubYAML() string {
	return fmt.Sprintf(`public_url: https://%s
listen: "127.0.0.1:%s"
tls: {cert: hub-of-acme.pem, key: hub-of-acme.key}
state: hub.db
blobs: hub-blobs
site:
  name: cloud
  flavour: cloud
  api_url: https://%s%s
  browse_url: https://acme.atlassian.example
  auth: {token: {file: scoped-token}}
  download_hosts: [%q]
  network: {ca_file: ca.pem}
webhook: {secret: {file: cloud-webhook}}
watch: {interval: 500ms, overlap: 2m, sweep: 1h}
`, c.hub, c.hubPort, c.atlassian, cloudPath, strings.TrimPrefix(c.w.Public.Base, "http://"))
}

func (c *company) pollerYAML() string {
	return fmt.Sprintf(`state: poller.db
blobs: poller-blobs
site:
  name: inside
  flavour: datacenter
  api_url: https://%s/jira
  browse_url: https://jira.corp.example/jira
  auth: {user: drawbridge, token: {file: server-token}}
  network: {ca_file: ca.pem, client_cert: poller-of-corp.pem, client_key: poller-of-corp.key, proxy: %q, proxy_user: to-jira, proxy_password: {file: pass-one}}
watch: {interval: 500ms, overlap: 2m, sweep: 1h}
hub:
  network: {ca_file: ca.pem, proxy: %q, proxy_user: to-hub, proxy_password: {file: pass-two}}
`, c.jira, c.jiraProxy, c.hubProxy)
}

// TestCorporateNetwork runs both halves where everything is in the way that companies put there.
func TestCorporateNetwork(t *testing.T) {
	t.Parallel()
	c := newCompany(t)
	w := c.w
	w.Hub = rig.Spawn(t, "", w.Path("hub.log"), "hub", "--config", w.Path("hub.yaml"))
	outside := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.ca.pool(t)}}}
	rig.Eventually(t, rig.Patience, "the hub serves TLS", func() string {
		resp, err := outside.Get("https://" + c.hub + "/healthz")
		if err != nil {
			return err.Error()
		}
		return lacks(resp.Status, "200")
	})
	said := w.RunOnHub("connection", "create", rig.Connection, "--project", w.Public.Project)
	for _, want := range []string{"fine     way to Jira: " + c.atlassian + ", directly, certificate of CN=Corp CA", "fine     account on https://" + c.atlassian + cloudPath,
		"unknown  webhook: list the webhooks: the token has no scope for this"} {
		if !strings.Contains(said.Err, want) {
			t.Errorf("connection create does not say %q:\n%s", want, said.Err)
		}
	}
	code := w.Invitation("connection", "invite")
	t.Run("a way that is not set up is refused, and the way out named", func(t *testing.T) { c.wrongWays(t, code) })
	accepted := w.RunOnPoller("poller", "accept", code, "--project", w.Private.Project)
	for _, want := range []string{"fine     way to Jira: " + c.jira + ", through the proxy " + strings.TrimPrefix(c.jiraProxy, "http://") + ", certificate of CN=Corp CA",
		"fine     way to the hub: " + c.hub + ", through the proxy " + strings.TrimPrefix(c.hubProxy, "https://")} {
		if accepted.Code != 0 || !strings.Contains(accepted.Err, want) {
			t.Fatalf("poller accept: exit code %d, or it does not say %q:\n%s%s", accepted.Code, want, accepted.Out, accepted.Err)
		}
	}
	w.OnHub("rules", "publish", w.Path("rules-public.yaml"))
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"))
	w.Poller = rig.Spawn(t, "", w.Path("poller.log"), "poller", "run", "--config", w.Path("poller.yaml"))

	t.Run("sync works both ways", func(t *testing.T) { c.works(t) })
	t.Run("a webhook that may not be made is explained", func(t *testing.T) {
		r := w.RunOnHub("hub", "webhook", "create")
		if r.Code != 3 || !strings.Contains(r.Out, "no scope for this") || !strings.Contains(r.Out, "https://"+c.hub+"/v1/webhooks/cloud") || !strings.Contains(r.Out, "4. Tick these events") {
			t.Errorf("exit code %d:\n%s%s", r.Code, r.Out, r.Err)
		}
	})
	t.Run("doctor", func(t *testing.T) {
		r := w.RunOnPoller("doctor")
		for _, want := range []string{"fine     hub of rig: knows this poller", "fine     object store of rig: the hub has none; attachments go through the hub in parts of 4 MB"} {
			if r.Code != 0 || !strings.Contains(r.Out, want) {
				t.Errorf("exit code %d, or doctor does not say %q:\n%s%s", r.Code, want, r.Out, r.Err)
			}
		}
	})
	t.Run("every call went through its proxy, and no password stands in a log", func(t *testing.T) { c.traces(t) })
}

// wrongWays tries to accept the invitation with one thing wrong each.
func (c *company) wrongWays(t *testing.T, code string) {
	good := c.pollerYAML()
	for name, wrong := range map[string]struct{ from, to, want string }{
		"no authority":             {"network: {ca_file: ca.pem, client", "network: {client", "network: {ca_file: FILE}"},
		"no client certificate":    {"client_cert: poller-of-corp.pem, client_key: poller-of-corp.key, ", "", "certificate required"},
		"no proxy user":            {"proxy_user: to-jira, proxy_password: {file: pass-one}", "", "proxy_user: NAME"},
		"another proxy's password": {"{file: pass-two}", "{file: pass-one}", "Proxy Authentication Required"},
		"no authority for the hub": {"\n  network: {ca_file: ca.pem, proxy: \"https", "\n  network: {proxy: \"https", "network: {ca_file: FILE}"},
	} {
		yaml := strings.Replace(good, wrong.from, wrong.to, 1)
		if yaml == good {
			t.Fatalf("%s: nothing to change", name)
		}
		c.w.Write("wrong.yaml", strings.NewReplacer(", }", "}", "state: poller.db", "state: wrong.db").Replace(yaml))
		r := rig.Exec(t, "", c.w.Dir, "poller", "accept", code, "--project", c.w.Private.Project, "--config", c.w.Path("wrong.yaml"))
		if r.Code != 1 || !strings.Contains(r.Out+r.Err, wrong.want) {
			t.Errorf("%s: exit code %d, or it does not say %q:\n%s%s", name, r.Code, wrong.want, r.Out, r.Err)
		}
	}
}

func (c *company) works(t *testing.T) {
	s := sideOf(c.w, true)
	s.here, s.there = s.here.For(t), s.there.For(t)
	key, twin := s.pair(t, "Through all of it", rig.Fields{"description": "and back"})
	s.there.Edit(twin, rig.Fields{"summary": "Through all of it, edited inside"})
	s.here.Shows(key, "summary", "Through all of it, edited inside")
	s.here.Comment(key, "said outside", nil)
	s.there.Comment(twin, "said inside", nil)
	one(t, s.there, twin, "said outside")
	one(t, s.here, key, "said inside")
	large := []byte(strings.Repeat("through two proxies and a gateway ", 9<<20/34)) // three parts
	s.here.Attach(key, "down.txt", large)
	s.there.Attach(twin, "up.txt", large)
	for _, want := range []struct {
		j         *rig.Jira
		key, name string
	}{{s.there, twin, "down.txt"}, {s.here, key, "up.txt"}} {
		rig.Eventually(t, 2*rig.Patience, want.name+" arrives whole", func() string {
			for _, a := range want.j.Attachments(want.key) {
				if a.Filename == want.name && string(want.j.Content(a)) == string(large) {
					return ""
				}
			}
			return "not there"
		})
	}
	_, raw, err := s.here.Do("GET", "/rest/api/2/issue/"+key+"/remotelink", nil, nil)
	if err != nil || !strings.Contains(string(raw), "https://jira.corp.example/jira/browse/"+twin) {
		t.Errorf("the link to the twin is not below browse_url: %s %v", raw, err)
	}
	_, raw, err = s.there.Do("GET", "/rest/api/2/issue/"+twin+"/remotelink", nil, nil)
	if err != nil || !strings.Contains(string(raw), "https://acme.atlassian.example/browse/"+key) {
		t.Errorf("the link to the twin is not below browse_url: %s %v", raw, err)
	}
}

func (c *company) traces(t *testing.T) {
	for _, p := range []struct {
		name string
		p    *proxy
		want string
	}{{"Jira", c.toJira, c.jira}, {"the hub", c.toHub, c.hub}} {
		if hosts, refused := p.p.seen(); !slices.Equal(hosts, []string{p.want}) || refused == 0 {
			t.Errorf("the proxy to %s was asked for %v and refused %d times", p.name, hosts, refused)
		}
	}
	time.Sleep(100 * time.Millisecond) // logs are written
	for _, name := range []string{"hub.log", "poller.log", "commands.log"} {
		raw, err := os.ReadFile(c.w.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{c.toJira.password, c.toHub.password, "scoped-token"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}
