package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"drawbridge/shared/store/dynamostore"
	"drawbridge/simulator"
	engines "drawbridge/tests/engine"
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
		"HubUrl": "https://abc123.execute-api.us-east-1.amazonaws.com", "TableName": name, "BucketName": name, "SecretsPrefix": "/drawbridge/" + name + "/",
	}
	_, err := dynamodb.NewFromConfig(cfg).CreateTable(t.Context(), dynamostore.Table(name))
	must(t, err)
	_, err = s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
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
		_, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{
			Name: aws.String(known["SecretsPrefix"] + n), Value: &v, Type: ssmtypes.ParameterTypeSecureString,
		})
		must(t, err)
	}
	return known
}

// startJira is a simulated Jira with the project PUB.
func startJira(t *testing.T, flavour string) string {
	t.Helper()
	s := simulator.New(simulator.Options{Flavour: flavour})
	t.Cleanup(s.Close)
	s.SeedDemo("PUB")
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	s.SetBaseURL(server.URL)
	return server.URL
}

// TestOperateAStack: the same commands, the same output, on a hub on AWS.
func TestOperateAStack(t *testing.T) {
	engineURL := engines.MiniStack(t)
	jira := startJira(t, simulator.Cloud)
	known := madeStack(t, engineURL, jira)
	asOperator(t, engineURL)
	t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudFormation(t, engineURL, known))

	out, errOut, code := try(t, "connection", "create", "support", "--project", "PUB", "--hub", "aws:hub", "--json")
	var made struct{ Connection, Code string }
	if code != exitDone || json.Unmarshal([]byte(out), &made) != nil || !strings.HasPrefix(made.Code, "drawbridge1.") {
		t.Fatalf("create: exit %d\n%s%s", code, out, errOut)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"connection list", exitDone, "support"},
		{"connection show", exitDone, made.Connection},
		{"connection invite support", exitDone, "drawbridge1."},
		{"status", exitDone, "hub of site acme, Drawbridge " + version + ", state aws:hub, table " + known["TableName"]},
		{"rules show", exitDone, "summary"},
		{"webhook create", exitDone, known["HubUrl"] + "/v1/webhooks/acme"},
		{"webhook show", exitDone, "enabled"},
		{"errors list", exitDone, "no errors"},
		{"sync list", exitDone, ""},
		{"sync explain PUB-1", exitDone, "the connection is pending"},
		{"doctor", exitDone, "BROWSE_PROJECTS"},
		{"connection end support --yes", exitDone, "has ended"},
	} {
		out, errOut, code := try(t, append(strings.Fields(c.args), "--hub", "aws:hub")...)
		if code != c.code || !strings.Contains(out, c.says) {
			t.Errorf("drawbridge %s: exit %d, want %d and %q\n%s%s", c.args, code, c.code, c.says, out, errOut)
		}
	}
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
