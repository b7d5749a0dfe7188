// Package lambda builds the functions as they are built for AWS and plays Lambda's runtime API for one of them (AWS Lambda
// Developer Guide, "Using the Lambda runtime API"). Start reading at [Start].
package lambda

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/logs"
)

// Build makes a function as sam build does, for a processor, and returns the program's file. Root is the folder of go.mod.
func Build(t testing.TB, root, name, arch string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags=lambda.norpc,nethttpomithttp2", "-ldflags=-s -w", "-o", out, "./functions/"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return out
}

// Function is a function that runs.
type Function struct {
	Process *os.Process
	Ready   time.Duration // from its start until it asked for the first event, with all clients made

	events  chan []byte
	answers chan []byte
	ready   chan time.Time
}

// Start runs a program with an environment and returns when it is ready. It ends with the test.
func Start(t testing.TB, program string, env []string) *Function {
	t.Helper()
	f := &Function{events: make(chan []byte), answers: make(chan []byte, 1), ready: make(chan time.Time, 1)}
	api := httptest.NewServer(f)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(env, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
	said := new(logs.Buffer)
	cmd.Stdout, cmd.Stderr = said, said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.Process = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		api.CloseClientConnections()
		api.Close()
	})
	select {
	case at := <-f.ready:
		f.Ready = at.Sub(began)
	case <-time.After(20 * time.Second):
		t.Fatalf("%s is not ready: %s", program, said)
	}
	return f
}

// Invoke gives the function an event and returns its answer.
func (f *Function) Invoke(event []byte) []byte {
	f.events <- event
	return <-f.answers
}

// ServeHTTP implements http.Handler: it is the runtime API.
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/invocation/next") {
		b, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		f.answers <- b
		return
	}
	select {
	case f.ready <- time.Now():
	default:
	}
	select {
	case e := <-f.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		_, _ = w.Write(e) // a function that went away shows in its answer
	case <-r.Context().Done():
	}
}
