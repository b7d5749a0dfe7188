package e2e

import (
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestKeysAreRotated gives the poller, the hub and the webhook fresh keys while both halves run. What was good before is worth
// nothing then, and the audit of each half says what changed, by its own people or by the other side.
func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Under the first keys", nil)
	s.there.Shows(twin, "summary", "Under the first keys")
	copyOf(t, w, "before")

	says(t, w.RunOnPoller("poller", "rotate"), 0, "this poller's key is ")
	time.Sleep(2 * time.Second) // a running poller takes it over within one; before that the hub takes both
	s.here.Edit(key, rig.Fields{"summary": "Under the poller's second key"})
	s.there.Shows(twin, "summary", "Under the poller's second key")
	s.there.Edit(twin, rig.Fields{"description": "and back"})
	s.here.Shows(key, "description", "and back")
	says(t, rig.Exec(t, "", w.Dir, "poller", "once", "--config", w.Path("before.yaml")), 1, "hub-refused")

	says(t, w.RunOnHub("hub", "rotate"), 0, "1 old key is good besides", "--drop-old")
	s.here.Edit(key, rig.Fields{"summary": "Under the hub's second key"})
	s.there.Shows(twin, "summary", "Under the hub's second key")
	rig.Eventually(t, rig.Patience, "the poller has learnt the hub's key", func() string {
		return lacks(w.RunOnHub("hub", "rotate", "--drop-old").Out, "0 old keys are good besides")
	})
	s.there.Edit(twin, rig.Fields{"description": "with the first key forgotten"})
	s.here.Shows(key, "description", "with the first key forgotten")

	w.OnHub("webhook", "rotate")
	w.Secret("rotated webhook secret", strings.TrimSpace(read(t, w.Path("cloud-webhook"))))

	says(t, w.RunOnHub("audit"), 0, "drawbridge hub rotate\n", "    hub's key 1: ", "drawbridge hub rotate --drop-old", "the private side: poller's key rotated", "    poller's key: ",
		"drawbridge webhook rotate", "    webhook secret: sha256:")
	says(t, w.RunOnPoller("audit"), 0, "drawbridge poller rotate\n", "    rig poller's key: ", "the public side: hub's key rotated")

	w.Poller.Stop(t) // a poller that is not there when a key leaks needs another invitation
	says(t, w.RunOnHub("hub", "rotate"), 0)
	says(t, w.RunOnHub("hub", "rotate", "--drop-old"), 1, "hub-key-needed", "rig")
	says(t, w.RunOnHub("hub", "rotate", "--leaked"), 0, "every poller needs a new invitation")
	w.StartPoller()
	s.here.Edit(key, rig.Fields{"summary": "After a leak"})
	w.Accept(w.Invitation("connection", "invite"))
	s.there.Shows(twin, "summary", "After a leak")
	for _, half := range []rig.Result{w.RunOnHub("poller", "rotate"), w.RunOnPoller("hub", "rotate")} {
		says(t, half, 2, "its key is rotated with")
	}
}

// copyOf makes a copy of the poller's state as it is now, with settings for it.
func copyOf(t *testing.T, w *rig.World, name string) {
	t.Helper()
	w.Poller.Stop(t)
	w.Write(name+".db", read(t, w.Path("poller.db")))
	w.Write(name+".yaml", strings.NewReplacer("poller.db", name+".db", "poller-blobs", name+"-blobs").Replace(read(t, w.Path("poller.yaml"))))
	w.StartPoller()
}
