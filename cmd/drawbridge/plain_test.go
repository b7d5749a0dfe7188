package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
	"drawbridge/shared/pair"
	"drawbridge/shared/site"
	"drawbridge/shared/store/sqlitestore"
)

// evil is what the other side, or a Jira, may say: it drives a terminal, hides what follows and begins a line of its own.
const evil = "\x1b]0;owned\x07\x1b[2J\x1b[1A\rfake\u202etxt\u2066\u009b31m\x9b31m\x1b[8m\x7f\u2028\nOK  nothing to do"

// drives says what of a text would drive a terminal; our own colours do not.
func drives(text string) (bad []string) {
	for _, r := range colours.ReplaceAllString(text, "") {
		if bridge.Drives(r) && r != '\n' && r != '\t' {
			bad = append(bad, fmt.Sprintf("%U", r))
		}
	}
	if strings.Contains(text, "\x9b") {
		bad = append(bad, "a single byte 0x9b")
	}
	if strings.Contains(text, "\x1b[8m") {
		bad = append(bad, "the colour that hides")
	}
	return bad
}

// TestNothingFromOutsideDrivesTheTerminal: a summary, a name or a reason from the other side is text, whatever it holds.
func TestNothingFromOutsideDrivesTheTerminal(t *testing.T) {
	var b bytes.Buffer
	s := &screen{out: &b, colour: true}
	err := s.show(nil, func(w io.Writer) {
		fmt.Fprintln(w, s.bold("pair"), evil)
		table(w, [][]string{{"KEY", "WHY"}, {"PUB-1", evil}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if bad := drives(b.String()); bad != nil {
		t.Errorf("%v reach the terminal", bad)
	}
	if !strings.Contains(b.String(), "\x1b[1mpair\x1b[0m") {
		t.Error("our own colour is gone")
	}
	if rows := strings.Split(strings.TrimSpace(b.String()), "\n"); len(rows) != 4 { // the line, which has two, and a table of two
		t.Errorf("a value makes rows of its own in a table:\n%s", b.String())
	}
}

// TestErrorsDriveNoTerminal: neither those of a Jira, nor those that repeat what was typed or read.
func TestErrorsDriveNoTerminal(t *testing.T) {
	for _, err := range []error{bridge.Permanent("field-refused", "%s", evil), usage("drawbridge sync", "%s", evil)} {
		var b bytes.Buffer
		(&screen{out: &b, err: &b}).finish(err)
		if bad := drives(b.String()); bad != nil || !strings.Contains(b.String(), "fake") {
			t.Errorf("%T: %v reach the terminal: %q", err, bad, b.String())
		}
	}
}

// TestJSONIsExactAndDrivesNoTerminal: with --json a value is what it is, character by character.
func TestJSONIsExactAndDrivesNoTerminal(t *testing.T) {
	valid := strings.ToValidUTF8(evil, "")
	var b bytes.Buffer
	if err := (&screen{out: &b, asJSON: true}).show(map[string]string{"note": valid}, nil); err != nil {
		t.Fatal(err)
	}
	if bad := drives(b.String()); bad != nil {
		t.Errorf("%v reach the terminal", bad)
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["note"] != valid {
		t.Errorf("%v: %q came back as %q", err, valid, out["note"])
	}
}

// TestWhatIsToldIsNotMadeUp: a reason, a name or an answer that holds line ends makes no line of its own where errors, pairs,
// connections or their state are listed and explained, and drives no terminal in any of them.
func TestWhatIsToldIsNotMadeUp(t *testing.T) {
	hub := seeded(t)
	raw, err := os.ReadFile(hub)
	must(t, err)
	must(t, os.WriteFile(hub, bytes.Replace(raw, []byte("http://127.0.0.1:1"), []byte(evilJira(t)), 1), 0o600))
	seedEvil(t, filepath.Join(filepath.Dir(hub), "hub.db"))
	for _, command := range []string{
		"errors list", "sync show SUP-2", "sync list", "status", "sync export", "sync explain SUP-1", "sync explain SUP-2", "sync explain SUP-404", "sync bulk",
		"doctor --project SUP", "connection list", "connection show support", "audit", "errors list --json", "sync show SUP-2 --json", "sync explain SUP-2 --json", "doctor --json",
	} {
		out, errOut, _ := try(t, append(strings.Fields(command), "--config", hub)...)
		if bad := drives(out + errOut); bad != nil {
			t.Errorf("drawbridge %s: %v reach the terminal", command, bad)
		}
		for line := range strings.Lines(out + errOut) {
			if strings.HasPrefix(line, "OK  ") {
				t.Errorf("drawbridge %s: a line is made up:\n%s%s", command, out, errOut)
			}
		}
		if list := strings.HasSuffix(command, " list") || command == "audit"; !list && !strings.Contains(out+errOut, "fake") {
			t.Errorf("drawbridge %s does not tell what was said:\n%s%s", command, out, errOut)
		}
		if strings.Contains(out, "it is parked since never") {
			t.Errorf("drawbridge %s takes for parked what is not:\n%s", command, out)
		}
	}
}

// seedEvil has everything that others say of pairs and connections say what is evil.
func seedEvil(t *testing.T, state string) {
	t.Helper()
	db, err := sqlitestore.Open(state, sqlitestore.Options{})
	must(t, err)
	book := &pair.Book{Store: db.Store(), Site: "cloud", Now: func() int64 { return 1 }}
	for _, id := range []string{"10001", "10002"} {
		_, err = book.Update(t.Context(), "c1", id, func(p *pair.Pair) error {
			p.Park("field-refused", evil, 1, 2)
			p.Note(pair.Event{What: "refused", Field: "summary", Note: evil, New: bridge.ValueOf(evil)})
			p.Head.Answer = &bridge.Ack{Outcome: bridge.Parked, Reason: evil}
			p.State.Kept, p.State.Field("summary").Problem = evil, evil
			p.State.Refuse("attachment/1", evil)
			return nil
		})
		must(t, err)
	}
	must(t, book.UpdateConnection(t.Context(), "c1", func(c *bridge.Connection) error {
		c.Description, c.Theirs = evil, evil
		c.Hold(bridge.Private, &bridge.Hold{State: bridge.Broken, Name: "safety-stop", Why: evil})
		return nil
	}))
	local := &site.Site{Name: "cloud", Book: book}
	_, err = local.UpdateJob(t.Context(), "c1", "job", func(j *site.Job) error {
		j.State, j.JQL, j.Kept, j.Failed = site.JobRuns, evil, []site.Failure{{Key: "SUP-7", Why: evil}}, []site.Failure{{Key: "SUP-8", Why: evil}}
		return nil
	})
	must(t, err)
	must(t, db.Close())
}

// evilJira is the address of a Jira that knows who we are and says nothing but evil.
func evilJira(t *testing.T) string {
	t.Helper()
	answers := map[string]any{
		"/rest/api/2/myself":     map[string]string{"accountId": "712020:a", "displayName": evil, "emailAddress": evil},
		"/rest/api/2/serverInfo": map[string]string{"version": evil, "deploymentType": evil},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "/issue/"):
			w.WriteHeader(http.StatusNotFound)
		case !known:
			w.WriteHeader(http.StatusBadRequest)
		}
		if !known {
			answer = map[string]any{"errorMessages": []string{evil}, "errors": map[string]string{evil: evil}}
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// TestHealthIsOneLine: what stops a site is told by whoever asks for its health in one line that drives no terminal.
func TestHealthIsOneLine(t *testing.T) {
	e := &engine{trouble: bridge.Permanent("site-unauthenticated", "%s", evil).At(bridge.LevelSite)}
	for _, health := range []http.HandlerFunc{e.health, e.publicHealth} {
		w := httptest.NewRecorder()
		health(w, httptest.NewRequest("GET", "/healthz", nil))
		if said := w.Body.String(); w.Code != http.StatusServiceUnavailable || drives(said) != nil || strings.Count(said, "\n") != 1 {
			t.Errorf("%d %q", w.Code, said)
		}
	}
}

// TestAuditLinesAreNotMadeUp: what was typed, or why it failed, is in the line of the one who did it.
func TestAuditLinesAreNotMadeUp(t *testing.T) {
	var b bytes.Buffer
	in := map[string]string{evil: evil}
	(&half{screen: &screen{}}).printActs(&b, []site.Act{{Who: evil, What: evil, Before: in, After: in, Failed: evil}})
	if lines := strings.Count(b.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3: the act, what it changed, why it failed\n%s", lines, b.String())
	}
}

// TestNumbersCanBeReadWhateverAConnectionIsCalled: Prometheus drops all numbers of a page with an escape that it does not know.
func TestNumbersCanBeReadWhateverAConnectionIsCalled(t *testing.T) {
	if got, want := labelled([]string{"connection", "a\u202eb\x1b\n\"c\\ü"}), `{connection="a b  \"c\\ü"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestASuggestionIsOneLine: what users suggest prints is put into rules; a name ends neither its comment nor its row.
func TestASuggestionIsOneLine(t *testing.T) {
	name := "Bob\r\n    - {local: admin, remote: thief}\u2028'"
	one, two := bridge.Person{ID: "a'b", Name: name}, bridge.Person{ID: "two", Name: name}
	for _, local := range [][]bridge.Person{nil, {one}, {one, two}} {
		for _, known := range []bool{false, true} {
			var b bytes.Buffer
			printSuggestions(&b, []site.Suggestion{{Remote: bridge.Person{Name: name}, Local: local, Why: "name", Known: known}})
			if want := 3 + max(1, len(local)); strings.Count(b.String(), "\n") != want && !known || strings.ContainsAny(b.String(), "\r\u2028") || strings.Contains(b.String(), "\n    - {local: admin") {
				t.Errorf("%d of this site, known %t:\n%s", len(local), known, b.String())
			}
		}
	}
}
