package engine_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"drawbridge/shared/store/dynamostore"
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

// TestATableIsMadeOnce: asked for a second time, as the SDK does when an answer comes too late, it is there.
func TestATableIsMadeOnce(t *testing.T) {
	c := dynamodb.New(dynamodb.Options{
		Region: engine.Region, BaseEndpoint: aws.String(engine.DynamoDB(t)),
		Credentials: credentials.NewStaticCredentialsProvider(engine.AccessKey, engine.SecretKey, ""),
	})
	for range 2 {
		engine.MakeTable(t, c, dynamostore.Table("once"))
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

// TestMissingTools: on a machine without Python and npm, what needs them is
// skipped with a word on how to get them, which make can show; with CI set it
// fails.
func TestMissingTools(t *testing.T) {
	for _, c := range []struct {
		test, says string
	}{
		{"TestMiniStackIsStoppedWithItsTest", "needs python3: install Python"},
		{"TestSAMIsThere", "needs python3: install Python"},
		{"TestDynamoDBAnswers", ": install "},
	} {
		for _, ci := range []string{"", "true"} {
			skipped := filepath.Join(t.TempDir(), "skipped")
			cmd := exec.Command(os.Args[0], "-test.v", "-test.run", "^"+c.test+"$")
			cmd.Env = []string{"PATH=" + t.TempDir(), "HOME=" + t.TempDir(), "CI=" + ci, "DRAWBRIDGE_SKIPPED=" + skipped}
			out, err := cmd.CombinedOutput()
			if failed := err != nil; failed != (ci != "") || !strings.Contains(string(out), c.says) {
				t.Errorf("%s with CI=%q: %v, and it does not say %q:\n%s", c.test, ci, err, c.says, out)
			}
			told, _ := os.ReadFile(skipped)
			if ci == "" && !strings.Contains(string(told), c.says) {
				t.Errorf("%s: make is told %q", c.test, told)
			}
		}
	}
}

func TestSAMIsThere(t *testing.T) {
	if out, err := exec.Command(filepath.Join(engine.SAM(t), "cfn-lint"), "--version").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
