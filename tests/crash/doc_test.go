// Package crash kills the real binaries, takes their disk away, damages and loses their state, and restores yesterday's:
// whatever happens, when it is over both Jiras are equal, nothing is there twice and nothing is missing.
//
// Start reading at load_test.go, which kills at random under load; disk_test.go is disks, restore_test.go lost and restored
// state. What is random begins with a seed that is printed; CRASH_SEED=n repeats it as far as processes repeat.
package crash

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Run(m)) }

// seed is what the random choices of a test begin with.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if given := os.Getenv("CRASH_SEED"); given != "" {
		parsed, err := strconv.ParseUint(given, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n = parsed
	}
	t.Log(fmt.Sprintf("again: CRASH_SEED=%d go test -count=1 -run '^%s$' ./tests/crash", n, t.Name()))
	return n
}
