package engine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// install fills a folder of the cache once, by running commands, and returns
// it. Test binaries that run at the same time wait for each other. A folder
// that was not finished is begun anew.
func install(t testing.TB, name string, commands func(dir string) [][]string) (string, error) {
	t.Helper()
	cache, err := Cache()
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(cache, name+".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	dir := filepath.Join(cache, name)
	done := filepath.Join(dir, ".installed")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	t.Logf("installing %s in %s (once)", name, dir)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, c := range commands(dir) {
		if err := command(dir, c); err != nil {
			return "", err
		}
	}
	return dir, os.WriteFile(done, nil, 0o644)
}

func command(dir string, args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w\n%s", args, err, out.String())
	}
	return nil
}

// Python returns the bin folder of a virtual environment with the requirements
// installed. name must change when they do.
func Python(t testing.TB, name string, requirements ...string) (string, error) {
	t.Helper()
	const hint = "install Python 3.9 or newer with venv (on Debian: apt-get install python3-venv)"
	python, err := tool(hint, "python3", "python")
	if err != nil {
		return "", err
	}
	dir, err := install(t, name, func(dir string) [][]string {
		pip := []string{filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}
		return [][]string{{python, "-m", "venv", dir}, append(pip, requirements...)}
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "bin"), nil
}

// SAM returns the folder with the authorities on template.yaml, sam and
// cfn-lint, or ends the test.
func SAM(t testing.TB) string {
	t.Helper()
	bin, err := Python(t, "sam-1.170.0", samCLI, cfnLint)
	demand(t, err)
	return bin
}

// SAMEnvironment is one in which they know no account and tell nobody. Go keeps
// its caches.
func SAMEnvironment(t testing.TB) []string {
	t.Helper()
	env := append(withoutAWS(os.Environ()), "SAM_CLI_TELEMETRY=0", "AWS_DEFAULT_REGION="+Region, "AWS_REGION="+Region,
		"AWS_ACCESS_KEY_ID="+AccessKey, "AWS_SECRET_ACCESS_KEY="+SecretKey, "HOME="+t.TempDir())
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, dir := range strings.Fields(string(out)) {
		env = append(env, []string{"GOCACHE", "GOMODCACHE", "GOPATH"}[i]+"="+dir)
	}
	return env
}
