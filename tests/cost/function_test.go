package cost

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"drawbridge/functions/wire"
	"drawbridge/tests/lambda"
)

// Bounds of the functions as they are built for AWS. The aim of the time is 15 ms; it depends on the machine, so that only
// a multiple is refused.
const (
	root         = "../.."
	mostArtifact = 5e6 // bytes, gzipped
	mostReady    = time.Second
)

// TestArtifactsAreSmall prints and bounds what is uploaded for each function.
func TestArtifactsAreSmall(t *testing.T) {
	for _, name := range []string{"ingest", "exchange", "work", "reconcile"} {
		binary := lambda.Build(t, root, name, "arm64")
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		zipped, err := exec.Command("gzip", "-9", "--stdout", binary).Output() // Go's own compressor makes 3% more of it
		if err != nil {
			t.Fatal("gzip:", err)
		}
		fmt.Fprintf(out(t), "%-10s %5.1f MB, gzipped %.2f MB\n", name, float64(info.Size())/1e6, float64(len(zipped))/1e6)
		if len(zipped) > mostArtifact {
			t.Errorf("%s has %d bytes gzipped, at most %.0f", name, len(zipped), mostArtifact)
		}
	}
}

// TestAFunctionIsReadyAtOnce prints the time from exec to the question for the first event, with all clients made.
func TestAFunctionIsReadyAtOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("runs a program for Linux")
	}
	env := []string{"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_ENDPOINT_URL=http://127.0.0.1:1"}
	for _, name := range wire.Variables() {
		value, chosen := map[string]string{
			"DRAWBRIDGE_JIRA_FLAVOUR": "cloud", "DRAWBRIDGE_PACE": "normal", "DRAWBRIDGE_LOG_LEVEL": "info", "DRAWBRIDGE_HISTORY_DAYS": "90", "DRAWBRIDGE_CREDENTIAL_EXPIRES": "never",
			"DRAWBRIDGE_JIRA_URL": "https://jira.example", "DRAWBRIDGE_HUB_URL": "https://hub.example",
		}[name]
		if !chosen {
			value = "x"
		}
		env = append(env, name+"="+value)
	}
	program, best := lambda.Build(t, root, "exchange", runtime.GOARCH), time.Hour
	for range 10 {
		f := lambda.Start(t, program, env)
		_ = f.Process.Kill() // the next one wants the processor
		best = min(best, f.Ready)
	}
	fmt.Fprintf(out(t), "exchange is ready after %.1f ms (best of 10)\n", best.Seconds()*1000)
	if best > mostReady {
		t.Errorf("exchange is ready after %v", best)
	}
}
