package scan

import (
	"io"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// TestWhatAFileIsCalledStopsNoScan: an environment holds no zero byte, and a program reads it line by line.
func TestWhatAFileIsCalledStopsNoScan(t *testing.T) {
	p := Program{"/bin/sh", "-c", `env | grep -cE '^DRAWBRIDGE_(NAME|TYPE|SIZE|OTHER|MORE)='; exit 1`}
	m := bridge.Member{Name: "a\x00b\nDRAWBRIDGE_OTHER=x", Type: "text/plain\x00\nDRAWBRIDGE_MORE=x"}
	_, err := p.Scanned(t.Context(), io.NopCloser(strings.NewReader("content")), m)
	if bridge.NameOf(err) != "scan-refused" || !strings.HasSuffix(err.Error(), ": 3") {
		t.Errorf("the program saw other variables than the three, or did not run: %v", err)
	}
}
