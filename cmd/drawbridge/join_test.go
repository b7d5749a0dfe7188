package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/simulator"
)

func TestPairsOfAFile(t *testing.T) {
	for _, c := range []struct{ text, want, wrong string }{
		{"sup-1,OPS-1\nSUP-2, ops-2\n", "[[SUP-1 OPS-1] [SUP-2 OPS-2]]", ""},
		{"here,there\n# a comment\nSUP-1,OPS-1,whatever\n", "[[SUP-1 OPS-1]]", ""},
		{"SUP-1\nSUP-2,OPS-2\n,OPS-3\n", "[[SUP-2 OPS-2]]", "pairs.csv:1: \"SUP-1\" is not two keys\npairs.csv:3: \",OPS-3\" is not two keys"},
		{"", "[]", ""},
	} {
		got, err := readPairs("pairs.csv", strings.NewReader(c.text))
		said := ""
		if err != nil {
			said = err.Error()
		}
		if fmt.Sprint(got) != c.want || said != c.wrong {
			t.Errorf("%q: %v, %q; want %s, %q", c.text, got, said, c.want, c.wrong)
		}
	}
}

// makeIssue makes an issue in a simulated Jira.
func makeIssue(s *simulator.Site, project string) {
	body := fmt.Sprintf(`{"fields":{"project":{"key":%q},"issuetype":{"name":"Task"},"summary":"one"}}`, project)
	r := httptest.NewRequest(http.MethodPost, "/rest/api/2/issue", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if r.SetBasicAuth("alice@example.com", "alice-token"); s.Flavour() == simulator.DataCenter {
		r.Header.Set("Authorization", "Bearer alice-token")
	}
	s.Handler().ServeHTTP(httptest.NewRecorder(), r)
}

// TestAPairNeedsAnIssueHere: what Jira does not show is not asked for, and the others of the file are.
func TestAPairNeedsAnIssueHere(t *testing.T) {
	hub, jira := withSimulator(t, simulator.Cloud, hubOverSimulator)
	says(t, hub, "connection create support --project DEMO", exitDone)
	makeIssue(jira, "DEMO")
	says(t, hub, "sync pair DEMO-1 OPS-1", exitDone, "asked to join 1 pair")
	says(t, hub, "sync pair DEMO-9 OPS-1", exitFailed, "no such issue here", "DEMO-9", "asked to join 0 pairs")
	file := filepath.Join(t.TempDir(), "pairs.csv")
	must(t, os.WriteFile(file, []byte("DEMO-9,OPS-9\nDEMO-1,OPS-1\n"), 0o600))
	says(t, hub, "sync pair --file "+file, exitFailed, "not asked for: DEMO-9", "asked to join 1 pair")
}
