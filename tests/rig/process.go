package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A Process is one running drawbridge. It ends with the test, and with the test binary however that ends: its standard
// input is a pipe of ours, and it stops where that does.
type Process struct {
	Name string
	Log  string // its output, over all starts of that name
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{}
	err  error
}

// Spawn starts the binary. Its output is appended to log.
func Spawn(t testing.TB, o Place, log string, args ...string) *Process {
	t.Helper()
	return spawn(t, Binary(t), o, log, args...)
}

func spawn(t testing.TB, binary string, o Place, log string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: strings.TrimSuffix(filepath.Base(log), ".log"), Log: log, done: make(chan struct{})}
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // the process has its own
	p.cmd = o.command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = f, f
	p.cmd.Env = append(environment(), "DRAWBRIDGE_CHILD=1")
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.Kill)
	return p
}

// environment is ours without what would change what drawbridge does.
func environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "DRAWBRIDGE_") {
			out = append(out, v)
		}
	}
	return append(out, "NO_COLOR=1")
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process at once (SIGKILL) and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
	_ = p.in.Close()
}

// Freeze stops the process where it is (SIGSTOP); Thaw lets it go on.
func (p *Process) Freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (p *Process) Thaw() { _ = p.cmd.Process.Signal(syscall.SIGCONT) }

// Stop asks the process to end (SIGTERM) and returns its exit code and how long it took.
func (p *Process) Stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("stop %s: %v", p.Name, err)
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not stop within 20 s of SIGTERM\n%s", p.Name, p.Tail(30))
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(began)
}

// Ended reports whether the process has ended; Wait waits for it.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits until the process ends by itself and returns its exit code; -1 if it does not in time.
func (p *Process) Wait(d time.Duration) int {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(d):
		return -1
	}
}

// Output is everything the process and its predecessors of that name have written.
func (p *Process) Output() string {
	raw, err := os.ReadFile(p.Log)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	return string(raw)
}

// Tail is the end of the output.
func (p *Process) Tail(lines int) string {
	all := strings.Split(strings.TrimRight(p.Output(), "\n"), "\n")
	return fmt.Sprintf("end of the log of %s:\n  %s", p.Name, strings.Join(all[max(0, len(all)-lines):], "\n  "))
}

// Trouble is the last warnings and errors of the output.
func (p *Process) Trouble(lines int) string {
	var found []string
	for _, line := range strings.Split(p.Output(), "\n") {
		if !strings.Contains(line, "level=INFO") && !strings.Contains(line, "level=DEBUG") {
			found = append(found, line)
		}
	}
	return fmt.Sprintf("trouble of %s:\n  %s", p.Name, strings.Join(found[max(0, len(found)-lines):], "\n  "))
}

// A Result is what a finished command said.
type Result struct {
	Out, Err string
	Code     int
}

// Exec runs the binary to its end, in a folder.
func Exec(t testing.TB, o Place, dir string, args ...string) Result {
	t.Helper()
	return execute(t, Binary(t), o, dir, args...)
}

func execute(t testing.TB, binary string, o Place, dir string, args ...string) Result {
	t.Helper()
	cmd := o.command(binary, args...)
	var out, errOut bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = dir, &out, &errOut, environment()
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("drawbridge %s: %v", strings.Join(args, " "), err)
	}
	return Result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// Eventually looks until something is so; look says "" then, and else why not. It logs how long that took.
func Eventually(t testing.TB, within time.Duration, what string, look func() string) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		why := look()
		took := time.Since(began)
		switch {
		case why == "":
			t.Logf("%s (after %s)", what, took.Round(10*time.Millisecond))
			return took
		case took > within:
			t.Fatalf("not so after %s: %s: %s", within, what, why)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
