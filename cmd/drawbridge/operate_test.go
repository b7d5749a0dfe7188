package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/merge"
	"drawbridge/shared/pair"
	"drawbridge/shared/queue"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
)

// seeded is a hub with one connection and three pairs: one fine, one parked, one with a conflict to pick.
func seeded(t *testing.T) (settings string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("JIRA_TOKEN", "abcdefgh")
	t.Setenv("USER", "ada")
	settings = filepath.Join(dir, "hub.yaml")
	text := "public_url: http://127.0.0.1:8480\nsite: {name: cloud, flavour: cloud, api_url: \"http://127.0.0.1:1\", auth: {user: a, token: {env: JIRA_TOKEN}}}\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sqlitestore.Open(filepath.Join(dir, "hub.db"), sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := func() int64 { return time.Now().UnixMilli() }
	book := &pair.Book{Store: db.Store(), Site: "cloud", Now: now}
	must(t, book.UpdateConnection(t.Context(), "c1", func(c *bridge.Connection) error {
		c.Name, c.State, c.Policies[1] = "support", bridge.Active, bridge.Ask
		return nil
	}))
	for _, p := range pairsOfTest(book, now()) {
		must(t, book.Create(t.Context(), p))
	}
	must(t, db.Close())
	return settings
}

func pairsOfTest(book *pair.Book, now int64) []*pair.Pair {
	fine := book.New("c1", bridge.Ref{ID: "10001", Key: "SUP-1"}, bridge.Public)
	fine.Head.Remote, fine.Head.Status = bridge.Ref{ID: "20001", Key: "OPS-1"}, pair.Synced
	fine.State.Field("summary").Mine = &bridge.Entry{Seq: 7, Saw: bridge.Unseen, Value: bridge.ValueOf("Printer on fire"), Stamp: bridge.Stamp{At: now, Site: bridge.Public, Policy: 1}}
	fine.Note(pair.Event{What: "observed", Field: "summary", New: bridge.ValueOf("Printer on fire"), Cause: "event jira:issue_updated"})

	parked := book.New("c1", bridge.Ref{ID: "10002", Key: "SUP-2"}, bridge.Public)
	parked.Park("field-refused", `field "severity": unknown on this site; add a mapping or drop it from the rule`, now, now+60_000)

	conflict := book.New("c1", bridge.Ref{ID: "10003", Key: "SUP-3"}, bridge.Private)
	conflict.Head.Remote, conflict.Head.Status = bridge.Ref{ID: "20003", Key: "OPS-3"}, pair.Synced
	conflict.State.Fields["summary"] = &pair.Field{Field: merge.Field{
		Mine:   &bridge.Entry{Seq: 5, Saw: bridge.Unseen, Value: bridge.ValueOf("ours"), Stamp: bridge.Stamp{At: now, Site: bridge.Public, Policy: 1}},
		Theirs: &bridge.Entry{Seq: 9, Saw: bridge.Unseen, Value: bridge.ValueOf("theirs"), Stamp: bridge.Stamp{At: now, Site: bridge.Private, Policy: 1}},
	}}
	conflict.Mark(now, bridge.Live)
	return []*pair.Pair{fine, parked, conflict}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// says runs a command and checks its exit code and that it prints each of the texts.
func says(t *testing.T, settings, args string, want int, texts ...string) string {
	t.Helper()
	out, errOut, code := try(t, append(strings.Fields(args), "--config", settings)...)
	if code != want {
		t.Errorf("drawbridge %s: exit %d, want %d: %s", args, code, want, errOut)
	}
	for _, text := range texts {
		if !strings.Contains(out+errOut, text) {
			t.Errorf("drawbridge %s: does not say %q:\n%s%s", args, text, out, errOut)
		}
	}
	return out
}

func TestALookAtAHalf(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "connection list", exitDone, "support", "active", "not joined")
	says(t, hub, "connection show", exitDone, "conflicts      ask", "c1")
	says(t, hub, "connection show nope", exitFailed, `there is no connection "nope"; there are support`, "connection-unknown")
	says(t, hub, "sync list", exitDone, "SUP-1", "OPS-1", "SUP-2", "none yet", "parked: field-refused")
	if out := says(t, hub, "sync list --parked", exitDone, "SUP-2"); strings.Contains(out, "SUP-1") {
		t.Errorf("--parked lists what is not parked:\n%s", out)
	}
	says(t, hub, "sync list --waiting", exitDone, "SUP-3")
	says(t, hub, "sync show SUP-1", exitDone, "SUP-1  <->  OPS-1", "Printer on fire", "public:7", "event jira:issue_updated")
	says(t, hub, "sync show ops-1", exitDone, "SUP-1  <->  OPS-1")
	says(t, hub, "sync show SUP-9", exitFailed, "SUP-9 is in no pair", "pair-unknown")
	says(t, hub, "errors list", exitFinding, "SUP-2", "add a mapping or drop it", "tried again")
	says(t, hub, "status", exitFinding, "1 pair of support parked")
}

func TestJSONIsForScripts(t *testing.T) {
	hub := seeded(t)
	for _, c := range []struct {
		args string
		want int
	}{{"connection list", 0}, {"connection show", 0}, {"sync list", 0}, {"sync show SUP-1", 0}, {"errors list", 3}, {"status", 3}} {
		out, errOut, code := try(t, append(strings.Fields(c.args), "--json", "--config", hub)...)
		var v map[string]any
		if err := json.Unmarshal([]byte(out), &v); err != nil || code != c.want || errOut != "" {
			t.Errorf("drawbridge %s --json: exit %d, %v, stderr %q:\n%s", c.args, code, err, errOut, out)
		}
	}
}

func TestPauseAndResume(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "connection pause support --why upgrade", exitDone, "support is paused: upgrade")
	says(t, hub, "connection list", exitDone, "paused")
	says(t, hub, "connection resume", exitDone, "support is active")
	says(t, hub, "connection pause --all", exitDone, "support is paused")
}

func TestTheShadowReport(t *testing.T) {
	hub := seeded(t)
	db, err := sqlitestore.Open(filepath.Join(filepath.Dir(hub), "hub.db"), sqlitestore.Options{})
	must(t, err)
	now := func() int64 { return time.Now().UnixMilli() }
	s := &site.Site{Name: "cloud", Book: &pair.Book{Store: db.Store(), Site: "cloud", Now: now}, Now: now}
	for _, sh := range []site.Shadow{
		{Issue: bridge.Ref{ID: "1", Key: "OPS-1"}, Preview: &bridge.Preview{Outcome: bridge.Applied, Project: "SUP", Type: "Task",
			Members: []bridge.PreviewMember{{Member: "comment/1", What: "create"}}, Fields: []bridge.PreviewField{{Field: "Priority", Note: "this site has nothing for it"}}}},
		{Issue: bridge.Ref{ID: "2", Key: "OPS-2"}, Preview: &bridge.Preview{Outcome: bridge.Refused, Reason: "no project"}},
		{Issue: bridge.Ref{ID: "3", Key: "SUP-9"}, Kept: "security level"},
	} {
		must(t, s.Shadow(t.Context(), "c1", sh))
	}
	must(t, db.Close())
	says(t, hub, "sync shadow", exitDone, "would have created 1 issue and changed 0 issues here, with 1 comment, 0 worklogs and 0 transitions (each notifies people)", "refused 1",
		"OPS-1  created in SUP as Task; Priority: this site has nothing for it", "OPS-2  refused: no project", "SUP-9  stays in: security level")
}

func TestEraseGivesAReceipt(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "erase --issue SUP-1", exitUsage, "cannot be undone")
	says(t, hub, "erase --issue SUP-1 --user x --yes", exitUsage, "say --issue KEY")
	says(t, hub, "erase --user ghost --yes", exitDone, "receipt: user ghost erased from the public half by ada", "0 pairs, 0 documents", "backups of the state file")
	says(t, hub, "erase --issue SUP-1 --yes", exitDone, "receipt: issue SUP-1", "1 pair")
	says(t, hub, "sync show SUP-1", exitFailed, "pair-unknown")
	says(t, hub, "recall SUP-3", exitDone, "nothing of it had left")
}

func TestEndAndEdit(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "connection edit support --name acme --description tickets", exitDone, "done")
	says(t, hub, "connection show acme", exitDone, "acme", "tickets")
	says(t, hub, "connection edit", exitUsage, "nothing to change")
	says(t, hub, "connection end acme", exitUsage, "cannot be undone")
	file := filepath.Join(t.TempDir(), "pairs.csv")
	says(t, hub, "connection end acme --remove-links --export "+file+" --yes", exitDone, "acme has ended")
	if csv, err := os.ReadFile(file); err != nil || !strings.Contains(string(csv), "SUP-1,OPS-1") {
		t.Errorf("exported: %v\n%s", err, csv)
	}
	says(t, hub, "connection list", exitDone, "ended")
	says(t, hub, "connection resume acme", exitFailed, "connection-state")
	var task struct {
		Kind string
		All  bool
	}
	for _, d := range received(t, hub) {
		must(t, json.Unmarshal(d.Body, &task))
	}
	if task.Kind != "end" || !task.All {
		t.Errorf("asked of the running half: %+v", task)
	}
}

func TestEachSideLiftsItsOwnHold(t *testing.T) {
	hub := seeded(t)
	db, err := sqlitestore.Open(filepath.Join(filepath.Dir(hub), "hub.db"), sqlitestore.Options{})
	must(t, err)
	book := &pair.Book{Store: db.Store(), Site: "cloud", Now: func() int64 { return time.Now().UnixMilli() }}
	must(t, book.UpdateConnection(t.Context(), "c1", func(c *bridge.Connection) error {
		c.Hold(bridge.Private, &bridge.Hold{State: bridge.Paused, Why: "Jira upgrade"})
		return nil
	}))
	must(t, db.Close())
	says(t, hub, "connection show", exitDone, "paused by the private side: Jira upgrade")
	says(t, hub, "connection resume", exitFailed, "connection-state", "it has to be resumed there")
	says(t, hub, "connection pause --why ours", exitDone, "support is paused")
	says(t, hub, "connection resume", exitDone, "support is paused by the private side")
}

func TestAskingTheRunningHalf(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "sync issue sup-12 SUP-13", exitDone, "SUP-12: asked")
	says(t, hub, "errors retry SUP-2", exitDone, "asked to try again: SUP-2")
	says(t, hub, "errors retry --all", exitDone, "1 pair, 0 dead letters")
	says(t, hub, "errors retry", exitUsage, "KEY is missing")
	var kinds []string
	for _, d := range received(t, hub) {
		var task struct{ Kind, Issue, By string }
		must(t, json.Unmarshal(d.Body, &task))
		kinds = append(kinds, task.Kind+" "+task.Issue+" by "+task.By)
	}
	for _, want := range []string{"sync SUP-12 by ada", "sync SUP-13 by ada", "retry 10002 by ada"} {
		if !strings.Contains(strings.Join(kinds, "\n"), want) {
			t.Errorf("the queue has no %q: %q", want, kinds)
		}
	}
}

func received(t *testing.T, settings string) (all []queue.Delivery) {
	t.Helper()
	db, err := sqlitestore.Open(filepath.Join(filepath.Dir(settings), "hub.db"), sqlitestore.Options{Exclusive: true})
	must(t, err)
	defer db.Close()
	for range 3 {
		ds, err := db.Queue().Receive(context.Background(), queue.MaxReceive, time.Minute)
		must(t, err)
		all = append(all, ds...)
		must(t, db.Queue().Delete(context.Background(), ds...))
	}
	return all
}

func TestPick(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "sync show SUP-3", exitDone, "asking")
	says(t, hub, "sync pick SUP-3 summary nobody", exitUsage, "neither public nor private")
	says(t, hub, "sync pick SUP-3 labels private", exitFailed, "nothing-to-pick")
	says(t, hub, "sync pick SUP-3 summary private", exitDone, "the private edit of summary stands")
	says(t, hub, "sync show SUP-3", exitDone, "theirs", "private:9", "picked", "by ada")
	says(t, hub, "sync pick SUP-3 summary public", exitFailed, "nothing-to-pick")
}

func TestDismiss(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "errors dismiss SUP-2 --why closed", exitDone, "parked no more")
	says(t, hub, "errors list", exitDone, "no errors")
	says(t, hub, "sync show SUP-2", exitDone, "dismissed", "closed")
	says(t, hub, "status", exitDone, "nothing needs attention")
}

// TestATwinThatWasRefusedNeedsAttention: it stands in errors list, and it is no parked pair.
func TestATwinThatWasRefusedNeedsAttention(t *testing.T) {
	hub := seeded(t)
	says(t, hub, "errors dismiss SUP-2", exitDone, "parked no more")
	db, err := sqlitestore.Open(filepath.Join(filepath.Dir(hub), "hub.db"), sqlitestore.Options{})
	must(t, err)
	book := &pair.Book{Store: db.Store(), Site: "cloud", Now: func() int64 { return time.Now().UnixMilli() }}
	_, err = book.Update(t.Context(), "c1", "10002", func(p *pair.Pair) error {
		p.Head.Answer = &bridge.Ack{Outcome: bridge.Parked, Reason: "no such type"}
		return nil
	})
	must(t, err)
	must(t, db.Close())
	says(t, hub, "errors list", exitFinding, "no such type")
	says(t, hub, "status", exitFinding, "1 issue of support whose twin the other side could not make")
}

func TestWhichHalf(t *testing.T) {
	hub := seeded(t)
	t.Chdir(t.TempDir())
	if _, errOut, code := try(t, "status"); code != exitUsage || !strings.Contains(errOut, "which half?") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	t.Setenv("DRAWBRIDGE_CONFIG", hub)
	if out, errOut, code := try(t, "status"); code != exitFinding || !strings.Contains(out, "hub of site cloud") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	t.Setenv("DRAWBRIDGE_CONFIG", "")
	t.Chdir(filepath.Dir(hub))
	if out, _, _ := try(t, "status"); !strings.Contains(out, "hub of site cloud") {
		t.Errorf("the settings file here was not found: %s", out)
	}
	must(t, os.Remove("hub.db"))
	if _, errOut, code := try(t, "status"); code != exitFailed || !strings.Contains(errOut, "start drawbridge hub with this settings file first") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

func TestErrorsAreExplained(t *testing.T) {
	if out, _, code := try(t, "errors", "show", "store-unavailable"); code != exitDone || !strings.Contains(out, "Temporary.") || strings.Contains(out, "###") {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, errOut, code := try(t, "errors", "show", "nope"); code != exitUsage || !strings.Contains(errOut, `no error named "nope"`) {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if out, _, _ := try(t, "errors", "show"); !strings.Contains(out, "state-damaged\n") {
		t.Errorf("names are not listed: %s", out)
	}
}
