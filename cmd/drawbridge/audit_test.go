package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"drawbridge/shared/site"
)

// TestEveryCommandOnAHalfHasARole: a command that opens a half is in the table of roles, and nothing else is.
func TestEveryCommandOnAHalfHasARole(t *testing.T) {
	seen := map[string]bool{}
	each(newRoot(newScreen(nil, nil, nil)), func(c *cobra.Command) {
		path := rolePath(c)
		if c.Flags().Lookup("config") == nil {
			return
		}
		seen[path] = true
		if _, ok := roles[path]; !ok {
			t.Errorf("drawbridge %s opens a half and has no role", path)
		}
	})
	for path := range roles {
		if !seen[path] {
			t.Errorf("there is no command %q that opens a half", path)
		}
	}
}

func acts(t *testing.T, settings string) []site.Act {
	t.Helper()
	var out struct{ Acts []site.Act }
	if err := json.Unmarshal([]byte(says(t, settings, "audit --json", exitDone)), &out); err != nil {
		t.Fatal(err)
	}
	return out.Acts
}

func TestEveryActIsRecorded(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "audit", exitDone, "nothing was done yet")
	says(t, hub, "status", exitFinding)
	says(t, hub, "connection pause support --why upgrade", exitDone)
	says(t, hub, "errors dismiss SUP-2 --why known", exitDone)
	says(t, hub, "connection resume nope", exitFailed)
	says(t, hub, "erase --issue SUP-1 --yes", exitDone)
	says(t, hub, "erase --user secret-account --email ada@example.com --yes", exitDone)
	all := acts(t, hub)
	if len(all) != 5 {
		t.Fatalf("%d acts, want 5: looking leaves none\n%+v", len(all), all)
	}
	pause, dismiss, resume, forget, person := all[0], all[1], all[2], all[3], all[4]
	if pause.Who != "ada" || pause.What != "drawbridge connection pause support --why upgrade" || pause.Before["support state"] != "active" || pause.After["support state"] != "paused" {
		t.Errorf("the pause: %+v", pause)
	}
	if dismiss.Before["SUP-2 in support"] != "parked: field-refused" || dismiss.After["SUP-2 in support"] != "waiting, with none yet" {
		t.Errorf("the dismissal: %+v", dismiss)
	}
	if !strings.Contains(resume.Failed, "nope") || len(resume.After) != 0 {
		t.Errorf("what failed: %+v", resume)
	}
	if !strings.Contains(forget.What, "--issue SUP-1") {
		t.Errorf("the erasure: %+v", forget)
	}
	if strings.Contains(person.What, "secret-account") || strings.Contains(person.What, "ada@") {
		t.Errorf("the record keeps whom it is to forget: %+v", person)
	}
	says(t, hub, "audit --connection support --limit 1", exitDone, "erase --email … --user …")
}

// named adds roles to a settings file.
func named(t *testing.T, settings, roles string) {
	t.Helper()
	text, err := os.ReadFile(settings)
	must(t, err)
	must(t, os.WriteFile(settings, append(text, roles...), 0o600))
}

func TestRoles(t *testing.T) {
	hub := seeded(t)
	named(t, hub, "roles: {operators: [ada, \"bob@support\", \"eve@other\"], rule_editors: [grace], viewers: [lin]}\n")
	as := func(who string) { t.Setenv("USER", who) }
	for _, who := range []string{"ada", "bob", "grace", "lin"} {
		as(who)
		says(t, hub, "connection list", exitDone, "support")
	}
	for _, who := range []string{"grace", "lin", "eve", "mallory"} {
		as(who)
		says(t, hub, "connection pause support", exitFailed, "")
		says(t, hub, "connection pause --all", exitFailed, "role-missing", who+" is no operator")
	}
	as("mallory")
	says(t, hub, "sync show SUP-1", exitFailed, "mallory is no viewer of this half", "role-missing")
	as("ada")
	says(t, hub, "rules publish rules.yaml", exitFailed, "ada is no rule editor")
	says(t, hub, "hub rotate", exitDone, "1 old key is good besides")
	as("bob")
	says(t, hub, "hub rotate", exitFailed, "role-missing", "bob is no operator of this half") // of all connections
	says(t, hub, "connection pause --all", exitDone, "support is paused")
	says(t, hub, "connection create another --project SUP", exitFailed, "bob is no operator")
	as("lin")
	t.Setenv("SUDO_USER", "ada") // sudo says who asks
	says(t, hub, "connection resume support", exitDone, "support is active")
}
