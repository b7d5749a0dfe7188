package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"drawbridge/tests/engine"
)

// A Guard is AWS as the functions and people reach it: it lets a call through to
// the engine if the policies of the function's role, or the policy for such
// people, allow it as deployed, and answers "access denied" otherwise. MiniStack
// stores policies and asks nobody for them. Who has no statement about a call is
// refused, as on AWS.
type Guard struct {
	engine string

	mu      sync.Mutex
	allowed map[string][]statement // by function, or by the policy for people
	denied  []string
	stack   string // its id
}

// statement is one of a policy's.
type statement struct {
	Effect           string
	Action, Resource words
	Condition        map[string]map[string]words
}

// covers reports whether a statement is about a call. The one key a condition
// may be about is the partition of the items.
func (s statement) covers(n want) bool {
	if !some(s.Action, n.action) || !some(s.Resource, n.resource) {
		return false
	}
	for operator, keys := range s.Condition {
		patterns := keys["dynamodb:LeadingKeys"]
		in := func(key string) bool { return some(patterns, key) }
		switch operator {
		case "ForAnyValue:StringLike":
			if !slices.ContainsFunc(n.keys, in) {
				return false
			}
		case "ForAllValues:StringLike":
			if slices.ContainsFunc(n.keys, func(key string) bool { return !in(key) }) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// words is a word or a list of them.
type words []string

func (w *words) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*w = make(words, 1)
		return json.Unmarshal(raw, &(*w)[0])
	}
	return json.Unmarshal(raw, (*[]string)(w))
}

func newGuard(testing.TB) *Guard { return &Guard{allowed: map[string][]statement{}} }

// endpoint is where a function finds AWS.
func (g *Guard) endpoint(t testing.TB, function string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, function) }))
	t.Cleanup(s.Close)
	return s.URL
}

// Denied are the calls that were refused: "exchange: dynamodb:PutItem on arn…".
func (g *Guard) Denied() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.denied)
}

func (g *Guard) serve(w http.ResponseWriter, r *http.Request, function string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	wants := g.need(r, body)
	if len(wants) == 0 {
		wants = []want{{action: "unknown:" + r.Method + r.Header.Get("X-Amz-Target"), resource: r.URL.Path}}
	}
	for _, n := range wants {
		if !g.allows(function, n) {
			g.refuse(w, r, function, n)
			return
		}
	}
	to, err := url.Parse(g.engine)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) }}).ServeHTTP(w, r)
}

func (g *Guard) allows(function string, n want) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	allowed := false
	for _, s := range g.allowed[function] {
		if !s.covers(n) {
			continue
		}
		if s.Effect == "Deny" {
			return false
		}
		allowed = true
	}
	return allowed
}

// some reports whether one of the patterns fits; * stands for anything.
func some(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		head, tail, star := strings.Cut(p, "*")
		if !star {
			return p == s
		}
		return len(s) >= len(head)+len(tail) && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail)
	})
}

// refuse answers in the words of the service.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, function string, n want) {
	line := fmt.Sprintf("%s: %s on %s %s", function, n.action, n.resource, strings.Join(n.keys, " "))
	g.mu.Lock()
	g.denied = append(g.denied, line)
	g.mu.Unlock()
	if r.Header.Get("X-Amz-Target") == "" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Query-Error", "AccessDenied;Sender")
	answer := fmt.Appendf(nil, `{"__type":"AccessDeniedException","message":%q}`, line)
	w.Header().Set("X-Amz-Crc32", fmt.Sprint(crc32.ChecksumIEEE(answer)))
	w.WriteHeader(http.StatusBadRequest)
	w.Write(answer)
}

// want is what a call needs.
type want struct {
	action, resource string
	keys             []string // partitions of the items
}

// need is what a call needs: for each resource it touches, one action.
func (g *Guard) need(r *http.Request, body []byte) []want {
	service, call, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if form, err := url.ParseQuery(string(body)); !ok && err == nil && form.Get("Action") != "" {
		return []want{{action: "cloudformation:" + form.Get("Action"), resource: g.stack}}
	}
	if !ok {
		return needS3(r)
	}
	switch {
	case strings.HasPrefix(service, "DynamoDB_"):
		return needDynamoDB(call, body)
	case service == "AmazonSQS":
		var in struct{ QueueUrl string }
		if json.Unmarshal(body, &in) != nil {
			return nil
		}
		return []want{{action: "sqs:" + strings.TrimSuffix(call, "Batch"), resource: arn("sqs", in.QueueUrl[strings.LastIndex(in.QueueUrl, "/")+1:])}}
	case service == "AmazonSSM":
		var in struct{ Names []string }
		if json.Unmarshal(body, &in) != nil {
			return nil
		}
		var out []want
		for _, n := range in.Names {
			out = append(out, want{action: "ssm:" + call, resource: arn("ssm", "parameter"+n)})
		}
		return out
	}
	return nil
}

func arn(service, what string) string {
	return "arn:aws:" + service + ":" + engine.Region + ":" + engine.Account + ":" + what
}

// target is what one action of DynamoDB is about.
type target struct {
	TableName string
	Key, Item item
}

type item struct{ Part struct{ S string } }

// keys are the partitions it touches.
func (t target) keys() (out []string) {
	for _, i := range []item{t.Key, t.Item} {
		if i.Part.S != "" {
			out = append(out, i.Part.S)
		}
	}
	return out
}

func needDynamoDB(call string, body []byte) (out []want) {
	var in struct {
		target
		IndexName     string
		RequestItems  map[string]json.RawMessage
		TransactItems []map[string]target
	}
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	if in.TableName != "" {
		resource := "table/" + in.TableName
		if in.IndexName != "" {
			resource += "/index/" + in.IndexName
		}
		out = append(out, want{"dynamodb:" + call, arn("dynamodb", resource), in.keys()})
	}
	for table := range in.RequestItems {
		out = append(out, want{action: "dynamodb:" + call, resource: arn("dynamodb", "table/"+table)})
	}
	actions := map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
	for _, item := range in.TransactItems {
		for what, t := range item {
			out = append(out, want{"dynamodb:" + actions[what], arn("dynamodb", "table/"+t.TableName), t.keys()})
		}
	}
	return out
}

// Writes are the partitions that a call of DynamoDB writes to, or makes a condition of its writes: what a policy's
// dynamodb:LeadingKeys are asked about.
func Writes(r *http.Request, body []byte) (out []string) {
	service, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !strings.HasPrefix(service, "DynamoDB_") {
		return nil
	}
	for _, n := range needDynamoDB(call, body) {
		if slices.Contains([]string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"}, n.action) {
			out = append(out, n.keys...)
		}
	}
	return out
}

// needS3 is about a request to /BUCKET/KEY.
func needS3(r *http.Request) []want {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket == "" {
		return nil
	}
	resource := "arn:aws:s3:::" + bucket
	if key == "" {
		return []want{{action: "s3:ListBucket", resource: resource}}
	}
	actions := map[string]string{"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject", "DELETE": "s3:DeleteObject"}
	return []want{{action: actions[r.Method], resource: resource + "/" + key}}
}

// policies gives the guard the policies of the functions' roles, as deployed.
func (s *Stack) policies(ctx context.Context) error {
	for _, f := range Functions {
		role, err := s.Resource(ctx, resource(f)+"Role")
		if err != nil {
			return err
		}
		found, err := s.rolePolicies(ctx, role)
		if err != nil {
			return err
		}
		s.Guard.mu.Lock()
		s.Guard.allowed[f] = found
		s.Guard.mu.Unlock()
	}
	return nil
}

// Resource is the physical id of one of the template's resources.
func (s *Stack) Resource(ctx context.Context, logical string) (string, error) {
	answer, err := s.cloudFormation(ctx, url.Values{"Action": {"DescribeStackResources"}, "LogicalResourceId": {logical}})
	if err != nil {
		return "", err
	}
	var out struct {
		Resources []struct {
			LogicalResourceId, PhysicalResourceId string
		} `xml:"DescribeStackResourcesResult>StackResources>member"`
	}
	if err := xml.Unmarshal(answer, &out); err != nil {
		return "", err
	}
	for _, r := range out.Resources {
		if r.LogicalResourceId == logical {
			return r.PhysicalResourceId, nil
		}
	}
	return "", fmt.Errorf("the stack has no %s", logical)
}

func (s *Stack) rolePolicies(ctx context.Context, role string) (all []statement, err error) {
	iam := func(action, policy string, out any) error {
		answer, err := s.query(ctx, "iam", "2010-05-08", url.Values{"Action": {action}, "RoleName": {role}, "PolicyName": {policy}})
		if err != nil {
			return err
		}
		return xml.Unmarshal(answer, out)
	}
	var list struct {
		Names []string `xml:"ListRolePoliciesResult>PolicyNames>member"`
	}
	if err := iam("ListRolePolicies", "", &list); err != nil {
		return nil, err
	}
	for _, name := range list.Names {
		var got struct {
			Document string `xml:"GetRolePolicyResult>PolicyDocument"`
		}
		if err := iam("GetRolePolicy", name, &got); err != nil {
			return nil, err
		}
		text, err := url.QueryUnescape(got.Document)
		if err != nil {
			return nil, err
		}
		var policy struct{ Statement []statement }
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return nil, fmt.Errorf("policy %s of %s: %w", name, role, err)
		}
		all = append(all, policy.Statement...)
	}
	return all, nil
}

// As is the environment of a person who has one of the stack's policies for
// people, and no other.
func (s *Stack) As(t testing.TB, policy string) []string {
	t.Helper()
	role, err := s.Resource(t.Context(), policy)
	must(t, err)
	found, err := s.rolePolicies(t.Context(), role)
	must(t, err)
	s.Guard.mu.Lock()
	s.Guard.allowed[policy] = found
	s.Guard.mu.Unlock()
	return append(s.Environment(), "AWS_ENDPOINT_URL="+s.Guard.endpoint(t, policy))
}
