package engine_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"drawbridge/tests/engine"
)

func TestMain(m *testing.M) { os.Exit(engine.Run(m)) }

func TestDynamoDBAnswers(t *testing.T) {
	resp, err := http.Post(engine.DynamoDB(t), "application/x-amz-json-1.0", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if engine.DynamoDB(t) != engine.DynamoDB(t) {
		t.Error("a second test got another engine")
	}
}

func TestMiniStackIsStoppedWithItsTest(t *testing.T) {
	var url string
	t.Run("own", func(t *testing.T) {
		url = engine.NewMiniStack(t)
		resp, err := http.Get(url + "/_ministack/health")
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("health: %v, %v\n%s", resp, err, engine.Log(url))
		}
		resp.Body.Close()
	})
	if url == "" {
		t.Skip("no engine here")
	}
	if resp, err := http.Get(url); err == nil {
		resp.Body.Close()
		t.Errorf("the engine at %s still answers", url)
	}
}
