package world

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"drawbridge/shared/pair"
	"drawbridge/shared/reconcile"
	"drawbridge/shared/site"
)

// withRows is Everything with more rows, and sections after them.
func withRows(project, rows string) string {
	return strings.Replace(Everything(project), "users:\n", rows+"users:\n", 1)
}

func (h *Half) want(key, field, want string) {
	h.T.Helper()
	if got := h.Field(key, field); got != want {
		h.T.Errorf("%s: %s of %s is %s, want %s", h.Site.Name, field, key, got, want)
	}
}

func TestValuesThatAreNoFieldTravel(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(withRows(here.Demo.ProjectKey, `  - key: desk
    out: '"desk of " + issue.reporter.name + ", " + join(sort(issue.labels), "+")'
outgoing:
  - when: has(issue.labels, "pager")
    carry: duty
    to: '{"team": "night", "why": issue.summary}'
`))
		there.publish(withRows(there.Demo.ProjectKey, `  - key: desk
    to: environment
  - field: description
    direction: out
incoming:
  - set: description
    key: duty
    to: '(replica.duty ?? {"team": "", "why": ""}).team + ": " + replica.duty.why + " (" + issue.priority + ")"'
`))
		key := here.Create("one", map[string]any{"labels": []string{"b", "a", "pager"}, "priority": map[string]string{"name": "High"}})
		w.Settle()
		twin := here.Twin(key)
		there.want(twin, "environment", `"desk of Alice Archer, a+b+pager"`)
		here.Edit(key, map[string]any{"labels": []string{"a", "pager"}})
		w.Settle()
		there.want(twin, "environment", `"desk of Alice Archer, a+pager"`)
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		there.want(twin, "description", `"night: two (High)"`)
	})
}

// TestWhatStaysInStaysInWhole: a stop of the script and a query of the scope keep fields, comments and files in; when that is
// over, the latest of each leaves.
func TestWhatStaysInStaysInWhole(t *testing.T) {
	for name, more := range map[string]string{
		"stop":          "outgoing:\n  - when: has(issue.labels, \"private\")\n    stop: labelled private\n",
		"scope":         "scope:\n  jql: labels is EMPTY OR labels != private\n",
		"scope by Jira": "scope:\n  jql: NOT text ~ \"privateword\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) { stayIn(t, w, here, there, more) })
		})
	}
}

func stayIn(t *testing.T, w *World, here, there *Half, more string) {
	here.publish(Everything(here.Demo.ProjectKey) + more)
	secret := map[string]any{"labels": []string{"private", "x"}, "description": "privateword"}
	key := here.Create("one", secret)
	here.say(key, "not for them")
	w.Settle()
	if twin := here.Twin(key); twin != "" {
		t.Fatalf("an issue that stays in has the twin %s", twin)
	}
	key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"y"}})
	here.say(key, "open")
	w.Settle()
	here.Edit(key, secret)
	w.Settle()
	here.say(key, "private by now")
	here.attach(key, "secret.txt", "x")
	here.Edit(key, map[string]any{"summary": "private by now"})
	w.Settle()
	there.want(twin, "summary", `"one"`)
	there.want(twin, "attachment", `[]`)
	there.want(twin, "labels", `["y"]`)
	if got := there.bodies(twin); len(got) != 1 {
		t.Errorf("comments of the twin: %q", got)
	}
	if why := here.Pair(key).State.Kept; why == "" {
		t.Error("the pair does not say why nothing leaves")
	}
	there.Edit(twin, map[string]any{"duedate": "2026-12-24"})
	w.Settle()
	here.want(key, "duedate", `"2026-12-24"`) // what arrives is applied

	here.Edit(key, map[string]any{"labels": []string{"z"}, "description": "open again"})
	w.Settle()
	there.want(twin, "summary", `"private by now"`)
	there.want(twin, "labels", `["z"]`)
	there.want(twin, "description", `"open again"`)
	if got := there.bodies(twin); len(got) != 2 {
		t.Errorf("comments of the twin after it may leave: %q", got)
	}
	if got := there.Field(twin, "attachment"); !strings.Contains(got, "secret.txt") {
		t.Errorf("attachments of the twin after it may leave: %s", got)
	}
	here.want(key, "summary", `"private by now"`)
	for name := range there.Pair(twin).State.Fields {
		if name == "labels/private" || name == "labels/x" {
			t.Errorf("the other side knows of %s, which came and went inside", name)
		}
	}
}

func TestRulesReadTheHistoryOfAnIssue(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(withRows(here.Demo.ProjectKey, `  - key: story
    out: 'join(map(filter(issue.history, .field == "priority"), .by.name + ": " + .from + " to " + .to), ", ") + " (" + text(count(issue.history, .field == "summary")) + ")"'
`))
		there.publish(withRows(there.Demo.ProjectKey, "  - key: story\n    to: environment\n"))
		key, twin := pairUp(t, w, here, map[string]any{"priority": map[string]string{"name": "High"}})
		there.want(twin, "environment", `" (0)"`)
		here.Edit(key, map[string]any{"priority": map[string]string{"name": "Low"}, "description": "not of interest"})
		w.Settle()
		here.Edit(key, map[string]any{"priority": map[string]string{"name": "Medium"}})
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		there.want(twin, "environment", `"Alice Archer: Low to Medium, Alice Archer: High to Low (1)"`)
	})
}

// TestNewRulesMayNameWhatIsNew: a half that has run for weeks learns of a field with the rules that name it, and the pairs are
// looked at under these, at once.
func TestNewRulesMayNameWhatIsNew(t *testing.T) {
	for name, before := range map[string]func(*Half){"of a connection it knows": func(*Half) {}, "of a new connection": (*Half).forgetRules} {
		t.Run(name, func(t *testing.T) { newNames(t, before) })
	}
}

func newNames(t *testing.T, before func(*Half)) {
	w := New(t, Options{})
	key, twin := pairUp(t, w, w.Public, nil)
	for _, h := range []*Half{w.Public, w.Private} {
		h.administer(func(s *shape) { s.rootCause(s.Projects[0]) })
	}
	for _, h := range []*Half{w.Public, w.Private} {
		log := slog.New(slog.DiscardHandler)
		other := &site.Site{Name: h.Site.Name, Role: h.Site.Role, Jira: h.client(log), Book: h.Site.Book, Log: log, Now: h.Site.Now} // the command of an administrator
		_, err := site.Publish(context.Background(), other, Connection, site.Revision{File: "new.yaml", Source: withRows(h.Demo.ProjectKey, "  - Root Cause\n")})
		h.must(err)
	}
	w.Public.Site.Forget() // as a process that has not seen this connection yet
	for _, h := range []*Half{w.Public, w.Private} {
		before(h)
		h.must(reconcile.Start(context.Background(), h.Site, Connection, "rules published", true))
	}
	w.Settle()
	for _, h := range []*Half{w.Public, w.Private} {
		if p := h.Pair(map[*Half]string{w.Public: key, w.Private: twin}[h]); p.Head.Rules != 2 {
			t.Errorf("%s: the pair is under revision %d although revision 2 was published", h.Site.Name, p.Head.Rules)
		}
	}
	w.Public.Edit(key, map[string]any{"customfield_19000": "a lock"})
	w.Settle()
	w.Private.want(twin, "customfield_19000", `"a lock"`)
}

func TestPreviousIsWhatWasSentLast(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(withRows(here.Demo.ProjectKey, `  - key: story
    out: 'first_sync ? "began as " + issue.priority : text(previous.priority) + " became " + issue.priority + " in " + pair.connection'
`))
		there.publish(withRows(there.Demo.ProjectKey, "  - key: story\n    to: environment\n"))
		key, twin := pairUp(t, w, here, map[string]any{"priority": map[string]string{"name": "High"}})
		there.want(twin, "environment", `"began as High"`)
		here.Edit(key, map[string]any{"priority": map[string]string{"name": "Low"}})
		w.Settle()
		there.want(twin, "environment", `"High became Low in test"`)
	})
}

// TestARowMaySendOneFieldAndWriteAnother: what is written is not what is sent, so nothing comes back.
func TestARowMaySendOneFieldAndWriteAnother(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(withRows(here.Demo.ProjectKey, "  - {key: note, from: description, to: environment}\n  - {field: description, direction: off}\n"))
		there.publish(withRows(there.Demo.ProjectKey, "  - {key: note, from: environment, to: description}\n  - {field: description, direction: off}\n"))
		key, twin := pairUp(t, w, here, map[string]any{"description": "from here"})
		there.want(twin, "description", `"from here"`)
		there.Edit(twin, map[string]any{"environment": "from there"})
		w.Settle()
		here.want(key, "environment", `"from there"`)
		here.want(key, "description", `"from here"`)
		here.Edit(key, map[string]any{"description": "again from here"})
		w.Settle()
		there.want(twin, "description", `"again from here"`)
		there.want(twin, "environment", `"from there"`)
		there.Edit(twin, map[string]any{"environment": "again from there"})
		w.Settle()
		here.want(key, "environment", `"again from there"`)
		if p := here.Pair(key); len(p.State.Intents) != 0 {
			t.Errorf("a write is still open: %+v", p.State.Intents)
		}
	})
}

// TestMendedRulesEndTheTrouble: a value that the other site does not have, and a row that fails, are trouble of one pair each
// with the row's file and line; rules published on the side that erred end both.
func TestMendedRulesEndTheTrouble(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(strings.Replace(withRows(here.Demo.ProjectKey, "  - key: ref\n    out: fail(\"no reference\")\n"), "- field: Priority", "- field: Priority\n    values: {High: Sky-high}", 1))
		key, twin := pairUp(t, w, here, map[string]any{"priority": map[string]string{"name": "High"}})
		if got := there.Pair(twin).State.Field("priority").Problem; !strings.Contains(got, there.Site.Name+".yaml:3:") || !strings.Contains(got, "Sky-high") {
			t.Errorf("the other side says of the value it does not have: %q", got)
		}
		if got := here.Pair(key).State.Field("ref").Problem; !strings.Contains(got, "new.yaml:12: no reference") {
			t.Errorf("this side says of the row that fails: %q", got)
		}
		here.publish(Everything(here.Demo.ProjectKey))
		w.Settle()
		if got := there.Name(twin, "priority"); got != "High" {
			t.Errorf("priority of the twin after the rules were mended: %s", got)
		}
		for _, p := range []*pair.Pair{here.Pair(key), there.Pair(twin)} {
			for name, f := range p.State.Fields {
				if f.Problem != "" {
					t.Errorf("%s of %s is still in trouble: %s", name, p.Head.Local.Key, f.Problem)
				}
			}
		}
	})
}

// TestAConditionOfCommentsSeesTheIssue: the event of a comment carries little of its issue, and what is not carried is not
// taken for empty.
func TestAConditionOfCommentsSeesTheIssue(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(Everything(here.Demo.ProjectKey) + "comments:\n  when: not has(issue.labels, \"quiet\")\n")
		key, twin := pairUp(t, w, here, map[string]any{"labels": []string{"quiet"}})
		here.say(key, "kept here")
		w.Settle()
		if got := there.bodies(twin); len(got) != 0 {
			t.Errorf("a comment left although the condition does not hold: %q", got)
		}
		here.Edit(key, map[string]any{"labels": []string{}})
		w.Settle()
		here.say(key, "sent")
		w.Settle()
		if got := strings.Join(there.bodies(twin), "|"); !strings.Contains(got, "sent") {
			t.Errorf("comments of the twin: %q", got)
		}
	})
}

func TestAStopOfTheIncomingScriptTakesNothing(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		there.publish(Everything(there.Demo.ProjectKey) + `incoming:
  - when: has(replica.labels, "not-for-them")
    stop: labelled not-for-them
`)
		no := here.Create("no", map[string]any{"labels": []string{"not-for-them"}})
		w.Settle()
		if twin := here.Twin(no); twin != "" {
			t.Errorf("%s was made although the incoming script stops", twin)
		}
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"labels": []string{"not-for-them"}, "summary": "two"})
		here.say(key, "three")
		w.Settle()
		there.want(twin, "summary", `"one"`)
		there.want(twin, "labels", `[]`)
		if got := there.bodies(twin); len(got) != 0 {
			t.Errorf("comments of the twin: %q", got)
		}
		here.Edit(key, map[string]any{"labels": []string{"x"}})
		here.Edit(no, map[string]any{"labels": []string{"x"}})
		w.Settle()
		there.want(twin, "summary", `"two"`)
		there.want(twin, "labels", `["x"]`)
		if here.Twin(no) == "" {
			t.Error("no twin was made when the stop was over")
		}
		here.say(key, "four")
		w.Settle()
		if got := strings.Join(there.bodies(twin), "|"); !strings.Contains(got, "three") || !strings.Contains(got, "four") {
			t.Errorf("comments of the twin: %q", got)
		}
	})
}

// TestARowFollowsEveryKeyItReads: what an incoming expression makes is made again when any of the keys it reads changes, not
// only its own; an edit that a person made here meanwhile stays.
func TestARowFollowsEveryKeyItReads(t *testing.T) {
	sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
		here.publish(withRows(here.Demo.ProjectKey, "  - {key: area, out: 'join(issue.labels, \"+\")'}\n"))
		there.publish(withRows(there.Demo.ProjectKey, `  - {field: description, in: 'text(value) + " (" + replica.priority + ")"'}
  - {to: environment, in: 'replica.area == "" ? skip : replica.area + " at " + replica.duedate'}
`))
		key, twin := pairUp(t, w, here, map[string]any{"description": "d", "priority": map[string]string{"name": "High"}, "duedate": "2026-12-24"})
		there.want(twin, "description", `"d (High)"`)
		there.want(twin, "environment", `null`)
		here.Edit(key, map[string]any{"labels": []string{"ops"}})
		w.Settle()
		there.want(twin, "environment", `"ops at 2026-12-24"`)
		here.Edit(key, map[string]any{"duedate": "2026-12-25"})
		here.Edit(key, map[string]any{"priority": map[string]string{"name": "Low"}})
		w.Settle()
		there.want(twin, "environment", `"ops at 2026-12-25"`)
		there.want(twin, "description", `"d (Low)"`)
		here.want(key, "description", `"d"`)

		there.Edit(twin, map[string]any{"description": "e"})
		w.Settle()
		here.want(key, "description", `"e"`)
		here.Edit(key, map[string]any{"priority": map[string]string{"name": "High"}})
		w.Settle()
		there.want(twin, "description", `"e"`)
		here.want(key, "description", `"e"`)
		before := there.writes()
		here.Edit(key, map[string]any{"summary": "what no expression reads"})
		w.Settle()
		if n := there.writes() - before; n != 1 {
			t.Errorf("%d writes for one edit", n)
		}
	})
}
