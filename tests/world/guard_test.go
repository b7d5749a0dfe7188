package world

import (
	"strings"
	"testing"
)

func guarded(project, guard string) string { return Everything(project) + "guard: " + guard + "\n" }

// TestTheGuardOfASide: whatever the other side sends and the rows would take, the guard's limits hold.
func TestTheGuardOfASide(t *testing.T) {
	limits := func(guard string) Options {
		return Options{PublicRules: guarded(PublicProject, guard), PrivateRules: guarded(PrivateProject, guard)}
	}
	t.Run("fields and texts", func(t *testing.T) {
		sides(t, limits("{fields: [summary, status, type, description], text: 1 KB}"), func(t *testing.T, w *World, here, there *Half) {
			key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"a"}, "duedate": "2027-01-31", "description": "short"})
			long := strings.Repeat("long ", 400)
			here.Edit(key, map[string]any{"summary": "two", "description": long, "labels": []string{"a", "b"}})
			here.say(key, "brief")
			here.say(key, long)
			w.Settle()
			got := []string{there.Field(twin, "summary"), there.Field(twin, "description"), there.Field(twin, "labels"), there.Field(twin, "duedate")}
			if want := []string{`"two"`, `"short"`, `[]`, `null`}; strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("the twin shows %v, want %v", got, want)
			}
			if list := there.bodies(twin); len(list) != 1 || !strings.Contains(list[0], "brief") {
				t.Errorf("the twin's comments: %.200v", list)
			}
		})
	})
	t.Run("projects and types", func(t *testing.T) {
		sides(t, limits("{types: [Bug]}"), func(t *testing.T, w *World, here, there *Half) {
			task, bug := here.Create("a task", nil), here.Create("a bug", map[string]any{"issuetype": map[string]string{"name": "Bug"}})
			w.Settle()
			if here.Twin(task) != "" || here.Twin(bug) == "" {
				t.Errorf("twins %q and %q; only a bug may be made", here.Twin(task), here.Twin(bug))
			}
		})
		w := New(t, Options{PublicRules: guarded(PublicProject, "{projects: ["+PublicProject+"]}")})
		key, twin := pairUp(t, w, w.Private, nil)
		_, err := w.Public.Jira.Move(twin, w.Public.Demo.ServiceKey, "alice")
		w.Public.must(err)
		w.Private.Edit(key, map[string]any{"summary": "into another project"})
		w.Settle()
		w.Settle()
		moved := w.Private.Pair(key).Head.Remote.Key
		if got := w.Public.Field(moved, "summary"); got != `"one"` {
			t.Errorf("%s, outside of what the guard allows, shows %s", moved, got)
		}
		if p := w.Public.Pair(moved); p.Head.Parked == nil || p.Head.Parked.Name != "guard-refused" {
			t.Errorf("%+v", p.Head.Parked)
		}
	})
	t.Run("creations", func(t *testing.T) {
		sides(t, limits("{creations: 2}"), func(t *testing.T, w *World, here, there *Half) {
			for range 3 {
				here.Create("one of three", nil)
			}
			w.Settle()
			if n := there.issueCount(); n != 2 {
				t.Errorf("%d issues were made", n)
			}
		})
	})
}
