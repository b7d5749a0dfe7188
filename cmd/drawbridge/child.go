package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// parentVariable, when set, says that the process is a child of ours: it ends when its standard input does, which is
// when its parent is gone, however that went.
const parentVariable = "DRAWBRIDGE_CHILD"

// withParent returns a context that also ends with the parent of a child process.
func withParent(ctx context.Context, in io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if os.Getenv(parentVariable) == "" {
		return ctx, cancel
	}
	_ = os.Unsetenv(parentVariable) // commands that we run ourselves have another standard input
	go func() {
		_, _ = io.Copy(io.Discard, in) // the end is what we wait for
		cancel()
	}()
	return ctx, cancel
}

// A family is the child processes of the demo. They are started by one goroutine on one thread of its own, because on
// Linux the signal "your parent died" is sent when the thread that started a child ends.
type family struct {
	logs     string
	start    chan func()
	children []*child
	died     chan *child
	stopping chan struct{}
}

// A child is one process of our own binary.
type child struct {
	name  string
	cmd   *exec.Cmd
	log   string
	stdin io.Closer
	ended chan struct{}
	err   error

	expected atomic.Bool // its end is no news
}

func newFamily(logs string) *family {
	f := &family{logs: logs, start: make(chan func()), died: make(chan *child, 8), stopping: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		for do := range f.start {
			do()
		}
	}()
	return f
}

// run starts this binary with args. The output goes to a log file of the child's name.
func (f *family) run(name string, args, env []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: name, cmd: exec.Command(self, args...), log: filepath.Join(f.logs, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = append(append(os.Environ(), parentVariable+"=1"), env...)
	c.cmd.SysProcAttr = childAttributes()
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	started := make(chan error)
	f.start <- func() { started <- c.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	f.children = append(f.children, c)
	go f.wait(c)
	return c, nil
}

func (f *family) wait(c *child) {
	c.err = c.cmd.Wait()
	close(c.ended)
	if c.expected.Load() {
		return
	}
	select {
	case <-f.stopping:
	case f.died <- c:
	}
}

// kill ends a child as a power cut would, and forgets it: it may be started again.
func (f *family) kill(name string) error {
	for i, c := range f.children {
		if c.name == name {
			c.expected.Store(true)
			f.children = append(f.children[:i:i], f.children[i+1:]...)
			err := c.cmd.Process.Kill()
			<-c.ended
			return err
		}
	}
	return fmt.Errorf("no child %s", name)
}

// childGrace is how long a child may take to stop before it is killed.
const childGrace = 10 * time.Second

// stop ends the children, the last one started first, each by its process id.
func (f *family) stop() {
	close(f.stopping)
	for i := len(f.children) - 1; i >= 0; i-- {
		f.children[i].stop()
	}
	close(f.start)
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended
	_ = c.stdin.Close()
	select {
	case <-c.ended:
	case <-time.After(childGrace):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// failure says that a child ended by itself, with the end of its log.
func (c *child) failure() error {
	<-c.ended
	why := "it ended"
	if c.err != nil {
		why = c.err.Error()
	}
	return fmt.Errorf("%s stopped: %s\n%s", c.name, why, tail(c.log, 15))
}

// tail is the end of a log, indented.
func tail(path string, lines int) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "  (no log: " + err.Error() + ")"
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	all = all[max(0, len(all)-lines):]
	return "  end of " + path + ":\n    " + strings.Join(all, "\n    ")
}

// once runs this binary to its end and returns what it printed.
func once(ctx context.Context, env []string, args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), &onceError{args: args, err: err, said: strings.TrimSpace(errOut.String())}
	}
	return out.String(), nil
}

// A onceError is a command of ours that did not work, with what it said.
type onceError struct {
	args []string
	err  error
	said string
}

func (e *onceError) Error() string {
	return fmt.Sprintf("drawbridge %s: %v: %s", strings.Join(e.args, " "), e.err, e.said)
}

// code is the exit code of a command that was run.
func (e *onceError) code() int {
	var exit *exec.ExitError
	if errors.As(e.err, &exit) {
		return exit.ExitCode()
	}
	return -1
}
