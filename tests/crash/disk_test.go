package crash

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestDisk takes the disk under the state of both halves away. While it is full they say so, lose nothing, and go on by
// themselves when there is room again. Where it can only be read they do not start, and say why.
func TestDisk(t *testing.T) {
	t.Parallel()
	n := seed(t)
	w := rig.New(t, rig.Options{Apart: true})
	small := mount(t, w.Path("small"))
	for _, half := range []string{"hub", "poller"} {
		text := strings.Replace(read(t, w.Path(half+".yaml")), "state: "+half+".db", "state: small/"+half+".db", 1)
		w.Write(half+".yaml", text)
	}
	w.StartHub()
	w.Connect()
	w.StartPoller()
	c := newCrowd(w)
	c.workFor(n, time.Second)
	c.settled(t, 40*time.Second)

	fill(t, filepath.Join(small, "filler"))
	c.workFor(n+1, 2*time.Second)
	if w.Hub.Ended() || w.Poller.Ended() {
		t.Error("a full disk ended a half")
	}
	says(t, w, "full")
	if err := os.Remove(filepath.Join(small, "filler")); err != nil {
		t.Fatal(err)
	}
	c.settled(t, 60*time.Second)

	w.Hub.Kill()
	w.Poller.Kill()
	remount(t, small, "ro")
	for _, half := range [][]string{{"hub"}, {"poller", "run"}, {"poller", "once"}} {
		p := rig.Spawn(t, "", w.Path("readonly.log"), append(half, "--config", w.Path(half[0]+".yaml"))...)
		if code := p.Wait(10 * time.Second); code != 1 || !strings.Contains(p.Tail(3), "state-unwritable") {
			t.Errorf("drawbridge %v on a disk that cannot be written to: exit code %d\n%s", half, code, p.Tail(5))
		}
	}
	remount(t, small, "rw")
	w.StartHub()
	w.StartPoller()
	c.settled(t, 60*time.Second)
}

// says sees that a log tells of the trouble.
func says(t *testing.T, w *rig.World, word string) {
	t.Helper()
	if !strings.Contains(w.Hub.Output()+w.Poller.Output(), word) {
		t.Errorf("no log says %q\n%s\n%s", word, w.Hub.Tail(5), w.Poller.Tail(5))
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// mount makes a small disk in memory; where that is not allowed the test is skipped, in CI it fails.
func mount(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", dir).CombinedOutput(); err != nil {
		why := "needs a small disk, and none can be mounted here: " + strings.TrimSpace(string(out))
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return dir
}

func remount(t *testing.T, dir, mode string) {
	t.Helper()
	if out, err := exec.Command("mount", "-o", "remount,"+mode, dir).CombinedOutput(); err != nil {
		t.Fatalf("remount: %s", out)
	}
}

// fill writes until there is no room.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := bytes.Repeat([]byte{1}, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			var p *os.PathError
			if !errors.As(err, &p) || !strings.Contains(err.Error(), "no space") {
				t.Fatal(err)
			}
			return
		}
	}
}
