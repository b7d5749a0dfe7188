package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"drawbridge/tests/rig"
)

// heard is what the audit of a half says, as one text.
func heard(run func(args ...string) string) string {
	var out struct {
		Acts []struct {
			Who, What, Failed string
			Before, After     map[string]string
		}
	}
	if err := json.Unmarshal([]byte(run("audit", "--limit", "0", "--json")), &out); err != nil {
		return err.Error()
	}
	var lines []string
	for _, a := range out.Acts {
		line, _ := json.Marshal(a) // of strings
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

// TestAuditOnBothSides: what one side does is in its own audit with before and after, and in the other's as told.
func TestAuditOnBothSides(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	w.OnHub("connection", "pause", "--why", "the Jira is upgraded")
	rig.Eventually(t, rig.Patience, "the poller's audit has the pause", func() string {
		return lacks(heard(w.OnPoller), `"state":"paused"`)
	})
	w.OnHub("connection", "resume")
	hub, poller := heard(w.OnHub), heard(w.OnPoller)
	for _, want := range []string{`drawbridge connection create rig`, `invitation accepted by site inside`, `drawbridge rules publish`, `"rig rules":"1"`,
		`drawbridge connection pause --why \"the Jira is upgraded\"`, `"rig state":"active"`, `"rig state":"paused"`, `drawbridge webhook create`} {
		if !strings.Contains(hub, strings.ReplaceAll(want, `\"`, `\\\"`)) && !strings.Contains(hub, want) {
			t.Errorf("the hub's audit has no %s:\n%s", want, hub)
		}
	}
	for _, want := range []string{"drawbridge poller accept, of http", "drawbridge rules publish", `"Who":"the public side","What":"told by the other side"`} {
		if !strings.Contains(poller, want) {
			t.Errorf("the poller's audit has no %s:\n%s", want, poller)
		}
	}
	for _, code := range w.Codes {
		if strings.Contains(hub+poller, code) {
			t.Errorf("an invitation code is in the audit")
		}
	}
	for half, run := range map[string]func(...string) rig.Result{"hub": w.RunOnHub, "poller": w.RunOnPoller} {
		w.Write(half+".yaml", read(t, w.Path(half+".yaml"))+"roles: {viewers: [\"*\"]}\n")
		if r := run("connection", "pause", "--all"); r.Code != 1 || !strings.Contains(r.Err, "role-missing") {
			t.Errorf("%s: a viewer pauses everything: exit code %d: %s", half, r.Code, r.Err)
		}
		if r := run("status"); r.Code != 0 && r.Code != 3 {
			t.Errorf("%s: a viewer may not look: %s", half, r.Err)
		}
	}
}

// TestPairsSurviveAMigration moves the private Jira from Data Center to Cloud: every issue has its key and another id, some
// of them the id that another issue had.
func TestPairsSurviveAMigration(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	out, back := sideOf(w, false).with(t), sideOf(w, true).with(t)
	type both struct{ private, public string }
	var all []both
	for _, s := range []string{"first", "second", "third", "fourth"} {
		key, twin := out.pair(t, s+" from inside", rig.Fields{"labels": []string{s}})
		all = append(all, both{key, twin})
	}
	key, twin := back.pair(t, "from outside", nil)
	all = append(all, both{twin, key})
	stopped := all[3]
	for _, p := range all {
		w.Private.Comment(p.private, "said inside of "+p.private, nil)
		w.Public.Comment(p.public, "said outside of "+p.private, nil)
	}
	w.Private.Attach(all[0].private, "plan.txt", []byte("the plan"))
	w.Public.Attach(all[0].public, "map.txt", []byte("the map"))
	for _, p := range all {
		one(t, w.Public, p.public, "said inside of "+p.private)
		one(t, w.Private, p.private, "said outside of "+p.private)
	}
	rig.Eventually(t, rig.Patience, "both files on both sides", func() string {
		if a, b := len(w.Private.Attachments(all[0].private)), len(w.Public.Attachments(all[0].public)); a != 2 || b != 2 {
			return "not both"
		}
		return ""
	})
	w.OnPoller("sync", "stop", stopped.private)
	rig.Eventually(t, rig.Patience, "the hub knows of the stop", func() string { return lacks(w.OnHub("sync", "list"), "stopped") })
	before := len(w.Public.All())
	w.Private.Edit(all[2].private, rig.Fields{"summary": "named anew before the migration"})
	w.Public.Shows(all[2].public, "summary", "named anew before the migration")

	w.Migrate()
	if r := w.RunOnPoller("poller", "once"); r.Code == 0 || !strings.Contains(r.Err, "site-replaced") {
		t.Errorf("a poller works on a Jira that is not the one it was: exit code %d: %s", r.Code, r.Err)
	}
	dry := w.OnPoller("sync", "rebase", "--dry-run")
	if !strings.Contains(dry, "would keep 4 pairs in sync, 1 stay out of sync") {
		t.Errorf("the dry run: %s", dry)
	}
	w.OnPoller("sync", "rebase", "--yes")
	w.StartPoller()
	defer func() {
		if t.Failed() {
			w.Explain(all[0].public)
			t.Log(w.Show(false, all[0].private), w.OnHub("errors", "list", "--json"))
		}
	}()
	w.Public.Edit(all[0].public, rig.Fields{"summary": "edited outside afterwards"})
	w.Private.Edit(all[1].private, rig.Fields{"summary": "edited inside afterwards"})
	w.Private.Comment(all[1].private, "a later word", nil)
	w.Private.Shows(all[0].private, "summary", "edited outside afterwards")
	w.Public.Shows(all[1].public, "summary", "edited inside afterwards")
	one(t, w.Public, all[1].public, "a later word")
	w.OnHub("sync", "check", "--all")
	w.OnPoller("sync", "check", "--all")
	for _, p := range all {
		if p != stopped {
			w.Private.Edit(p.private, rig.Fields{"description": "settled " + p.private})
			w.Public.Shows(p.public, "description", "settled "+p.private)
		}
		if a, b := len(w.Private.Comments(p.private)), len(w.Public.Comments(p.public)); a != b || a > 3 {
			t.Errorf("%s has %d comments, %s has %d", p.private, a, p.public, b)
		}
	}
	if a, b := len(w.Private.Attachments(all[0].private)), len(w.Public.Attachments(all[0].public)); a != 2 || b != 2 {
		t.Errorf("%d and %d files", a, b)
	}
	for half, show := range map[string]string{"poller": w.Show(false, all[2].private), "hub": w.Show(true, all[2].public)} {
		for _, want := range []string{"under sync", "paired", "third from inside", "named anew before the migration", "rebased", "settled"} {
			if half == "hub" && want == "under sync" {
				want = "created"
			}
			if !strings.Contains(show, want) {
				t.Errorf("%s: the history has lost %q:\n%s", half, want, show)
			}
		}
	}
	if n := len(w.Public.All()); n != before {
		t.Errorf("%d issues outside, there were %d", n, before)
	}
	for half, list := range map[string]string{"hub": w.OnHub("sync", "list", "--json"), "poller": w.OnPoller("sync", "list", "--json")} {
		if n := strings.Count(list, `"synced"`); n != 4 {
			t.Errorf("%s: %d pairs in sync:\n%s", half, n, list)
		}
	}
	if r := w.RunOnPoller("sync", "rebase", "--dry-run"); r.Code == 0 {
		t.Errorf("a rebase beside a running poller: %s", r.Out)
	}
}

// press does what Jira does when the Automation rule, as the command printed it, runs for an issue.
func press(t *testing.T, rule, key, secret string) (status int) {
	t.Helper()
	var export struct {
		Rules []struct {
			Trigger    struct{ Type string }
			Components []struct {
				Type  string
				Value struct {
					URL, Method, CustomBody string
					Headers                 []struct{ Name, Value string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(rule), &export); err != nil || len(export.Rules) != 1 || len(export.Rules[0].Components) != 1 ||
		export.Rules[0].Trigger.Type != "jira.manual.trigger.issue" || export.Rules[0].Components[0].Type != "jira.issue.outgoing.webhook" {
		t.Fatalf("no rule with a button and a web request: %v\n%s", err, rule)
	}
	v := export.Rules[0].Components[0].Value
	req, err := http.NewRequest(v.Method, v.URL, strings.NewReader(strings.ReplaceAll(v.CustomBody, "{{issue.key}}", key)))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range v.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // the status is all there is
	return resp.StatusCode
}

// TestButtons presses the buttons that the command prints, on the hub and on the poller's loopback.
func TestButtons(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{PollerWebhook: true, Rules: "version: 1\nfields: [priority]\nmethod: manual\n"})
	for _, public := range []bool{true, false} {
		s, run := sideOf(w, public).with(t), w.OnPoller
		if public {
			run = w.OnHub
		}
		key := s.here.Create("By a button, public: "+map[bool]string{true: "yes", false: "no"}[public], nil)
		send, stop := run("webhook", "button"), run("webhook", "button", "--stop", "--connection", rig.Connection)
		for want, try := range map[int]func() int{
			http.StatusUnauthorized: func() int { return press(t, send, key, w.WebhookSecret()) },
			http.StatusBadRequest:   func() int { return press(t, send, key+`", "project": "X`, "") },
		} {
			if got := try(); got != want {
				t.Errorf("answered %d, want %d", got, want)
			}
		}
		if got := press(t, send, key, ""); got != http.StatusAccepted {
			t.Fatalf("the button is answered %d", got)
		}
		twin := s.there.Twin(s.here.Text(key, "summary"))
		if got := press(t, stop, key, ""); got != http.StatusAccepted {
			t.Fatalf("the second button is answered %d", got)
		}
		rig.Eventually(t, rig.Patience, "it is stopped", func() string { return lacks(run("sync", "explain", key), "is stopped") })
		s.here.Edit(key, rig.Fields{"description": "not for the other side"})
		stays(t, "the twin is as it was", func() string {
			if s.there.Text(twin, "description") != "" {
				return "it changed"
			}
			return ""
		})
	}
	if label := w.OnHub("webhook", "button", "--label", "to-vendor"); !strings.Contains(label, `"jira.issue.edit"`) || !strings.Contains(label, `"to-vendor"`) {
		t.Errorf("a button that sets a label: %s", label)
	}
}
