// Package model runs the models of the merge protocol, which fix what shared/merge does: a case or a rule comes into the model
// first. Of converge.py, for fields, shared/merge runs the same cases on the Go code; of members.py, for comments, attachments
// and worklogs, every call of the runs is made on the Go code here.
package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
)

func python(t *testing.T) string {
	t.Helper()
	for _, model := range []string{"converge.py", "members.py"} {
		if _, err := os.ReadFile(model); err != nil { // also tells the test cache what this test depends on
			t.Fatal(err)
		}
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
		"halt":      "walk --policy newest --seed 0",
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

func TestMembersConverge(t *testing.T) {
	out, err := exec.Command(python(t), "members.py", "--runs", "3000").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestMembersNoticeEveryBreak(t *testing.T) {
	for _, rule := range []string{"late", "now", "strict", "unproven", "kept", "gone", "once", "again", "look", "begun", "own", "rejoin"} {
		t.Run(rule, func(t *testing.T) {
			out, err := exec.Command(python(t), "members.py", "--break", rule, "--runs", "4000", "--until-failed").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "FAILED") {
				t.Errorf("no check noticed: %v\n%s", err, out)
			}
		})
	}
}

// call is one call of a function of the model: what went in, and what came of it.
type call struct {
	Do   string
	M, X json.RawMessage
	Out  merge.Member
	Did  any
}

// TestMembersAgree runs every call that the model makes in its runs on shared/merge.
func TestMembersAgree(t *testing.T) {
	out, err := exec.Command(python(t), "members.py", "--trace", "--runs", "800").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range bytes.Lines(out) {
		var c call
		var m merge.Member
		if err := errors.Join(json.Unmarshal(line, &c), json.Unmarshal(c.M, &m)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		got, did := m, any(false)
		switch c.Do {
		case "lose":
			got = merge.Lose(m)
		case "see":
			var s merge.Sight
			if err := json.Unmarshal(c.X, &s); err != nil {
				t.Fatal(err)
			}
			got, did = merge.See(m, s)
		case "take":
			var told struct {
				bridge.Member
				Rules int64
				Hash  string
				Anew  bool
			}
			if err := json.Unmarshal(c.X, &told); err != nil {
				t.Fatal(err)
			}
			next, deed := merge.Take(m, told.Member, told.Rules, told.Hash, told.Anew)
			got, did = next, string(deed)
		}
		if got != c.Out || did != c.Did {
			t.Fatalf("shared/merge: %+v, %v\nof %s", got, did, line)
		}
		seen[fmt.Sprint(c.Do, " ", c.Did)]++
	}
	for _, must := range []string{"see true", "see false", "take create", "take edit", "take delete", "take nothing", "lose false"} {
		if seen[must] == 0 {
			t.Errorf("the model's runs never came to %q: %v", must, seen)
		}
	}
}
