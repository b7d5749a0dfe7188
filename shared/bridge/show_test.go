package bridge

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// evil holds each kind of character that drives what shows it, and some that only look odd.
const evil = "a\x1b]0;owned\x07\x7f\u0085\u009b31m\u202etxt\u2066\u200e\u2028\u2029\r\n\tü 👩\u200d💻\U0001F600"

func TestWhatIsShownDrivesNothing(t *testing.T) {
	if got, want := Shown(evil+"\x9b"), "a]0;owned31mtxt\n\tü 👩\u200d💻\U0001F600\ufffd"; got != want {
		t.Errorf("shown: %q, want %q", got, want)
	}
	if got := OneLine(evil + "\x9b"); strings.ContainsFunc(got, Drives) || strings.Contains(got, "\x9b") || !strings.Contains(got, "👩\u200d💻") {
		t.Errorf("one line: %q", got)
	}
}

func TestJSONKeepsItsValuesAndDrivesNothing(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(JSONWriter{&b})
	enc.SetIndent("", "\t")
	enc.SetEscapeHTML(false)
	in := map[string]string{evil: "<" + evil + ">"}
	if err := enc.Encode(in); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.String() {
		if Drives(r) && r != '\n' && r != '\t' {
			t.Errorf("%U stands in the JSON", r)
		}
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out[evil] != in[evil] {
		t.Errorf("%v: came back as %q", err, out)
	}
}

// TestAnIssueOfTheOtherSiteIsNoScript: a key and an address from over there become link titles, links and parts of comments.
func TestAnIssueOfTheOtherSiteIsNoScript(t *testing.T) {
	for in, want := range map[Ref]Ref{
		{ID: "1", Key: "OPS-1", URL: "https://jira.example.com/jira/browse/OPS-1"}: {ID: "1", Key: "OPS-1", URL: "https://jira.example.com/jira/browse/OPS-1"},
		{ID: "1", Key: "ÜB_2-1", URL: "http://[::1"}:                               {ID: "1", Key: "ÜB_2-1"},
		{ID: "1", Key: "[~admin]", URL: "javascript:alert(1)"}:                     {ID: "1"},
		{ID: "1", Key: "OPS-1\r\nX: y", URL: "https://x/a|b"}:                      {ID: "1"},
		{ID: "1", Key: "=cmd()", URL: "https://x/\u202egpj"}:                       {ID: "1"},
		{ID: "1", Key: "<b>", URL: "https://x/] [~admin"}:                          {ID: "1"},
		{ID: "1", Key: "OPS-1", URL: "data:text/html,x"}:                           {ID: "1", Key: "OPS-1"},
		{ID: "1"}: {ID: "1"},
	} {
		if got := in.Shown(); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}
