package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/store/dynamostore"
	"drawbridge/simulator"
	engines "drawbridge/tests/engine"
	stacks "drawbridge/tests/stack"
)

// asOperator sets the environment of a person with AWS credentials, at an engine.
func asOperator(t *testing.T, url string) {
	t.Helper()
	for name, v := range map[string]string{
		"AWS_ENDPOINT_URL": url, "AWS_REGION": engines.Region, "AWS_ACCESS_KEY_ID": engines.AccessKey, "AWS_SECRET_ACCESS_KEY": engines.SecretKey,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, v)
	}
}

// cloudFormation answers for one stack, "hub", and hands everything else to the engine. The stack itself is deployed in
// tests/awstour; here only its resources are made.
func cloudFormation(t *testing.T, url string, known map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/cloudformation/aws4_request") {
			t.Errorf("unsigned: %v", r.Header)
		}
		if r.FormValue("StackName") != "hub" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id nope does not exist</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>`)
		for k, v := range known {
			fmt.Fprintf(w, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>`, k, v)
		}
		fmt.Fprint(w, `</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// madeStack makes what template.yaml makes, as far as commands use it, and returns the stack's outputs and parameters.
func madeStack(t *testing.T, url, jira string) map[string]string {
	t.Helper()
	cfg := aws.Config{Region: engines.Region, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(engines.AccessKey, engines.SecretKey, "")}
	name := fmt.Sprintf("operate-%d", os.Getpid())
	known := map[string]string{
		"SiteName": "acme", "JiraUrl": jira, "JiraUser": "drawbridge@example.com", "JiraFlavour": "cloud", "Pace": "normal",
		"CredentialExpires": time.Now().AddDate(0, 0, 10).Format(time.DateOnly),
		"HubUrl":            "https://abc123.execute-api.us-east-1.amazonaws.com", "TableName": name, "BucketName": name, "SecretsPrefix": "/drawbridge/" + name + "/",
	}
	engines.MakeTable(t, dynamodb.NewFromConfig(cfg), dynamostore.Table(name))
	_, err := s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	must(t, err)
	for _, q := range []string{"Live", "LiveDead", "Bulk", "BulkDead"} {
		out, err := sqs.NewFromConfig(cfg).CreateQueue(t.Context(), &sqs.CreateQueueInput{
			QueueName: aws.String(name + "-" + q + ".fifo"), Attributes: map[string]string{"FifoQueue": "true"},
		})
		must(t, err)
		known[q+"QueueUrl"] = *out.QueueUrl
	}
	key, errOut, code := try(t, "config", "hub-key")
	if code != exitDone {
		t.Fatal(errOut)
	}
	for n, v := range map[string]string{"hub-key": key, "jira-token": simulator.SyncUser + "-token", "webhook-secret": "a secret of the webhook"} {
		putSecret(t, url, known["SecretsPrefix"]+n, v)
	}
	return known
}

// putSecret is what aws ssm put-parameter --overwrite does.
func putSecret(t *testing.T, url, name, value string) {
	t.Helper()
	cfg := aws.Config{Region: engines.Region, BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider(engines.AccessKey, engines.SecretKey, "")}
	_, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: &name, Value: &value, Type: ssmtypes.ParameterTypeSecureString, Overwrite: aws.Bool(true),
	})
	must(t, err)
}

// startJira is a simulated Jira with the project PUB and one issue.
func startJira(t *testing.T, flavour string) string {
	t.Helper()
	s := simulator.New(simulator.Options{Flavour: flavour})
	t.Cleanup(s.Close)
	s.SeedDemo("PUB")
	makeIssue(s, "PUB")
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	s.SetBaseURL(server.URL)
	return server.URL
}

// recorder stands in front of an engine and knows which partitions were written to, by the role of who wrote.
type recorder struct {
	mu      sync.Mutex
	role    role
	written map[role]map[string]bool // the partition's first word
}

// recording returns the address of a recorder in front of an engine.
func recording(t *testing.T, engineURL string) (*recorder, string) {
	t.Helper()
	to, err := url.Parse(engineURL)
	must(t, err)
	rec := &recorder{written: map[role]map[string]bool{looks: {}, rules: {}, operates: {}}}
	next := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		must(t, err)
		rec.mu.Lock()
		for _, part := range stacks.Writes(r, body) {
			head, _, _ := strings.Cut(part, "/")
			rec.written[rec.role][head] = true
		}
		rec.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return rec, s.URL
}

// as says whose the next command is: the role that its longest known name needs.
func (rec *recorder) as(args []string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for rec.role = operates; len(args) > 0; args = args[:len(args)-1] {
		if r, ok := roles[strings.Join(args, " ")]; ok {
			rec.role = r
			return
		}
	}
}

// leading are the first words of the partitions that a policy of template.yaml, or an example in docs/roles.md, names.
func leading(t *testing.T, file, after string) (out []string) {
	t.Helper()
	raw, err := os.ReadFile("../../" + file)
	must(t, err)
	_, text, _ := strings.Cut(string(raw), after)
	m := regexp.MustCompile(`"dynamodb:LeadingKeys": \[([^\]]*)\]`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s names no keys after %q", file, after)
	}
	for _, k := range strings.Split(m[1], ", ") {
		head, _, _ := strings.Cut(strings.Trim(k, `"`), "/")
		out = append(out, head)
	}
	slices.Sort(out)
	return out
}

// agrees: the policies for people allow what the commands of each role write, and no more. A document under a new key fails
// here, not for somebody in production.
func (rec *recorder) agrees(t *testing.T) {
	t.Helper()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	wrote := func(r role) []string { return slices.Sorted(maps.Keys(rec.written[r])) }
	if got := wrote(looks); len(got) > 0 {
		t.Errorf("commands that only look write to %v", got)
	}
	for file, after := range map[string]string{"template.yaml": "  RuleEditorPolicy:\n", "docs/roles.md": "copy the policy with"} {
		if got, want := wrote(rules), leading(t, file, after); !slices.Equal(got, want) {
			t.Errorf("commands of a rule editor write to %v; %s allows %v", got, file, want)
		}
	}
	for _, head := range leading(t, "template.yaml", "  OperatorPolicy:\n") {
		if rec.written[operates][head] {
			t.Errorf("commands of an operator write to %s/, which template.yaml denies", head)
		}
	}
	if len(rec.written[operates]) == 0 {
		t.Error("no command of an operator has written")
	}
}

// refusedTwin stores that an issue of the other side was refused: whoever publishes rules asks for it again.
func refusedTwin(t *testing.T, engineURL, table, connection string) {
	t.Helper()
	cfg := aws.Config{Region: engines.Region, BaseEndpoint: &engineURL, Credentials: credentials.NewStaticCredentialsProvider(engines.AccessKey, engines.SecretKey, "")}
	book := &pair.Book{Store: dynamostore.New(dynamodb.NewFromConfig(cfg), table), Site: "acme", Now: func() int64 { return time.Now().UnixMilli() }}
	twin, err := book.Claim(t.Context(), connection, "10001", "intent")
	must(t, err)
	must(t, book.Refuse(t.Context(), connection, "10001", twin, bridge.Ack{Outcome: bridge.Refused}))
	for _, n := range []string{"7", "8"} {
		p := book.New(connection, bridge.Ref{ID: "1000" + n, Key: "PUB-" + n}, bridge.Public)
		p.Head.Remote, p.Head.Status = bridge.Ref{ID: "2000" + n, Key: "OPS-" + n}, pair.Synced
		must(t, book.Create(t.Context(), p))
	}
}

// TestOperateAStack: the same commands, the same output, on a hub on AWS, and each writes what the policy for those who run
// it allows.
func TestOperateAStack(t *testing.T) {
	engineURL := engines.MiniStack(t)
	jira := startJira(t, simulator.Cloud)
	known := madeStack(t, engineURL, jira)
	rec, recorded := recording(t, engineURL)
	asOperator(t, recorded)
	t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudFormation(t, engineURL, known))
	rec.as(nil)

	out, errOut, code := try(t, "connection", "create", "support", "--project", "PUB", "--hub", "aws:hub", "--json")
	var made struct{ Connection, Code string }
	if code != exitDone || json.Unmarshal([]byte(out), &made) != nil || !strings.HasPrefix(made.Code, "drawbridge1.") {
		t.Fatalf("create: exit %d\n%s%s", code, out, errOut)
	}
	refusedTwin(t, engineURL, known["TableName"], made.Connection)
	file := filepath.Join(t.TempDir(), "rules.yaml")
	must(t, os.WriteFile(file, []byte("version: 1\n"), 0o600))
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"connection list", exitDone, "support"},
		{"connection show", exitDone, made.Connection},
		{"connection invite support", exitDone, "drawbridge1."},
		{"status", exitFinding, "hub of site acme, Drawbridge " + version + ", state aws:hub, table " + known["TableName"]},
		{"rules show", exitDone, "summary"},
		{"rules publish " + file, exitDone, "revision 1 is in force"},
		{"rules rollback 1", exitDone, "revision 2 is in force"},
		{"errors retry --all", exitDone, "0 dead letters"},
		{"contract publish", exitDone, "+ sends summary"},
		{"contract withdraw", exitDone, "withdrawn"},
		{"connection edit --conflicts ask", exitDone, "done"},
		{"sync pair PUB-1 OPS-9", exitDone, "asked to join 1 pair"},
		{"sync stop PUB-7", exitDone, "PUB-7"},
		{"recall PUB-7 --why leaked", exitDone, "nothing of it had left"},
		{"erase --issue PUB-8 --yes", exitDone, "issue PUB-8 erased"},
		{"audit", exitDone, "rules publish"},
		{"webhook create", exitDone, known["HubUrl"] + "/v1/webhooks/acme"},
		{"webhook show", exitDone, "enabled"},
		{"audit", exitDone, "somebody in AWS: secrets were changed in Parameter Store; CloudTrail says by whom\n    webhook-secret: sha256:"},
		{"errors list", exitDone, "no errors"},
		{"sync list", exitDone, ""},
		{"sync explain PUB-1", exitDone, "the connection is pending"},
		{"doctor", exitDone, "BROWSE_PROJECTS"},
		{"doctor", exitDone, "what comes in is not scanned there"},
		{"status", exitFinding, "the credential for site acme expires in "},
		{"connection end support --yes", exitDone, "has ended"},
	} {
		rec.as(strings.Fields(c.args))
		if c.args == "webhook create" {
			putSecret(t, engineURL, known["SecretsPrefix"]+"webhook-secret", "another secret of the webhook")
		}
		out, errOut, code := try(t, append(strings.Fields(c.args), "--hub", "aws:hub")...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("drawbridge %s: exit %d, want %d and %q\n%s%s", c.args, code, c.code, c.says, out, errOut)
		}
	}
	rec.agrees(t)
	for args, says := range map[string]string{
		"status --hub aws:nope":                          "Stack with id nope does not exist",
		"status --hub elsewhere":                         "say aws:STACK",
		"status --hub aws:hub --config hub.yaml":         "not both",
		"poller status --hub aws:":                       "say aws:STACK",
		"connection create x --project NO --hub aws:hub": "there is none of that key",
	} {
		if _, errOut, code := try(t, strings.Fields(args)...); code == exitDone || !strings.Contains(errOut, says) {
			t.Errorf("drawbridge %s: exit %d, %s", args, code, errOut)
		}
	}
}

// TestSkippedStepsExist: what the tour leaves out on AWS is a step it has, with a reason.
func TestSkippedStepsExist(t *testing.T) {
	for name, why := range notOnAWS {
		if why == "" || !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			t.Errorf("there is no step %q, or no reason", name)
		}
	}
}
