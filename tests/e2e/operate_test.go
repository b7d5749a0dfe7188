package e2e

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestExplain asks why issues are, or are not, in sync: a clause that fails, a security level, a pause, a change that waits, a missing
// permission, a key of the other side, no such issue.
func TestExplain(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Rules: toLabel("go")})
	s := sideOf(w, false).with(t)
	explains := func(key string, want ...string) {
		t.Helper()
		rig.Eventually(t, rig.Patience, "explain "+key, func() string {
			r := w.RunOnPoller(append([]string{"sync", "explain"}, strings.Fields(key)...)...)
			for _, line := range want {
				if missing := lacks(r.Out+r.Err, line); missing != "" {
					return missing
				}
			}
			return ""
		})
	}
	idle := s.here.Create("Nobody wants it", nil)
	explains(idle, "it is in no pair", "does not match, because of labels = go", "this half has searched up to", "next:")
	secret := s.here.Create("For the team", rig.Fields{"labels": []string{"go"}, "security": rig.Fields{"name": "Team only"}})
	explains(secret, "security level", "let it out by a rule, or leave it inside")
	key, twin := s.pair(t, "Wanted", rig.Fields{"labels": []string{"go"}})
	explains(key, "it is in sync with "+twin, "last seen change: ", "next: nothing")
	explains(twin+" --site there", key+" in connection rig", "it is in sync with "+twin)
	explains(idle+" --site here", "it is in no pair")
	explains("PRIV-4711", "Jira shows no issue PRIV-4711", "check the key")

	w.OnHub("connection", "pause", "--why", "the Jira is upgraded")
	s.here.Edit(key, rig.Fields{"summary": "Edited in the pause"})
	explains(key, "the connection is paused by the public side: the Jira is upgraded", "a change waits for the other side since", "next: the public side has to resume it")
	w.OnHub("connection", "resume")
	w.Private.Account("drawbridge", rig.Fields{"Denied": []string{"ADD_COMMENTS"}})
	explains(key, "comments cannot be copied to it")
	w.Private.Account("drawbridge", rig.Fields{"Denied": []string{}})
	w.OnPoller("sync", "stop", key)
	explains(key, "is stopped", "start again: drawbridge sync issue "+key)
}

// TestSeenFromInside has fields show the twin and the state, and one side keep its address and keys to itself.
func TestSeenFromInside(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	show := func(project, more string) string {
		return strings.ReplaceAll(strings.Replace(rig.Everything, "Customer, ", "", 1), "%s", project) + "show: {twin: Customer, state: Release notes}\n" + more
	}
	w.Write("private.yaml", show("PRIV", "identity: none\n"))
	w.Write("public.yaml", show("PUB", ""))
	w.OnPoller("rules", "publish", w.Path("private.yaml"))
	w.OnHub("rules", "publish", w.Path("public.yaml"))
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Seen from inside", nil)
	s.here.Shows(key, s.here.Field("Customer"), twin)
	s.here.Shows(key, s.here.Field("Release notes"), "in sync")
	rig.Eventually(t, rig.Patience, "the private issue has a link to its twin", func() string { return lacks(linked(s.here, key), w.Public.Base+"/browse/"+twin) })
	s.here.Edit(key, rig.Fields{"summary": "Seen from inside, twice"})
	s.there.Shows(twin, "summary", "Seen from inside, twice")
	if links := linked(s.there, twin); links != "[]" {
		t.Errorf("the public issue has links: %s", links)
	}
	if public := w.Public.Snapshot(); strings.Contains(public, key) || strings.Contains(public, w.Private.Base) {
		t.Error("the public Jira knows the key or the address of the private one")
	}
	w.OnPoller("sync", "stop", key)
	s.here.Shows(key, s.here.Field("Release notes"), "stopped")

	for mode, want := range map[string][2]bool{"off": {}, "receiver": {false, true}} { // on the side where an issue comes from, and on the other
		w.Write("private.yaml", show("PRIV", "remoteLinks: "+mode+"\n"))
		w.Write("public.yaml", show("PUB", "remoteLinks: "+mode+"\n"))
		w.OnPoller("rules", "publish", w.Path("private.yaml"))
		w.OnHub("rules", "publish", w.Path("public.yaml"))
		time.Sleep(1500 * time.Millisecond) // noticed within a second
		key, twin := s.pair(t, "Links: "+mode, nil)
		s.here.Shows(key, s.here.Field("Customer"), twin)
		s.there.Shows(twin, s.there.Field("Customer"), key)
		rig.Eventually(t, rig.Patience, "links as in remoteLinks: "+mode, func() string {
			if here, there := linked(s.here, key), linked(s.there, twin); (here != "[]") != want[0] || (there != "[]") != want[1] {
				return here + " and " + there
			}
			return ""
		})
	}
}

// linked are the remote links of an issue, as JSON.
func linked(j *rig.Jira, key string) string {
	var links []json.RawMessage
	j.OK("GET", "/rest/api/2/issue/"+key+"/remotelink", nil, &links)
	raw, _ := json.Marshal(links) // of JSON
	return string(raw)
}

// TestEitherSideByItself names, pauses and ends a connection from the private side; in between an issue moves, and its Jira.
func TestEitherSideByItself(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Through everything", nil)
	w.OnHub("connection", "edit", "--name", "acme", "--description", "tickets of Acme")
	rig.Eventually(t, rig.Patience, "the poller shows what the hub calls it, beside its own name", func() string {
		out := w.OnPoller("connection", "show")
		if strings.Contains(out, "tickets of Acme") {
			return "a description is nobody else's business: " + out
		}
		return lacks(out, "acme") + lacks(out, "rig")
	})

	w.OnPoller("connection", "pause", "--all", "--why", "stop everything")
	said := time.Now()
	rig.Eventually(t, rig.Patience, "the hub knows of the pause", func() string { return lacks(w.OnHub("connection", "list"), "paused") })
	if took := time.Since(said); took > 10*time.Second { // an answer is held for 20 s
		t.Errorf("the hub knows of the emergency stop after %s", took)
	}
	s.there.Edit(twin, rig.Fields{"summary": "Edited in the pause"})
	stays(t, "nothing is carried", func() string {
		if got := s.here.Text(key, "summary"); got != "Through everything" {
			return got
		}
		return ""
	})
	w.OnPoller("connection", "resume", "--all")
	s.here.Shows(key, "summary", "Edited in the pause")

	s.here.Rename("PRIV", "INNER")
	renamed := strings.Replace(key, "PRIV", "INNER", 1)
	s.here.Edit(renamed, rig.Fields{"summary": "Its project is called otherwise"})
	s.there.Shows(twin, "summary", "Its project is called otherwise")
	s.there.Edit(twin, rig.Fields{"description": "and back"})
	s.here.Shows(renamed, "description", "and back")
	rig.Eventually(t, rig.Patience, "both know the key of the renamed project", func() string {
		return lacks(w.Show(true, twin), renamed) + lacks(w.Show(false, renamed), "synced")
	})

	moved := s.here.Move(renamed, "PRIVSD")
	s.here.Edit(moved, rig.Fields{"summary": "Moved to another project"})
	s.there.Shows(twin, "summary", "Moved to another project")
	rig.Eventually(t, rig.Patience, "the hub knows the new key", func() string { return lacks(w.Show(true, twin), moved) })

	w.Relocate()
	if r := w.RunOnPoller("poller", "once"); r.Code == 0 || !strings.Contains(r.Err, "site-replaced") {
		t.Errorf("a Jira at another address is taken for the same: exit code %d: %s", r.Code, r.Err)
	}
	says(t, w.RunOnPoller("site", "accept"), 0, "from now on")
	w.StartPoller()
	s.here.Base = w.Private.Base
	s.here.Edit(moved, rig.Fields{"summary": "At another address"})
	s.there.Shows(twin, "summary", "At another address")

	w.OnPoller("connection", "end", "rig", "--export", w.Path("pairs.csv"), "--remove-links", "--yes")
	if csv := read(t, w.Path("pairs.csv")); !strings.Contains(csv, moved) || !strings.Contains(csv, twin) {
		t.Errorf("the exported pairs are %s", csv)
	}
	rig.Eventually(t, rig.Patience, "the hub knows of the end", func() string { return lacks(w.OnHub("connection", "list"), "ended") })
	rig.Eventually(t, rig.Patience, "the links are gone", func() string {
		if links := linked(s.here, moved); links != "[]" {
			return links
		}
		return ""
	})
}

// TestRecallAndErase withdraws a comment that should not have left, then forgets it, a person and the issue on both halves.
func TestRecallAndErase(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "About a person", nil)
	id := s.here.Comment(key, "names a customer", nil)
	one(t, s.there, twin, "names a customer")

	says(t, w.RunOnPoller("recall", key, "--member", "comment/"+id, "--why", "a matter of privacy"), 0, "comment/"+id+" is withdrawn")
	gone := func() string {
		if n := len(s.there.Commented(twin, "customer")); n != 0 {
			return "it is there"
		}
		return ""
	}
	rig.Eventually(t, rig.Patience, "the copy is gone", gone)
	s.here.EditComment(key, id, "names another customer")
	stays(t, "it stays in", gone)

	for name, half := range map[string]func(...string) rig.Result{"poller": w.RunOnPoller, "hub": w.RunOnHub} {
		issue := map[string]string{"poller": key, "hub": twin}[name]
		var receipt struct {
			Erased, By, At string
			Documents      int
			Remains        []string
		}
		r := half("erase", "--issue", issue, "--comment", id, "--yes", "--json")
		if err := json.Unmarshal([]byte(r.Out), &receipt); err != nil || receipt.Erased != "comment "+id+" of "+issue || receipt.Documents == 0 || len(receipt.Remains) == 0 || receipt.By == "" {
			t.Errorf("%s: the receipt is %s%s (%v)", name, r.Out, r.Err, err)
		}
		says(t, half("erase", "--user", "alice", "--name", "Alice Archer", "--yes"), 0, "user alice")
		if show := w.Show(name == "hub", issue); strings.Contains(show, "names a customer") || strings.Contains(show, "Alice Archer") {
			t.Errorf("%s still knows:\n%s", name, show)
		}
		says(t, half("erase", "--issue", issue, "--yes"), 0, "issue "+issue)
		if show := w.Show(name == "hub", issue); strings.Contains(show, "About a person") {
			t.Errorf("%s still knows:\n%s", name, show)
		}
	}
	w.Hub.Stop(t)
	w.Poller.Stop(t)
	for _, file := range []string{"hub.db", "poller.db"} {
		for _, f := range []string{file, file + "-wal"} {
			if raw, err := os.ReadFile(w.Path(f)); err == nil && strings.Contains(string(raw), "names a customer") {
				t.Errorf("%s holds what was erased", f)
			}
		}
	}
}
