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
		r := mustBind(t, string(DefaultSource(role)), Schema{Role: role})
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
	r := mustBind(b, string(DefaultSource(bridge.Private)), Schema{})
	env := Env{Issue: supportIssue()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Outgoing(env); err != nil {
			b.Fatal(err)
		}
	}
}
