package template

import (
	"os/exec"
	"path/filepath"
	"testing"

	"drawbridge/tests/engine"
)

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(engine.SAM(t), name), args...)
	cmd.Dir, cmd.Env = root, engine.SAMEnvironment(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
}

func TestCfnLint(t *testing.T) { run(t, "cfn-lint", "template.yaml", "egress.yaml") }

func TestSAMValidate(t *testing.T) {
	run(t, "sam", "validate", "--lint", "--template", "template.yaml", "--region", engine.Region)
}

func TestSAMConfig(t *testing.T) {
	for _, stage := range []string{"default", "dev", "prod"} {
		run(t, "sam", "validate", "--config-file", "samconfig.toml", "--config-env", stage, "--region", engine.Region)
	}
}
