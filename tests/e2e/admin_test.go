package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// restart stops a half, does something to its files, and starts it again.
func restart(t *testing.T, p *rig.Process, start, meanwhile func()) {
	t.Helper()
	if code, _ := p.Stop(t); code != 0 {
		t.Fatalf("%s: exit code %d\n%s", p.Name, code, p.Tail(5))
	}
	meanwhile()
	start()
}

// TestConflictPolicyIsChanged: both sides hear of another policy and decide by it, also after the hub was restored from a backup
// that does not know it.
func TestConflictPolicyIsChanged(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Edited on both sides", nil)
	clash := func(step, winner string) {
		t.Helper()
		w.OnHub("connection", "pause")
		rig.Eventually(t, rig.Patience, "the poller knows of the pause", func() string { return lacks(w.OnPoller("connection", "list"), "paused") })
		s.there.Edit(twin, rig.Fields{"summary": step + " outside"})
		time.Sleep(1100 * time.Millisecond) // or neither would be the newer one
		s.here.Edit(key, rig.Fields{"summary": step + " inside"})
		w.OnHub("connection", "resume")
		s.here.Shows(key, "summary", step+" "+winner)
		s.there.Shows(twin, "summary", step+" "+winner)
	}
	clash("newest:", "inside")

	var backup string
	restart(t, w.Hub, w.StartHub, func() { backup = read(t, w.Path("hub.db")) })
	says(t, w.RunOnPoller("connection", "edit", "--conflicts", "public-site"), 1, "hub-decides")
	says(t, w.RunOnHub("connection", "edit", "--conflicts", "loudest"), 2, "say newest, public-site, private-site or ask")
	w.OnHub("connection", "edit", "--conflicts", "public-site")
	told := func(run func(...string) string) func() string {
		return func() string { return lacks(run("connection", "show"), "public-site, since ") }
	}
	rig.Eventually(t, rig.Patience, "the poller knows of the policy", told(w.OnPoller))
	clash("public site:", "outside")
	for want, audit := range map[string]string{`drawbridge connection edit --conflicts public-site`: heard(w.OnHub), `"rig conflicts":"public-site"`: heard(w.OnHub),
		`"Who":"the public side","What":"told by the other side"`: heard(w.OnPoller), `"conflicts":"public-site"`: heard(w.OnPoller)} {
		if !strings.Contains(audit, want) {
			t.Errorf("no %s in the audit:\n%s", want, audit)
		}
	}

	restart(t, w.Hub, w.StartHub, func() {
		w.Write("hub.db", backup)
		for _, side := range []string{"hub.db-wal", "hub.db-shm"} {
			if err := os.Remove(w.Path(side)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
	})
	rig.Eventually(t, rig.Patience, "the restored hub hears of the policy", told(w.OnHub))
	clash("after the restore:", "outside")
}

// TestASiteIsRenamed: other names in the settings, and everything goes on: pairs, what was edited while nobody looked, the
// audit, and the guard against a clone.
func TestASiteIsRenamed(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Under the old names", nil)
	settings := strings.NewReplacer("name: inside", "name: castle", "overlap: 1m", "overlap: 1s", "sweep: 2s", "sweep: 1h").Replace(read(t, w.Path("poller.yaml")))
	restart(t, w.Poller, w.StartPoller, func() {
		s.here.Edit(key, rig.Fields{"summary": "Edited while it was renamed"})
		s.here.Create("Made while it was renamed", nil)
		time.Sleep(3 * time.Second) // more than a search looks back
		w.Write("poller.yaml", settings)
	})
	s.there.Shows(twin, "summary", "Edited while it was renamed")
	s.there.Twin("Made while it was renamed")
	rig.Eventually(t, rig.Patience, "the hub calls it so", func() string { return lacks(w.OnHub("connection", "show"), "castle (datacenter)") })
	says(t, w.RunOnPoller("status"), 0, "poller of site castle")

	restart(t, w.Hub, w.StartHub, func() {
		w.Write("hub.yaml", strings.Replace(read(t, w.Path("hub.yaml")), "name: cloud", "name: tower", 1))
	})
	w.OnHub("webhook", "create")
	s.there.Edit(twin, rig.Fields{"summary": "Under the new names"})
	s.here.Shows(key, "summary", "Under the new names")
	for half, audit := range map[string]string{"connection create": heard(w.OnHub), "poller accept": heard(w.OnPoller)} {
		if !strings.Contains(audit, half) {
			t.Errorf("the audit has lost what was done under the old name:\n%s", audit)
		}
	}
	if a, b := len(s.here.All()), len(s.there.All()); a != 2 || b != 2 {
		t.Errorf("%d issues inside, %d outside", a, b)
	}
	w.Relocate()
	if r := w.RunOnPoller("poller", "once"); r.Code == 0 || !strings.Contains(r.Err, "site-replaced") {
		t.Errorf("a renamed site may be a clone of itself: exit code %d: %s", r.Code, r.Err)
	}
}

// TestExplainTellsEqualKeysApart: both Jiras have a project PUB. PUB-1 here was never under sync; PUB-1 there is the twin of
// PUB-2 here.
func TestExplainTellsEqualKeysApart(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Rules: toLabel("shared")})
	s := sideOf(w, true).with(t)
	alone := s.here.Create("Alone outside", nil)
	key, _ := s.pair(t, "Shared", rig.Fields{"labels": []string{"shared"}})
	w.Private.Rename("PRIV", "PUB")
	s.there.Project = "PUB"
	s.here.Edit(key, rig.Fields{"summary": "Shared under one key"})
	twin := s.there.Twin("Shared under one key")
	if twin != alone {
		t.Fatalf("%s outside and %s inside are not two issues of one key", alone, twin)
	}
	s.there.Edit(twin, rig.Fields{"description": "told with the new key"})
	rig.Eventually(t, rig.Patience, "the hub knows the new key", func() string { return lacks(w.OnHub("sync", "explain", key), "it is in sync with "+twin) })
	for _, c := range []struct {
		run  func(...string) rig.Result
		args []string
		code int
		says []string
	}{
		{w.RunOnHub, []string{alone}, 0, []string{alone, "labels", "the other side has an issue of that key too, the twin of " + key + ": --site there"}},
		{w.RunOnHub, []string{alone, "--site", "here"}, 0, []string{"labels"}},
		{w.RunOnHub, []string{alone, "--site", "cloud"}, 0, []string{"labels"}},
		{w.RunOnHub, []string{twin, "--site", "there"}, 0, []string{key, "it is in sync with " + twin}},
		{w.RunOnHub, []string{twin, "--site", "inside"}, 0, []string{key, "it is in sync with " + twin}},
		{w.RunOnPoller, []string{twin}, 0, []string{"it is in sync with " + key}},
		{w.RunOnPoller, []string{key, "--site", "there"}, 0, []string{twin, "it is in sync with " + key}},
		{w.RunOnPoller, []string{alone, "--site", "there"}, 1, []string{"pair-unknown"}},
	} {
		says(t, c.run(append([]string{"sync", "explain"}, c.args...)...), c.code, c.says...)
	}
}

// TestPeopleByEmail: who is who is found by an address that both sides show, not by a name; an address that Cloud hides finds
// nobody, and the fallback stands in.
func TestPeopleByEmail(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	users := "users: {email: true, send: [email], fallback: %s}\n"
	var admin struct{ AccountID string }
	w.Public.As("admin").OK("GET", "/rest/api/2/myself", nil, &admin)
	w.Write("public.yaml", rulesFor("PUB", strings.Replace(users, "%s", `"`+admin.AccountID+`"`, 1)))
	w.Write("private.yaml", rulesFor("PRIV", strings.Replace(users, "%s", "admin", 1)))
	w.OnHub("rules", "publish", w.Path("public.yaml"))
	w.OnPoller("rules", "publish", w.Path("private.yaml"))
	w.Private.Account("alice", rig.Fields{"Email": "another.alice@example.com"})
	w.Private.Account("bob", rig.Fields{"Email": "Alice@Example.com"})
	s := sideOf(w, true).with(t)
	assign := func(key, who string) {
		t.Helper()
		var u struct{ AccountID string }
		s.here.As(who).OK("GET", "/rest/api/2/myself", nil, &u)
		s.here.Edit(key, rig.Fields{"assignee": rig.Fields{"accountId": u.AccountID}})
	}
	key, twin := s.pair(t, "Who is who", nil)
	assign(key, "alice")
	s.there.Shows(twin, "assignee", "bob") // of that address, whatever he is called
	assign(key, "carol")
	s.there.Shows(twin, "assignee", "admin") // Cloud hides hers

	mine, there := sideOf(w, false).with(t).pair(t, "And the other way", nil)
	w.Private.Edit(mine, rig.Fields{"assignee": rig.Fields{"name": "bob"}})
	w.Public.Shows(there, "assignee", "Alice Archer")
	w.Private.Edit(mine, rig.Fields{"assignee": rig.Fields{"name": "carol"}})
	w.Public.Shows(there, "assignee", "Ada Admin") // Data Center tells her address, Cloud does not say whose it is
}

// TestTheGuard: whatever the other side sends and the rows would take, each limit of the guard holds, and says so.
func TestTheGuard(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	w.Write("guarded.yaml", read(t, w.Path("rules-private.yaml"))+`guard:
  projects: [PRIV]
  types: [Task, Bug]
  fields: [summary, status, type, description]
  text: 1 KB
  attachment: 2 KB
  creations: 3
`)
	w.OnPoller("rules", "publish", w.Path("guarded.yaml"))
	time.Sleep(1500 * time.Millisecond) // noticed within a second
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Within the limits", rig.Fields{"labels": []string{"kept-out"}, "description": "short"})
	long := strings.Repeat("long ", 400)
	s.here.Edit(key, rig.Fields{"description": long, "duedate": "2031-01-31"})
	s.here.Comment(key, "brief", nil)
	s.here.Comment(key, long, nil)
	s.here.Attach(key, "large.bin", []byte(long+long))
	s.here.Attach(key, "small.txt", []byte("small"))
	s.here.Edit(key, rig.Fields{"summary": "Still within"})
	s.there.Shows(twin, "summary", "Still within")
	one(t, s.there, twin, "brief")
	rig.Eventually(t, rig.Patience, "the small file", func() string {
		if n := len(s.there.Attachments(twin)); n != 1 {
			return "there are others"
		}
		return ""
	})
	rig.Eventually(t, rig.Patience, "it is said what was kept out", func() string {
		return lacks(w.Show(false, twin), "the guard of this site takes files of 2048 bytes at most")
	})
	if got := s.there.Text(twin, "description") + s.there.Text(twin, "duedate") + s.there.Text(twin, "labels"); got != "short" {
		t.Errorf("the twin shows %.100q", got)
	}
	if n := len(s.there.Comments(twin)); n != 1 {
		t.Errorf("the twin has %d comments", n)
	}

	story := s.here.Create("A story", rig.Fields{"issuetype": rig.Fields{"name": "Story"}})
	for _, summary := range []string{"Second", "Third", "Fourth"} {
		s.here.Create(summary, nil)
	}
	rig.Eventually(t, rig.Patience, "three were made", func() string {
		if n := len(s.there.All()); n < 3 {
			return "not yet"
		}
		return ""
	})
	rig.Eventually(t, rig.Patience, "the hub is told why the story has no twin", func() string { return lacks(w.Show(true, story), "the guard of this site takes issues of type") })
	moved := w.Private.Move(twin, w.Private.Service)
	rig.Eventually(t, rig.Patience, "the poller knows of the move", func() string { return lacks(w.OnPoller("sync", "list"), moved) })
	s.here.Edit(key, rig.Fields{"summary": "Into another project"})
	rig.Eventually(t, rig.Patience, "it is parked", func() string { return lacks(w.RunOnPoller("errors", "list").Out, "guard-refused") })
	if n := len(s.there.All()); n > 3 {
		t.Errorf("%d issues inside, three an hour are allowed", n)
	}
}
