package crash

import (
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestDamagedState damages the poller's state file. It says so, does not run on it, and the repair rebuilds it: with the
// keys where they can be read, else after another invitation.
func TestDamagedState(t *testing.T) {
	t.Parallel()
	n := seed(t)
	w := rig.New(t, rig.Options{})
	c := newCrowd(w)
	c.workFor(n, 2*time.Second)
	c.settled(t, 40*time.Second)

	busy := w.RunOnPoller("poller", "repair")
	if busy.Code != 1 || !strings.Contains(busy.Err, "state-in-use") {
		t.Errorf("repair beside a running poller: exit code %d: %s", busy.Code, busy.Err)
	}
	stop(t, w, "poller")
	damage(t, w.Path("poller.db"), func(raw []byte) { // the last pages: pairs, most likely
		for i := len(raw) * 9 / 10; i < len(raw); i++ {
			raw[i] = 0xA5
		}
	})
	refuses(t, w)
	c.workFor(n+1, time.Second)
	r := w.RunOnPoller("poller", "repair")
	t.Log(strings.TrimSpace(r.Out + r.Err))
	if r.Code == 1 && strings.Contains(r.Err, "connection invite") {
		again(w)
	} else if r.Code != 0 {
		t.Fatalf("repair: exit code %d: %s", r.Code, r.Err)
	}
	w.StartPoller()
	c.workFor(n+2, time.Second)
	c.settled(t, uncertain)

	stop(t, w, "poller")
	damage(t, w.Path("poller.db"), func(raw []byte) { copy(raw, "nothing of SQLite is left in here, not even the header") })
	refuses(t, w)
	r = w.RunOnPoller("poller", "repair")
	if r.Code != 1 || !strings.Contains(r.Err, "connection invite") || !strings.Contains(r.Err, "poller accept") {
		t.Fatalf("repair without readable keys: exit code %d: %s", r.Code, r.Err)
	}
	again(w)
	w.StartPoller()
	c.workFor(n+3, time.Second)
	c.settled(t, uncertain)
}

// again invites the poller once more.
func again(w *rig.World) {
	w.Accept(w.Invitation("connection", "invite", rig.Connection))
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"))
}

// refuses sees that the poller does not run on the state, and says what to do.
func refuses(t *testing.T, w *rig.World) {
	t.Helper()
	p := rig.Spawn(t, "", w.Path("damaged.log"), "poller", "run", "--config", w.Path("poller.yaml"))
	if code := p.Wait(10 * time.Second); code != 1 || !strings.Contains(p.Output(), "state-damaged") {
		t.Errorf("on a damaged state: exit code %d\n%s", code, p.Tail(5))
	}
}

func damage(t *testing.T, path string, how func([]byte)) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	how(raw)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}
