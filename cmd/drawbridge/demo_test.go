//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTour is the demo's own tour: everything Drawbridge does, against the real processes.
func TestTour(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	t.Setenv(asCommandVariable, "1")
	out, errOut, code := try(t, "demo", "--script", "--dir", t.TempDir())
	if code != exitDone || !strings.Contains(out, fmt.Sprintf("all so: %d steps", len(steps))) {
		t.Fatalf("exit %d\n%s\n%s", code, out, errOut)
	}
}

// A running is a demo in a process of its own.
type running struct {
	cmd    *exec.Cmd
	out    bytes.Buffer
	Public demoJira
	Pids   map[string]int
}

func startDemo(t *testing.T, dir string) *running {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	r := &running{cmd: exec.Command(self, "demo", "--dir", dir)}
	r.cmd.Env = append(os.Environ(), asCommandVariable+"=1")
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	must(t, r.cmd.Start())
	t.Cleanup(func() { _ = r.cmd.Process.Kill() })
	for range 300 {
		if raw, err := os.ReadFile(filepath.Join(dir, "ready.json")); err == nil {
			must(t, json.Unmarshal(raw, r))
			return r
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("the demo is not ready:\n%s", r.out.String())
	return nil
}

// gone waits until none of the processes is there any more.
func (r *running) gone(t *testing.T) {
	t.Helper()
	for range 150 {
		left := 0
		for _, pid := range r.Pids {
			if alive(pid) {
				left++
			}
		}
		if left == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("children are left: %v", r.Pids)
}

// alive reports whether a process runs; one that has ended and was not waited for does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(status), ") Z ")
}

func TestTheDemoGoesOnAndLeavesNothingBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("starts ten processes")
	}
	dir := t.TempDir()
	first := startDemo(t, dir)
	j := &rest{demoJira: first.Public, ctx: t.Context()}
	key, err := j.create("PUB", "Task", "Kept over a restart", nil)
	must(t, err)
	must(t, first.cmd.Process.Signal(os.Interrupt))
	if err := first.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C: %v\n%s", err, first.out.String())
	}
	first.gone(t)
	if _, err := os.Stat(filepath.Join(dir, "ready.json")); err == nil {
		t.Error("ready.json is left although nothing runs")
	}

	second := startDemo(t, dir)
	if second.Public.BaseURL != first.Public.BaseURL {
		t.Errorf("the public Jira moved from %s to %s", first.Public.BaseURL, second.Public.BaseURL)
	}
	fields, err := (&rest{demoJira: second.Public, ctx: t.Context()}).issue(key)
	if err != nil || fields["summary"] != "Kept over a restart" {
		t.Errorf("%s is %v, %v", key, fields["summary"], err)
	}
	if _, errOut, code := try(t, "demo", "--dir", dir); code != exitFailed || !strings.Contains(errOut, "does this demo run already?") {
		t.Errorf("a second demo in the same folder: exit %d, %s", code, errOut)
	}
	must(t, second.cmd.Process.Kill())
	_ = second.cmd.Wait() // killed
	second.gone(t)
}

func TestAFailedStartSaysWhyAndLeavesNothingBehind(t *testing.T) {
	t.Setenv(asCommandVariable, "1")
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "hub.yaml"), []byte("public_ur: x\n"), 0o600))
	_, errOut, code := try(t, "demo", "--dir", dir)
	if code != exitFailed || !strings.Contains(errOut, "hub stopped") || !strings.Contains(errOut, `did you mean "public_url"?`) {
		t.Errorf("exit %d:\n%s", code, errOut)
	}
}
