//go:build linux

package awstour

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"drawbridge/shared/store/dynamostore"
	"drawbridge/tests/engine"
	"drawbridge/tests/rig"
	"drawbridge/tests/stack"
)

// live starts the demo on the stack and leaves it running until the test ends,
// or tr.stop is called.
func (tr *tour) live() (pub, priv *rig.Jira) {
	t := tr.t
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(tr.program, "demo", "--dir", tr.dir, "--hub", "aws:"+stack.Name)
	cmd.Env = tr.environment()
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	tr.stop = sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(tr.dir, "logs", "poller.log"))
			t.Logf("%s\n%s\n%s", out.String(), log, tr.stack.Log())
		}
	})
	t.Cleanup(tr.stop)
	type jira struct {
		BaseURL string `json:"base_url"`
		Manage  string `json:"manage_url"`
		Project string
	}
	var ready struct{ Public, Private jira }
	rig.Eventually(t, 2*time.Minute, "the demo is up", func() string {
		select {
		case <-ended:
			t.Fatalf("the demo ended\n%s\n%s", out.String(), tr.stack.Log())
		default:
		}
		raw, err := os.ReadFile(filepath.Join(tr.dir, "ready.json"))
		if err == nil {
			err = json.Unmarshal(raw, &ready)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
	return rig.Open(t, true, ready.Public.BaseURL, ready.Public.Manage, ready.Public.Project),
		rig.Open(t, false, ready.Private.BaseURL, ready.Private.Manage, ready.Private.Project)
}

// drawbridge runs a command of the operator's on the stack and demands its exit code.
func (tr *tour) drawbridge(code int, args ...string) string {
	tr.t.Helper()
	return tr.as(tr.environment(), code, args...)
}

// as is drawbridge, run by somebody else.
func (tr *tour) as(environment []string, code int, args ...string) string {
	tr.t.Helper()
	cmd := exec.CommandContext(tr.t.Context(), tr.program, append(args, "--hub", "aws:"+stack.Name)...)
	cmd.Env = environment
	var said bytes.Buffer // beside the answer
	cmd.Stderr = &said
	out, err := cmd.Output()
	got := 0
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		must(tr.t, err)
	}
	if got != code {
		tr.t.Errorf("drawbridge %s: exit code %d, not %d\n%s%s", strings.Join(args, " "), got, code, out, said.String())
	}
	return string(out)
}

// TestOperate: the operator's commands work on a stack, and so does what
// docs/operations.md says of dead letters, of changing keys, of restoring a
// backup and of moving to another account.
func TestOperate(t *testing.T) {
	t.Parallel() // most of it is waiting
	if testing.Short() {
		t.Skip("takes minutes")
	}
	tr := deploy(t, template(t))
	pub, priv := tr.live()
	before := pub.Create("Before the backup", nil)
	twin := priv.Twin("Before the backup")

	for _, c := range []struct {
		args string
		says string
	}{
		{"connection list", "active"},
		{"connection show", "newest"},
		{"rules show", "fields"},
		{"rules history", "the demo's rules"},
		{"sync list", before},
		{"sync show " + before, twin},
		{"sync explain " + before, "it is in sync with " + twin},
		{"errors list", "no errors"},
		{"status", "demo"},
	} {
		if out := tr.drawbridge(0, strings.Fields(c.args)...); !strings.Contains(out, c.says) {
			t.Errorf("%s does not say %q:\n%s", c.args, c.says, out)
		}
	}
	pub.Create("To be forgotten", nil)
	gone := priv.Twin("To be forgotten")
	forgotten := pub.Find("To be forgotten")[0]
	tr.roles(before, forgotten)
	pub.Delete(forgotten)
	priv.Delete(gone)
	tr.deadLetter(before)
	tr.rotate(pub, priv, before, twin)
	tr.restore(pub, priv, before, twin)
	here := tr.stack
	tr.move(before, twin)
	for _, line := range append(here.Guard.Denied(), tr.stack.Guard.Denied()...) {
		if !strings.Contains(line, "Policy: ") {
			t.Errorf("refused: %s", line)
		}
	}
}

// roles: with one of the stack's policies a person may do what docs/roles.md
// says, and nothing else.
func (tr *tour) roles(key, forgotten string) {
	for policy, all := range map[string]map[string]bool{
		"ViewerPolicy": {"status": true, "sync show " + key: true, "errors list": true, "rules history": true, "connection pause --all --why no": false,
			"recall " + forgotten: false, "erase --yes --issue " + forgotten: false, "sync pair " + key + " X-1": false, "contract publish": false},
		"RuleEditorPolicy": {"status": true, "rules rollback 1": true, "contract publish": true, "contract withdraw": true, "connection pause --all --why no": false,
			"erase --yes --issue " + forgotten: false, "connection edit --conflicts ask": false},
		"OperatorPolicy": {"status": true, "sync explain " + key: true, "connection pause --all --why yes": true, "connection resume --all": true,
			"webhook show": true, "errors retry --all": true, "rules rollback 1": false, "contract publish": false,
			"recall " + key: true, "erase --yes --issue " + forgotten: true, "sync pair " + key + " X-1": true, "connection edit --conflicts newest": true},
	} {
		environment := append(tr.environment(), tr.stack.As(tr.t, policy)...)
		for _, command := range slices.Sorted(maps.Keys(all)) {
			before := len(tr.stack.Guard.Denied())
			code := 0
			if !all[command] {
				code = 1
			}
			out := tr.as(environment, code, strings.Fields(command)...)
			if refused := tr.stack.Guard.Denied()[before:]; (len(refused) > 0) == all[command] {
				tr.t.Errorf("%s, with %s: refused are %v\n%s", command, policy, refused, out)
			}
		}
	}
}

// deadLetter puts a task where those end that were tried in vain, sees it and
// has it tried again, twice.
func (tr *tour) deadLetter(key string) {
	t := tr.t
	t.Helper()
	queue := sqs.NewFromConfig(tr.stack.Config)
	_, err := queue.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(tr.stack.Outputs["LiveDeadQueueUrl"]), MessageGroupId: aws.String("cloud/1"), MessageDeduplicationId: aws.String("1"),
		MessageBody: aws.String(`{"kind":"read","issue":"1"}`),
	})
	must(t, err)
	if out := tr.drawbridge(3, "errors", "list"); !strings.Contains(out, "dead-letter") {
		t.Errorf("errors list does not show the dead letter:\n%s", out)
	}
	if out := tr.drawbridge(0, "errors", "retry", "--all"); !strings.Contains(out, "1 dead letter") {
		t.Errorf("errors retry does not bring the dead letter back:\n%s", out)
	}
	if out := tr.drawbridge(0, "errors", "retry", "--all"); !strings.Contains(out, "0 dead letters") {
		t.Errorf("the second errors retry:\n%s", out)
	}
}

// rotate changes the key the hub signs with and the secret of Jira's webhook.
func (tr *tour) rotate(pub, priv *rig.Jira, key, twin string) {
	t := tr.t
	t.Helper()
	put := func(name, value, version string) {
		must(t, tr.stack.PutSecret(t.Context(), name, value))
		must(t, tr.stack.Update(t.Context(), map[string]string{"SecretsVersion": version}))
	}
	crosses := func(summary string) {
		pub.Edit(key, rig.Fields{"summary": summary})
		priv.Shows(twin, "summary", summary)
	}
	old := tr.options.Secrets["hub-key"]
	fresh, err := exec.CommandContext(t.Context(), tr.program, "config", "hub-key").Output()
	must(t, err)
	put("hub-key", string(fresh)+" "+old, "2")
	crosses("Told of the next key")
	tr.options.Secrets["hub-key"] = string(fresh) // the new account gets it
	put("hub-key", string(fresh), "3")
	crosses("The old key is gone")

	put("webhook-secret", "another secret for everybody", "4")
	tr.drawbridge(0, "webhook", "create")
	crosses("Signed with another secret")
}

// backup copies the hub's table as an export and an import do, into a stack's
// account. MiniStack restores no table that has an index.
func (tr *tour) backup(to *stack.Stack, name string) {
	t := tr.t
	t.Helper()
	from, into := dynamodb.NewFromConfig(tr.stack.Config), dynamodb.NewFromConfig(to.Config)
	engine.MakeTable(t, into, dynamostore.Table(name))
	pages := dynamodb.NewScanPaginator(from, &dynamodb.ScanInput{TableName: aws.String(tr.stack.Outputs["TableName"])})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, item := range page.Items {
			_, err := into.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &name, Item: item})
			must(t, err)
		}
	}
}

// restore gives the hub a table as it was before something happened: that is
// found again, and nothing is made twice.
func (tr *tour) restore(pub, priv *rig.Jira, before, twin string) {
	t := tr.t
	t.Helper()
	const restored = "hub-restored"
	tr.backup(tr.stack, restored)
	after := pub.Create("After the backup", nil)
	afterTwin := priv.Twin("After the backup")
	priv.Edit(twin, rig.Fields{"summary": "Edited after the backup"})
	pub.Shows(before, "summary", "Edited after the backup")

	tr.drawbridge(0, "connection", "pause", "--all", "--why", "restore")
	must(t, tr.stack.Update(t.Context(), map[string]string{"UseTable": restored}))
	if got := tr.stack.Outputs["TableName"]; got != restored {
		t.Fatalf("after the update the table is %s", got)
	}
	tr.drawbridge(0, "connection", "resume", "--all")

	pub.Edit(after, rig.Fields{"summary": "Found again"})
	priv.Shows(afterTwin, "summary", "Found again")
	priv.Edit(twin, rig.Fields{"summary": "And on it goes"})
	pub.Shows(before, "summary", "And on it goes")
	if n, m := len(pub.All()), len(priv.All()); n != 2 || m != 2 {
		t.Errorf("%d issues outside and %d inside, not 2 and 2", n, m)
	}
}

// move takes the hub to another account, as it is: the poller is invited anew
// and keeps its state. The demo starts again, for its way to the world leads to
// one hub only.
func (tr *tour) move(before, twin string) {
	t := tr.t
	t.Helper()
	const imported = "hub-imported"
	there := tr.deployed()
	tr.drawbridge(0, "connection", "pause", "--all", "--why", "move")
	tr.stop()
	tr.backup(there, imported)
	tr.stack = there
	tr.front = there.Front(t)
	must(t, there.Update(t.Context(), map[string]string{"UseTable": imported}))

	pub, priv := tr.live() // makes the webhook anew, as drawbridge webhook create does
	var invitation struct{ Code string }
	must(t, json.Unmarshal([]byte(tr.drawbridge(0, "connection", "invite", "demo", "--json")), &invitation))
	accept := exec.CommandContext(t.Context(), tr.program, "poller", "accept", invitation.Code, "--project", priv.Project, "--config", filepath.Join(tr.dir, "poller.yaml"))
	accept.Env = tr.environment()
	if out, err := accept.CombinedOutput(); err != nil {
		t.Fatalf("poller accept: %v\n%s", err, out)
	}
	tr.drawbridge(0, "connection", "resume", "--all")

	pub.Edit(before, rig.Fields{"summary": "In another account"})
	priv.Shows(twin, "summary", "In another account")
	priv.Edit(twin, rig.Fields{"summary": "And back"})
	pub.Shows(before, "summary", "And back")
	if n, m := len(pub.All()), len(priv.All()); n != 2 || m != 2 {
		t.Errorf("%d issues outside and %d inside after the move, not 2 and 2", n, m)
	}
}
