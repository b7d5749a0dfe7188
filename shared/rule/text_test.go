package rule

import (
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestAddedTextIsStripped(t *testing.T) {
	block := Added("from the desk ⟫ [x]")
	for _, text := range []string{"", "Mine", "one\n\ntwo", "\n\nindented", "a\r\nb", "⟪ by hand ⟫", "{panel}x{panel}"} {
		for form, with := range map[string]string{"before": block + "\n\n" + text, "before, one break": block + "\n" + text, "after": text + "\n\n" + block} {
			want := text
			if text == "a\r\nb" {
				want = "a\nb"
			}
			if form == "before, one break" && text == "\n\nindented" {
				continue // which of three breaks is ours cannot be told
			}
			if got := StripAdded(with); got != want {
				t.Errorf("%s: %q became %q, want %q", form, with, got, want)
			}
		}
		if StripAdded(text) != text {
			t.Errorf("%q had nothing of ours, and was changed", text)
		}
	}
	if got := StripAdded("a\n\n" + block + "\n\nb\n" + Added("second")); got != "a\n\nb" {
		t.Errorf("two blocks: %q", got)
	}
}

func TestMentionsReachNobodyByAccident(t *testing.T) {
	dc := mustBind(t, "version: 1\nusers: {table: [{local: bob, remote: Bob Roe}]}\n", privateSite())
	plain := mustBind(t, "version: 1\nusers: {mentions: plain, send: [id], table: [{local: bob, remote: Bob Roe}]}\n", privateSite())
	for in, want := range map[string]string{
		"[~admin] [~accountid:x:y]":      "@admin @x:y",
		"[~@Bob Roe|712020:z] hi":        "[~bob] hi",
		"[~@Zoe|712020:z]":               "@Zoe",
		"{code:go}[~admin]{code} [~a]":   "{code:go}[~admin]{code} @a",
		"[a|https://x|smart-link] [b|c]": "[a|https://x] [b|c]",
		"no brackets":                    "no brackets",
		"[~]":                            "[~]",
		"\\{code}[~admin]\\{code}":       "\\{code}@admin\\{code}", // shown as braces, so no code
		"\\{noformat}[~admin]{noformat}": "\\{noformat}@admin{noformat}",
	} {
		if got := dc.TextIn(in); got != want {
			t.Errorf("TextIn(%q) = %q, want %q", in, got, want)
		}
	}
	if got := plain.TextIn("[~@Bob Roe]"); got != "@Bob Roe" {
		t.Errorf("plain mentions: %q", got)
	}
	out := dc.TextOut("[~ann] [~zed] [~accountid:ann] {noformat}[~ann]{noformat}", directory)
	if want := "[~@Ann Lee] [~@someone] [~@Ann Lee] {noformat}[~ann]{noformat}"; out != want {
		t.Errorf("TextOut = %q, want %q", out, want)
	}
	if again := dc.TextOut(out, directory); again != out {
		t.Errorf("a second time it became %q", again)
	}
	if got := plain.TextOut("[~ann]", directory); got != "[~@Ann Lee|ann]" {
		t.Errorf("with ids: %q", got)
	}
}

// TestANameIsNoMarkup: who wrote it is told in one line, and mentions nobody, whatever the name of that one is.
func TestANameIsNoMarkup(t *testing.T) {
	r := mustBind(t, "version: 1\n", privateSite())
	w, err := r.CommentIn(Env{}, bridge.Member{Author: bridge.Person{Name: "A\u202e*b*\r\n[~admin]{color:red}\u2028h1. x"}, Body: "hi"})
	line, body, _ := strings.Cut(w.Body, "\n\n")
	if err != nil || body != "hi" || strings.ContainsFunc(line, bridge.Drives) || strings.ContainsAny(line, "[]{}") || strings.Contains(line, "*b*") {
		t.Errorf("%v: written as %q", err, w.Body)
	}
}

func TestUsers(t *testing.T) {
	r := mustBind(t, "version: 1\nusers:\n  fallback: nobody\n  table:\n    - {local: bob, remote: Bob Roe}\n    - {local: ann, remote: ann@example.com, as: Desk}\n", privateSite())
	for _, c := range []struct {
		in   bridge.Person
		want UserChoice
	}{
		{bridge.Person{Name: "bob roe"}, UserChoice{Local: "bob", Nobody: true}},
		{bridge.Person{Name: "A", Email: "Ann@example.com"}, UserChoice{Local: "ann", ByEmail: "Ann@example.com", Nobody: true}},
		{bridge.Person{Name: "Zoe", Email: "z@example.com"}, UserChoice{ByEmail: "z@example.com", Nobody: true}},
		{bridge.Person{}, UserChoice{Nobody: true}},
	} {
		if got := r.User(c.in); got != c.want {
			t.Errorf("User(%+v) = %+v", c.in, got)
		}
	}
	if got := r.Person(bridge.Person{Name: "Ann Lee", ID: "ann", Email: "a@x"}); got != (bridge.Person{Name: "Desk"}) {
		t.Errorf("the table gives another name: %+v", got)
	}
	if got := r.Person(bridge.Person{Name: "Zoe", ID: "zoe", Email: "z@x"}); got != (bridge.Person{Name: "Zoe"}) {
		t.Errorf("only the display name leaves: %+v", got)
	}
}

func TestStatusPaths(t *testing.T) {
	r := mustBind(t, `version: 1
status:
  paths:
    - [Open, Accept, Root Cause, Resolve, Close]
    - [Open, Resolve, Close]
  through: [Provide Workaround]
  fields: {Resolve: {resolution: Fixed, Story Points: 3}}
`, privateSite())
	s := r.Status()
	for _, c := range []struct{ from, to, want string }{
		{"Open", "Root Cause", `["Accept","Root Cause"]`}, {"open", "close", `["Resolve","Close"]`}, {"Close", "Open", "null"},
		{"Open", "Accept", `["Accept"]`}, {"Nowhere", "Close", "null"},
	} {
		if got := bridge.ValueOf(s.Path(c.from, c.to)); string(got) != c.want {
			t.Errorf("from %s to %s: %s, want %s", c.from, c.to, got, c.want)
		}
	}
	for step, want := range map[string]bool{"Accept": true, "resolve": true, "Provide Workaround": true, "Open": false, "Close": false} {
		if s.Allowed(step) != want {
			t.Errorf("Allowed(%s) = %v", step, !want)
		}
	}
	if f := s.Fields("resolve"); f["resolution"] != `"Fixed"` || f["customfield_10101"] != "3" || len(f) != 2 {
		t.Errorf("fields of the screen: %v", f)
	}
}

func TestElements(t *testing.T) {
	r := mustBind(t, "version: 1\nfields:\n  - {field: labels, values: {red: hot}, otherwise: leave}\n  - field: Reviewers\n  - {field: components, direction: out}\nusers: {send: [id], table: [{local: bob, remote: '7:b'}]}\n", privateSite())
	for _, c := range []struct {
		key, in, local string
		leave          bool
	}{
		{"labels", "hot", "red", false}, {"labels", "cold", "", true}, {"reviewers", `{"id":"7:b","name":"Bob"}`, "bob", false},
		{"reviewers", "Zoe", "", false}, {"components", "Core", "", true}, {"nothing", "x", "", true},
	} {
		local, leave, err := r.Element(c.key, c.in)
		if local != c.local || leave != c.leave || err != nil {
			t.Errorf("%s/%s: %q %v %v", c.key, c.in, local, leave, err)
		}
	}
	i := supportIssue()
	i.Fields["customfield_10108"] = []bridge.Person{{ID: "ann", Name: "Ann Lee"}}
	out, _ := r.Outgoing(Env{Issue: i})
	if got := out.Fields["reviewers"].Set["ann"]; r.ElementPerson(got) != (bridge.Person{Name: "Ann Lee", ID: "ann"}) {
		t.Errorf("a user came out as %s", got)
	}
}

func TestDiff(t *testing.T) {
	parse := func(src string) *Set {
		s, ps := Parse("f", []byte(src))
		if ps != nil {
			t.Fatal(ps)
		}
		return s
	}
	a := parse("version: 1\nfields:\n  - priority\n  - {field: labels, direction: out}\n")
	b := parse("version: 1 # better\nmethod: manual\nfields:\n  - {field: labels, direction: in}\n  - field: summary\n    direction: out\n")
	want := `~ fields.labels.direction: "out" -> "in"
- fields.priority.field: "priority"
+ fields.summary.direction: "out"
~ method: "automatic" -> "manual"
`
	if got := Diff(a, b); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := Diff(a, a); got != "" {
		t.Errorf("a set differs from itself: %s", got)
	}
	if got := Diff(parse("version: 1\n"), parse(string(DefaultSource()))); got != "" {
		t.Errorf("the default rule set differs from an empty file: %s", got)
	}
}
