package world

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// under makes an issue that is part of another one, as alice.
func (h *Half) under(parent, kind, summary string, fields map[string]any) string {
	h.T.Helper()
	all := map[string]any{"issuetype": map[string]string{"name": kind}, "parent": map[string]string{"key": parent}}
	for k, v := range fields {
		all[k] = v
	}
	return h.Create(summary, all)
}

// move puts an issue under another one, as alice.
func (h *Half) move(key, parent string) {
	h.T.Helper()
	h.Edit(key, map[string]any{"parent": map[string]string{"key": parent}})
}

// wantUnder checks of what type an issue is and what it is part of, "" for nothing.
func (h *Half) wantUnder(key, kind, parent string) {
	h.T.Helper()
	var p struct{ Key string }
	if raw := h.Field(key, "parent"); raw != "" {
		h.must(json.Unmarshal([]byte(raw), &p))
	}
	if got := h.Name(key, "issuetype"); key == "" || got != kind || p.Key != parent {
		h.T.Errorf("%s: %q is a %s of %q, want a %s of %q", h.Site.Name, key, got, p.Key, kind, parent)
	}
}

// TestASubtaskIsMadeUnderTheTwinOfItsParent by the default rules, whoever comes first.
func TestASubtaskIsMadeUnderTheTwinOfItsParent(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		parent, twin := pairUp(t, w, here, nil)
		child := here.under(parent, "Sub-task", "a part", nil)
		w.Settle()
		there.wantUnder(here.Twin(child), "Sub-task", twin)

		theirs := there.under(twin, "Sub-task", "a part of theirs", nil)
		w.Settle()
		here.wantUnder(there.Twin(theirs), "Sub-task", parent)

		parent = here.Create("something new", nil)
		child = here.under(parent, "Sub-task", "a part of it", nil)
		w.Settle()
		there.wantUnder(here.Twin(child), "Sub-task", here.Twin(parent))
		here.wantUnder(child, "Sub-task", parent)
	})
}

// TestASubtaskWaitsForTheTwinOfItsParent, without an error, while everything else goes on.
func TestASubtaskWaitsForTheTwinOfItsParent(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		there.Jira.Inject(simulator.Fault{Route: "POST /issue", Status: 400, Count: 1})
		parent := here.Create("parent", nil)
		w.Settle()
		if here.Twin(parent) != "" {
			t.Fatal("the parent has its twin already")
		}
		child := here.under(parent, "Sub-task", "a part", nil)
		other := here.Create("another one", nil)
		w.Settle()
		if a := here.Pair(child).Head.Answer; a == nil || a.Outcome != bridge.Awaits || !strings.Contains(a.Reason, "parent") || here.Pair(child).Head.Unmade() != nil {
			t.Errorf("the sub-task waits with %+v", a)
		}
		if here.Twin(other) == "" {
			t.Error("what waits holds others up")
		}
		here.Edit(child, map[string]any{"summary": "a part, renamed"}) // still waits
		w.Settle()
		here.Edit(parent, map[string]any{"summary": "parent again"}) // now it is made
		w.Settle()
		there.wantUnder(here.Twin(child), "Sub-task", here.Twin(parent))
		there.want(here.Twin(child), "summary", `"a part, renamed"`)
		if a := here.Pair(child).Head.Answer; a != nil {
			t.Errorf("the answer stands: %+v", a)
		}
	})
}

// TestNothingIsSaidOfAParentThatIsNotUnderSync: its sub-task has no twin, and says why, until it is.
func TestNothingIsSaidOfAParentThatIsNotUnderSync(t *testing.T) {
	o := Options{PublicRules: triggers(PublicProject, "  - jql: project = PUB AND labels = sync\n"),
		PrivateRules: triggers(PrivateProject, "  - jql: project = PRV AND labels = sync\n")}
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		sync := map[string]any{"labels": []string{"sync"}}
		parent := here.Create("parent", nil)
		w.crossed.Reset()
		child := here.under(parent, "Sub-task", "a part", sync)
		w.Settle()
		if bytes.Contains(w.crossed.Bytes(), []byte(`"parent"`)) {
			t.Errorf("the other side was told of a parent that is not under sync: %s", w.crossed.Bytes())
		}
		if a := here.Pair(child).Head.Unmade(); a == nil || !strings.Contains(a.Reason, "bring its parent under sync") {
			t.Errorf("the other side says %+v", a)
		}
		here.Edit(parent, sync)
		w.Settle()
		there.wantUnder(here.Twin(child), "Sub-task", here.Twin(parent))
	})
}

// TestASubtaskBecomesAnotherTypeByARow, where its parent is not under sync or always.
func TestASubtaskBecomesAnotherTypeByARow(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		there.publish(Everything(there.Demo.ProjectKey) + "")
		w.Settle()
		byRow := strings.Replace(Everything(there.Demo.ProjectKey), "fields:\n", "fields:\n  - {field: type, in: 'value == \"Sub-task\" and replica.parent == nil ? \"Task\" : value'}\n", 1)
		there.publish(byRow)
		here.publish(triggers(here.Demo.ProjectKey, "  - jql: project = "+here.Demo.ProjectKey+" AND labels = sync\n"))
		w.Settle()
		sync := map[string]any{"labels": []string{"sync"}}
		parent := here.Create("parent", nil)
		child := here.under(parent, "Sub-task", "a part", sync)
		w.Settle()
		there.wantUnder(here.Twin(child), "Task", "")
		second, twin := pairUp(t, w, here, sync)
		child = here.under(second, "Sub-task", "a part", sync)
		w.Settle()
		there.wantUnder(here.Twin(child), "Sub-task", twin)
	})
}

// TestASubtaskThatIsMovedIsMovedThere, where Jira's API does that; a Data Center's does not, and the pair says so.
func TestASubtaskThatIsMovedIsMovedThere(t *testing.T) {
	for _, f := range []Flavours{{simulator.Cloud, simulator.Cloud}, {simulator.Cloud, simulator.DataCenter}} {
		t.Run(f.String(), func(t *testing.T) {
			w := New(t, Options{Flavours: f})
			here, there := w.Public, w.Private
			a, twinA := pairUp(t, w, here, nil)
			b, twinB := pairUp(t, w, here, nil)
			child := here.under(a, "Sub-task", "a part", nil)
			w.Settle()
			here.Edit(child, map[string]any{"summary": "moved", "parent": map[string]string{"key": b}})
			w.Settle()
			twin := here.Twin(child)
			there.want(twin, "summary", `"moved"`)
			here.wantUnder(child, "Sub-task", b)
			if f.Private == simulator.Cloud {
				there.wantUnder(twin, "Sub-task", twinB)
				there.move(twin, twinA)
				w.Settle()
				here.wantUnder(child, "Sub-task", a)
				return
			}
			there.wantUnder(twin, "Sub-task", twinA)
			if problem := there.Pair(twin).State.Field("parent").Problem; !strings.Contains(problem, "parent refused by Jira") {
				t.Errorf("the pair says %q", problem)
			}
		})
	}
}

// TestAnIssueIsUnderTheTwinOfItsEpic on a Cloud, once that has one; a Data Center lets it stand without.
func TestAnIssueIsUnderTheTwinOfItsEpic(t *testing.T) {
	for _, f := range []Flavours{{simulator.Cloud, simulator.Cloud}, {simulator.Cloud, simulator.DataCenter}} {
		t.Run(f.String(), func(t *testing.T) {
			w := New(t, Options{Flavours: f})
			here, there := w.Public, w.Private
			there.Jira.Inject(simulator.Fault{Route: "POST /issue", Status: 400, Count: 1})
			epic := here.Create("a goal", map[string]any{"issuetype": map[string]string{"name": "Epic"}})
			w.Settle()
			task := here.under(epic, "Task", "a step", nil)
			w.Settle()
			twin := here.Twin(task)
			there.wantUnder(twin, "Task", "") // not before the epic is there
			here.Edit(epic, map[string]any{"summary": "the goal"})
			w.Settle()
			if f.Private == simulator.DataCenter {
				there.wantUnder(twin, "Task", "")
				if p := there.Pair(twin).State.Field("parent").Problem; p != "" {
					t.Errorf("the pair complains: %s", p)
				}
				return
			}
			there.wantUnder(twin, "Task", here.Twin(epic))
			here.OK("alice", "PUT", "/rest/api/2/issue/"+task, map[string]any{"update": map[string]any{"parent": []any{map[string]any{"set": map[string]any{"none": true}}}}}, nil)
			w.Settle()
			there.wantUnder(twin, "Task", "")
		})
	}
}

// TestAParentThatIsRefusedLeavesTheIssue: a type that becomes another one may stand elsewhere in the hierarchy.
func TestAParentThatIsRefusedLeavesTheIssue(t *testing.T) {
	asTask := strings.Replace(Everything(PrivateProject), "fields:\n", "fields:\n  - {field: type, values: {Task: Sub-task}, direction: in}\n", 1)
	w := New(t, Options{Flavours: Flavours{simulator.Cloud, simulator.Cloud}, PrivateRules: asTask})
	here, there := w.Public, w.Private
	parent, _ := pairUp(t, w, here, nil)
	child := here.under(parent, "Sub-task", "a part", nil)
	w.Settle()
	there.wantUnder(here.Twin(child), "Task", "")
	if p := there.Pair(here.Twin(child)).State.Field("parent").Problem; !strings.Contains(p, "hierarchy") {
		t.Errorf("the pair says %q", p)
	}
}

// TestThePreviewOfASubtask says under what it would be made, or what it would wait for, and notes nothing.
func TestThePreviewOfASubtask(t *testing.T) {
	sides(t, manual, func(t *testing.T, w *World, here, there *Half) {
		parent := here.Create("parent", nil)
		preview := func() bridge.Preview {
			return there.asked(here.draft(here.under(parent, "Sub-task", "a part", nil), "", nil).Change)
		}
		if a := preview(); a.Outcome != bridge.Parked || !strings.Contains(a.Reason, "bring its parent under sync") {
			t.Errorf("without its parent: %+v", a)
		}
		here.must(here.Site.Send(t.Context(), site.Task{Kind: site.SyncTask, Connection: Connection, Issue: parent, By: "test"}, bridge.Live, ""))
		here.Drain()
		a := preview()
		waiting, err := there.Site.Book.Awaiting(t.Context(), Connection, here.Pair(parent).Head.Local.ID)
		if a.Outcome != bridge.Awaits || err != nil || len(waiting) > 0 {
			t.Errorf("before the twin of its parent: %+v, noted as waiting: %v, %v", a, waiting, err)
		}
		w.Settle()
		if a := preview(); shown(a, "Parent") != ` -> "`+here.Twin(parent)+`"` {
			t.Errorf("with it: %+v", a)
		}
	})
}
