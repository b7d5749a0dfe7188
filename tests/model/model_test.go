// Package model runs the model of the merge protocol, converge.py, which fixes what shared/merge does: a case or a rule
// comes into the model first. shared/merge runs the same cases on the Go code.
package model

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func python(t *testing.T) string {
	t.Helper()
	if _, err := os.ReadFile("converge.py"); err != nil { // also tells the test cache what this test depends on
		t.Fatal(err)
	}
	path, err := exec.LookPath("python3")
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") != "":
		t.Fatal("python3 is missing; CI runs the model")
	}
	t.Skip("python3 is missing: the model is not run")
	return ""
}

func TestModelConverges(t *testing.T) {
	out, err := exec.Command(python(t), "converge.py", "--runs", "12").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestModelNoticesEveryBreak(t *testing.T) {
	for rule, with := range map[string]string{
		"behind":    "restored --policy private",
		"unseen":    "two-values-normalised --policy public",
		"hold":      "two-values-normalised --policy private",
		"beaten":    "two-values --policy ask",
		"fruitless": "two-values-normalised --policy ask",
		"redo":      "republished-restored --policy newest",
		"forgotten": "set-element --policy private",
		"saw":       "set-element --policy public --seed 60",
		"oneway":    "one-way-restored --policy ask",
	} {
		t.Run(rule, func(t *testing.T) {
			args := append([]string{"converge.py", "--break", rule, "--runs", "60", "--case"}, strings.Fields(with)...)
			out, err := exec.Command(python(t), args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "FAILED") {
				t.Errorf("no check noticed: %v\n%s", err, out)
			}
		})
	}
}
