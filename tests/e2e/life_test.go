package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"drawbridge/tests/rig"
)

// TestConnectionLife makes, accepts, pauses, resumes and ends a connection on the command line, as people do.
func TestConnectionLife(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Apart: true})
	s := sideOf(w, true).with(t)
	refuses := func(r rig.Result, code int, want string) {
		t.Helper()
		if r.Code != code || !strings.Contains(r.Out+r.Err, want) {
			t.Errorf("exit code %d, not %d, or no %q in:\n%s%s", r.Code, code, want, r.Out, r.Err)
		}
	}
	refuses(w.RunOnHub("connection", "create", "support", "--project", "NOPE"), 1, "NOPE")
	w.StartHub()
	code := w.Invitation("connection", "create", rig.Connection, "--project", s.here.Project)
	refuses(w.RunOnHub("connection", "create", rig.Connection, "--project", s.here.Project), 1, "there is a connection")
	refuses(w.RunOnPoller("poller", "accept", code[:len(code)-4]+"AAAA", "--project", s.there.Project), 1, "code")
	refuses(w.RunOnPoller("poller", "accept", code, "--project", "NOPE"), 1, "NOPE")
	w.StartPoller() // before there is a connection: it waits
	w.Accept(code)
	w.Accept(code) // the same again gives the same
	other := strings.NewReplacer("poller.db", "other.db", "poller-blobs", "other-blobs").Replace(read(t, w.Path("poller.yaml")))
	w.Write("other.yaml", other)
	refuses(rig.Exec(t, "", w.Dir, "poller", "accept", code, "--project", s.there.Project, "--config", w.Path("other.yaml")), 1, "invitation")
	w.OnHub("webhook", "create")
	w.OnHub("rules", "publish", w.Path("rules-public.yaml"))
	w.OnPoller("rules", "publish", w.Path("rules-private.yaml"))

	key, twin := s.pair(t, "Through the life of a connection", nil)
	w.OnHub("connection", "pause", "--why", "the Jira is upgraded")
	rig.Eventually(t, rig.Patience, "the poller knows of the pause", func() string { return lacks(w.OnPoller("connection", "list"), "paused") })
	s.here.Edit(key, rig.Fields{"summary": "Edited in the pause"})
	s.there.Edit(twin, rig.Fields{"description": "Edited in the pause too"})
	s.here.Comment(key, "said in the pause", nil)
	time.Sleep(1500 * time.Millisecond)
	if got := s.there.Text(twin, "summary"); got != "Through the life of a connection" {
		t.Errorf("paused, and the summary is %q", got)
	}
	w.OnHub("connection", "resume")
	s.there.Shows(twin, "summary", "Edited in the pause")
	s.here.Shows(key, "description", "Edited in the pause too")
	one(t, s.there, twin, "said in the pause")

	refuses(w.RunOnHub("connection", "end", rig.Connection), 2, "--yes")
	w.OnHub("connection", "end", rig.Connection, "--yes")
	rig.Eventually(t, rig.Patience, "the poller knows of the end", func() string { return lacks(w.OnPoller("connection", "list"), "ended") })
	s.here.Edit(key, rig.Fields{"summary": "After the end"})
	time.Sleep(1500 * time.Millisecond)
	if got := s.there.Text(twin, "summary"); got != "Edited in the pause" {
		t.Errorf("ended, and the summary is %q", got)
	}
	refuses(w.RunOnHub("connection", "resume"), 1, "ended")
}

// TestARevokedPollerComesBackWithAnotherKey: after revoke --poller and a new invitation, the running poller goes on with its new
// key, and a copy of its old state is refused.
func TestARevokedPollerComesBackWithAnotherKey(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{Apart: true})
	w.StartHub()
	w.StartPoller()
	w.Connect()
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Before the theft", nil)
	copyOf(t, w, "stolen")
	w.OnHub("connection", "revoke", "--poller")
	s.here.Edit(key, rig.Fields{"summary": "While shut out"})
	w.Accept(w.Invitation("connection", "invite"))
	s.there.Shows(twin, "summary", "While shut out")
	stolen := rig.Exec(t, "", w.Dir, "poller", "once", "--config", w.Path("stolen.yaml"))
	if stolen.Code == 0 || !strings.Contains(stolen.Out+stolen.Err, "hub-refused") {
		t.Errorf("a copy of the old state: exit code %d: %s%s", stolen.Code, stolen.Out, stolen.Err)
	}
	s.here.Edit(key, rig.Fields{"summary": "After the theft"})
	s.there.Shows(twin, "summary", "After the theft")
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func lacks(text, want string) string {
	if strings.Contains(text, want) {
		return ""
	}
	return "no " + want + " in: " + text
}

// TestGracefulStop ends both halves with SIGTERM at work and starts them again: nothing is lost, and what a second start
// finds is what the first one left.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, true).with(t)
	key, twin := s.pair(t, "Stops and starts", nil)
	for _, half := range []struct {
		p     **rig.Process
		start func()
		text  string
	}{{&w.Hub, w.StartHub, "while the hub was away"}, {&w.Poller, w.StartPoller, "while the poller was away"}} {
		s.here.Edit(key, rig.Fields{"description": "just before: " + half.text})
		code, took := (*half.p).Stop(t)
		t.Logf("%s stopped in %s", (*half.p).Name, took.Round(time.Millisecond))
		if code != 0 || took > 8*time.Second || !strings.Contains((*half.p).Tail(3), "has stopped") {
			t.Errorf("after SIGTERM: exit code %d in %s\n%s", code, took, (*half.p).Tail(5))
		}
		s.here.Edit(key, rig.Fields{"summary": "Here " + half.text})
		s.there.Comment(twin, "there "+half.text, nil)
		half.start()
		s.there.Shows(twin, "summary", "Here "+half.text)
		s.there.Shows(twin, "description", "just before: "+half.text)
		one(t, s.here, key, "there "+half.text)
	}
	second := rig.Exec(t, "", w.Dir, "poller", "run", "--config", w.Path("poller.yaml"))
	if second.Code != 1 || !strings.Contains(second.Err, "poller.db") {
		t.Errorf("a second poller on the same state: exit code %d: %s", second.Code, second.Err)
	}
	once := w.RunOnPoller("poller", "once")
	if once.Code != 1 {
		t.Errorf("poller once beside a running one: exit code %d: %s", once.Code, once.Err)
	}
}

// TestSharedLogin has a person who uses the sync account's login: what he does is synced all the same.
func TestSharedLogin(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Edited with the account's own login", nil)
	req, err := http.NewRequest("PUT", s.here.Base+"/rest/api/2/issue/"+key, strings.NewReader(`{"fields":{"summary":"Edited by a person at the account"}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(read(t, w.Path("server-token"))))
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close() // 204
	s.there.Shows(twin, "summary", "Edited by a person at the account")
	var list struct{ Pairs []json.RawMessage }
	if err := json.Unmarshal([]byte(w.OnHub("sync", "list", "--json")), &list); err != nil || len(list.Pairs) != 1 {
		t.Errorf("%d pairs: %v", len(list.Pairs), err)
	}
}
