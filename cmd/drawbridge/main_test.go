package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestHelp keeps the help text of every command in one file, so that a change of it is seen.
func TestHelp(t *testing.T) {
	var b strings.Builder
	each(newRoot(newScreen(nil, nil, nil)), func(c *cobra.Command) {
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		out, errOut, code := try(t, args...)
		if code != exitDone || errOut != "" {
			t.Errorf("%s --help: exit %d, %s", c.CommandPath(), code, errOut)
		}
		b.WriteString("$ " + c.CommandPath() + " --help\n" + out + "\n")
	})
	name := filepath.Join("testdata", "help.txt")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("help texts differ from %s; look at them, then run the test with -update", name)
	}
}

// TestHelpIsForSomeoneInTrouble: each command says what it does in a sentence or more and shows an example.
func TestHelpIsForSomeoneInTrouble(t *testing.T) {
	each(newRoot(newScreen(nil, nil, nil)), func(c *cobra.Command) {
		switch {
		case len(c.Long) < 60:
			t.Errorf("%s: says too little: %q", c.CommandPath(), c.Long)
		case len(c.Short) > 70 || strings.HasSuffix(c.Short, "."):
			t.Errorf("%s: short text is not a short line: %q", c.CommandPath(), c.Short)
		case !c.HasSubCommands() && !strings.Contains(c.Example, c.CommandPath()):
			t.Errorf("%s: the example does not show it: %q", c.CommandPath(), c.Example)
		}
		for _, line := range strings.Split(c.Long+"\n"+c.Example, "\n") {
			if len(line) > 130 {
				t.Errorf("%s: line too long for a terminal: %q", c.CommandPath(), line)
			}
		}
	})
}

// TestHelpSaysWhereThereIsMore: every command names a page, every page named is there, and what operators are to read is named.
func TestHelpSaysWhereThereIsMore(t *testing.T) {
	named := map[string]bool{}
	each(newRoot(newScreen(nil, nil, nil)), func(c *cobra.Command) {
		told := regexp.MustCompile(`[\w/-]+\.md|docs/playbooks`).FindAllString(c.Annotations["pages"], -1)
		if len(told) == 0 {
			t.Errorf("%s names no page", c.CommandPath())
		}
		for _, page := range told {
			named[page] = true
			if _, err := os.Stat(filepath.Join("../..", page)); err != nil {
				t.Errorf("%s: %v", c.CommandPath(), err)
			}
		}
	})
	all, err := filepath.Glob("../../docs/*.md")
	must(t, err)
	for _, p := range all {
		switch name := filepath.Base(p); name {
		case "architecture.md", "protocol.md", "performance.md": // for readers of the code
		default:
			if !named["docs/"+name] {
				t.Errorf("no command's help leads to docs/%s", name)
			}
		}
	}
	for words := range pages {
		if c, _, err := newRoot(newScreen(nil, nil, nil)).Find(strings.Fields(words)); err != nil || strings.TrimSpace(strings.TrimPrefix(c.CommandPath(), "drawbridge")) != words {
			t.Errorf("there is no command %q", words)
		}
	}
}

// TestTheDefaultRulesNeedNoHalf: they are the same everywhere, and what a newcomer reads first.
func TestTheDefaultRulesNeedNoHalf(t *testing.T) {
	t.Chdir(t.TempDir())
	out, errOut, code := try(t, "rules", "show", "--default", "--examples")
	if code != exitDone || errOut != "" || !strings.HasPrefix(out, "# The default rule set.") || !strings.Contains(out, "# What people usually add") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		want int
	}{
		{"", exitDone}, {"help", exitDone}, {"version", exitDone}, {"config", exitDone},
		{"nope", exitUsage}, {"config nope", exitUsage}, {"version --nope", exitUsage}, {"version extra", exitUsage},
		{"config check", exitUsage}, {"config schema lambda", exitUsage},
		{"config check none-hub.yaml", exitFailed},
	} {
		if _, errOut, code := try(t, strings.Fields(c.args)...); code != c.want || (code == exitUsage) != strings.Contains(errOut, "--help") {
			t.Errorf("drawbridge %s: exit %d, want %d: %s", c.args, code, c.want, errOut)
		}
	}
}

// each calls f for the command and all below it that a user sees.
func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			each(sub, f)
		}
	}
}

func try(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}
