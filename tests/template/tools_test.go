package template

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"drawbridge/tests/engine"
)

// tools are the authorities on the template, pinned.
func tools(t *testing.T) string {
	t.Helper()
	return engine.Tools(t, "sam-1.170.0", "aws-sam-cli==1.170.0", "cfn-lint==1.58.0")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(tools(t), name), args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "SAM_CLI_TELEMETRY=0", "AWS_DEFAULT_REGION="+engine.Region, "AWS_REGION="+engine.Region,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "HOME="+t.TempDir())
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
