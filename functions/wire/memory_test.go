package wire

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/tests/engine"
	"drawbridge/tests/lambda"
)

const mostMemory = 40 << 20 // bytes resident, for a batch of ten

// environment is what template.yaml gives a function.
func environment(s Settings, url string) []string {
	env := []string{
		"AWS_REGION=" + engine.Region, "AWS_ACCESS_KEY_ID=" + engine.AccessKey, "AWS_SECRET_ACCESS_KEY=" + engine.SecretKey, "AWS_ENDPOINT_URL=" + url,
	}
	for name, v := range s.variables() {
		env = append(env, name+"="+*v)
	}
	return env
}

// TestABatchOfTenNeedsLittleMemory: ten edits of ten issues in one invocation of the real program on real engines.
func TestABatchOfTenNeedsLittleMemory(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("runs a program for Linux")
	}
	tn := newTown(t)
	keys := []string{tn.key}
	for i := range 9 {
		key, id := tn.create(fmt.Sprint("issue ", i))
		must(t, tn.site.Send(t.Context(), site.Task{Kind: site.SyncTask, Connection: connection, Issue: id, By: "test"}, bridge.Live, ""))
		keys = append(keys, key)
	}
	tn.work()
	for _, key := range keys {
		tn.edit(key, map[string]any{"summary": "one of ten", "description": strings.Repeat("It *smokes*. ", 200)})
	}
	tn.flush()
	batch := tn.receive()
	if len(batch.Records) != 10 {
		t.Fatalf("%d messages in a batch", len(batch.Records))
	}
	event, err := json.Marshal(batch)
	must(t, err)
	f := lambda.Start(t, lambda.Build(t, "../..", "work", runtime.GOARCH), environment(tn.hub.Settings, engine.MiniStack(t)))
	if answer := f.Invoke(event); string(answer) != `{"batchItemFailures":[]}` {
		t.Errorf("answer %s", answer)
	}
	if n := tn.waiting("one of ten"); n != 10 {
		t.Errorf("%d changes wait, want 10", n)
	}
	most := resident(t, f.Process.Pid)
	t.Logf("work: %.1f MB resident at most", float64(most)/(1<<20))
	if most > mostMemory {
		t.Errorf("%d bytes resident, at most %d", most, mostMemory)
	}
}

// resident is the most memory a process has had, in bytes.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	must(t, err)
	return kb << 10
}
