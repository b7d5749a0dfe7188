package template

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

// stack is template.yaml deployed on MiniStack, with the functions as the
// binaries its settings build, for this machine's processor.
type stack struct {
	t       *testing.T
	url     string // of the engine
	cfg     aws.Config
	outputs map[string]string
}

const bucket = "artifacts"

// saved queries are the one kind of resource MiniStack does not know.
var saved = regexp.MustCompile(`(?m)^  \w+Query:\n    Type: AWS::Logs::QueryDefinition\n(?:    .*\n)+`)

func deploy(t *testing.T, template string) (*stack, error) {
	t.Helper()
	s := &stack{t: t, url: engine.NewMiniStack(t)}
	s.cfg = aws.Config{
		Region: engine.Region, BaseEndpoint: &s.url,
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
	}
	objects := s3.NewFromConfig(s.cfg)
	_, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)})
	s.must(err)
	put := func(key string, content []byte) {
		_, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(content)})
		s.must(err)
	}
	for _, f := range []string{"ingest", "exchange", "work", "reconcile"} {
		put(f+".zip", s.build(f))
		template = strings.Replace(template, "CodeUri: functions/"+f+"/", "CodeUri: s3://"+bucket+"/"+f+".zip", 1)
	}
	put("template.yaml", []byte(saved.ReplaceAllString(template, "")))
	s.secrets()
	return s, s.create()
}

func (s *stack) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// build returns the zip of a function.
func (s *stack) build(name string) []byte {
	s.t.Helper()
	binary := filepath.Join(s.t.TempDir(), "bootstrap")
	cmd := exec.Command("go", "build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s", "-o", binary, "./functions/"+name)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	content, err := os.ReadFile(binary)
	s.must(err)
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate}
	h.SetMode(0o755)
	f, err := w.CreateHeader(h)
	s.must(err)
	_, err = f.Write(content)
	s.must(err)
	s.must(w.Close())
	return buf.Bytes()
}

func (s *stack) secrets() {
	for name, v := range map[string]string{
		"webhook-secret": "It's a Secret to Everybody", "jira-token": "t",
		"hub-key": "drawbridge-key-1", // replaced by tests that sign
	} {
		_, err := ssm.NewFromConfig(s.cfg).PutParameter(s.t.Context(), &ssm.PutParameterInput{
			Name: aws.String("/drawbridge/hub/" + name), Value: &v, Type: ssmtypes.ParameterTypeSecureString,
		})
		s.must(err)
	}
}

// cloudformation makes one call. Its client is no module of this project: a
// form and an XML answer do.
func (s *stack) cloudformation(form url.Values) (answer []byte) {
	s.t.Helper()
	form.Set("Version", "2010-05-15")
	form.Set("StackName", "hub")
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.url, strings.NewReader(form.Encode()))
	s.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+engine.AccessKey+"/20260101/"+engine.Region+
		"/cloudformation/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	s.must(err)
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	s.must(err)
	if resp.StatusCode != 200 {
		s.t.Fatalf("%s: %d %s", form.Get("Action"), resp.StatusCode, answer)
	}
	return answer
}

func (s *stack) create() error {
	form := url.Values{
		"Action": {"CreateStack"}, "TemplateURL": {s.url + "/" + bucket + "/template.yaml"},
		"Capabilities.member.1": {"CAPABILITY_IAM"}, "Capabilities.member.2": {"CAPABILITY_AUTO_EXPAND"},
	}
	for i, p := range [][2]string{{"SiteName", "acme"}, {"JiraUrl", "http://127.0.0.1:1"}, {"JiraUser", "u"}} {
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", i+1), p[0])
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", i+1), p[1])
	}
	s.cloudformation(form)
	var out struct {
		Status  string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
		Outputs []struct {
			OutputKey, OutputValue string
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		s.must(xml.Unmarshal(s.cloudformation(url.Values{"Action": {"DescribeStacks"}}), &out))
		if out.Status != "" && !strings.HasSuffix(out.Status, "_IN_PROGRESS") {
			break
		}
		out.Outputs = nil
	}
	s.outputs = map[string]string{}
	for _, o := range out.Outputs {
		s.outputs[o.OutputKey] = o.OutputValue
	}
	if out.Status != "CREATE_COMPLETE" {
		return fmt.Errorf("stack is %s:\n%s", out.Status, engine.Log(s.url))
	}
	return nil
}

// call sends a sample event's request through the API.
func (s *stack) call(sample string, change func(*http.Request)) (status int, body string) {
	s.t.Helper()
	var e struct {
		RawPath, Body  string
		Headers        map[string]string
		RequestContext struct{ HTTP struct{ Method string } }
	}
	b, err := os.ReadFile(filepath.Join(root, "events", sample+".json"))
	s.must(err)
	s.must(json.Unmarshal(b, &e))
	req, err := http.NewRequestWithContext(s.t.Context(), e.RequestContext.HTTP.Method, s.url+e.RawPath, strings.NewReader(e.Body))
	s.must(err)
	for k, v := range e.Headers {
		if k != "host" && k != "content-length" {
			req.Header.Set(k, v)
		}
	}
	id := regexp.MustCompile(`https://([^.]+)\.`).FindStringSubmatch(s.outputs["HubUrl"])
	if id == nil {
		s.t.Fatalf("outputs %v", s.outputs)
	}
	req.Host = id[1] + ".execute-api.localhost:" + s.url[strings.LastIndex(s.url, ":")+1:]
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
// through the API into the queue and on to a worker.
func TestDeploy(t *testing.T) {
	s, err := deploy(t, source(t))
	if err != nil {
		t.Fatal(err)
	}
	for sample, want := range map[string]int{"ingest-signed": 202, "ingest-forged": 401, "ingest-unknown-site": 404} {
		if status, body := s.call(sample, nil); status != want {
			t.Errorf("%s: %d %s, want %d\n%s", sample, status, body, want, engine.Log(s.url))
		}
	}
	elsewhere := func(r *http.Request) { r.URL.Path = "/v1/other" }
	if status, _ := s.call("ingest-signed", elsewhere); status != 404 {
		t.Errorf("a path of no route: %d", status)
	}
	s.drained("LiveQueueUrl") // the issue is under no connection: there is nothing to do, and the task is done
}

// drained waits until a queue's messages were worked on and deleted.
func (s *stack) drained(output string) {
	s.t.Helper()
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := sqs.NewFromConfig(s.cfg).GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{
			QueueUrl: aws.String(s.outputs[output]), AttributeNames: names,
		})
		s.must(err)
		if out.Attributes[string(names[0])] == "0" && out.Attributes[string(names[1])] == "0" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no worker took the task: %v\n%s", out.Attributes, engine.Log(s.url))
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
