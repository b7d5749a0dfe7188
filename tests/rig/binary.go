package rig

import (
	"encoding/json"
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

func orThis(t testing.TB, binary string) string {
	if binary == "" {
		return Binary(t)
	}
	return binary
}

// A Change is a text of a file of this tree, and what another release has in its place.
type Change struct{ File, Old, New string }

// Release builds the binary as another release would be: of that version, and with other texts in its files. The tree is left
// alone.
func Release(t testing.TB, version string, changes ...Change) string {
	t.Helper()
	gomod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	root, dir := filepath.Dir(strings.TrimSpace(string(gomod))), t.TempDir()
	replace := map[string]string{}
	for i, c := range changes {
		file, with := filepath.Join(root, filepath.FromSlash(c.File)), filepath.Join(dir, fmt.Sprintf("%d.go", i))
		source, err := os.ReadFile(orElse(replace[file], file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), c.Old); n != 1 {
			t.Fatalf("%s has %q %d times, not once", c.File, c.Old, n)
		}
		if err := os.WriteFile(with, []byte(strings.Replace(string(source), c.Old, c.New, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[file] = with
	}
	path, overlay := filepath.Join(dir, "drawbridge"), filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(overlay, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", overlay, "-ldflags", "-X main.version="+version, "-o", path, "drawbridge/cmd/drawbridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", version, err, out)
	}
	return path
}
