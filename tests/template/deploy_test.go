package template

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"drawbridge/tests/engine"
	"drawbridge/tests/stack"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

// deployed is template.yaml on an engine.
type deployed struct {
	*stack.Stack
	t *testing.T
}

func deploy(t *testing.T, template string) (*deployed, error) {
	t.Helper()
	s, err := stack.Deploy(t, stack.Options{
		Root: root, Template: template,
		Parameters: map[string]string{"SiteName": "acme", "JiraUrl": "http://127.0.0.1:1", "JiraUser": "u"},
		Secrets:    map[string]string{"webhook-secret": "It's a Secret to Everybody", "jira-token": "t", "hub-key": "none: nothing is signed here"},
	})
	return &deployed{s, t}, err
}

func (s *deployed) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// call sends a sample event's request through the API.
func (s *deployed) call(sample string, change func(*http.Request)) (status int, body string) {
	s.t.Helper()
	var e struct {
		RawPath, Body  string
		Headers        map[string]string
		RequestContext struct{ HTTP struct{ Method string } }
	}
	b, err := os.ReadFile(filepath.Join(root, "events", sample+".json"))
	s.must(err)
	s.must(json.Unmarshal(b, &e))
	req, err := http.NewRequestWithContext(s.t.Context(), e.RequestContext.HTTP.Method, s.URL+e.RawPath, strings.NewReader(e.Body))
	s.must(err)
	for k, v := range e.Headers {
		if k != "host" && k != "content-length" {
			req.Header.Set(k, v)
		}
	}
	req.Host = s.API + ".execute-api.localhost:" + s.URL[strings.LastIndex(s.URL, ":")+1:]
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	s.must(err)
	return resp.StatusCode, string(answer)
}

// TestDeploy: the template itself, transformed and deployed, takes a webhook
// through the API into the queue and on to a worker; a second stack in the same
// account has nothing in common with it.
func TestDeploy(t *testing.T) {
	s, err := deploy(t, source(t))
	if err != nil {
		t.Fatal(err)
	}
	for sample, want := range map[string]int{"ingest-signed": 202, "ingest-forged": 401, "ingest-unknown-site": 404} {
		if status, body := s.call(sample, nil); status != want {
			t.Errorf("%s: %d %s, want %d\n%s", sample, status, body, want, s.Log())
		}
	}
	elsewhere := func(r *http.Request) { r.URL.Path = "/v1/other" }
	if status, _ := s.call("ingest-signed", elsewhere); status != 404 {
		t.Errorf("a path of no route: %d", status)
	}
	s.drained("LiveQueueUrl") // the issue is under no connection: there is nothing to do, and the task is done

	other, err := s.Beside(t.Context(), "another")
	s.must(err)
	for name, v := range other.Outputs {
		if v == "" || v == s.Outputs[name] {
			t.Errorf("two stacks in one account both have %s %q", name, v)
		}
	}
	if len(other.Outputs) != len(s.Outputs) {
		t.Errorf("outputs are %v and %v", s.Outputs, other.Outputs)
	}
}

// drained waits until a queue's messages were worked on and deleted.
func (s *deployed) drained(output string) {
	s.t.Helper()
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := sqs.NewFromConfig(s.Config).GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(s.Outputs[output]), AttributeNames: names,
		})
		s.must(err)
		if out.Attributes[string(names[0])] == "0" && out.Attributes[string(names[1])] == "0" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no worker took the task: %v\n%s", out.Attributes, s.Log())
		}
	}
}

// TestDeployCatches: what is wrong in the template shows when it is deployed.
func TestDeployCatches(t *testing.T) {
	s, err := deploy(t, strings.Replace(source(t), "        DRAWBRIDGE_LIVE_QUEUE: !Ref LiveQueue\n", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := s.call("ingest-signed", nil); status < 500 {
		t.Errorf("a function without its queue answers %d", status)
	}
}
