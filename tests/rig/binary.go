package rig

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Run runs the tests of a binary and removes what was built for them. TestMain calls it: os.Exit(rig.Run(m)).
func Run(m *testing.M) int {
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait more than they work; -parallel overrides it
		panic(err)
	}
	defer func() {
		if builtIn != "" {
			_ = os.RemoveAll(builtIn) // in the temporary folder: nothing depends on it
		}
	}()
	return m.Run()
}

var builtIn string // the folder of the binary

var build = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("DRAWBRIDGE_TEST_BINARY"); given != "" {
		return given, nil
	}
	dir, err := os.MkdirTemp("", "drawbridge-rig-")
	if err != nil {
		return "", err
	}
	builtIn = dir
	path := filepath.Join(dir, "drawbridge")
	cmd := exec.Command("go", "build", "-o", path, "drawbridge/cmd/drawbridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building drawbridge: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return path, nil
})

// Binary returns the path of the drawbridge binary, built once per run of a test binary. DRAWBRIDGE_TEST_BINARY names one
// to use instead.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
