package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"drawbridge/shared/awscall"
	"drawbridge/shared/blob/s3blob"
	"drawbridge/shared/bridge"
	"drawbridge/shared/config"
	"drawbridge/shared/queue/sqsqueue"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/secret/ssmsecret"
	"drawbridge/shared/sign"
	"drawbridge/shared/store/dynamostore"
)

// A stack is a hub on AWS as a command operates it: with the credentials of the person at the keyboard, straight on the
// stack's table, queues and parameters. There is no admin port.
type stack struct {
	name    string
	aws     aws.Config
	secrets *ssmsecret.Source
	prefix  string // of the parameters
	table   string
}

// hubFlag adds --hub to a command that can work on a hub on AWS.
func hubFlag(c *cobra.Command) {
	c.Flags().String("hub", "", "a hub on AWS instead of a settings file: aws:STACK, with your own AWS credentials")
}

// stackNamed is the stack that --hub names, "" if the flag is not there or not given.
func stackNamed(c *cobra.Command) (string, error) {
	f := c.Flags().Lookup("hub")
	if f == nil || f.Value.String() == "" {
		return "", nil
	}
	name, ok := strings.CutPrefix(f.Value.String(), "aws:")
	switch {
	case !ok || name == "":
		return "", usage(c.CommandPath(), "--hub %q: say aws:STACK, STACK being the name of the CloudFormation stack", f.Value)
	case c.Flags().Changed("config"):
		return "", usage(c.CommandPath(), "which half? say --hub or --config, not both")
	}
	return name, nil
}

// openStack makes h the public half that a stack is.
func (h *half) openStack(ctx context.Context, name string) error {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return bridge.Permanent("aws-settings", "your AWS settings cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return bridge.Permanent("aws-settings", "which region is stack %s in? set AWS_REGION, or a region in your AWS profile", name)
	}
	known, err := describeStack(ctx, cfg, name)
	if err != nil {
		return err
	}
	s := &stack{name: name, aws: cfg, prefix: known["SecretsPrefix"], table: known["TableName"]}
	s.secrets = ssmsecret.New(cfg, s.prefix)
	h.stack, h.role = s, bridge.Public
	h.hub = s.settings(known)
	queues := sqsqueue.Options{
		Live: known["LiveQueueUrl"], LiveDead: known["LiveDeadQueueUrl"], Bulk: known["BulkQueueUrl"], BulkDead: known["BulkDeadQueueUrl"],
		Claims: s3blob.New(cfg, known["BucketName"]),
	}
	h.use(dynamostore.New(dynamodb.NewFromConfig(cfg), s.table), sqsqueue.New(sqs.NewFromConfig(cfg), queues))
	return nil
}

// stackNeeds are the parameters and outputs of template.yaml that a command needs.
var stackNeeds = []string{
	"SiteName", "JiraUrl", "JiraUser", "JiraFlavour", "HubUrl", "TableName", "BucketName", "SecretsPrefix",
	"LiveQueueUrl", "LiveDeadQueueUrl", "BulkQueueUrl", "BulkDeadQueueUrl",
}

// settings are the stack's, in the words of hub.yaml.
func (s *stack) settings(known map[string]string) config.Hub {
	return config.Hub{
		PublicURL: known["HubUrl"],
		Site: config.Site{
			Name: known["SiteName"], Flavour: bridge.Flavour(known["JiraFlavour"]), APIURL: known["JiraUrl"], BrowseURL: known["JiraUrl"],
			Auth:              config.Auth{User: known["JiraUser"], Token: s.secret("jira-token")},
			CredentialExpires: day(known["CredentialExpires"]),
		},
		Webhook: &config.Webhook{Secret: s.secret("webhook-secret")},
		Pace:    known["Pace"],
		Watch:   config.Watch{Interval: minutes(known["WatchMinutes"]), Overlap: config.Duration(reconcile.DefaultOverlap)},
	}
}

// day is a parameter's; "never" is none.
func day(text string) config.Date {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return config.Date{}
	}
	return config.Date{Time: d}
}

func minutes(text string) config.Duration {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return config.Duration(time.Duration(n) * time.Minute)
}

// secret is a parameter of the stack, read when it is needed.
func (s *stack) secret(name string) config.Secret {
	return config.SecretElsewhere("SSM parameter "+s.prefix+name, func() (string, error) {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		return s.reveal(ctx, name)
	})
}

func (s *stack) reveal(ctx context.Context, name string) (string, error) {
	found, err := s.secrets.Get(ctx, name)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(found[name].Reveal()), nil
}

// keys are the signing keys of the hub.
func (s *stack) keys(ctx context.Context) ([]sign.Key, error) {
	text, err := s.reveal(ctx, "hub-key")
	if err != nil {
		return nil, err
	}
	keys, err := sign.ParseKeys(text)
	if err != nil {
		return nil, bridge.Permanent("secret-request", "SSM parameter %shub-key: %w; drawbridge config hub-key prints a fresh key", s.prefix, err)
	}
	return keys, nil
}

// key says which access key is used, for the audit: CloudTrail knows whose it is.
func (s *stack) key(ctx context.Context) string {
	if c, err := s.aws.Credentials.Retrieve(ctx); err == nil {
		return " (" + c.AccessKeyID + ")"
	}
	return ""
}

func (s *stack) String() string { return "aws:" + s.name + ", table " + s.table }

// describeStack returns parameters and outputs of a stack by name; an output counts over a parameter of the same name.
func describeStack(ctx context.Context, cfg aws.Config, name string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	resp, err := awscall.New(cfg, "cloudformation", "").Do(ctx, awscall.Request{
		Method: http.MethodPost, Path: "/", Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body: awscall.Text(url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}.Encode()),
	})
	if refusal := new(awscall.Error); errors.As(err, &refusal) && refusal.Status < 500 {
		return nil, bridge.Permanent("stack-unknown", "stack %s in region %s: %w", name, cfg.Region, err)
	}
	if err != nil {
		return nil, bridge.Temporary("aws-unavailable", "stack %s: %w", name, err)
	}
	defer resp.Body.Close()
	var out struct {
		Stacks []struct {
			Parameters []struct {
				ParameterKey, ParameterValue string
			} `xml:"Parameters>member"`
			Outputs []struct {
				OutputKey, OutputValue string
			} `xml:"Outputs>member"`
		} `xml:"DescribeStacksResult>Stacks>member"`
	}
	if err := xml.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&out); err != nil {
		return nil, bridge.Temporary("aws-unavailable", "stack %s: the answer is not CloudFormation's: %w", name, err)
	}
	if len(out.Stacks) == 0 {
		return nil, bridge.Permanent("stack-unknown", "stack %s in region %s: CloudFormation knows none of this name", name, cfg.Region)
	}
	known := map[string]string{}
	for _, p := range out.Stacks[0].Parameters {
		known[p.ParameterKey] = p.ParameterValue
	}
	for _, o := range out.Stacks[0].Outputs {
		known[o.OutputKey] = o.OutputValue
	}
	missing := slices.DeleteFunc(slices.Clone(stackNeeds), func(n string) bool { return known[n] != "" })
	if len(missing) > 0 {
		return nil, bridge.Permanent("stack-unknown", "stack %s is none of Drawbridge's, or not deployed yet: it has no %s", name, strings.Join(missing, ", "))
	}
	return known, nil
}

// mostAnswer is the most of an answer that is read; one stack's is some KB.
const mostAnswer = 1 << 20
