package rig

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Options shape a world; the zero value is what the demo is, without webhooks of the private side.
type Options struct {
	Hostile       bool          // simulators misbehave as tests want it: webhooks doubled, reordered, late; search lags
	HubWatch      time.Duration // between two searches of the hub; 0: 2 s
	PollerWatch   time.Duration // likewise of the poller; 0: 500 ms
	Sweep         time.Duration // between two comparisons of all pairs, on both sides; 0: 2 s
	PollerWebhook bool          // the private Jira tells the poller by webhook too
	Rules         string        // published on both sides, %s is the project; "": Everything
	HubYAML       string        // more lines of hub.yaml
	PollerYAML    string        // more lines of poller.yaml
	Apart         bool          // nothing is connected: no hub, no poller
	Release       string        // of the private Data Center; "": the simulator's own choice
	DMZ           string        // release of a Data Center that is the public site in place of Cloud; "": Cloud
	Public        Place         // where the public side runs
	Private       Place         // where the private side runs
	HubHost       string        // the hub's address; "": loopback
}

// Everything is a rule file that carries every field both ways.
const Everything = `version: 1
fields: [priority, labels, duedate, components, fixVersions, assignee, reporter, Customer, Story points, Target date, Severity, Platforms, Approver]
users: {email: true, send: [email]}
worklogs: {direction: both}
triggers:
  - jql: project = %s
`

// A World is two simulated Jiras with a hub and a poller between them.
type World struct {
	T       testing.TB
	Dir     string
	Public  *Jira
	Private *Jira
	Hub     *Process
	Poller  *Process
	HubURL  string
	Metrics string   // base URL of the poller's numbers
	Codes   []string // invitation codes given out
	// HubBinary and PollerBinary are other releases for what is started from now on; "": this one. See Release.
	HubBinary, PollerBinary string
	o                       Options
	cloud                   *Process
	server                  *Process
	secrets                 map[string]string // by what it is
	ports                   []string
	hubDir                  string // of the world whose hub this is; "": its own
	name                    string // of the connection; "": [Connection]
}

const (
	portCloud = iota
	portCloudManage
	portServer
	portServerManage
	portHub
	portMetrics
	portWebhook
	portCount
)

// New starts a world, connects it and waits until it is up. It ends with the test, which then fails if a secret is found
// where it must not be.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{T: t, Dir: t.TempDir(), o: o}
	ports, err := freePorts(portCount)
	if err != nil {
		t.Fatal(err)
	}
	if w.ports = ports; o.HubHost == "" {
		w.o.HubHost = "127.0.0.1"
	}
	w.HubURL = "http://" + w.o.HubHost + ":" + ports[portHub]
	w.Metrics = "http://" + w.loopback(portMetrics)
	w.Public = w.jira(true)
	w.Public.Cloud = o.DMZ == ""
	w.Private = w.jira(false)
	w.settings()
	w.StartJiras()
	t.Cleanup(w.finish)
	w.Public.Account("drawbridge", Fields{"Token": w.secrets["token of the public Jira"]})
	w.Private.Account("drawbridge", Fields{"Token": w.secrets["token of the private Jira"]})
	if o.Apart {
		return w
	}
	w.StartHub()
	w.Connect()
	w.StartPoller()
	return w
}

func (w *World) loopback(port int) string { return "127.0.0.1:" + w.ports[port] }

// Path is a file of the world.
func (w *World) Path(name string) string { return filepath.Join(w.Dir, name) }

func (w *World) jira(cloud bool) *Jira {
	j := &Jira{Cloud: cloud, User: "alice", t: w.T, Project: "PRIV", Service: "PRIVSD",
		Base: "http://" + w.loopback(portServer), Manage: "http://" + w.loopback(portServerManage), http: w.o.Private.client()}
	if cloud {
		j.Project, j.Service, j.http = "PUB", "PUBSD", w.o.Public.client()
		j.Base, j.Manage = "http://"+w.loopback(portCloud), "http://"+w.loopback(portCloudManage)
	}
	return j
}

// settings writes the settings files and the secrets.
func (w *World) settings() {
	w.T.Helper()
	w.secrets = map[string]string{
		"token of the public Jira": "public-" + rand.Text(), "token of the private Jira": "private-" + rand.Text(),
		"secret of the public webhook": rand.Text(), "secret of the private webhook": rand.Text(),
	}
	w.Write("cloud-token", w.secrets["token of the public Jira"])
	w.Write("server-token", w.secrets["token of the private Jira"])
	w.Write("cloud-webhook", w.secrets["secret of the public webhook"])
	w.Write("server-webhook", w.secrets["secret of the private webhook"])
	rules := w.o.Rules
	if rules == "" {
		rules = Everything
	}
	w.Write("rules-public.yaml", strings.ReplaceAll(rules, "%s", w.Public.Project))
	w.Write("rules-private.yaml", strings.ReplaceAll(rules, "%s", w.Private.Project))
	w.Write("hub.yaml", w.hubYAML())
	w.Write("poller.yaml", w.pollerYAML())
}

func (w *World) hubYAML() string {
	plain := ""
	if w.o.HubHost != "127.0.0.1" {
		plain = "tls: {allow_http: true}\n"
	}
	return fmt.Sprintf(`public_url: %s
listen: "%s:%s"
%sstate: hub.db
blobs: hub-blobs
site:
  name: cloud
%s  api_url: %s
webhook:
  secret: {file: cloud-webhook}
watch: {interval: %s, overlap: 5s, sweep: %s}
%s`, w.HubURL, w.o.HubHost, w.ports[portHub], plain, w.Public.account("cloud-token"), w.Public.Base, orElse(w.o.HubWatch, 2*time.Second), orElse(w.o.Sweep, 2*time.Second), w.o.HubYAML)
}

// account is how a half's settings say which Jira it is, and sign in.
func (j *Jira) account(token string) string {
	if j.Cloud {
		return "  flavour: cloud\n  auth: {user: drawbridge@example.com, token: {file: " + token + "}}\n"
	}
	return "  flavour: datacenter\n  auth: {token: {file: " + token + "}}\n"
}

func (w *World) pollerYAML() string {
	hook, plain := "", ""
	if w.o.PollerWebhook {
		hook = fmt.Sprintf("  webhook: {listen: %q, secret: {file: server-webhook}}\n", w.loopback(portWebhook))
	}
	if w.o.HubHost != "127.0.0.1" {
		plain = "hub: {allow_http: true}\n"
	}
	return fmt.Sprintf(`state: poller.db
blobs: poller-blobs
site:
  name: inside
%s  api_url: %s
watch:
  interval: %s
  overlap: 1m
  sweep: %s
%smetrics: {listen: "%s"}
%s%s`, w.Private.account("server-token"), w.Private.Base, orElse(w.o.PollerWatch, 500*time.Millisecond), orElse(w.o.Sweep, 2*time.Second), hook, w.loopback(portMetrics), plain, w.o.PollerYAML)
}

func orElse[T comparable](v, other T) T {
	var zero T
	if v == zero {
		return other
	}
	return v
}

// Write writes a file of the world, for its owner only.
func (w *World) Write(name, text string) {
	w.T.Helper()
	if err := os.WriteFile(w.Path(name), []byte(text), 0o600); err != nil {
		w.T.Fatal(err)
	}
}

// StartJiras starts both simulators; they continue from what they saved.
func (w *World) StartJiras() {
	w.T.Helper()
	w.cloud = w.startJira(w.Public, w.o.Public, "cloud", w.o.DMZ, portCloud, portCloudManage)
	w.startPrivate()
}

func (w *World) startPrivate() {
	w.T.Helper()
	w.server = w.startJira(w.Private, w.o.Private, "datacenter", w.o.Release, portServer, portServerManage)
}

func (w *World) startJira(j *Jira, p Place, name, release string, port, manage int) *Process {
	w.T.Helper()
	flavour := map[bool]string{true: "cloud", false: "datacenter"}[j.Cloud]
	args := []string{"simulator", "--flavour", flavour, "--jira", release, "--listen", w.loopback(port), "--manage", w.loopback(manage), "--project", j.Project, "--state", w.Path(name + ".json")}
	if w.o.Hostile {
		args = append(args, "--hostile")
	}
	proc := Spawn(w.T, p, w.Path(name+".log"), args...)
	w.up(proc, j.http, j.Base+"/rest/api/2/serverInfo")
	return proc
}

// Migrate moves the private Jira from Data Center to Cloud, under the same address: same keys, other ids. The poller is stopped
// and its settings are those of the new Jira.
func (w *World) Migrate() {
	w.T.Helper()
	w.Poller.Stop(w.T)
	w.server.Stop(w.T)
	w.Private.Cloud = true
	w.server = Spawn(w.T, w.o.Private, w.Path("migrated.out"), "simulator", "--flavour", "cloud", "--listen", w.loopback(portServer), "--manage", w.loopback(portServerManage),
		"--migrate", w.Path("datacenter.json"), "--state", w.Path("cloud-inside.json"))
	w.up(w.server, w.Private.http, w.Private.Base+"/rest/api/2/serverInfo")
	w.Write("poller.yaml", w.pollerYAML())
}

// Relocate moves the private Jira to another address, as it is. The poller is stopped and its settings name the new one.
func (w *World) Relocate() {
	w.T.Helper()
	w.Poller.Stop(w.T)
	w.server.Stop(w.T)
	w.Private.Base += "/moved"
	w.server = Spawn(w.T, w.o.Private, w.Path("moved.out"), "simulator", "--flavour", "datacenter", "--listen", w.loopback(portServer), "--manage", w.loopback(portServerManage),
		"--context", "/moved", "--state", w.Path("datacenter.json"))
	w.up(w.server, w.Private.http, w.Private.Base+"/rest/api/2/serverInfo")
	w.Write("poller.yaml", w.pollerYAML())
}

// StartHub starts the hub and waits until it answers.
func (w *World) StartHub() {
	w.T.Helper()
	w.Hub = spawn(w.T, orThis(w.T, w.HubBinary), w.o.Public, w.Path("hub.log"), "hub", "--config", w.Path("hub.yaml"))
	w.up(w.Hub, w.o.Public.client(), w.HubURL+"/healthz")
}

// StartPoller starts the poller and waits until it answers.
func (w *World) StartPoller() {
	w.T.Helper()
	w.Poller = spawn(w.T, orThis(w.T, w.PollerBinary), w.o.Private, w.Path("poller.log"), "poller", "run", "--config", w.Path("poller.yaml"))
	w.up(w.Poller, w.o.Private.client(), w.Metrics+"/healthz")
}

// up waits until the process answers at all.
func (w *World) up(p *Process, c *http.Client, url string) {
	w.T.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if resp, err := c.Get(url); err == nil {
			_ = resp.Body.Close() // that it answers is all
			return
		}
		if p.Ended() {
			w.T.Fatalf("%s ended before it answered\n%s", p.Name, p.Tail(20))
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.T.Fatalf("%s does not answer at %s\n%s", p.Name, url, p.Tail(20))
}

// Connection is the name of the world's connection.
const Connection = "rig"

// Connect makes a connection, accepts it, registers the webhooks and publishes the rules.
func (w *World) Connect() {
	w.T.Helper()
	w.Accept(w.Invitation("connection", "create", w.connection(), "--project", w.Public.Project))
	w.OnHub("webhook", "create")
	if w.o.PollerWebhook {
		w.OnPoller("webhook", "create")
	}
	w.OnHub("rules", "publish", w.Path("rules-public.yaml"), "--message", "the rig's", "--connection", w.connection())
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"), "--message", "the rig's")
}

func (w *World) connection() string {
	if w.name == "" {
		return Connection
	}
	return w.name
}

// Another adds a private Jira with a poller of its own, and connects it to the hub of this world; what comes under sync is said
// by JQL on both sides.
func (w *World) Another(name, publicJQL, privateJQL string) *World {
	w.T.Helper()
	n := w.beside(name)
	n.hubDir, n.Hub, n.HubURL = w.Dir, w.Hub, w.HubURL
	n.start("", publicJQL, privateJQL)
	n.Connect()
	n.StartPoller()
	return n
}

// Onward adds a hub beside the poller of this world, on the same private Jira, and behind it another private Jira with its poller:
// a chain of three.
func (w *World) Onward(name string) *World {
	w.T.Helper()
	n := w.beside(name)
	n.Public = w.Private
	n.start(w.secrets["token of the private Jira"], "project = "+n.Public.Project, "project = "+n.Private.Project)
	n.StartHub()
	n.Connect()
	n.StartPoller()
	return n
}

// beside is a world with a folder, ports and a private Jira of its own, and the public Jira of this one.
func (w *World) beside(name string) *World {
	n := &World{T: w.T, Dir: w.Path(name), Public: w.Public, o: w.o, name: name}
	var err error
	if n.ports, err = freePorts(portCount); err == nil {
		err = os.Mkdir(n.Dir, 0o700)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	n.HubURL, n.Metrics = "http://"+n.o.HubHost+":"+n.ports[portHub], "http://"+n.loopback(portMetrics)
	n.Private = n.jira(false)
	return n
}

// start writes the settings and starts the private Jira. The public one runs, and is signed in to with the token that its account has.
func (w *World) start(publicToken, publicJQL, privateJQL string) {
	w.T.Helper()
	w.settings()
	w.Write("cloud-token", publicToken)
	w.secrets["token of the public Jira"] = orElse(publicToken, "none that could leak")
	w.Write("rules-public.yaml", strings.Replace(Everything, "project = %s", publicJQL, 1))
	w.Write("rules-private.yaml", strings.Replace(Everything, "project = %s", privateJQL, 1))
	w.startPrivate()
	w.T.Cleanup(w.finish)
	w.Private.Account("drawbridge", Fields{"Token": w.secrets["token of the private Jira"]})
}

// Invitation runs a command of the hub that prints an invitation code, and returns the code.
func (w *World) Invitation(args ...string) string {
	w.T.Helper()
	var out struct{ Code string }
	if err := json.Unmarshal([]byte(w.OnHub(append(args, "--json")...)), &out); err != nil || out.Code == "" {
		w.T.Fatalf("drawbridge %v printed no code: %v", args, err)
	}
	w.Codes = append(w.Codes, out.Code)
	return out.Code
}

// Accept accepts an invitation on the private side.
func (w *World) Accept(code string) {
	w.T.Helper()
	w.OnPoller("poller", "accept", code, "--project", w.Private.Project)
}

// OnHub runs a command against the hub's settings that must succeed, and returns what it printed.
func (w *World) OnHub(args ...string) string {
	w.T.Helper()
	return w.must(w.RunOnHub(args...), args)
}

// OnPoller is the same on the private side.
func (w *World) OnPoller(args ...string) string {
	w.T.Helper()
	return w.must(w.RunOnPoller(args...), args)
}

func (w *World) must(r Result, args []string) string {
	w.T.Helper()
	if r.Code != 0 {
		w.T.Fatalf("drawbridge %s: exit code %d\n%s%s", strings.Join(args, " "), r.Code, r.Out, r.Err)
	}
	return r.Out
}

// RunOnHub runs a command against the hub's settings, whatever comes of it.
func (w *World) RunOnHub(args ...string) Result {
	w.T.Helper()
	return w.said(execute(w.T, orThis(w.T, w.HubBinary), w.o.Public, w.Dir, append(args, "--config", filepath.Join(orElse(w.hubDir, w.Dir), "hub.yaml"))...))
}

// RunOnPoller is the same on the private side.
func (w *World) RunOnPoller(args ...string) Result {
	w.T.Helper()
	return w.said(execute(w.T, orThis(w.T, w.PollerBinary), w.o.Private, w.Dir, append(args, "--config", w.Path("poller.yaml"))...))
}

// Get reads an address from the private side, or the public one where it is the hub's.
func (w *World) Get(url string) (status int, body string) {
	w.T.Helper()
	j := w.Private
	if strings.HasPrefix(url, w.HubURL) {
		j = w.Public
	}
	status, raw, err := j.Send("GET", url, "", nil, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return status, string(raw)
}

// State is the JSON of `sync show KEY` on the half that has it.
func (w *World) Show(public bool, key string) string {
	w.T.Helper()
	run := w.RunOnPoller
	if public {
		run = w.RunOnHub
	}
	r := run("sync", "show", key)
	return r.Out + r.Err
}

// Explain logs what both halves say of an issue, for a test that fails.
func (w *World) Explain(key string) {
	w.T.Helper()
	w.T.Logf("hub: %s\npoller: %s\n%s\n%s", w.Show(true, key), w.Show(false, key), w.Hub.Tail(15), w.Poller.Tail(15))
}

// WebhookURL is where the public Jira's webhooks go.
func (w *World) WebhookURL() string { return w.HubURL + "/v1/webhooks/cloud" }

// WebhookSecret is what the public Jira's webhooks are signed with.
func (w *World) WebhookSecret() string { return w.secrets["secret of the public webhook"] }

// Secret adds a text that must be found nowhere in the halves' logs and state: a secret that came up in the test.
func (w *World) Secret(what, text string) { w.secrets[what] = text }

// ExpireToken makes the token that a half uses worthless, until the returned function is called.
func (w *World) ExpireToken(j *Jira) (restore func()) {
	w.T.Helper()
	j.Account("drawbridge", Fields{"Token": "another-" + rand.Text()})
	what := "token of the private Jira"
	if j.Cloud {
		what = "token of the public Jira"
	}
	return func() { j.Account("drawbridge", Fields{"Token": w.secrets[what]}) }
}
