package engine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// process is an engine that this test binary started.
type process struct {
	cmd    *exec.Cmd
	log    *logTail
	ended  chan struct{}
	onStop []func()
}

var (
	mu      sync.Mutex
	running = map[string]*process{} // by URL
)

// launch starts an engine on the port and waits until it answers at path.
func launch(port int, path string, cmd *exec.Cmd) (string, error) {
	p := &process{cmd: cmd, log: &logTail{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	dieWithParent(cmd)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return "", err
	}
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	mu.Lock()
	running[url] = p
	mu.Unlock()
	if err := answers(url+path, p); err != nil {
		stop(url)
		return "", err
	}
	return url, nil
}

// run keeps its thread: on Linux the engine dies with the thread that started it.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.cmd.Wait()
	}
	close(p.ended)
}

func onStop(url string, f func()) {
	mu.Lock()
	defer mu.Unlock()
	running[url].onStop = append(running[url].onStop, f)
}

// stop ends one engine: politely, then not.
func stop(url string) {
	mu.Lock()
	p := running[url]
	delete(running, url)
	mu.Unlock()
	if p == nil {
		return
	}
	p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Second):
		p.cmd.Process.Kill()
		<-p.ended
	}
	for _, f := range p.onStop {
		f()
	}
}

func stopAll() {
	mu.Lock()
	var urls []string
	for url := range running {
		urls = append(urls, url)
	}
	mu.Unlock()
	for _, url := range urls {
		stop(url)
	}
}

// Log returns the last lines an engine wrote, for the message of a failed test.
func Log(url string) string {
	mu.Lock()
	defer mu.Unlock()
	if p := running[url]; p != nil {
		return p.log.tail()
	}
	return "no engine of this test at " + url
}

// logTail keeps the last 64 KB an engine wrote.
type logTail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 64 << 10

func (l *logTail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if len(l.buf) > 2*tailSize {
		l.buf = append([]byte(nil), l.buf[len(l.buf)-tailSize:]...)
	}
	return len(b), nil
}

func (l *logTail) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf[max(0, len(l.buf)-tailSize):])
}
