package e2e

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// ready is what DIR/ready.json tells.
type ready struct {
	Public, Private struct {
		BaseURL string `json:"base_url"`
		Manage  string `json:"manage_url"`
		Project string
	}
	Hub    struct{ URL, Config string }
	Poller struct{ Config, State string }
	PIDs   map[string]int
}

// TestDemo starts the demo, works in it, stops it, starts it again and goes on; in the end it is killed, and nothing of it
// stays.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, r := startDemo(t, dir)
	pub, priv := rig.Open(t, true, r.Public.BaseURL, r.Public.Manage, r.Public.Project), rig.Open(t, false, r.Private.BaseURL, r.Private.Manage, r.Private.Project)
	key := pub.Create("Made in the demo", rig.Fields{"labels": []string{"demo"}})
	twin := priv.Twin("Made in the demo")
	priv.Shows(twin, "labels", "demo")
	if code, took := p.Stop(t); code != 0 {
		t.Errorf("after SIGTERM: exit code %d in %s\n%s", code, took, p.Tail(20))
	}
	if _, err := os.Stat(dir + "/ready.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ready.json is still there: %v", err)
	}
	gone(t, r.PIDs)

	p, again := startDemo(t, dir)
	if again.Public.BaseURL != r.Public.BaseURL || again.Hub.URL != r.Hub.URL {
		t.Errorf("the second start has other addresses: %+v, not %+v", again, r)
	}
	pub.Shows(key, "summary", "Made in the demo")
	priv.Edit(twin, rig.Fields{"summary": "Edited after the second start"})
	pub.Shows(key, "summary", "Edited after the second start")
	if n := len(pub.All()); n != 1 {
		t.Errorf("%d issues on the public side after the second start", n)
	}
	p.Kill()
	gone(t, again.PIDs)
}

func startDemo(t *testing.T, dir string) (*rig.Process, ready) {
	t.Helper()
	p := rig.Spawn(t, "", t.TempDir()+"/demo.log", "demo", "--dir", dir, "--listen", "127.0.0.1:0")
	var r ready
	rig.Eventually(t, 60*time.Second, "the demo is up", func() string {
		if p.Ended() {
			t.Fatal(p.Tail(30))
		}
		raw, err := os.ReadFile(dir + "/ready.json")
		if err == nil {
			err = json.Unmarshal(raw, &r)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
	return p, r
}

// gone waits until no process of those ids runs.
func gone(t *testing.T, pids map[string]int) {
	t.Helper()
	rig.Eventually(t, rig.Patience, "no process of the demo runs any more", func() string {
		for name, pid := range pids {
			if syscall.Kill(pid, 0) == nil && !zombie(pid) {
				return name + " still runs"
			}
		}
		return ""
	})
}

// zombie reports whether the process has ended and only waits to be noticed.
func zombie(pid int) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(raw), ") Z ")
}
