package template

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"drawbridge/functions/wire"
	"drawbridge/shared/store/dynamostore"
)

// complaints are all breaches of our invariants, one line each.
func complaints(doc tree) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	queues(doc, say)
	functions(doc, say)
	policies(doc, say)
	people(doc, say)
	logs(doc, say)
	alarms(doc, say)
	api(doc, say)
	accessLog(doc, say)
	data(doc, say)
	bucket(doc, say)
	documented(doc, say)
	shown(doc, say)
	names(doc, say)
	slices.Sort(out)
	return out
}

func TestInvariants(t *testing.T) {
	for _, c := range complaints(load(t, source(t))) {
		t.Error(c)
	}
}

func queues(doc tree, say func(string, ...any)) {
	all := of(doc, "AWS::SQS::Queue")
	dead := map[string]bool{}
	for _, q := range all {
		dead[refers(at(q, "Properties", "RedrivePolicy", "deadLetterTargetArn"))] = true
	}
	for name, q := range all {
		if at(q, "Properties", "FifoQueue") != true {
			say("queue %s is not FIFO", name)
		}
		to := refers(at(q, "Properties", "RedrivePolicy", "deadLetterTargetArn"))
		if !dead[name] && all[to] == nil {
			say("queue %s has no dead-letter queue", name)
		}
		if n := number(at(q, "Properties", "RedrivePolicy", "maxReceiveCount")); !dead[name] && (n < 3 || n > 5) {
			say("queue %s gives up after %d receives, not 3 to 5", name, n)
		}
		p := at(q, "Properties")
		if text(at(p, "DeduplicationScope")) != "messageGroup" || text(at(p, "FifoThroughputLimit")) != "perMessageGroupId" {
			say("queue %s is limited to 300 calls a second for all issues together", name)
		}
		if number(at(p, "MessageRetentionPeriod")) != 14*24*3600 {
			say("queue %s does not keep messages for 14 days, the longest possible", name)
		}
		if at(p, "SqsManagedSseEnabled") != true {
			say("queue %s is not encrypted", name)
		}
		if !watched(doc, name, "ApproximateAgeOfOldestMessage") {
			say("queue %s has no age alarm", name)
		}
		if dead[name] && !watched(doc, name, "ApproximateNumberOfMessagesVisible") {
			say("dead-letter queue %s has no alarm", name)
		}
	}
}

// watched reports whether an alarm looks at a metric of a resource.
func watched(doc tree, resource, metric string) bool {
	for _, a := range of(doc, "AWS::CloudWatch::Alarm") {
		for _, d := range list(at(a, "Properties", "Dimensions")) {
			if refers(at(d, "Value")) == resource && text(at(a, "Properties", "MetricName")) == metric {
				return true
			}
		}
	}
	return false
}

func functions(doc tree, say func(string, ...any)) {
	globals := at(doc, "Globals", "Function")
	if fmt.Sprint(at(globals, "Architectures")) != "[arm64]" || text(at(globals, "Runtime")) != "provided.al2023" || text(at(globals, "Handler")) != "bootstrap" {
		say("functions are not arm64 binaries on provided.al2023")
	}
	variables, _ := at(globals, "Environment", "Variables").(tree)
	if got := slices.Sorted(maps.Keys(variables)); !slices.Equal(got, wire.Variables()) {
		say("environment is %v, functions/wire reads %v", got, wire.Variables())
	}
	for name, f := range of(doc, "AWS::Serverless::Function") {
		if text(at(f, "Metadata", "BuildMethod")) != "go1.x" {
			say("function %s is not built with go1.x", name)
		}
		dir := filepath.Join(root, text(at(f, "Properties", "CodeUri")))
		if _, err := os.Stat(filepath.Join(dir, "main.go")); err != nil {
			say("function %s: no main in %s", name, text(at(f, "Properties", "CodeUri")))
		}
		for _, metric := range []string{"Errors", "Throttles", "Duration"} {
			if !watched(doc, name, metric) {
				say("function %s has no alarm on %s", name, metric)
			}
		}
		sources(doc, name, f, say)
	}
}

// sources checks a function's queues.
func sources(doc tree, name string, f tree, say func(string, ...any)) {
	events, _ := at(f, "Properties", "Events").(tree)
	for event, e := range events {
		if text(at(e, "Type")) != "SQS" {
			continue
		}
		p := at(e, "Properties")
		queue := refers(at(p, "Queue"))
		if fmt.Sprint(at(p, "FunctionResponseTypes")) != "[ReportBatchItemFailures]" {
			say("event %s of %s does not report the failures of single messages", event, name)
		}
		if n := number(at(p, "BatchSize")); n < 1 || n > 10 {
			say("event %s of %s takes %d messages of a FIFO queue, at most 10", event, name, n)
		}
		if number(at(p, "ScalingConfig", "MaximumConcurrency")) < 2 {
			say("event %s of %s has no limit on its concurrency", event, name)
		}
		visible := number(at(doc, "Resources", queue, "Properties", "VisibilityTimeout"))
		if timeout := number(at(f, "Properties", "Timeout")); visible < 6*timeout {
			say("queue %s hides messages for %d s, less than six times the %d s of %s", queue, visible, timeout, name)
		}
	}
}

// policies: each function has a role of its own, written out. What SAM would add to a role of its making may read any queue and write any log.
func policies(doc tree, say func(string, ...any)) {
	roles, owner := of(doc, "AWS::IAM::Role"), map[string]string{}
	for name, f := range of(doc, "AWS::Serverless::Function") {
		role := refers(at(f, "Properties", "Role"))
		switch {
		case roles[role] == nil:
			say("function %s has no role of its own", name)
		case owner[role] != "":
			say("functions %s and %s share a role", name, owner[role])
		case at(f, "Properties", "Policies") != nil:
			say("function %s has policies beside its role", name)
		}
		owner[role] = name
	}
	for name, r := range roles {
		if at(r, "Properties", "ManagedPolicyArns") != nil {
			say("role %s uses a ready-made policy: write out what it needs", name)
		}
		if owner[name] == "" {
			say("role %s is nobody's", name)
		}
		for _, policy := range list(at(r, "Properties", "Policies")) {
			for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
				statement(name, s, say)
			}
		}
	}
}

// network is what a function in a VPC needs; Amazon EC2 knows no narrower resource for it.
const network = "ec2:"

func statement(role string, s any, say func(string, ...any)) {
	if branch := list(at(s, "!If")); len(branch) == 3 {
		s = branch[1]
	}
	for _, a := range list(at(s, "Action")) {
		if strings.Contains(text(a), "*") {
			say("role %s may do %s", role, text(a))
		}
		for _, r := range list(at(s, "Resource")) {
			if text(r) == "*" && !strings.HasPrefix(text(a), network) {
				say("role %s may %v everything", role, a)
			}
		}
	}
}

// people checks the policies for those who operate the hub: no stars, a viewer writes nothing, a rule editor only what rules
// are, an operator no rules.
func people(doc tree, say func(string, ...any)) {
	all := of(doc, "AWS::IAM::ManagedPolicy")
	writes := func(s any) bool {
		return slices.ContainsFunc(list(at(s, "Action")), func(a any) bool {
			return slices.Contains([]string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "sqs:SendMessage", "s3:PutObject"}, text(a))
		})
	}
	for _, name := range []string{"ViewerPolicy", "RuleEditorPolicy", "OperatorPolicy"} {
		denied := false
		for _, s := range list(at(all[name], "Properties", "PolicyDocument", "Statement")) {
			keys := fmt.Sprint(at(s, "Condition"))
			denied = denied || text(at(s, "Effect")) == "Deny" && writes(s) && strings.Contains(keys, "rules/*")
			for _, a := range list(at(s, "Action")) {
				if strings.Contains(text(a), "*") {
					say("%s may %s", name, text(a))
				}
				if name == "RuleEditorPolicy" && strings.HasPrefix(text(a), "dynamodb:") && writes(s) && !strings.Contains(keys, "LeadingKeys") {
					say("%s may %s any item", name, text(a))
				}
			}
			if name == "ViewerPolicy" && writes(s) {
				say("%s writes: %v", name, at(s, "Action"))
			}
		}
		if name == "OperatorPolicy" && !denied {
			say("%s may publish rules", name)
		}
		if all[name] == nil {
			say("there is no %s", name)
		}
	}
}

func logs(doc tree, say func(string, ...any)) {
	groups := of(doc, "AWS::Logs::LogGroup")
	for name, g := range groups {
		if at(g, "Properties", "RetentionInDays") == nil {
			say("log group %s keeps logs for ever", name)
		}
	}
	for name, f := range of(doc, "AWS::Serverless::Function") {
		if groups[refers(at(f, "Properties", "LoggingConfig", "LogGroup"))] == nil {
			say("function %s has no log group of this template", name)
		}
	}
}

var playbook = regexp.MustCompile(`docs/playbooks/([a-z-]+)\.md`)

func alarms(doc tree, say func(string, ...any)) {
	used := map[string]bool{}
	for name, a := range of(doc, "AWS::CloudWatch::Alarm") {
		m := playbook.FindStringSubmatch(text(at(a, "Properties", "AlarmDescription")))
		switch {
		case m == nil:
			say("alarm %s names no playbook", name)
			continue
		case !strings.Contains(text(at(a, "Properties", "AlarmName", "!Sub")), m[1]):
			say("alarm %s is not named like its playbook %s", name, m[1])
		}
		used[m[1]] = true
		if _, err := os.Stat(filepath.Join(root, m[0])); err != nil {
			say("alarm %s has no playbook %s", name, m[0])
		}
		if actions := list(at(a, "Properties", "AlarmActions")); len(actions) != 1 || refers(actions[0]) != "AlarmTopic" {
			say("alarm %s tells nobody", name)
		}
	}
	files, _ := filepath.Glob(filepath.Join(root, "docs/playbooks/*.md"))
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".md"); name != "README" && !used[name] {
			say("playbook %s has no alarm", name)
		}
	}
}

// calls of the protocol in docs/protocol.md, and the webhook.
var call = regexp.MustCompile("(?m)^\\| `(GET|PUT|POST) (/v1/[^`?]+)`")

func api(doc tree, say func(string, ...any)) {
	protocol, _ := os.ReadFile(filepath.Join(root, "docs/protocol.md"))
	want := map[string]bool{"POST /v1/webhooks/*": true}
	for _, m := range call.FindAllStringSubmatch(string(protocol), -1) {
		want[m[1]+" "+pattern(m[2])] = true
	}
	got := map[string]bool{}
	for name, r := range of(doc, "AWS::ApiGatewayV2::Route") {
		key := text(at(r, "Properties", "RouteKey"))
		got[pattern(key)] = true
		if at(doc, "Resources", "Stage", "Properties", "RouteSettings", key) == nil {
			say("route %s is not throttled by itself", key)
		}
		if !slices.Contains(list(at(doc, "Resources", "Stage", "DependsOn")), any(name)) {
			say("the stage does not wait for route %s, whose settings it names", name)
		}
	}
	if !maps.Equal(got, want) {
		say("routes are %v, the protocol has %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	for name, i := range of(doc, "AWS::ApiGatewayV2::Integration") {
		f := refers(at(i, "Properties", "IntegrationUri"))
		if s := number(at(doc, "Resources", f, "Properties", "Timeout")); s < 1 || s >= 30 {
			say("function %s behind %s takes %d s, the API waits for 30", f, name, s)
		}
	}
}

// pattern makes any parameter of a path a star; protocol.md writes the side of
// a blob out.
func pattern(path string) string {
	path = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(path, "*")
	return regexp.MustCompile(`/blobs/[^/]+/`).ReplaceAllString(path, "/blobs/*/")
}

func data(doc tree, say func(string, ...any)) {
	for _, kind := range []string{"AWS::DynamoDB::Table", "AWS::S3::Bucket"} {
		for name, r := range of(doc, kind) {
			if text(at(r, "DeletionPolicy")) != "Retain" || text(at(r, "UpdateReplacePolicy")) != "Retain" {
				say("%s goes with its stack", name)
			}
		}
	}
	table := at(doc, "Resources", "Table", "Properties")
	want := dynamostore.Table("x")
	schema := func(v any) (out []string) {
		for _, k := range list(v) {
			out = append(out, text(at(k, "AttributeName"))+" "+text(at(k, "KeyType")))
		}
		return out
	}
	var wantKey, wantIndex []string
	for _, k := range want.KeySchema {
		wantKey = append(wantKey, *k.AttributeName+" "+string(k.KeyType))
	}
	for _, k := range want.GlobalSecondaryIndexes[0].KeySchema {
		wantIndex = append(wantIndex, *k.AttributeName+" "+string(k.KeyType))
	}
	index := list(at(table, "GlobalSecondaryIndexes"))
	if !slices.Equal(schema(at(table, "KeySchema")), wantKey) || len(index) != 1 || text(at(index[0], "IndexName")) != dynamostore.IndexName ||
		!slices.Equal(schema(at(index[0], "KeySchema")), wantIndex) {
		say("the table is not the one dynamostore describes")
	}
	if text(at(table, "BillingMode")) != "PAY_PER_REQUEST" || len(index) == 1 && text(at(index[0], "Projection", "ProjectionType")) != "KEYS_ONLY" {
		say("the table is not on demand, or its index copies more than keys")
	}
	if text(at(table, "TimeToLiveSpecification", "AttributeName")) != "ttl" || at(table, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
		say("the table has no expiry or no point-in-time recovery")
	}
}

// bucket: private, encrypted, reached over TLS only, and nothing stays for ever.
func bucket(doc tree, say func(string, ...any)) {
	for name, b := range of(doc, "AWS::S3::Bucket") {
		for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			if at(b, "Properties", "PublicAccessBlockConfiguration", block) != true {
				say("bucket %s may become public: %s", name, block)
			}
		}
		if at(b, "Properties", "BucketEncryption") == nil {
			say("bucket %s is not encrypted", name)
		}
		var whole, claims, parts bool
		for _, r := range list(at(b, "Properties", "LifecycleConfiguration", "Rules")) {
			on, prefix := text(at(r, "Status")) == "Enabled", text(at(r, "Prefix"))
			whole = whole || on && prefix == "" && at(r, "ExpirationInDays") != nil
			claims = claims || on && prefix == "claim/" && number(at(r, "ExpirationInDays")) > 14
			parts = parts || on && number(at(r, "AbortIncompleteMultipartUpload", "DaysAfterInitiation")) > 0
		}
		if !whole || !claims || !parts {
			say("bucket %s keeps something for ever, or a claim check for less time than a queue keeps its message", name)
		}
	}
	for name, p := range of(doc, "AWS::S3::BucketPolicy") {
		if !strings.Contains(fmt.Sprint(at(p, "Properties", "PolicyDocument")), "aws:SecureTransport:false") {
			say("bucket policy %s lets requests in without TLS", name)
		}
	}
}

// names: two stacks live in one account, so a fixed name holds the stack's.
func names(doc tree, say func(string, ...any)) {
	for resource, r := range at(doc, "Resources").(tree) {
		props, _ := at(r, "Properties").(tree)
		for p, v := range props {
			named := strings.HasSuffix(p, "Name") && !slices.Contains([]string{"MetricName", "StageName", "FunctionName"}, p) || p == "Name"
			chosen := refers(v) == "DomainName" || refers(v) == "Domain" // by who deploys, for one stack
			if named && !chosen && !strings.Contains(fmt.Sprint(v), "AWS::StackName") {
				say("%s of %s is the same in every stack", p, resource)
			}
		}
	}
}

// TestInvariantsCatch breaks the template in one place each and demands the complaint.
func TestInvariantsCatch(t *testing.T) {
	good := source(t)
	for _, tt := range []struct{ old, new, want string }{
		{"      VisibilityTimeout: 360", "      VisibilityTimeout: 359", "less than six times"},
		{"FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []", "single messages"},
		{"BatchSize: 10", "BatchSize: 100", "at most 10"},
		{"Architectures: [arm64]", "Architectures: [x86_64]", "arm64"},
		{"        DRAWBRIDGE_PACE: !Ref Pace\n", "", "environment"},
		{"        DRAWBRIDGE_PACE: !Ref Pace\n", "        DRAWBRIDGE_PACE: !Ref Pace\n        UNREAD: x\n", "environment"},
		{"      RedrivePolicy: {deadLetterTargetArn: !GetAtt LiveDeadQueue.Arn, maxReceiveCount: 5}\n", "", "no dead-letter queue"},
		{"Action: \"sqs:SendMessage\"", "Action: \"sqs:*\"", "may do"},
		{"Resource: !GetAtt Bucket.Arn}", "Resource: \"*\"}", "everything"},
		{"      RetentionInDays: !Ref LogDays\n", "", "for ever"},
		{"docs/playbooks/queue-age.md", "docs/playbooks/no-such.md", "no playbook"},
		{"    DeletionPolicy: Retain\n", "", "goes with its stack"},
		{"- {AttributeName: part, KeyType: HASH}", "- {AttributeName: pk, KeyType: HASH}", "dynamostore"},
		{"RouteKey: \"POST /v1/connections/{id}/keys\"", "RouteKey: \"POST /v1/connections/{id}/key\"", "routes are"},
		{"DashboardName: !Ref AWS::StackName", "DashboardName: drawbridge", "same in every stack"},
		{"CodeUri: functions/work/", "CodeUri: functions/works/", "no main"},
		{"Timeout: 29", "Timeout: 30", "the API waits"},
		{"      FifoQueue: true\n", "", "not FIFO"},
		{"      DeduplicationScope: messageGroup\n", "", "300 calls"},
		{"      MessageRetentionPeriod: 1209600\n", "", "14 days"},
		{"      SqsManagedSseEnabled: true\n", "", "not encrypted"},
		{"maxReceiveCount: 5", "maxReceiveCount: 50", "3 to 5"},
		{"Role: !GetAtt IngestRole.Arn", "Role: !GetAtt WorkRole.Arn", "share a role"},
		{"      Role: !GetAtt IngestRole.Arn\n", "", "no role of its own"},
		{"\"logs:PutLogEvents\"], Resource: !GetAtt WorkLog.Arn", "\"logs:PutLogEvents\"], Resource: \"*\"", "everything"},
		{"BlockPublicAcls: true", "BlockPublicAcls: false", "become public"},
		{"ExpirationInDays: 15", "ExpirationInDays: 14", "claim check"},
		{"\"aws:SecureTransport\": \"false\"", "\"aws:SecureTransport\": \"true\"", "without TLS"},
		{"BillingMode: PAY_PER_REQUEST", "BillingMode: PROVISIONED", "not on demand"},
		{"PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false", "no point-in-time recovery"},
		{"    Description: Least severe log lines written\n", "", "no description"},
		{"  Pace:\n    Type", "  Speed:\n    Type", "not in docs/operations.md"},
		{`"route":"$context.routeKey",`, "", "lacks $context.routeKey"},
		{`"ClockSkew", "Stack"`, `"Skew", "Stack"`, "does not show ClockSkew"},
		{`["Drawbridge", "ChangesIn", `, `["Drawbridge", "In", `, "does not show ChangesIn"},
		{"MetricName: CredentialDays", "MetricName: Credential", "which no function makes"},
		{"      AlarmActions: [!Ref AlarmTopic]\n", "", "tells nobody"},
		{`"POST /v1/webhooks/{site}": {`, `"POST /v1/webhook/{site}": {`, "not throttled"},
	} {
		if !strings.Contains(good, tt.old) {
			t.Errorf("the template has no %q to break", tt.old)
			continue
		}
		all := strings.Join(complaints(load(t, strings.Replace(good, tt.old, tt.new, 1))), "\n")
		if !strings.Contains(all, tt.want) {
			t.Errorf("%q -> %q: complaints %q do not say %q", tt.old, tt.new, all, tt.want)
		}
	}
}
