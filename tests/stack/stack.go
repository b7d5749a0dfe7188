// Package stack deploys template.yaml itself on MiniStack for tests: through
// the SAM transform, with the functions as the binaries sam build makes.
//
// What MiniStack lacks is made up for here and nowhere else. Its functions run
// in processes that live from event to event (runtime.go), write their logs to
// files, and have a [Guard] as their endpoint, which enforces the policies of
// their roles; [Front] stands where API Gateway has its name and its
// certificate. Start reading at [Deploy].
package stack

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"drawbridge/tests/engine"
)

// Name is the name of a stack deployed: each has an engine of its own.
const Name = "hub"

// Functions are the Lambda functions of the template.
var Functions = []string{"ingest", "exchange", "work", "reconcile"}

// Options say what is deployed.
type Options struct {
	Root       string            // of the repository
	Template   string            // text of template.yaml, perhaps with a mistake
	Parameters map[string]string // of the template
	Secrets    map[string]string // SSM parameters of the stack, put before it
}

// Stack is a deployed template.
type Stack struct {
	URL     string // of the engine
	Config  aws.Config
	Outputs map[string]string
	API     string // id of the HTTP API
	Guard   *Guard

	name       string
	logs       string
	parameters map[string]string
	functions  []*function
}

const bucket = "artifacts"

// saved queries are the one kind of resource MiniStack does not know.
var saved = regexp.MustCompile(`(?m)^  \w+Query:\n    Type: AWS::Logs::QueryDefinition\n(?:    .*\n)+`)

// managed policies that CloudFormation made cannot be read from MiniStack: it
// writes them in one place and reads another. Each becomes a role's own.
var managed = regexp.MustCompile(`(?m)^  (\w+):\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      Description: .*\n((?:      .*\n)+)`)

func held(resource string) string {
	m := managed.FindStringSubmatch(resource)
	return "  " + m[1] + `:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
      Policies:
        - PolicyName: ` + m[1] + "\n" + regexp.MustCompile(`(?m)^  `).ReplaceAllString(m[2], "      ")
}

// Deploy deploys the template on an engine of its own, which ends with the
// test. The error is about the template; what else goes wrong ends the test.
func Deploy(t testing.TB, o Options) (*Stack, error) {
	t.Helper()
	s := &Stack{URL: engine.NewMiniStack(t), Guard: newGuard(t), name: Name, logs: t.TempDir()}
	s.Guard.engine = s.URL
	s.Config = aws.Config{
		Region: engine.Region, BaseEndpoint: &s.URL,
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
	}
	must(t, s.upload(t, o))
	for name, v := range o.Secrets {
		must(t, s.PutSecret(t.Context(), name, v))
	}
	if err := s.apply(t.Context(), "Create", o.Parameters); err != nil {
		return s, err
	}
	m := regexp.MustCompile(`https://([^.]+)\.execute-api\.`).FindStringSubmatch(s.Outputs["HubUrl"])
	if m == nil {
		return s, fmt.Errorf("no API in the outputs %v", s.Outputs)
	}
	s.API = m[1]
	return s, s.policies(t.Context())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// upload puts the functions and the template where CloudFormation finds them.
func (s *Stack) upload(t testing.TB, o Options) error {
	objects := s3.NewFromConfig(s.Config)
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return err
	}
	put := func(key string, content []byte) error {
		_, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(bucket), Key: &key, Body: bytes.NewReader(content)})
		return err
	}
	template := o.Template
	zips, err := artifacts(t, o.Root)
	if err != nil {
		return err
	}
	for _, f := range Functions {
		if err := put(f+".zip", zips[f]); err != nil {
			return err
		}
		deployed := fmt.Sprintf("CodeUri: s3://%s/%s.zip\n      Environment: {Variables: {%s: %q}}", bucket, f, proxied, s.newFunction(t, f).server.URL)
		template = strings.Replace(template, "CodeUri: functions/"+f+"/", deployed, 1)
	}
	template = managed.ReplaceAllStringFunc(saved.ReplaceAllString(template, ""), held)
	return put("template.yaml", []byte(template))
}

// query makes one call of a service whose client is no module of this project:
// a form and an XML answer do.
func (s *Stack) query(ctx context.Context, service, version string, form url.Values) ([]byte, error) {
	form.Set("Version", version)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.send(req, service)
}

// get reads what is at a path of the engine.
func (s *Stack) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	return s.send(req, "lambda")
}

// send makes a request the engine takes for one to the service.
func (s *Stack) send(req *http.Request, service string) ([]byte, error) {
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+engine.AccessKey+"/20260101/"+engine.Region+
		"/"+service+"/aws4_request, SignedHeaders=host, Signature=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = fmt.Errorf("%s %s: %d %s", service, req.URL.Path, resp.StatusCode, answer)
	}
	return answer, err
}

func (s *Stack) cloudFormation(ctx context.Context, form url.Values) ([]byte, error) {
	form.Set("StackName", s.name)
	return s.query(ctx, "cloudformation", "2010-05-15", form)
}

// PutSecret puts or replaces a secret of the stack.
func (s *Stack) PutSecret(ctx context.Context, name, value string) error {
	_, err := ssm.NewFromConfig(s.Config).PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String("/drawbridge/" + Name + "/" + name), Value: &value, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
	})
	return err
}

// Beside deploys the same template a second time in the same account. Its
// functions are not reached: there is its API, but no [Front].
func (s *Stack) Beside(ctx context.Context, name string) (*Stack, error) {
	other := &Stack{URL: s.URL, Config: s.Config, Guard: s.Guard, name: name}
	return other, other.apply(ctx, "Create", s.parameters)
}

// Update deploys the same template with some parameters changed. The functions start anew.
func (s *Stack) Update(ctx context.Context, parameters map[string]string) error {
	all := maps.Clone(s.parameters)
	maps.Copy(all, parameters)
	if err := s.apply(ctx, "Update", all); err != nil {
		return err
	}
	for _, f := range s.functions {
		f.restart()
	}
	return s.policies(ctx)
}

// apply creates or updates the stack and waits until that is done.
func (s *Stack) apply(ctx context.Context, verb string, parameters map[string]string) error {
	form := url.Values{
		"Action": {verb + "Stack"}, "TemplateURL": {s.URL + "/" + bucket + "/template.yaml"},
		"Capabilities.member.1": {"CAPABILITY_IAM"}, "Capabilities.member.2": {"CAPABILITY_AUTO_EXPAND"},
	}
	n := 0
	for k, v := range parameters {
		n++
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterKey", n), k)
		form.Set(fmt.Sprintf("Parameters.member.%d.ParameterValue", n), v)
	}
	s.parameters = parameters
	if _, err := s.cloudFormation(ctx, form); err != nil {
		return err
	}
	status := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var err error
		if status, err = s.describe(ctx); err != nil {
			return err
		}
		if status != "" && !strings.HasSuffix(status, "_IN_PROGRESS") {
			break
		}
	}
	if status != strings.ToUpper(verb)+"_COMPLETE" {
		return fmt.Errorf("stack is %s:\n%s", status, engine.Log(s.URL))
	}
	return nil
}

// describe takes the outputs over and returns the stack's status.
func (s *Stack) describe(ctx context.Context) (status string, err error) {
	answer, err := s.cloudFormation(ctx, url.Values{"Action": {"DescribeStacks"}})
	if err != nil {
		return "", err
	}
	var out struct {
		ID      string `xml:"DescribeStacksResult>Stacks>member>StackId"`
		Status  string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
		Outputs []struct {
			OutputKey, OutputValue string
		} `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	if err := xml.Unmarshal(answer, &out); err != nil {
		return "", err
	}
	if s.name == Name {
		s.Guard.mu.Lock()
		s.Guard.stack = out.ID
		s.Guard.mu.Unlock()
	}
	s.Outputs = map[string]string{}
	for _, o := range out.Outputs {
		s.Outputs[o.OutputKey] = o.OutputValue
	}
	return out.Status, nil
}

// Environment is that of a person with credentials for the stack's account.
func (s *Stack) Environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL, "AWS_REGION=" + engine.Region, "AWS_ACCESS_KEY_ID=" + engine.AccessKey, "AWS_SECRET_ACCESS_KEY=" + engine.SecretKey,
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// Log is the end of what the functions and the engine wrote, for the message
// of a failed test.
func (s *Stack) Log() string {
	var b strings.Builder
	for _, f := range Functions {
		raw, err := os.ReadFile(filepath.Join(s.logs, f+".log"))
		if err == nil {
			fmt.Fprintf(&b, "--- %s\n%s\n", f, raw[max(0, len(raw)-4000):])
		}
	}
	if denied := s.Guard.Denied(); len(denied) > 0 {
		fmt.Fprintf(&b, "--- denied\n%s\n", strings.Join(denied, "\n"))
	}
	fmt.Fprintf(&b, "--- queues\n%s\n", s.waiting())
	tail := engine.Log(s.URL)
	fmt.Fprintf(&b, "--- engine\n%s\n", tail[max(0, len(tail)-4000):])
	return b.String()
}

// waiting says how many messages wait in each queue of the outputs.
func (s *Stack) waiting() string {
	var lines []string
	for name, address := range s.Outputs {
		if !strings.HasSuffix(name, "QueueUrl") {
			continue
		}
		out, err := sqs.NewFromConfig(s.Config).GetQueueAttributes(context.Background(), &sqs.GetQueueAttributesInput{
			QueueUrl: &address, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameApproximateNumberOfMessages},
		})
		if err != nil {
			lines = append(lines, name+": "+err.Error())
			continue
		}
		for _, n := range out.Attributes {
			lines = append(lines, fmt.Sprintf("%s: %s waiting", strings.TrimSuffix(name, "Url"), n))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
