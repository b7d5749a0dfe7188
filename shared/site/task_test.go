package site_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
)

// TestTaskMessage: what a message says is what was sent, the webhook body byte by byte; messages of before are read as well.
func TestTaskMessage(t *testing.T) {
	event := site.Task{Kind: site.EventTask, Issue: "10001", Delivery: "d-1", Body: []byte("{\"a\": \"<ü>\",\r\n\n \"b\":[]}\n")}
	change := site.Task{Kind: site.ChangeTask, Issue: "7", Change: &bridge.Change{Gone: bridge.Deleted}}
	for _, want := range []site.Task{event, change, {Kind: site.ReadTask, Issue: "7", By: "line\nbreak"}} {
		m, err := want.Message()
		if err != nil || want.Body != nil && !bytes.HasSuffix(m, append([]byte("\n"), want.Body...)) {
			t.Errorf("%s, %v", m, err)
		}
		if got, err := site.ParseTask(m); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	if got, err := site.ParseTask([]byte(`{"kind":"event","issue":"10001","body":"eyJhIjoxfQ==","delivery":"d-1"}`)); err != nil || string(got.Body) != `{"a":1}` || got.Issue != "10001" {
		t.Errorf("a message of before: %+v, %v", got, err)
	}
	for _, m := range []string{"", "x", "{\n}", "\n{}"} {
		if got, err := site.ParseTask([]byte(m)); err == nil {
			t.Errorf("%q: %+v", m, got)
		}
	}
}

// BenchmarkTask is a webhook body of 6 KB that becomes a message and is read again.
func BenchmarkTask(b *testing.B) {
	t := site.Task{Kind: site.EventTask, Issue: "10001", Delivery: "d-1", Body: []byte(`{"a":"` + strings.Repeat("x", 6000) + `"}`)}
	b.ReportAllocs()
	for b.Loop() {
		m, err := t.Message()
		if err == nil {
			_, err = site.ParseTask(m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
