package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// says runs a command on a half and looks for lines in what it printed.
func says(t *testing.T, r rig.Result, code int, want ...string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit code %d, not %d\n%s%s", r.Code, code, r.Out, r.Err)
	}
	for _, line := range want {
		if !strings.Contains(r.Out+r.Err, line) {
			t.Errorf("no %q in:\n%s%s", line, r.Out, r.Err)
		}
	}
}

// TestDoctor asks both running halves, with and without what they need.
func TestDoctor(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	says(t, w.RunOnHub("doctor"), 0, "fine     way to Jira", "fine     account on", "fine     version: Jira 1001", "fine     clock", "fine     webhook: there and enabled",
		"fine     PUB: browse (BROWSE_PROJECTS)", "fine     browse users", "optional upload limit: Jira takes 10 MB")
	says(t, w.RunOnPoller("doctor"), 0, "fine     version: Jira 10.3", "fine     search index: behind by", "optional webhook: the settings have none",
		"fine     way to the hub: 127.0.0.1", "fine     hub of rig: knows this poller", "fine     object store of rig: the hub has none")
	if log := read(t, w.Path("hub.log")); strings.Contains(log, "request refused") {
		t.Errorf("doctor leaves an alarming line in the hub's log:\n%s", log)
	}
	w.Private.Account("drawbridge", rig.Fields{"Denied": []string{"ADD_COMMENTS", "EDIT_ALL_COMMENTS", "USER_PICKER"}, "Groups": []string{}})
	says(t, w.RunOnPoller("doctor"), 3, "missing  PRIV: comments (ADD_COMMENTS): comments cannot be written", "optional PRIV: comments, all", "missing  browse users",
		"optional Jira administrator")
	says(t, w.RunOnPoller("doctor", "--project", "PRIVSD"), 3, "fine     PRIVSD: service-desk agent")
	w.Hub.Kill()
	says(t, w.RunOnPoller("doctor"), 3, "missing  way to the hub", "connection refused")
	says(t, rig.Exec(t, "", w.Dir, "help"), 0, "doctor")
}

// TestCredentials rotates the tokens of both running halves by writing their files, and warns ahead of the next time.
func TestCredentials(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Under the old tokens", nil)
	for _, j := range []struct {
		jira *rig.Jira
		file string
	}{{w.Public, "cloud-token"}, {w.Private, "server-token"}} {
		fresh := "fresh-" + j.file + "-of-this-test"
		w.Secret("fresh "+j.file, fresh)
		j.jira.Account("drawbridge", rig.Fields{"Token": fresh})
		w.Write(j.file, fresh+"\n")
	}
	s.here.Edit(key, rig.Fields{"summary": "Under the fresh tokens"})
	s.there.Shows(twin, "summary", "Under the fresh tokens")
	s.there.Edit(twin, rig.Fields{"description": "and back"})
	s.here.Shows(key, "description", "and back")
	if w.Hub.Ended() || w.Poller.Ended() {
		t.Fatal("a half had to be started again")
	}
	for days, want := range map[int]string{40: "", 29: "the credential for site inside expires in 2", 6: "expires in 5 d", -1: "has expired"} {
		day := time.Now().AddDate(0, 0, days).Format(time.DateOnly)
		w.Write("expiring.yaml", strings.Replace(read(t, w.Path("poller.yaml")), "site:\n", "site:\n  credential_expires: "+day+"\n", 1))
		r := rig.Exec(t, "", w.Dir, "poller", "status", "--config", w.Path("expiring.yaml"))
		if want == "" {
			says(t, r, 0, "nothing needs attention")
		} else {
			says(t, r, 3, want)
		}
	}
}

// TestWebhookLife makes, checks, rotates and removes the webhook of a running hub, and has the hub notice that it is gone.
func TestWebhookLife(t *testing.T) {
	t.Parallel()
	told := teller(t.TempDir() + "/told")
	w := rig.New(t, rig.Options{HubYAML: "notify: {command: " + told.command() + ", webhook_silent: 2s, digest: 2s}\n"})
	w.OnHub("hub", "webhook", "create") // again: it is replaced
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Told by webhook", nil)
	says(t, w.RunOnHub("hub", "webhook", "check"), 0, "fine     in Jira", "fine     test event to "+w.WebhookURL()+": taken", "fine     deliveries: ")
	first := deliveries(t, w)
	if first.Count == 0 || first.Last == 0 {
		t.Fatalf("status knows of no delivery: %+v", first)
	}
	w.OnHub("hub", "webhook", "rotate")
	w.Secret("rotated webhook secret", strings.TrimSpace(read(t, w.Path("cloud-webhook"))))
	s.here.Edit(key, rig.Fields{"summary": "Told under the fresh secret"})
	s.there.Shows(twin, "summary", "Told under the fresh secret")
	rig.Eventually(t, rig.Patience, "a delivery under the fresh secret is counted", func() string {
		if d := deliveries(t, w); d.Count <= first.Count {
			return fmt.Sprintf("%+v", d)
		}
		return ""
	})
	says(t, w.RunOnHub("webhook", "check"), 0)

	w.OnHub("hub", "webhook", "remove")
	says(t, w.RunOnHub("hub", "webhook", "check"), 3, "missing  in Jira: there is none")
	time.Sleep(6 * time.Second) // past what a late delivery may explain
	s.here.Edit(key, rig.Fields{"summary": "Found by search"})
	s.there.Shows(twin, "summary", "Found by search")
	rig.Eventually(t, rig.Patience, "status says that the webhook tells of nothing", func() string {
		if r := w.RunOnHub("status"); r.Code != 3 || !strings.Contains(r.Out, "changes have been found by search that no webhook told of") {
			return r.Out
		}
		return ""
	})
	rig.Eventually(t, rig.Patience, "people are told", func() string { return lacks(told.got(), `"name":"webhook-silent"`) })
	w.OnHub("hub", "webhook", "create")
	s.here.Edit(key, rig.Fields{"summary": "Told again"})
	s.there.Shows(twin, "summary", "Told again")
	rig.Eventually(t, rig.Patience, "people are told that it is over", func() string { return lacks(told.got(), `over: the webhook of site cloud`) })
	says(t, w.RunOnHub("status"), 0, "events came by it")

	w.OnHub("webhook", "remove")
	w.Public.Account("drawbridge", rig.Fields{"Groups": []string{}})
	for _, command := range []string{"create", "show"} { // no administrator: the steps to click
		says(t, w.RunOnHub("webhook", command), 3, "the account may not do that", "An administrator of Jira makes the webhook once:", "Settings (the cog) > System > WebHooks", w.WebhookURL(), "comment_created")
	}
}

type delivered struct{ Count, Last int64 }

func deliveries(t *testing.T, w *rig.World) delivered {
	t.Helper()
	var v struct{ Webhook delivered }
	if err := json.Unmarshal([]byte(w.RunOnHub("status", "--json").Out), &v); err != nil {
		t.Fatal(err)
	}
	return v.Webhook
}

// A teller is a file in which a command of notify writes what it is told.
type teller string

func (f teller) command() string { return fmt.Sprintf("[/bin/sh, -c, 'cat >> %s; echo >> %s']", f, f) }

func (f teller) got() string {
	raw, err := os.ReadFile(string(f))
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// TestShadow has a connection run for a while in shadow: nothing is written to the private Jira, the report says what would
// have been, and going live carries it.
func TestShadow(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Rules: "method: shadow\n" + rig.Everything})
	s := sideOf(w, true).with(t)
	s.there.Forget()
	key := s.here.Create("Only a shadow", rig.Fields{"labels": []string{"one"}})
	s.here.Comment(key, "it would be mailed", nil)
	s.here.Transition(key, "In Progress", nil)
	rig.Eventually(t, rig.Patience, "the report says what would have been created and mailed", func() string {
		return lacks(w.RunOnPoller("sync", "shadow").Out, "would have created 1 issue and changed 0 issues here, with 1 comment, 0 worklogs and 1 transition (each notifies people)")
	})
	stays(t, "nothing is written", func() string {
		if found := s.there.Find("Only a shadow"); len(found) > 0 {
			return "there is " + found[0]
		}
		return ""
	})
	for _, r := range s.there.Requests() {
		if r.User == "drawbridge" && !strings.HasPrefix(r.Route, "GET ") && !strings.Contains(r.Route, "search") {
			t.Errorf("in shadow, and the account calls %s", r.Route)
		}
	}
	for _, side := range []struct {
		run  func(...string) string
		file string
	}{{w.OnHub, "rules-public.yaml"}, {w.OnPoller, "rules-private.yaml"}} {
		w.Write(side.file, strings.Replace(read(t, w.Path(side.file)), "method: shadow\n", "", 1))
		side.run("rules", "publish", w.Path(side.file))
	}
	twin := s.there.Twin("Only a shadow")
	s.there.Shows(twin, "labels", "one")
	one(t, s.there, twin, "it would be mailed")
}

// TestQuietFirstSync counts before a bulk start, and writes silently where the account may: what Jira refuses is found out
// by trying.
func TestQuietFirstSync(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Rules: "method: manual\n" + rig.Everything})
	s := sideOf(w, true).with(t)
	for i := range 3 {
		key := s.here.Create(fmt.Sprintf("There already %d", i), nil)
		s.here.Comment(key, "said long ago", nil)
		if i == 0 {
			s.here.Transition(key, "In Progress", nil)
			s.here.Attach(key, "old.txt", []byte("old"))
		}
	}
	says(t, w.RunOnHub("sync", "bulk", `summary ~ "There already"`, "--dry-run"), 0, "3 issues match: 3 would be made over there with 3 comments, 1 transition and 1 attachment")
	w.OnPoller("connection", "list")
	if len(s.there.Find("There already 0")) != 0 {
		t.Error("a dry run created an issue")
	}
}

// TestTakeover joins pairs that another tool made, from a CSV: what stands on both sides is paired and never copied again.
func TestTakeover(t *testing.T) {
	t.Parallel()
	for _, admin := range []bool{true, false} {
		t.Run(fmt.Sprintf("administrator %v", admin), func(t *testing.T) { takeover(t, admin) })
	}
}

func takeover(t *testing.T, admin bool) {
	w := rig.New(t, rig.Options{Rules: "method: manual\nscope: {projects: [%s]}\n" + rig.Everything})
	s := sideOf(w, true).with(t)
	if !admin {
		w.Private.Account("drawbridge", rig.Fields{"Groups": []string{}, "Denied": []string{"ADMINISTER_PROJECTS"}})
	}
	csv := "public,private\n"
	type two struct{ here, there string }
	var all []two
	for i := range 3 {
		p := two{s.here.Create(fmt.Sprintf("Moved over %d", i), nil), s.there.Create(fmt.Sprintf("Moved over, old tool %d", i), nil)}
		s.here.Comment(p.here, "A word that stands on both sides", nil)
		s.there.Comment(p.there, "[Alice Adams wrote:]\n\nA word that stands on both sides", nil)
		s.there.Comment(p.there, "only inside so far", nil)
		s.here.Attach(p.here, "plan.txt", []byte("the plan"))
		s.there.Attach(p.there, "plan.txt", []byte("the plan"))
		s.here.Edit(p.here, rig.Fields{"summary": fmt.Sprintf("Moved over %d", i)})
		all = append(all, p)
		csv += p.here + "," + p.there + "\n"
	}
	w.Write("pairs.csv", csv)
	before := s.there.Snapshot()
	says(t, w.RunOnHub("sync", "pair", "--file", w.Path("pairs.csv"), "--values", "public", "--dry-run"), 0, all[0].here+" with "+all[0].there, "+ Summary: Moved over 0", "comment/10101: paired", "attachment/10201: paired")
	if s.there.Snapshot() != before {
		t.Error("a dry run wrote to the private Jira")
	}
	s.there.Forget()
	w.OnHub("sync", "pair", "--file", w.Path("pairs.csv"), "--values", "public")
	for i, p := range all {
		s.there.Shows(p.there, "summary", fmt.Sprintf("Moved over %d", i))
		one(t, s.here, p.here, "only inside so far")
		one(t, s.there, p.there, "A word that stands on both sides")
		one(t, s.here, p.here, "A word that stands on both sides")
		for _, n := range []int{len(s.here.Attachments(p.here)), len(s.there.Attachments(p.there))} {
			if n != 1 {
				t.Errorf("%s and %s: a side has %d attachments", p.here, p.there, n)
			}
		}
	}
	quiet(t, s.there, admin)
}

// quiet sees how the edits of a bulk start were made: silently, and loudly only after Jira has refused that.
func quiet(t *testing.T, j *rig.Jira, admin bool) {
	t.Helper()
	var silent, refused, loud int
	for _, r := range j.Requests() {
		if r.Route != "PUT /issue/{key}" || r.User == "alice" {
			continue
		}
		switch is := strings.Contains(r.Path, "notifyUsers=false"); {
		case is && r.Status == 403:
			refused++
		case is:
			silent++
		default:
			loud++
		}
	}
	if admin && (silent < 3 || loud > 0) || !admin && (silent > 0 || refused == 0 || loud < 3) {
		t.Errorf("administrator %v: %d edits silent, %d refused, %d with mail", admin, silent, refused, loud)
	}
}

// TestScan lets a program see every attachment that comes in; kinds and sizes are for the rules.
func TestScan(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{
		Rules:      rig.Everything + "attachments: {notTypes: [application/x-msdownload], maxSize: 1MB}\n",
		PollerYAML: `scan_command: [/bin/sh, -c, 'if grep -q EICAR "$1"; then echo "EICAR in $DRAWBRIDGE_NAME"; exit 1; fi', scan]` + "\n"})
	s := sideOf(w, true).with(t)
	says(t, w.RunOnPoller("doctor"), 0, "fine     scan_command /bin/sh: lets a harmless file through")
	key, twin := s.pair(t, "With files", nil)
	for name, content := range map[string]string{"clean.txt": "nothing in it", "bad.txt": "EICAR", "large.txt": strings.Repeat("x", 1<<20+1)} {
		s.here.Attach(key, name, []byte(content))
	}
	rig.Eventually(t, rig.Patience, "the clean one arrives", func() string { return lacks(names(s.there, twin), "clean.txt") })
	said(t, sideOf(w, false).with(t), twin, "EICAR in bad.txt")
	says(t, w.RunOnPoller("errors", "list"), 3, `attachment "bad.txt" is kept out by this site's scan (exit 1): EICAR in bad.txt`)
	stays(t, "the others stay out", func() string {
		if got := names(s.there, twin); got != "clean.txt" {
			return got
		}
		return ""
	})
	said(t, s, key, "more than the 1048576 the rules allow")
}

func names(j *rig.Jira, key string) string {
	var out []string
	for _, a := range j.Attachments(key) {
		out = append(out, a.Filename)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
