package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"drawbridge/tests/engine"
)

// proxied is the variable that makes MiniStack hand a function's events to an
// address instead of starting a process for each.
const proxied = "MINISTACK_LAMBDA_PROXY_URL"

// function runs one function as Lambda does: the code and the settings are
// those deployed, a process lives from event to event, and a further one is
// started while the others are busy.
type function struct {
	stack    *Stack
	endpoint string // where its instances find AWS
	dir      string // for the binary
	log      string // file
	server   *httptest.Server

	mu     sync.Mutex
	deploy deployment
	idle   []*instance
	all    []*instance
}

// deployment is a function as CloudFormation made it.
type deployment struct {
	Configuration struct {
		FunctionName string
		Timeout      int
		MemorySize   int
		Environment  struct{ Variables map[string]string }
	}
	Code struct{ Location string }
}

// newFunction answers events for a function until the test ends.
func (s *Stack) newFunction(t testing.TB, name string) *function {
	t.Helper()
	f := &function{stack: s, endpoint: s.Guard.endpoint(t, name), dir: t.TempDir(), log: filepath.Join(s.logs, name+".log")}
	f.server = httptest.NewServer(f)
	t.Cleanup(func() {
		f.restart()
		f.server.Close()
	})
	s.functions = append(s.functions, f)
	return f
}

// restart ends all instances; the next event starts one of what is deployed then.
func (f *function) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range f.all {
		i.end()
	}
	f.all, f.idle, f.deploy = nil, nil, deployment{}
}

// ServeHTTP takes one event from MiniStack and answers as the function does.
func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := f.invoke(r)
	var failed *failure
	switch {
	case err == nil:
		w.Write(answer)
	case errors.As(err, &failed):
		w.WriteHeader(http.StatusBadGateway)
		w.Write(failed.body)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (f *function) invoke(r *http.Request) ([]byte, error) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	i, err := f.instance(r)
	if err != nil {
		return nil, err
	}
	answer, err := i.handle(event, r.Header.Get("X-Amzn-Lambda-Request-Id"))
	var failed *failure
	if err == nil || errors.As(err, &failed) && !failed.last {
		f.mu.Lock()
		if slices.Contains(f.all, i) {
			f.idle = append(f.idle, i)
		}
		f.mu.Unlock()
	} else {
		i.end()
	}
	return answer, err
}

// instance is one that is free, or a new one.
func (f *function) instance(r *http.Request) (*instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.idle); n > 0 {
		i := f.idle[n-1]
		f.idle = f.idle[:n-1]
		return i, nil
	}
	if f.deploy.Configuration.FunctionName == "" {
		if err := f.load(r.Context(), r.Header.Get("X-Amzn-Lambda-Function-Name")); err != nil {
			return nil, err
		}
	}
	i, err := f.start()
	if err == nil {
		f.all = append(f.all, i)
	}
	return i, err
}

// load reads what was deployed: settings and code.
func (f *function) load(ctx context.Context, name string) error {
	raw, err := f.stack.get(ctx, "/2015-03-31/functions/"+name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &f.deploy); err != nil {
		return err
	}
	_, path, _ := strings.Cut(f.deploy.Code.Location, "/_ministack/")
	code, err := f.stack.get(ctx, "/_ministack/"+path)
	if err != nil {
		return err
	}
	return unpack(code, filepath.Join(f.dir, bootstrap))
}

// start starts an instance, with the environment of Lambda and nothing of this
// machine's.
func (f *function) start() (*instance, error) {
	c := f.deploy.Configuration
	i := &instance{timeout: time.Duration(c.Timeout) * time.Second, events: make(chan event), answers: make(chan answer, 1), ended: make(chan struct{})}
	i.server = httptest.NewServer(i)
	i.cmd = exec.Command(filepath.Join(f.dir, bootstrap))
	i.cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(i.server.URL, "http://"),
		"AWS_LAMBDA_FUNCTION_NAME=" + c.FunctionName, fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", c.MemorySize),
		"AWS_REGION=" + engine.Region, "AWS_ACCESS_KEY_ID=" + engine.AccessKey, "AWS_SECRET_ACCESS_KEY=" + engine.SecretKey,
		"AWS_ENDPOINT_URL=" + f.endpoint, "TZ=:UTC", "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin",
	}
	for k, v := range c.Environment.Variables {
		if k != proxied {
			i.cmd.Env = append(i.cmd.Env, k+"="+v)
		}
	}
	log, err := os.OpenFile(f.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	i.cmd.Stdout, i.cmd.Stderr = log, log
	if err := i.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		i.cmd.Wait()
		close(i.ended)
	}()
	return i, nil
}

// An instance is a process of a function and the Runtime API it asks (AWS
// Lambda Developer Guide, "Using the Lambda runtime API"). It ends by itself
// when that API is gone.
type instance struct {
	cmd     *exec.Cmd
	server  *httptest.Server
	timeout time.Duration
	events  chan event
	answers chan answer
	ended   chan struct{}
}

type event struct {
	body     []byte
	id       string
	deadline time.Time
}

type answer struct {
	body []byte
	err  error
}

// failure is what a function answers instead of a result.
type failure struct {
	body []byte
	last bool // the instance is not to be used again
}

func (f *failure) Error() string { return string(f.body) }

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if what == "next" {
		i.next(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	a := answer{body: body}
	if what == "error" {
		a = answer{err: &failure{body: body, last: strings.HasSuffix(r.URL.Path, "/init/error")}}
	}
	i.answers <- a
}

func (i *instance) next(w http.ResponseWriter, r *http.Request) {
	select {
	case e := <-i.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(e.deadline.UnixMilli()))
		w.Write(e.body)
	case <-r.Context().Done():
	}
}

// handle gives the instance an event and waits for its answer.
func (i *instance) handle(body []byte, id string) ([]byte, error) {
	late := time.NewTimer(i.timeout)
	defer late.Stop()
	events := i.events
	for {
		select {
		case events <- event{body: body, id: id, deadline: time.Now().Add(i.timeout)}:
			events = nil
		case a := <-i.answers:
			return a.body, a.err
		case <-i.ended:
			return nil, &failure{body: fmt.Appendf(nil, `{"errorType":"Runtime.ExitError","errorMessage":%q}`, i.cmd.ProcessState), last: true}
		case <-late.C:
			return nil, &failure{body: fmt.Appendf(nil, `{"errorType":"Sandbox.Timedout","errorMessage":"timed out after %s"}`, i.timeout), last: true}
		}
	}
}

func (i *instance) end() {
	i.cmd.Process.Kill()
	<-i.ended
	i.server.CloseClientConnections()
	i.server.Close()
}
