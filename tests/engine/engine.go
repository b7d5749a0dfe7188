// Package engine gives tests the real engines that prove the AWS drivers and
// the template, without an AWS account and without docker: dynoxide (DynamoDB),
// MiniStack (SQS, S3, SSM, Lambda, CloudFormation), the SAM command line and
// cfn-lint.
//
// What is needed is installed once under a cache folder, DRAWBRIDGE_CACHE or
// the user's own, pinned to exact versions. Engines listen on free loopback
// ports, live as long as the test binary, and are stopped by their process id.
// Where Python or npm is missing the test is skipped with a word on how to get
// it; with CI set that is a failure. Start reading at [DynamoDB] and
// [MiniStack]; a package that uses them has a TestMain calling [Run].
package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Versions of what is installed. docs/decisions/engines.md says why these.
const (
	dynoxide  = "@dynoxide/linux-x64@1.2.1"
	ministack = "ministack[full]==1.4.21"
	samCLI    = "aws-sam-cli==1.170.0"
	cfnLint   = "cfn-lint==1.58.0"
)

// Region and Account are those the engines play.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// Credentials that every engine takes.
const (
	AccessKey = "test"
	SecretKey = "test"
)

// Run runs the tests of a binary and stops the engines they started. TestMain
// calls it: os.Exit(engine.Run(m)).
func Run(m *testing.M) int {
	defer stopAll()
	return m.Run()
}

var (
	dynamo = once{start: startDynamo}
	mini   = once{start: func(t testing.TB) (string, error) { return startMiniStack(t, nil) }}
)

// DynamoDB returns the endpoint of a DynamoDB engine, shared by the tests of a
// binary: use a table of your own. DRAWBRIDGE_TEST_DYNAMODB names a running one
// to use instead. On systems dynoxide is not made for it is MiniStack's.
func DynamoDB(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("DRAWBRIDGE_TEST_DYNAMODB"); url != "" {
		return url
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return MiniStack(t)
	}
	return dynamo.get(t)
}

// MiniStack returns the endpoint of a MiniStack, shared by the tests of a
// binary: use resources of your own. DRAWBRIDGE_TEST_AWS names a running one to
// use instead.
func MiniStack(t testing.TB) string {
	t.Helper()
	if url := os.Getenv("DRAWBRIDGE_TEST_AWS"); url != "" {
		return url
	}
	return mini.get(t)
}

// NewMiniStack starts a MiniStack for one test, with settings of its own
// ("NAME=value"), and stops it when the test ends.
func NewMiniStack(t testing.TB, settings ...string) string {
	t.Helper()
	own := once{start: func(t testing.TB) (string, error) { return startMiniStack(t, settings) }}
	url := own.get(t)
	t.Cleanup(func() { stop(url) })
	return url
}

// once starts an engine for the first test that wants it. An engine that did
// not start is not tried again.
type once struct {
	start func(testing.TB) (string, error)
	mu    sync.Mutex
	url   string
	err   error
}

func (o *once) get(t testing.TB) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.url == "" && o.err == nil {
		o.url, o.err = o.start(t)
	}
	demand(t, o.err)
	return o.url
}

// missing is the error for a tool that is not on this machine.
type missing struct{ tool, hint string }

func (m missing) Error() string { return fmt.Sprintf("needs %s: %s", m.tool, m.hint) }

// demand ends the test for an error: a missing tool skips it, except in CI.
func demand(t testing.TB, err error) {
	t.Helper()
	var m missing
	switch {
	case err == nil:
	case errors.As(err, &m) && os.Getenv("CI") == "":
		report(fmt.Sprintf("skipped: %s %s %v", strings.TrimSuffix(filepath.Base(os.Args[0]), ".test"), t.Name(), err))
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// report adds a line to the file that DRAWBRIDGE_SKIPPED names, for make to
// show: go test says nothing of what a package that passed has skipped.
func report(line string) {
	name := os.Getenv("DRAWBRIDGE_SKIPPED")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}

// tool finds a program, or says how to get it.
func tool(hint string, names ...string) (string, error) {
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
	}
	return "", missing{names[0], hint}
}

// Cache returns the folder in which installed engines stay from run to run.
func Cache() (string, error) {
	dir := os.Getenv("DRAWBRIDGE_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("set DRAWBRIDGE_CACHE: %w", err)
		}
		dir = filepath.Join(user, "drawbridge")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}

func startDynamo(t testing.TB) (string, error) {
	npm, err := tool("install Node.js (on Debian: apt-get install npm)", "npm")
	if err != nil {
		return "", err
	}
	dir, err := install(t, "dynoxide-1.2.1", func(dir string) [][]string {
		return [][]string{{npm, "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", dynoxide}}
	})
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if err := os.Chmod(binary, 0o755); err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	return launch(port, "/", exec.Command(binary, "serve", "--host", "127.0.0.1", "--port", fmt.Sprint(port)))
}

func startMiniStack(t testing.TB, settings []string) (string, error) {
	bin, err := Python(t, "ministack-1.4.21", ministack)
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	data, err := os.MkdirTemp("", "drawbridge-ministack-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(bin, "python"), "-m", "ministack")
	cmd.Dir = data
	cmd.Env = append(withoutAWS(os.Environ()), "BIND_HOST=127.0.0.1", fmt.Sprintf("GATEWAY_PORT=%d", port),
		"MINISTACK_REGION="+Region, fmt.Sprintf("AWS_ENDPOINT_URL=http://127.0.0.1:%d", port),
		"STATE_DIR="+data, "S3_DATA_DIR="+data, "PERSIST_STATE=0",
		"SFTP_ENABLED=0", "IOT_MTLS_ENABLED=0") // they would listen beyond loopback
	cmd.Env = append(cmd.Env, settings...)
	url, err := launch(port, "/_ministack/health", cmd)
	if err != nil {
		os.RemoveAll(data)
		return "", err
	}
	onStop(url, func() { os.RemoveAll(data) })
	return url, nil
}

// withoutAWS drops the settings of the person who runs the tests: an engine
// must not reach a real account.
func withoutAWS(env []string) []string {
	return slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, "AWS_") })
}

// freePort is one below those the system gives to whoever asks for any: no other server of a test takes it between this look
// and the engine's start.
func freePort() (port int, err error) {
	for range 20 {
		port = 20000 + rand.IntN(10000)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, err
}

// answers waits until the engine answers HTTP at all or has ended.
func answers(url string, p *process) error {
	client := http.Client{Timeout: 2 * time.Second}
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		if resp, err := client.Get(url); err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended before it answered:\n%s", p.cmd.Path, p.log.tail())
		case <-time.After(25 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not answer at %s:\n%s", p.cmd.Path, url, p.log.tail())
}
