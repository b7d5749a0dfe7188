package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/work"
	"drawbridge/simulator"
)

// childVariable makes the test binary a simulated Jira; its value are the arguments.
const childVariable = "DRAWBRIDGE_BENCH_JIRA"

// Main is TestMain's: it runs the tests, or is a Jira where the test binary was started as one.
func Main(m *testing.M) int {
	args := os.Getenv(childVariable)
	if args == "" {
		work.CollectLate() // as the hub and the poller do
		return m.Run()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends when our parent does
		cancel()
	}()
	return simulator.Run(ctx, strings.Fields(args), os.Stdout, os.Stderr)
}

// Jira is a simulated Jira in a process of its own.
type Jira struct {
	T       testing.TB
	Flavour string
	URL     string
	simulator.Demo

	manage string
	cmd    *exec.Cmd
	in     io.Closer
}

// StartJira starts one; it ends with the test.
func StartJira(t testing.TB, flavour, project string) *Jira {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	j := &Jira{T: t, Flavour: flavour, cmd: exec.Command(self)}
	// A real Jira has a machine of its own; the less of this one it takes, the less the halves are measured with it.
	j.cmd.Env = append(os.Environ(), "GOGC=400", childVariable+"=--flavour "+flavour+" --listen 127.0.0.1:0 --manage 127.0.0.1:0 --json --project "+project)
	j.cmd.Stderr = os.Stderr
	j.in, err = j.cmd.StdinPipe()
	must(t, err)
	out, err := j.cmd.StdoutPipe()
	must(t, err)
	must(t, j.cmd.Start())
	t.Cleanup(j.Stop)
	lines := bufio.NewScanner(out)
	for j.URL == "" && lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "management: "); ok {
			j.manage = at
		} else {
			must(t, json.Unmarshal(lines.Bytes(), &struct {
				URL *string `json:"url"`
				*simulator.Demo
			}{&j.URL, &j.Demo}))
		}
	}
	must(t, lines.Err())
	return j
}

// Stop ends the process.
func (j *Jira) Stop() {
	if j.cmd == nil {
		return
	}
	_ = j.in.Close()
	_ = j.cmd.Wait() // it was asked to end
	j.cmd = nil
}

// jiraTime is the processor time that both Jiras have used.
func (w *World) jiraTime() time.Duration {
	return processorTimeOf(w.Public.Jira.cmd.Process.Pid) + processorTimeOf(w.Private.Jira.cmd.Process.Pid)
}

// processorTimeOf is what another process has used, as Linux tells it in hundredths of a second; 0 elsewhere.
func processorTimeOf(pid int) time.Duration {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		n, _ := strconv.ParseInt(f, 10, 64) // 0 if it is none
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Manage calls the management port.
func (j *Jira) Manage(method, path string, body, into any) {
	j.T.Helper()
	var raw []byte
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		must(j.T, err)
	}
	req, err := http.NewRequest(method, j.manage+path, bytes.NewReader(raw))
	must(j.T, err)
	resp, err := http.DefaultClient.Do(req)
	must(j.T, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(j.T, err)
	if resp.StatusCode != http.StatusOK {
		j.T.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	if into != nil {
		must(j.T, json.Unmarshal(answer, into))
	}
}

// Latency delays every answer to Drawbridge, and to nobody else: people do not wait in line for it.
func (j *Jira) Latency(d time.Duration) {
	j.T.Helper()
	j.Manage("DELETE", "/faults", nil, nil)
	if d > 0 {
		j.Manage("POST", "/faults", map[string]any{"route": "*", "agent": "drawbridge", "latency": d.String()}, nil)
	}
}

// Fail makes it answer 500 to Drawbridge, whatever it asks.
func (j *Jira) Fail(on bool) {
	j.T.Helper()
	j.Manage("DELETE", "/faults", nil, nil)
	if on {
		j.Manage("POST", "/faults", map[string]any{"route": "*", "agent": "drawbridge", "status": 500}, nil)
	}
}

// Unlimited turns Cloud's rate limits off.
func (j *Jira) Unlimited() { j.Manage("PUT", "/settings", map[string]any{"rateLimits": false}, nil) }

// LastWrite is when Drawbridge's last write was answered.
func (j *Jira) LastWrite() time.Time {
	j.T.Helper()
	var all []simulator.Request
	j.Manage("GET", "/requests", nil, &all)
	var last time.Time
	for _, r := range all {
		if r.User == j.AccountID && !strings.HasPrefix(r.Route, "GET ") && !strings.HasSuffix(r.Route, "/search") && r.At.After(last) {
			last = r.At
		}
	}
	return last
}

// Total is how many requests were answered since the last reset.
func (j *Jira) Total() (n int) {
	var calls map[string]int
	j.Manage("GET", "/calls", nil, &calls)
	for _, c := range calls {
		n += c
	}
	return n
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (j *Jira) String() string { return fmt.Sprintf("%s at %s", j.Flavour, j.URL) }
