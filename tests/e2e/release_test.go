package e2e

import (
	"os"
	"strings"
	"testing"

	"drawbridge/tests/rig"
)

// A later release, as far as the one of this tree is concerned: it speaks a later protocol and has one more table in its state.
func later(t *testing.T, version, protocols string) string {
	t.Helper()
	return rig.Release(t, version,
		rig.Change{File: "shared/exchange/protocol.go", Old: "\tProtocol = 1\n\tOldest   = 1\n", New: protocols},
		rig.Change{File: "shared/store/sqlitestore/schema.go", Old: "CREATE INDEX dedup_until ON dedup (until);\n`}", New: "CREATE INDEX dedup_until ON dedup (until);\n`, `CREATE TABLE later (x INTEGER) STRICT`}"})
}

// TestReleasesMoveApart upgrades one half at a time. Neighbours work, whichever is ahead; those too far apart say who has to
// upgrade, and nothing is lost meanwhile. State goes forward with a copy kept, and not backward.
func TestReleasesMoveApart(t *testing.T) {
	t.Parallel()
	this := rig.Release(t, "v1.4.0")
	next := later(t, "v1.5.0", "\tProtocol = 2\n\tOldest = 1\n")
	far := later(t, "v1.7.0", "\tProtocol = 3\n\tOldest = 2\n")
	w := rig.New(t, rig.Options{Apart: true})
	w.HubBinary, w.PollerBinary = this, this
	w.StartHub()
	w.Connect()
	w.StartPoller()
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Kept in sync through releases", nil)
	works := func(step string) {
		t.Helper()
		s.here.Edit(key, rig.Fields{"summary": "edited inside: " + step})
		s.there.Shows(twin, "summary", "edited inside: "+step)
		s.there.Edit(twin, rig.Fields{"description": "edited outside: " + step})
		s.here.Shows(key, "description", "edited outside: "+step)
		s.here.Attach(key, "in "+step+".txt", []byte("the content inside, "+step))
		s.there.Attach(twin, "out "+step+".txt", []byte("the content outside, "+step))
		rig.Eventually(t, rig.Patience, "the files of both sides: "+step, func() string {
			for _, j := range []struct {
				*rig.Jira
				key, name, content string
			}{{s.there, twin, "in " + step + ".txt", "the content inside, " + step}, {s.here, key, "out " + step + ".txt", "the content outside, " + step}} {
				found := ""
				for _, a := range j.Attachments(j.key) {
					if a.Filename == j.name {
						found = string(j.Content(a))
					}
				}
				if found != j.content {
					return j.name + " holds " + found
				}
			}
			return ""
		})
	}
	attention := func(r rig.Result, code int, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if r.Code != code || !strings.Contains(r.Out+r.Err, want) {
				t.Errorf("exit code %d, not %d, or no %q in:\n%s%s", r.Code, code, want, r.Out, r.Err)
			}
		}
	}
	stop := func(p *rig.Process) {
		t.Helper()
		if code, _ := p.Stop(t); code != 0 {
			t.Fatalf("%s: exit code %d\n%s", p.Name, code, p.Tail(5))
		}
	}
	works("the same release")

	stop(w.Poller)
	settings := read(t, w.Path("poller.yaml"))
	w.Write("poller-copy.db", read(t, w.Path("poller.db")))
	w.Write("poller.yaml", strings.Replace(settings, "state: poller.db", "state: poller-copy.db", 1))
	w.PollerBinary = far
	attention(w.RunOnPoller("poller", "once"), 1, "hub-protocol", "the hub speaks Drawbridge protocol 1, this poller 2 to 3: upgrade the hub")
	attention(w.RunOnPoller("status"), 3, "nothing is exchanged with the hub of rig since", "this poller 2 to 3: upgrade the hub")
	w.Write("poller.yaml", settings)
	if log := w.Hub.Output(); !strings.Contains(log, "upgrade the hub") {
		t.Errorf("the hub's log does not say who has to upgrade: %s", w.Hub.Tail(5))
	}

	w.PollerBinary = next
	w.StartPoller()
	works("the poller ahead")
	attention(w.RunOnPoller("status"), 0, "v1.4.0", "nothing needs attention")
	attention(w.RunOnHub("status"), 0, "v1.5.0", "nothing needs attention")
	stop(w.Poller)
	state := read(t, w.Path("poller.db"))
	w.PollerBinary = this
	attention(w.RunOnPoller("poller", "once"), 1, "state-newer", "newer than this drawbridge (schema 2, known is 1); use version >= v1.5.0")
	if read(t, w.Path("poller.db")) != state {
		t.Error("an older release changed newer state")
	}
	w.Write("poller.db", read(t, w.Path("poller.db.schema-1"))) // the copy that was kept
	for _, side := range []string{"poller.db-wal", "poller.db-shm"} {
		if err := os.Remove(w.Path(side)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	w.StartPoller()
	stop(w.Hub)
	w.HubBinary = next
	w.StartHub()
	if len(read(t, w.Path("hub.db.schema-1"))) == 0 {
		t.Error("no copy of the hub's state")
	}
	works("the hub ahead")
	attention(w.RunOnPoller("status"), 0, "v1.5.0", "nothing needs attention")

	stop(w.Hub)
	w.HubBinary = far
	w.StartHub()
	rig.Eventually(t, rig.Patience, "the poller says who has to upgrade", func() string {
		return lacks(w.RunOnPoller("status").Out, "the hub speaks Drawbridge protocol 2 to 3, this poller 1: upgrade this poller")
	})
	attention(w.RunOnPoller("status"), 3, "nothing is exchanged with the hub of rig since")
	s.here.Comment(key, "said while too far apart", nil)
	stop(w.Poller)
	w.PollerBinary = next
	w.StartPoller()
	one(t, s.there, twin, "said while too far apart")
	works("in reach again")
	attention(w.RunOnPoller("status"), 3, "this poller has to upgrade: this poller runs Drawbridge v1.5.0, the other half of rig v1.7.0")
	attention(w.RunOnHub("status"), 3, "the other side has to upgrade")
	if out := w.RunOnPoller("status").Out; strings.Contains(out, "nothing is exchanged") {
		t.Errorf("what is over is still told: %s", out)
	}
	stop(w.Poller)
	w.PollerBinary = far
	w.StartPoller()
	works("together again")
	attention(w.RunOnPoller("status"), 0, "nothing needs attention")
}
