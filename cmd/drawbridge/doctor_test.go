package main

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/simulator"
)

func TestDoctor(t *testing.T) {
	hub, jira := withSimulator(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support --project DEMO", exitDone)
	says(t, hub, "webhook create", exitDone)
	says(t, hub, "doctor", exitDone, "fine     way to Jira: 127.0.0.1", "directly, plain HTTP", "fine     account on", "fine     version", "fine     clock",
		"fine     DEMO: browse (BROWSE_PROJECTS)", "optional upload limit: Jira takes 10 MB, the settings allow 100 MB")
	says(t, hub, "doctor --project NOPE", exitFinding, "missing  project NOPE: there is none")
	says(t, hub, "doctor --project DEMOSD", exitDone, "fine     DEMOSD: service-desk agent")
	for key, want := range map[string]string{
		"BROWSE_PROJECTS": "missing  DEMO: browse (BROWSE_PROJECTS): nothing of the project can be seen", "EDIT_ALL_COMMENTS": "optional DEMO: comments, all",
		"DELETE_OWN_COMMENTS": "missing  DEMO: comments, own (EDIT_OWN_COMMENTS, DELETE_OWN_COMMENTS): without DELETE_OWN_COMMENTS a comment edited",
		"ASSIGN_ISSUES":       "missing  DEMO: assign", "LINK_ISSUES": "missing  DEMO: link", "USER_PICKER": "missing  browse users", "ADMINISTER_PROJECTS": "optional DEMO: silent edits",
	} {
		deny(t, jira, key)
		code := exitFinding
		if strings.HasPrefix(want, "optional") {
			code = exitDone
		}
		says(t, hub, "doctor", code, want)
	}
	deny(t, jira, "SERVICEDESK_AGENT")
	says(t, hub, "doctor --project DEMOSD", exitFinding, "missing  DEMOSD: service-desk agent (SERVICEDESK_AGENT): nothing that arrives can be shown to customers")
	deny(t, jira)
	t.Setenv("JIRA_TOKEN", "not-the-token")
	says(t, hub, "doctor", exitFinding, "missing  account on")
}

// deny takes permissions from the sync account, and gives back all others.
func deny(t *testing.T, jira *simulator.Site, keys ...string) {
	t.Helper()
	must(t, jira.ChangeUser(simulator.SyncUser, func(u *simulator.User) error { u.Denied = keys; return nil }))
}

// TestDoctorKnowsTheRules: a permission that no rule needs is not missed.
func TestDoctorKnowsTheRules(t *testing.T) {
	hub, jira := withSimulator(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support --project DEMO", exitDone)
	says(t, hub, "webhook create", exitDone)
	rules := filepath.Join(filepath.Dir(hub), "rules.yaml")
	must(t, os.WriteFile(rules, []byte("version: 1\nfields:\n  - duedate\ncomments: {direction: out}\nremoteLinks: off\n"), 0o600))
	says(t, hub, "rules publish "+rules, exitDone)
	deny(t, jira, "ADD_COMMENTS", "LINK_ISSUES", "ASSIGN_ISSUES", "MODIFY_REPORTER", "WORK_ON_ISSUES", "USER_PICKER")
	says(t, hub, "doctor", exitDone, "unused   DEMO: comments (ADD_COMMENTS)", "unused   DEMO: link", "unused   DEMO: assign", "unused   DEMO: worklogs", "unused   browse users")
	deny(t, jira, "SCHEDULE_ISSUES")
	says(t, hub, "doctor", exitFinding, "missing  DEMO: schedule (SCHEDULE_ISSUES): the due date cannot be set")
}

// TestDoctorOnTheNetwork names the way out of what stands between.
func TestDoctorOnTheNetwork(t *testing.T) {
	poller := withJira(t, simulator.DataCenter, pollerOverSimulator)
	says(t, poller, "connection list", exitFailed, "state-missing")
	secure := httptest.NewTLSServer(nil)
	defer secure.Close()
	text, err := os.ReadFile(poller)
	must(t, err)
	_, rest, _ := strings.Cut(string(text), `api_url: "`)
	address, _, _ := strings.Cut(rest, `"`)
	unknown := withJira(t, simulator.Cloud, strings.ReplaceAll(hubOverSimulator, "ADDRESS", secure.URL))
	says(t, unknown, "connection create x --project DEMO", exitFailed, "way to Jira", "name the authority's file with network: {ca_file: FILE}")
	proxied := withJira(t, simulator.Cloud, strings.ReplaceAll(hubOverSimulator, `"ADDRESS"`, `"`+address+`", network: {proxy: "http://127.0.0.1:1"}`))
	says(t, proxied, "connection create x --project DEMO", exitFailed, "missing  way to Jira", "through the proxy 127.0.0.1:1")
}

// TestPermissionsPage keeps the table of docs/permissions.md equal to what doctor asks.
func TestPermissionsPage(t *testing.T) {
	const name, begin, end = "../../docs/permissions.md", "<!-- what doctor asks: written by the test -->\n", "<!-- end -->\n"
	raw, err := os.ReadFile(name)
	must(t, err)
	head, rest, ok := strings.Cut(string(raw), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("docs/permissions.md has no place for the table")
	}
	var table bytes.Buffer
	writePermissions(&table)
	want := head + begin + "\n" + table.String() + "\n" + end + tail
	if *update {
		must(t, os.WriteFile(name, []byte(want), 0o644))
	} else if string(raw) != want {
		t.Error("docs/permissions.md has another table; run the test with -update")
	}
	for _, c := range append(inProjects, onSite...) {
		if len(c.Keys) == 0 || c.What == "" || c.Without == "" || c.Use == "" {
			t.Errorf("half a capability: %+v", c)
		}
	}
}
