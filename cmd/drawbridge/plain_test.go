package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// TestWhatIsToldOfAPairIsNotMadeUp: a reason that holds line ends makes no line of its own where errors, pairs or their state
// are listed, and drives no terminal in any of them.
func TestWhatIsToldOfAPairIsNotMadeUp(t *testing.T) {
	hub := seeded(t)
	db, err := sqlitestore.Open(filepath.Join(filepath.Dir(hub), "hub.db"), sqlitestore.Options{})
	must(t, err)
	book := &pair.Book{Store: db.Store(), Site: "cloud", Now: func() int64 { return 1 }}
	_, err = book.Update(t.Context(), "c1", "10002", func(p *pair.Pair) error {
		p.Park("field-refused", evil, 1, 2)
		p.Note(pair.Event{What: "refused", Field: "summary", Note: evil, New: bridge.ValueOf(evil)})
		return nil
	})
	must(t, err)
	must(t, db.Close())
	for _, command := range []string{"errors list", "sync show SUP-2", "sync list", "status", "sync export", "errors list --json", "sync show SUP-2 --json"} {
		out, errOut, _ := try(t, append(strings.Fields(command), "--config", hub)...)
		if bad := drives(out + errOut); bad != nil {
			t.Errorf("drawbridge %s: %v reach the terminal", command, bad)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "OK  ") {
				t.Errorf("drawbridge %s: a line is made up:\n%s", command, out)
			}
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
