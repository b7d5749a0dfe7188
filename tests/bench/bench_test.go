package bench

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestScratch(t *testing.T) {
	if os.Getenv("SCRATCH") == "" {
		t.Skip()
	}
	r := NewReport("scratch")
	f := RunFirstSync(t, 200, Options{Latency: 20 * time.Millisecond})
	f.report(r, "A")
	t.Log(f)
	r.Print(os.Stderr)
}
