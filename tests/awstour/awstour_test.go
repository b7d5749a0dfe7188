//go:build linux

// Package awstour runs the tour of `drawbridge demo --script` against
// template.yaml, deployed on an engine that plays AWS: two simulated Jiras, a
// real poller that knows nothing but the API's address, and the operator's
// commands with AWS credentials. What is wrong in the template makes it fail,
// which is proven with mistakes put into it. Start reading at [TestTour].
package awstour

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/tests/engine"
	"drawbridge/tests/stack"
)

const root = "../.."

func TestMain(m *testing.M) {
	code := engine.Run(m)
	if bin != "" {
		os.RemoveAll(bin)
	}
	os.Exit(code)
}

var bin string // folder of the built program

// build builds the program once; children of the demo are the same file.
var build = sync.OnceValues(func() (path string, err error) {
	if bin, err = os.MkdirTemp("", "drawbridge-awstour-"); err != nil {
		return "", err
	}
	path = filepath.Join(bin, "drawbridge")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/drawbridge")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build drawbridge: %w\n%s", err, out)
	}
	return path, nil
})

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func template(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	must(t, err)
	return string(raw)
}

// A tour is a stack and the folder of a demo that will use it.
type tour struct {
	t       *testing.T
	dir     string
	program string
	options stack.Options
	stack   *stack.Stack
	front   *stack.Front
	stop    func() // ends what live started
}

// deploy deploys a template for a demo whose ports are chosen beforehand: the
// functions have to know where the public Jira will be.
func deploy(t *testing.T, text string) *tour {
	t.Helper()
	program, err := build()
	must(t, err)
	tr := &tour{t: t, dir: t.TempDir(), program: program}
	ports := freePorts(t, 7)
	raw, err := json.Marshal(map[string]any{"ports": ports})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tr.dir, "demo.json"), raw, 0o600))
	key, err := exec.CommandContext(t.Context(), tr.program, "config", "hub-key").Output()
	must(t, err)
	tr.options = stack.Options{
		Root: root, Template: text,
		Parameters: map[string]string{"SiteName": "cloud", "JiraUrl": "http://" + ports[0], "JiraUser": "drawbridge@example.com"},
		Secrets:    map[string]string{"hub-key": string(key), "jira-token": "drawbridge-token", "webhook-secret": "It's a Secret to Everybody"},
	}
	tr.stack = tr.deployed()
	tr.front = tr.stack.Front(t)
	return tr
}

// deployed is the stack in an account of its own.
func (tr *tour) deployed() *stack.Stack {
	tr.t.Helper()
	s, err := stack.Deploy(tr.t, tr.options)
	if err != nil {
		tr.t.Fatalf("%v\n%s", err, s.Log())
	}
	return s
}

// freePorts are addresses on loopback where nobody listens, outside the range
// from which systems give ports to calls: they have to be free minutes later.
func freePorts(t *testing.T, n int) (out []string) {
	t.Helper()
	for try := 0; len(out) < n; try++ {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil && try < 100 {
			continue
		}
		must(t, err)
		defer l.Close()
		out = append(out, l.Addr().String())
	}
	return out
}

// run takes the tour, waiting as long as patience for each thing, and returns
// what it said.
func (tr *tour) run(patience time.Duration, more ...string) (string, error) {
	ctx, cancel := context.WithTimeout(tr.t.Context(), 8*time.Minute)
	defer cancel()
	args := append([]string{"demo", "--script", "--dir", tr.dir, "--hub", "aws:" + stack.Name, "--patience", patience.String()}, more...)
	cmd := exec.CommandContext(ctx, tr.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it stops what it started
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = tr.environment()
	var out bytes.Buffer
	w := io.Writer(&out)
	if testing.Verbose() {
		w = io.MultiWriter(&out, os.Stdout)
	}
	cmd.Stdout, cmd.Stderr = w, w
	err := cmd.Run()
	return out.String(), err
}

// environment is that of an operator who is inside the company, too.
func (tr *tour) environment() []string {
	return append(append(os.Environ(), tr.stack.Environment()...), tr.front.Environment()...)
}

// TestTour: everything the tour shows is so on AWS, and no call of a function
// needed more than its role allows.
func TestTour(t *testing.T) {
	t.Parallel() // most of it is waiting
	if testing.Short() {
		t.Skip("takes minutes")
	}
	tr := deploy(t, template(t))
	out, err := tr.run(time.Minute)
	if err != nil || !strings.Contains(out, "all so:") {
		t.Fatalf("%v\n%s\n%s", err, out, tr.stack.Log())
	}
	if denied := tr.stack.Guard.Denied(); len(denied) > 0 {
		t.Errorf("refused: %v", denied)
	}
}

// TestMistakesShow: a mistake in the template stops the tour at its start or in
// its first step, and what the hub says names it. What the engine does not mind
// is for the invariants of the template (docs/decisions/engines.md).
func TestMistakesShow(t *testing.T) {
	t.Parallel() // most of it is waiting
	if testing.Short() {
		t.Skip("takes minutes")
	}
	for name, c := range map[string]struct{ right, wrong, says string }{
		"route":               {"POST /v1/invitations/{id}/accept", "POST /v1/invitation/{id}/accept", "answered 404"},
		"environment":         {"DRAWBRIDGE_TABLE: ", "DRAWBRIDGE_TABLES: ", "DRAWBRIDGE_TABLE"},
		"permission":          {`"dynamodb:Query", "dynamodb:PutItem", `, `"dynamodb:Query", `, "exchange: dynamodb:PutItem on arn:aws:dynamodb:"},
		"secret's permission": {"${AWS::StackName}/webhook-secret", "${AWS::StackName}/webhooks-secret", "ingest: ssm:GetParameters on arn:aws:ssm:"},
		"index":               {"- IndexName: pending", "- IndexName: waiting", "store-request"},
		"queue of a function": {"Queue: !GetAtt LiveQueue.Arn", "Queue: !GetAtt BulkQueue.Arn", "LiveQueue: 1 waiting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := template(t)
			if !strings.Contains(text, c.right) {
				t.Fatalf("template.yaml has no %q", c.right)
			}
			tr := deploy(t, strings.ReplaceAll(text, c.right, c.wrong))
			out, err := tr.run(10*time.Second, "--only", "no other step")
			if err == nil {
				t.Fatalf("nothing is wrong:\n%s", out)
			}
			if all := out + tr.stack.Log(); !strings.Contains(all, c.says) {
				t.Errorf("nothing says %q:\n%s", c.says, all)
			}
		})
	}
}
