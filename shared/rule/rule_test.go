package rule

import (
	"testing"

	"drawbridge/shared/bridge"
)

func mustBind(t testing.TB, src string, sc Schema) *Rules {
	t.Helper()
	s, ps := Parse("rules.yaml", []byte(src))
	if ps != nil {
		t.Fatal(ps)
	}
	r, ps := s.Bind(sc)
	if ps != nil {
		t.Fatal(ps)
	}
	return r
}

func supportIssue() *Issue {
	return &Issue{ID: "10001", Key: "SUP-1", URL: "https://desk.example.com/browse/SUP-1", Project: "SUP", Type: "Bug", Status: "Open",
		Fields: map[string]any{"summary": "Printer on fire", "description": "It burns.\r\nHelp [~ann]!", "resolution": nil,
			"priority": "High", "labels": []string{"red", "office"}, "reporter": bridge.Person{Name: "Ann Lee", ID: "ann", Email: "ann@example.com"},
			"assignee": nil, "duedate": "2026-12-01", "components": []string{}, "fixVersions": []string{"1.0"}}}
}

func TestDefaultRuleSet(t *testing.T) {
	for _, role := range []bridge.Role{bridge.Public, bridge.Private} {
		r := mustBind(t, string(DefaultSource()), Schema{Role: role})
		out, err := r.Outgoing(Env{Issue: supportIssue()})
		if err != nil || !out.Send {
			t.Fatalf("%s: %+v, %v", role, out, err)
		}
		want := map[string]bridge.Value{"summary": `"Printer on fire"`, "description": `"It burns.\nHelp [~@someone]!"`, "type": `"Bug"`,
			"status": `"Open"`, "resolution": "null"}
		if len(out.Fields) != len(want) {
			t.Errorf("%s: %v leaves", role, out.Fields)
		}
		for k, v := range want {
			if out.Fields[k].Value != v || out.Fields[k].Err != nil {
				t.Errorf("%s: %s = %+v, want %s", role, k, out.Fields[k], v)
			}
		}
	}
}

func BenchmarkDefaultOutgoing(b *testing.B) {
	r := mustBind(b, string(DefaultSource()), Schema{})
	env := Env{Issue: supportIssue()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Outgoing(env); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRulesServeManyAtOnce(t *testing.T) {
	r := mustBind(t, "version: 1\nfields:\n  - {key: a, out: 'upper(issue.summary) + join(issue.labels, \",\")'}\n  - {field: labels, out: 'lower(value)'}\n", privateSite())
	done := make(chan Replica)
	for range 8 {
		go func() {
			out, _ := r.Outgoing(Env{Issue: supportIssue()})
			done <- out
		}()
	}
	for range 8 {
		if out := <-done; out.Fields["a"].Value != `"PRINTER ON FIREred,office"` {
			t.Errorf("%+v", out.Fields["a"])
		}
	}
}

func TestUnknownSitesAreNotChecked(t *testing.T) {
	r := mustBind(t, "version: 1\nfields:\n  - {field: priority, values: {Odd: Even}}\n  - customfield_10010\ncreate: {project: ANY}\n", Schema{})
	if row, ok := r.Row("customfield_10010"); !ok || row.Target != "customfield_10010" {
		t.Errorf("an id needs no look-up: %+v", row)
	}
	in, err := r.Incoming(Env{Replica: map[string]any{"status": "Anything", "priority": "Even"}})
	if err != nil || in["status"].Value != `"Anything"` || in["priority"].Value != `"Odd"` {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestRestrictedMembersCannotLeaveThroughExpressions(t *testing.T) {
	sc := privateSite()
	sc.Fields = append(sc.Fields, Field{ID: "comment", Name: "Comment", Kind: bridge.Opaque}, Field{ID: "security", Name: "Security Level", Kind: bridge.Name})
	for _, member := range []string{"comment", "Comment", "security", "worklog", "attachment"} {
		if ps := Check("f", []byte("version: 1\nfields:\n  - {key: x, out: 'issue[\""+member+"\"]'}\n"), sc); ps == nil {
			t.Errorf("issue.%s can be read", member)
		}
	}
}
