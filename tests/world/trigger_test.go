package world

import (
	"strings"
	"testing"

	"drawbridge/shared/pair"
)

// triggers is a rule set with these trigger lines instead of the one for the whole project.
func triggers(project, lines string) string {
	return strings.Replace(Everything(project), "  - jql: project = "+project+"\n", lines, 1)
}

// matchCalls counts how often Jira was asked whether a query matches.
func (h *Half) matchCalls() (n int) {
	for _, r := range h.Jira.Requests() {
		if strings.Contains(r.Path, "jql/match") {
			n++
		}
	}
	return n
}

func TestTriggersAreDecidedFromTheEventWhereTheyCan(t *testing.T) {
	w := New(t, Options{PublicRules: triggers(PublicProject, `
  - jql: project = PUB AND labels = share
    note: agents set it
  - {jql: "project = PUB AND priority = High", active: false}
  - jql: project = PUB AND labels = later AND status = Done
`)})
	h := w.Public
	key := h.Create("not yet", map[string]any{"priority": map[string]string{"name": "High"}})
	w.Settle()
	if h.Twin(key) != "" {
		t.Fatal("an issue that no active trigger matches came under sync")
	}
	h.Edit(key, map[string]any{"labels": []string{"share"}})
	w.Settle()
	if h.Twin(key) == "" {
		t.Error("an issue that came to match did not come under sync")
	}
	second := h.Create("by two clauses", map[string]any{"labels": []string{"later"}})
	w.Settle()
	if h.Twin(second) != "" {
		t.Error("half a query was enough")
	}
	h.transition("alice", second, "Done", map[string]any{"resolution": map[string]string{"name": "Done"}})
	w.Settle()
	if h.Twin(second) == "" {
		t.Error("the third trigger did not match")
	}
	if n := h.matchCalls(); n != 0 {
		t.Errorf("Jira was asked %d times about what the events say", n)
	}
	h.Edit(key, map[string]any{"labels": []string{}})
	w.Settle()
	if h.Pair(key).Head.Status != pair.Synced {
		t.Error("leaving a trigger's query took the issue out: only a stop trigger does")
	}
}

func TestWhatAnEventCannotDecideIsAskedOfJira(t *testing.T) {
	sides(t, Options{
		PublicRules:  triggers(PublicProject, "  - jql: project = PUB AND summary ~ urgent\n"),
		PrivateRules: triggers(PrivateProject, "  - jql: project = PRV AND summary ~ urgent\n"),
	}, func(t *testing.T, w *World, here, _ *Half) {
		calm, urgent := here.Create("calm", nil), here.Create("urgent matter", nil)
		w.Settle()
		if here.Twin(calm) != "" || here.Twin(urgent) == "" {
			t.Errorf("twins %q and %q", here.Twin(calm), here.Twin(urgent))
		}
	})
}

func TestAStopTriggerTakesOutAndKeepsBoth(t *testing.T) {
	lines := func(p string) string {
		return "  - jql: project = " + p + "\n  - {jql: labels = private, stop: true}\n"
	}
	o := Options{PublicRules: triggers(PublicProject, lines(PublicProject)), PrivateRules: triggers(PrivateProject, lines(PrivateProject))}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"labels": []string{"private"}, "summary": "secret"})
		w.Settle()
		if got := there.Field(twin, "summary"); got != `"one"` {
			t.Errorf("the edit that stopped the sync left: %s", got)
		}
		if a, b := here.Pair(key).Head.Status, there.Pair(twin).Head.Status; a != pair.Stopped || b != pair.Stopped {
			t.Errorf("the pair is %s here and %s there", a, b)
		}
		here.Edit(key, map[string]any{"labels": []string{}})
		there.Edit(twin, map[string]any{"summary": "goes its own way"})
		w.Settle()
		if got := here.Field(key, "summary"); got != `"secret"` {
			t.Errorf("a stopped issue was written to: %s", got)
		}
		if other := here.Create("never", map[string]any{"labels": []string{"private"}}); true {
			w.Settle()
			if there.issueCount() != 1 {
				t.Errorf("%s came under sync although a stop trigger matches it: %q", other, here.Twin(other))
			}
		}
	})
}
