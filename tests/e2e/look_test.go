package e2e

import (
	"regexp"
	"strings"
	"testing"

	"drawbridge/tests/rig"
)

// shown is what the commands say of the world and of one issue.
func shown(t *testing.T, w *rig.World) {
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Shown on the command line", nil)
	s.here.Edit(key, rig.Fields{"summary": "Shown, and edited"})
	s.there.Shows(twin, "summary", "Shown, and edited")
	for half, r := range map[string]rig.Result{
		"hub": w.RunOnHub("sync", "show", key), "poller": w.RunOnPoller("sync", "show", twin), "hub by its twin": w.RunOnHub("sync", "show", twin),
	} {
		for _, want := range []string{key, twin, "summary", "Shown, and edited"} {
			if r.Code != 0 || !strings.Contains(r.Out, want) {
				t.Errorf("sync show on the %s: exit code %d, no %q in:\n%s%s", half, r.Code, want, r.Out, r.Err)
			}
		}
	}
	if r := w.RunOnHub("sync", "show", "PUB-99999"); r.Code != 1 || !strings.Contains(r.Err, "PUB-99999") {
		t.Errorf("sync show of an unknown issue: exit code %d: %s", r.Code, r.Err)
	}
	for half, run := range map[string]func(...string) rig.Result{"hub": w.RunOnHub, "poller": w.RunOnPoller} {
		r := run("status")
		for _, want := range []string{half + " of site", rig.Connection, "active", "queue:"} {
			if !strings.Contains(r.Out, want) {
				t.Errorf("status of the %s: exit code %d, no %q in:\n%s%s", half, r.Code, want, r.Out, r.Err)
			}
		}
	}
}

var sampleLine = regexp.MustCompile(`^([a-z_]+)(\{([a-z]+="(?:[^"\\]|\\.)*",?)*\})? -?[0-9.e+-]+$`)

// numbers parses what the poller serves on loopback.
func numbers(t *testing.T, w *rig.World) {
	if status, body := w.Get(w.Metrics + "/healthz"); status != 200 || strings.TrimSpace(body) != "ok" {
		t.Errorf("/healthz of the poller: %d %q", status, body)
	}
	if status, body := w.Get(w.HubURL + "/healthz"); status != 200 || strings.TrimSpace(body) != "ok" {
		t.Errorf("/healthz of the hub: %d %q", status, body)
	}
	_, body := w.Get(w.Metrics + "/metrics")
	types, seen := map[string]string{}, map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(body), "\n") {
		if f := strings.Fields(line); strings.HasPrefix(line, "# TYPE ") && len(f) == 4 {
			types[f[2]] = f[3]
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("not Prometheus text: %q", line)
			continue
		}
		if types[m[1]] == "" {
			t.Errorf("%s has no # TYPE before it", m[1])
		}
		seen[m[1]] = true
	}
	for _, want := range []string{"drawbridge_site_up", "drawbridge_queue_messages", "drawbridge_outbox_changes", "drawbridge_jira_calls_total"} {
		if !seen[want] {
			t.Errorf("/metrics has no %s:\n%s", want, body)
		}
	}
	if !strings.Contains(body, "drawbridge_site_up 1") {
		t.Error("the site is not up, says /metrics")
	}
}
