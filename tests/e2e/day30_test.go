package e2e

import (
	"encoding/json"
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
		return lacks(heard(w.OnPoller), `"Who":"the public side","What":"told by the other side"`)
	})
	w.OnHub("connection", "resume")
	hub, poller := heard(w.OnHub), heard(w.OnPoller)
	for _, want := range []string{`drawbridge connection create rig`, `invitation accepted by site inside`, `drawbridge rules publish`, `"rig rules":"1"`,
		`drawbridge connection pause --why \"the Jira is upgraded\"`, `"rig state":"active"`, `"rig state":"paused"`, `drawbridge webhook create`} {
		if !strings.Contains(hub, strings.ReplaceAll(want, `\"`, `\\\"`)) && !strings.Contains(hub, want) {
			t.Errorf("the hub's audit has no %s:\n%s", want, hub)
		}
	}
	for _, want := range []string{"drawbridge poller accept, of http", "drawbridge rules publish", `"state":"paused"`} {
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
