package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/site"
	"drawbridge/simulator"
)

// logging is a rule set that carries worklogs both ways.
func logging(project string) string { return Everything(project) + "worklogs: {direction: both}\n" }

// unmetered is for tests in which a person enters many worklogs at once.
func unmetered(_ bridge.Role, s *simulator.Settings) { s.RateLimits = false }

var logged = Options{PublicRules: logging(PublicProject), PrivateRules: logging(PrivateProject)}

type worklog struct {
	ID, Comment, Started string
	TimeSpentSeconds     int
}

// logs are the worklogs that an issue shows, in the order of their text.
func (h *Half) logs(key string) []worklog {
	h.T.Helper()
	var out struct{ Worklogs []worklog }
	h.OK("admin", "GET", "/rest/api/2/issue/"+key+"/worklog", nil, &out)
	slices.SortFunc(out.Worklogs, func(a, b worklog) int { return strings.Compare(a.Comment, b.Comment) })
	return out.Worklogs
}

const began = "2026-11-20T08:30:00.000+0000"

// spend enters time as alice.
func (h *Half) spend(key, text string, seconds int, more map[string]any) string {
	h.T.Helper()
	body := map[string]any{"comment": text, "started": began, "timeSpentSeconds": seconds}
	for k, v := range more {
		body[k] = v
	}
	var w struct{ ID string }
	h.OK("alice", "POST", "/rest/api/2/issue/"+key+"/worklog", body, &w)
	return w.ID
}

var forDevelopers = map[string]any{"visibility": map[string]string{"type": "role", "value": "Developers"}}

// remaining is the estimate that an issue shows, in seconds.
func (h *Half) remaining(key string) string {
	h.T.Helper()
	var t struct{ RemainingEstimateSeconds int }
	_ = json.Unmarshal([]byte(h.Field(key, "timetracking")), &t)
	return strconv.Itoa(t.RemainingEstimateSeconds)
}

func TestWorklogsAreCopiedEditedAndDeletedOnce(t *testing.T) {
	sides(t, logged, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		there.Edit(twin, map[string]any{"timetracking": map[string]string{"originalEstimate": "8h", "remainingEstimate": "8h"}})
		id := here.spend(key, "looked at it", 5400, nil)
		w.Settle()
		got := there.logs(twin)
		if len(got) != 1 || got[0].TimeSpentSeconds != 5400 || !strings.Contains(got[0].Comment, "looked at it") || !strings.Contains(got[0].Comment, "Alice Archer") {
			t.Fatalf("worklogs of the twin: %+v", got)
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000-0700", got[0].Started); err != nil || at.UTC().Format(time.RFC3339) != "2026-11-20T08:30:00Z" {
			t.Errorf("the copy began at %s", got[0].Started)
		}
		if left := there.remaining(twin); left != "28800" {
			t.Errorf("the remaining estimate of the twin is %s s, and the copy has nothing to do with it", left)
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/worklog/"+id, map[string]any{"comment": "mended it", "timeSpentSeconds": 7200}, nil)
		there.spend(twin, "thought about it", 600, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 2 || got[0].TimeSpentSeconds != 7200 || !strings.Contains(got[0].Comment, "mended it") || strings.Contains(got[0].Comment, "looked") {
			t.Fatalf("worklogs of the twin after the edit: %+v", got)
		}
		if got := here.logs(key); len(got) != 2 || got[0].TimeSpentSeconds != 600 {
			t.Fatalf("worklogs here: %+v", got)
		}
		here.OK("alice", "DELETE", "/rest/api/2/issue/"+key+"/worklog/"+id, nil, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 1 || got[0].Comment != "thought about it" {
			t.Fatalf("worklogs of the twin after the deletion: %+v", got)
		}
	})
}

// A copy that somebody deletes or changes leaves its original alone.
func TestACopiedWorklogNeverActsOnItsOriginal(t *testing.T) {
	sides(t, logged, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		id := here.spend(key, "one", 600, nil)
		w.Settle()
		there.OK("admin", "DELETE", "/rest/api/2/issue/"+twin+"/worklog/"+there.logs(twin)[0].ID, nil, nil)
		w.Settle()
		if got := here.logs(key); len(got) != 1 || len(there.logs(twin)) != 0 {
			t.Fatalf("after the copy was deleted: %+v here, %+v there", got, there.logs(twin))
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/worklog/"+id, map[string]any{"comment": "two", "timeSpentSeconds": 900}, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 1 || got[0].TimeSpentSeconds != 900 {
			t.Fatalf("an edit did not make the deleted copy again: %+v", got)
		}
	})
}

func TestWorklogsStayInsideUnlessARowNamesThem(t *testing.T) {
	sides(t, Options{Configure: unmetered}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"summary": "one and a half"})
		w.Settle()
		here.Jira.ResetCalls()
		for n := range 21 {
			here.spend(key, "hour "+strconv.Itoa(n), 3600, nil)
		}
		w.Settle()
		here.Edit(key, map[string]any{"summary": "two"})
		w.Settle()
		if got := there.logs(twin); len(got) != 0 {
			t.Fatalf("worklogs left: %+v", got)
		}
		if got := here.ours(); len(got) != 0 {
			t.Errorf("worklogs that stay in cost calls: %v", got)
		}
	})
}

// Rules that begin to let worklogs out offer those that are there, more than Jira shows with an issue; rules that stop doing so
// withdraw them.
func TestPublishedRulesForWorklogsAreCarriedOut(t *testing.T) {
	sides(t, Options{Configure: unmetered}, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		for n := range 25 {
			here.spend(key, "hour "+strconv.Itoa(n), 3600, nil)
		}
		w.Settle()
		there.publish(logging(there.Demo.ProjectKey))
		here.publish(logging(here.Demo.ProjectKey))
		w.Settle()
		if got := there.logs(twin); len(got) != 25 {
			t.Fatalf("%d worklogs of the twin, want 25", len(got))
		}
		here.publish(Everything(here.Demo.ProjectKey))
		w.Settle()
		if got := there.logs(twin); len(got) != 0 {
			t.Errorf("%d worklogs of the twin after the rules let none out, want 0", len(got))
		}
		if got := here.logs(key); len(got) != 25 {
			t.Errorf("%d worklogs here, want 25", len(got))
		}
	})
}

// An issue of which nothing may leave keeps its worklogs in, and catches up when it may.
func TestWorklogsOfAnIssueThatStaysIn(t *testing.T) {
	sides(t, logged, func(t *testing.T, w *World, here, there *Half) {
		here.publish(logging(here.Demo.ProjectKey) + "outgoing:\n  - when: has(issue.labels, \"private\")\n    stop: marked private\n")
		key, twin := pairUp(t, w, here, nil)
		here.Edit(key, map[string]any{"labels": []string{"private"}})
		w.Settle()
		here.spend(key, "secret work", 600, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 0 {
			t.Fatalf("a worklog left an issue that stays in: %+v", got)
		}
		here.Edit(key, map[string]any{"labels": []string{}})
		w.Settle()
		if got := there.logs(twin); len(got) != 1 {
			t.Fatalf("worklogs of the twin after its issue may leave: %+v", got)
		}
	})
}

func TestRestrictedWorklogsStayInside(t *testing.T) {
	o := logged
	o.Configure = func(_ bridge.Role, s *simulator.Settings) { s.HideVisibility = true }
	sides(t, o, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.spend(key, "secret work", 600, forDevelopers)
		w.Settle()
		if got := there.logs(twin); len(got) != 0 {
			t.Fatalf("a restricted worklog left: %+v", got)
		}
		id := here.spend(key, "open work", 600, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 1 {
			t.Fatalf("worklogs of the twin: %+v", got)
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+key+"/worklog/"+id, forDevelopers, nil)
		w.Settle()
		if got := there.logs(twin); len(got) != 0 {
			t.Fatalf("what became restricted was not withdrawn: %+v", got)
		}
	})
}

// An answer that is lost on its way makes no second worklog or comment, whatever the original has become meanwhile.
func TestALostAnswerMakesNoSecondMember(t *testing.T) {
	for _, kind := range []string{"worklog", "comment"} {
		for _, meanwhile := range []string{"nothing", "edited", "deleted"} {
			for _, heard := range []bool{true, false} { // does the copy's own event come?
				t.Run(fmt.Sprint(kind, " ", meanwhile, " ", heard), func(t *testing.T) {
					sides(t, logged, func(t *testing.T, w *World, here, there *Half) { loseAnswer(t, w, here, there, kind, meanwhile, heard) })
				})
			}
		}
	}
}

func loseAnswer(t *testing.T, w *World, here, there *Half, kind, meanwhile string, heard bool) {
	key, twin := pairUp(t, w, here, nil)
	if !heard {
		there.Jira.Configure(func(s *simulator.Settings) { s.Webhooks.Drop = 1 })
	}
	there.Jira.Inject(simulator.Fault{Route: "POST /issue/{key}/" + kind, LoseAnswer: true, Count: 1})
	texts, enter := (*Half).bodies, func() string { return here.say(key, "once") }
	if kind == "worklog" {
		texts, enter = (*Half).logTexts, func() string { return here.spend(key, "once", 600, nil) }
	}
	original := "/rest/api/2/issue/" + key + "/" + kind + "/" + enter()
	for range 50 {
		if w.Step(); len(there.Jira.Faults()) == 0 {
			break
		}
	}
	if got := texts(there, twin); len(got) != 1 {
		t.Fatalf("the answer was not lost: %q", got)
	}
	there.giveUp()
	want := []string{"once"}
	switch meanwhile {
	case "edited":
		here.OK("alice", "PUT", original, map[string]any{"comment": "twice", "body": "twice"}, nil)
		want = []string{"twice"}
	case "deleted":
		here.OK("alice", "DELETE", original, nil, nil)
		want = nil
	}
	w.Settle()
	if got := texts(there, twin); len(got) != len(want) || len(want) == 1 && !strings.Contains(got[0], want[0]) {
		t.Errorf("the twin shows %q, want %q", got, want)
	}
	if got := texts(here, key); !slices.Equal(got, want) {
		t.Errorf("here is %q, want %q", got, want)
	}
}

func (h *Half) logTexts(key string) (out []string) {
	for _, l := range h.logs(key) {
		out = append(out, l.Comment)
	}
	return out
}

// giveUp drops the changes that are to be tried again, as a queue does after some tries: the other side sends what it has no
// answer for.
func (h *Half) giveUp() {
	h.T.Helper()
	time.Sleep(150 * time.Millisecond) // they are released for 100 ms
	ctx := context.Background()
	ds, err := h.Queue.Receive(ctx, 10, time.Minute)
	h.must(err)
	for _, d := range ds {
		if bytes.Contains(d.Body, []byte(site.ChangeTask)) {
			h.must(h.Queue.Delete(ctx, d))
		} else {
			h.must(h.Queue.Release(ctx, d, 0))
		}
	}
}

func TestLostStateMakesNoSecondWorklog(t *testing.T) {
	sides(t, logged, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.spend(key, "from here", 600, nil)
		here.spend(key, "from here", 600, nil) // the same twice
		there.spend(twin, "from there", 1200, nil)
		w.Settle()
		there.loseState()
		w.must(here.Site.Book.Rejoin(context.Background(), Connection))
		w.Settle()
		here.Edit(key, map[string]any{"summary": "after the loss"})
		w.Settle()
		for h, key := range map[*Half]string{here: key, there: twin} {
			if got := h.logs(key); len(got) != 3 {
				t.Errorf("%s: %d worklogs, want 3: %+v", h.Site.Name, len(got), got)
			}
		}
	})
}

func TestJoiningPairsWorklogsThatStandOnBothSides(t *testing.T) {
	byHand := func(project string) string {
		return "method: manual\nscope: {projects: [" + project + "]}\n" + logging(project)
	}
	sides(t, Options{PublicRules: byHand(PublicProject), PrivateRules: byHand(PrivateProject)}, func(t *testing.T, w *World, here, there *Half) {
		theirs, ours := there.Create("x", nil), here.Create("x", nil)
		same := here.spend(ours, "mended the printer", 3600, nil)
		there.spend(theirs, "*Alice Archer* logged work on Monday:\nmended the printer", 3600, nil)
		here.spend(ours, "", 1800, nil)
		there.spend(theirs, "", 1800, nil)
		here.spend(ours, "only here", 600, nil)
		there.spend(theirs, "only here", 900, nil) // another time
		w.Settle()
		join(w, here, ours, theirs, bridge.ByNewest)
		for h, key := range map[*Half]string{here: ours, there: theirs} {
			if got := h.logs(key); len(got) != 4 {
				t.Errorf("%s has %d worklogs, want 4: %+v", key, len(got), got)
			}
		}
		here.OK("alice", "PUT", "/rest/api/2/issue/"+ours+"/worklog/"+same, map[string]any{"comment": "mended it again", "timeSpentSeconds": 3660}, nil)
		w.Settle()
		if got := there.logs(theirs); len(got) != 4 || !slices.ContainsFunc(got, func(l worklog) bool { return l.TimeSpentSeconds == 3660 }) {
			t.Errorf("the edit of a paired original did not reach its copy: %+v", got)
		}
	})
}

func TestCallsPerWorklog(t *testing.T) {
	sides(t, logged, func(t *testing.T, w *World, here, there *Half) {
		key, twin := pairUp(t, w, here, nil)
		here.spend(key, "the first", 600, nil)
		there.spend(twin, "the first", 600, nil)
		w.Settle() // the people and the events of both sites are known now
		proof := 0
		if here == w.Public {
			proof = 1 // a Cloud event does not prove that everybody may see a worklog
		}
		here.Jira.ResetCalls()
		there.Jira.ResetCalls()
		here.spend(key, "counted", 600, nil)
		w.Settle()
		if got := here.ours(); len(got) != proof {
			t.Errorf("%d calls on the sending side, want %d: %v", len(got), proof, got)
		}
		if got := there.ours(); len(got) != 1 {
			t.Errorf("%d calls on the receiving side, want 1: %v", len(got), got)
		}
	})
}
