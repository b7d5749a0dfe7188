package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestPairsLeaveAndComeBackAsCSV(t *testing.T) {
	hub := seeded(t)
	out := says(t, hub, "sync export", exitDone, "public_key,private_key", "SUP-1,OPS-1,10001,20001,synced,public", "field-refused")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 4 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	file := filepath.Join(t.TempDir(), "pairs.csv")
	must(t, os.WriteFile(file, []byte(out+"SUP-8,OPS-8,,,synced,public,,,\nSUP-9,OPS-9,,,stopped,public,,,\nSUP-1,OPS-7,,,synced,public,,,\n"), 0o600))
	says(t, hub, "sync import "+file+" --dry-run", exitDone, "1 pair to join, 2 known already", "SUP-1 is in a pair with OPS-1, not with OPS-7")
	says(t, hub, "sync import "+file+" --values mine", exitUsage, "newest, public or private")
	says(t, hub, "sync import "+file, exitDone, "asked to join 1 pair")
	must(t, os.WriteFile(file, []byte("SUP-1,OPS-1\n"), 0o600))
	says(t, hub, "sync import "+file, exitUsage, "sync pair --file")
}

func TestAFormulaStaysText(t *testing.T) {
	for _, s := range []string{"=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x", "'=1", "'", "", "OPS-1", "ü"} {
		got := tame(s)
		if strings.ContainsAny(s, "=+-@＝＋－＠") && s != "OPS-1" && !strings.HasPrefix(got, "'") {
			t.Errorf("a spreadsheet would run %q", got)
		}
		if back := wild(got); back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
	}
	pairs, err := (&half{role: bridge.Public}).readExport("x", strings.NewReader("public_key,private_key\n"+tame("SUP-1")+","+tame("-OPS-1")+"\n"))
	if err != nil || len(pairs) != 1 || pairs[0][0] != "SUP-1" || pairs[0][1] != "-OPS-1" {
		t.Errorf("%q, %v: an export is read as something else", pairs, err)
	}
}

func TestStoppingByHand(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "sync stop", exitUsage, "KEY is missing")
	says(t, hub, "sync stop SUP-1 --jql project=SUP", exitUsage, "not both")
	says(t, hub, "sync stop --jql nonsense(", exitUsage, "JQL")
	says(t, hub, "sync stop sup-1", exitDone, "out of sync: SUP-1")
	says(t, hub, "sync show SUP-1", exitDone, "stopped", "asked by ada")
}

func TestTestingRulesIsAskedForRightly(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "rules test", exitUsage, "KEY or --all")
	says(t, hub, "rules test SUP-1 --all", exitUsage, "KEY or --all")
	says(t, hub, "rules test --all", exitUsage, "--rules FILE")
	says(t, hub, "rules test SUP-1 --jql x", exitUsage, "--jql goes with --all")
	says(t, hub, "sync bulk", exitDone, "no bulk start yet")
}
