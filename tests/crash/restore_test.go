package crash

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// Every test here has people at work before, between and after what happens to the state, and the same end: both Jiras are
// equal, and hold everything once.

// TestYesterdaysBackup restores the state of either side as it was before the last work was done.
func TestYesterdaysBackup(t *testing.T) {
	t.Parallel()
	n := seed(t)
	for _, half := range []string{"hub", "poller"} {
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			w := rig.New(t, rig.Options{})
			c := newCrowd(w)
			c.workFor(n, 2*time.Second)
			c.settled(t, 40*time.Second)
			stop(t, w, half)
			backup := t.TempDir()
			copyState(t, w.Dir, backup, half)
			start(w, half)

			c.workFor(n+1, 3*time.Second)
			c.settled(t, 40*time.Second)
			stop(t, w, half)
			c.workFor(n+2, time.Second) // while it is away
			copyState(t, backup, w.Dir, half)
			start(w, half)
			c.workFor(n+3, 2*time.Second)
			c.settled(t, uncertain)
			rejoined(t, w)
		})
	}
}

// TestABackupOfWhichNothingTells: nothing crossed since it was taken, so that only who put it back knows.
func TestABackupOfWhichNothingTells(t *testing.T) {
	t.Parallel()
	for _, half := range []string{"hub", "poller"} {
		t.Run(half, func(t *testing.T) {
			t.Parallel()
			w := rig.New(t, rig.Options{})
			w.Public.Create("Before the backup", nil)
			w.Private.Twin("Before the backup") // each half has told the other which state it has
			stop(t, w, half)
			map[string]func(...string) string{"hub": w.OnHub, "poller": w.OnPoller}[half]("site", "restored")
			start(w, half)
			for range 300 {
				if knows(w.Hub) && knows(w.Poller) {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			rejoined(t, w)
		})
	}
}

// knows reports whether a half offers everything again.
func knows(p *rig.Process) bool { return strings.Contains(p.Output(), "state was lost or restored") }

// rejoined sees that the other side was asked too.
func rejoined(t *testing.T, w *rig.World) {
	t.Helper()
	for _, p := range []*rig.Process{w.Hub, w.Poller} {
		if !knows(p) {
			t.Errorf("the %s does not know\n%s", p.Name, p.Tail(10))
		}
	}
}

func stop(t *testing.T, w *rig.World, half string) {
	t.Helper()
	p := w.Hub
	if half == "poller" {
		p = w.Poller
	}
	if code, _ := p.Stop(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, p.Tail(10))
	}
}

func start(w *rig.World, half string) {
	if half == "poller" {
		w.StartPoller()
	} else {
		w.StartHub()
	}
}

// copyState copies the state files of a half that is stopped; what is there is replaced.
func copyState(t *testing.T, from, to, half string) {
	t.Helper()
	dropState(t, to, half)
	found, err := filepath.Glob(filepath.Join(from, half+".db*"))
	if err != nil || len(found) == 0 {
		t.Fatal("no state to copy", err)
	}
	for _, path := range found {
		copyFile(t, path, filepath.Join(to, filepath.Base(path)))
	}
}

func dropState(t *testing.T, dir, half string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, half+".db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

// TestStateLost has a poller whose state is gone altogether, keys and all: the hub invites it again, and it takes up every
// pair.
func TestStateLost(t *testing.T) {
	t.Parallel()
	n := seed(t)
	w := rig.New(t, rig.Options{})
	c := newCrowd(w)
	c.workFor(n, 3*time.Second)
	c.settled(t, 40*time.Second)
	w.Poller.Kill()
	c.workFor(n+1, time.Second)
	dropState(t, w.Dir, "poller")
	if err := os.RemoveAll(w.Path("poller-blobs")); err != nil {
		t.Fatal(err)
	}
	w.Accept(w.Invitation("connection", "invite", rig.Connection))
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"))
	w.StartPoller()
	c.workFor(n+2, 2*time.Second)
	c.settled(t, uncertain)
}
