package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/simulator"
)

// withJira is a hub or poller settings file over a simulated Jira.
func withJira(t *testing.T, flavour, settings string) (path string) {
	t.Helper()
	path, _ = withSimulator(t, flavour, settings)
	return path
}

// withSimulator is the same, with the Jira in hand.
func withSimulator(t *testing.T, flavour, settings string) (path string, s *simulator.Site) {
	t.Helper()
	s = simulator.New(simulator.Options{Flavour: flavour})
	t.Cleanup(s.Close)
	s.SeedDemo("DEMO")
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	s.SetBaseURL(server.URL)
	t.Setenv("JIRA_TOKEN", simulator.SyncUser+"-token")
	t.Setenv("WEBHOOK_SECRET", "a secret of the webhook")
	name := "poller.yaml"
	if strings.Contains(settings, "public_url") {
		name = "hub.yaml"
	}
	path = filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(strings.ReplaceAll(settings, "ADDRESS", server.URL)), 0o600))
	return path, s
}

const hubOverSimulator = `public_url: http://127.0.0.1:8480
site: {name: cloud, flavour: cloud, api_url: "ADDRESS", auth: {user: drawbridge@example.com, token: {env: JIRA_TOKEN}}}
webhook: {secret: {env: WEBHOOK_SECRET}}
`

const pollerOverSimulator = `site: {name: inside, flavour: datacenter, api_url: "ADDRESS", auth: {token: {env: JIRA_TOKEN}}}
`

func TestTheLifeOfAConnection(t *testing.T) {
	hub := withJira(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support", exitUsage, "which project? say --project KEY")
	says(t, hub, "connection create support --project DEMO --conflicts maybe", exitUsage, "say newest, public-site")
	says(t, hub, "connection create support --project NOPE", exitFailed, "missing", "permission-missing")
	out := says(t, hub, "connection create support --project DEMO", exitDone, "fine", "DEMO: create (CREATE_ISSUES)", "drawbridge1.", "good once")
	if strings.Count(out, "drawbridge1.") != 1 {
		t.Errorf("the code is not there once:\n%s", out)
	}
	says(t, hub, "connection create Support --project DEMO", exitFailed, "connection-exists")
	says(t, hub, "connection list", exitDone, "support", "pending", "not joined")
	says(t, hub, "connection resume", exitFailed, "is pending")
	says(t, hub, "connection invite", exitDone, "drawbridge1.")
	says(t, hub, "connection revoke --poller", exitDone, "2 codes are worthless now", "shut out")
	says(t, hub, "connection end support", exitUsage, "say --yes")
	says(t, hub, "connection end support --yes", exitDone, "support has ended")
	says(t, hub, "connection show", exitDone, "ended", "ended by")
}

func TestWebhookOfAHalf(t *testing.T) {
	hub, jira := withSimulator(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support --project DEMO", exitDone, "missing  webhook: there is none")
	says(t, hub, "webhook show", exitFinding, "Settings (the cog) > System > WebHooks", "http://127.0.0.1:8480/v1/webhooks/cloud", "WEBHOOK_SECRET", "no event came by it yet")
	says(t, hub, "webhook create", exitDone, "sends to")
	says(t, hub, "hub webhook create", exitDone, "sends to")
	out := says(t, hub, "webhook show", exitDone, "enabled", "events: jira:issue_created")
	if strings.Count(out, "sends to") != 1 {
		t.Errorf("made anew, there is not one webhook:\n%s", out)
	}
	says(t, hub, "webhook check", exitFinding, "fine     in Jira", "missing  test event", "connection refused")
	says(t, hub, "webhook rotate", exitFailed, "secret-elsewhere", "WEBHOOK_SECRET")
	says(t, hub, "doctor", exitDone, "fine     webhook: there and enabled; nothing came by it yet")
	must(t, jira.ChangeUser(simulator.SyncUser, func(u *simulator.User) error { u.Groups = nil; return nil }))
	says(t, hub, "webhook create", exitFinding, "the account may not do that", "1. Settings (the cog)", "Tick these events")
	says(t, hub, "webhook remove", exitFinding, "An administrator of Jira deletes")
	says(t, hub, "webhook check", exitFinding, "unknown  in Jira: the account may not look")
	says(t, hub, "doctor", exitDone, "unknown  webhook: the account may not look", "optional Jira administrator (ADMINISTER): the webhook is made by hand")
	must(t, jira.ChangeUser(simulator.SyncUser, func(u *simulator.User) error { u.Groups = []string{"jira-administrators"}; return nil }))
	says(t, hub, "webhook remove", exitDone, "1 webhook removed")
	says(t, hub, "webhook show", exitFinding)
}

// TestWebhookSecretIsRotated: the fresh secret stands in the file the settings name and in Jira, and nowhere else.
func TestWebhookSecretIsRotated(t *testing.T) {
	hub, jira := withSimulator(t, simulator.Cloud, strings.Replace(hubOverSimulator, "{env: WEBHOOK_SECRET}", "{file: webhook-secret}", 1))
	file := filepath.Join(filepath.Dir(hub), "webhook-secret")
	must(t, os.WriteFile(file, []byte("the first\n"), 0o600))
	says(t, hub, "connection create support --project DEMO", exitDone)
	says(t, hub, "webhook create", exitDone)
	said := says(t, hub, "webhook rotate", exitDone, "has a fresh secret")
	now, err := os.ReadFile(file)
	must(t, err)
	secret := strings.TrimSpace(string(now))
	raw, err := jira.Snapshot()
	must(t, err)
	state := string(raw)
	if secret == "the first" || len(secret) < 40 || strings.Contains(said, secret) {
		t.Errorf("the secret is %q; said:\n%s", secret, said)
	}
	if !strings.Contains(state, secret) || strings.Contains(state, "the first") || strings.Count(state, "/v1/webhooks/cloud") != 1 {
		t.Error("Jira does not have the one webhook with the fresh secret")
	}
}

func TestRulesOfAHalf(t *testing.T) {
	hub := withJira(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support --project DEMO", exitDone)
	rules := filepath.Join(filepath.Dir(hub), "rules.yaml")
	must(t, os.WriteFile(rules, []byte("version: 1\nfields:\n  - prioritty\n"), 0o600))
	says(t, hub, "rules check "+rules, exitUsage, "rules.yaml:3:5", "Priority", "1 mistake")
	says(t, hub, "rules publish "+rules, exitUsage, "1 mistake")
	must(t, os.WriteFile(rules, []byte("version: 1\nfields:\n  - Proirity\n  - field: labels\n    dir: out\nusers: {fallback: alic}\n"), 0o600))
	says(t, hub, "rules check "+rules, exitUsage, "rules.yaml:3:5", "rules.yaml:5:5", `rules.yaml:6:19: user "alic"`, "(Alice Archer)", "3 mistakes")
	says(t, hub, "rules history", exitDone, "nothing published yet")
	must(t, os.WriteFile(rules, []byte("version: 1\nfields:\n  - priority\n"), 0o600))
	says(t, hub, "rules check "+rules, exitDone, "no mistakes")
	says(t, hub, "rules publish "+rules+" --message first", exitDone, "revision 1 is in force on the public side")
	says(t, hub, "rules show", exitDone, "- priority")
	const written = "# ours\nversion: 1\n\nusers: {fallback: nobody} # for now\nfields:\n  - labels   # first\n\n  - {field: priority}\n# the end\n"
	must(t, os.WriteFile(rules, []byte(written), 0o600))
	says(t, hub, "rules publish "+rules+" --message commented", exitDone)
	if shown, _, _ := try(t, append(strings.Fields("rules show"), "--config", hub)...); shown != written {
		t.Errorf("what was published came back as %q", shown)
	}
	says(t, hub, "rules rollback 1", exitDone, "revision 3 is in force")
	says(t, hub, "rules diff 0", exitDone, "+   - priority", "-   - field: summary", "\n\n+ fields.priority.field: \"priority\"\n")
	says(t, hub, "rules rollback 0", exitDone, "revision 4 is in force")
	says(t, hub, "rules show", exitDone, "- field: summary")
	says(t, hub, "rules history", exitDone, "first", "back to revision 0")
	says(t, hub, "rules show nine", exitUsage, "is not a number")
	says(t, hub, "rules show 9", exitFailed, "no rules revision 9")
}

func TestAcceptRefusesWhatCannotWork(t *testing.T) {
	poller := withJira(t, simulator.DataCenter, pollerOverSimulator)
	says(t, poller, "poller accept nonsense", exitFailed, "invitation-unreadable")
	says(t, poller, "connection create support", exitFailed, "connections are made on the hub")
	says(t, poller, "status", exitFailed, "start drawbridge poller run with this settings file first")
	code := codeFor(t, "http://192.0.2.1")
	says(t, poller, "poller accept "+code+" --project DEMO", exitFailed, "hub-plain-http", "allow_http")
	code = codeFor(t, "http://127.0.0.1:1")
	says(t, poller, "poller accept "+code, exitUsage, "which project?")
	says(t, poller, "poller accept "+code+" --project NOPE", exitFailed, "permission-missing")
	says(t, poller, "poller accept "+code+" --project DEMO", exitFailed, "hub-unreachable")
}

// codeFor is an invitation code of a hub at that address.
func codeFor(t *testing.T, address string) string {
	t.Helper()
	hub := withJira(t, simulator.Cloud, strings.Replace(hubOverSimulator, "http://127.0.0.1:8480", address, 1)+"tls: {allow_http: true}\n")
	out, errOut, _ := try(t, "connection", "create", "x", "--project", "DEMO", "--json", "--config", hub)
	var v struct{ Code string }
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut)
	}
	return v.Code
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""}, {"a", "a", "  a"}, {"a", "b", "- a|+ b"}, {"a|b|c", "a|c", "  a|- b|  c"}, {"a|c", "a|b|c|d", "  a|+ b|  c|+ d"},
	} {
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "|")
		}
		if got := strings.Join(diff(split(c.a), split(c.b)), "|"); got != c.want {
			t.Errorf("%q to %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestMetricsAreText(t *testing.T) {
	m := newMetrics()
	m.call("GET", `issue/{"x"}`, 200, 1500e6)
	m.call("GET", `issue/{"x"}`, 200, 500e6)
	var b bytes.Buffer
	m.write(&b)
	for _, want := range []string{
		`drawbridge_jira_calls_total{method="GET",route="issue/{\"x\"}",status="200"} 2`,
		`drawbridge_jira_call_seconds_total{method="GET",route="issue/{\"x\"}",status="200"} 2.000`,
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no line %s in:\n%s", want, b.String())
		}
	}
}

func TestTimesArePlain(t *testing.T) {
	for ms, want := range map[int64]string{0: "now", 999: "now", 1000: "1 s ago", 61_000: "1 min ago", 7_200_000: "2 h ago", 90_000_000_000: "1041 d ago", -5000: "in 5 s"} {
		if got := ago(ms); got != want {
			t.Errorf("%d ms: %q, want %q", ms, got, want)
		}
	}
}

// TestAHubThatCannotListenSaysSo: and a state file that is in use.
func TestAHubThatCannotStartSaysWhy(t *testing.T) {
	hub := withJira(t, simulator.Cloud, hubOverSimulator+"listen: 127.0.0.1:99999\n")
	says(t, hub, "hub", exitUsage, "listen")
	busy := httptest.NewServer(nil)
	defer busy.Close()
	hub = withJira(t, simulator.Cloud, hubOverSimulator+fmt.Sprintf("listen: %s\n", strings.TrimPrefix(busy.URL, "http://")))
	says(t, hub, "hub", exitFailed, "address already in use")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errOut bytes.Buffer
	hub = withJira(t, simulator.Cloud, hubOverSimulator+"listen: 127.0.0.1:0\n")
	if code := run(ctx, []string{"hub", "--config", hub}, strings.NewReader(""), &out, &errOut); code != exitFailed && code != exitDone {
		t.Errorf("stopped before it began: exit %d, %s", code, errOut.String())
	}
}
