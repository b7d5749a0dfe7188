package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	engines "drawbridge/tests/engine"
)

// asCommandVariable makes the test binary the drawbridge command: the demo starts children of its own binary.
const asCommandVariable = "DRAWBRIDGE_TEST_COMMAND"

func asCommand() {
	if os.Getenv(asCommandVariable) != "" {
		main()
	}
}

func TestMain(m *testing.M) {
	asCommand()
	testscript.Main(withEngines{m}, map[string]func(){"drawbridge": main})
}

// withEngines stops the engines that tests started.
type withEngines struct{ m *testing.M }

func (w withEngines) Run() int { return engines.Run(w.m) }

// TestScripts types commands and looks at what they print: testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: *update,
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			return nil
		},
	})
}
