package rule

import (
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestHistoryShowsOnlyWhatRulesMayName(t *testing.T) {
	r := mustBind(t, "version: 1\nsecret: [Root Cause]\nfields:\n  - key: past\n    out: 'join(map(issue.history, .field + \"=\" + .to + \" \" + .by.name + \" \" + .at), \"; \")'\n", privateSite())
	is := supportIssue()
	if out, _ := r.Outgoing(Env{Issue: is}); len(out.Fields) == 0 || out.Fields["past"].Value != "" {
		t.Errorf("what is not known of the history was sent: %v", out.Fields)
	}
	by := bridge.Person{Name: "Ann Lee"}
	is.History = []Past{{Field: "priority", To: "High", By: by}, {Field: "customfield_10100", To: "a leak", By: by}, {Field: "security", To: "Staff", By: by},
		{Field: "comment", To: "what was deleted", By: by}, {Field: "summary", To: "Fire", At: 1000, By: by}}
	out, err := r.Outgoing(Env{Issue: is})
	want := "summary=Fire Ann Lee 1970-01-01T00:00:01.000Z; priority=High Ann Lee 1970-01-01T00:00:00.000Z"
	if got := out.Fields["past"]; err != nil || got.Err != nil || got.Value.Text() != want {
		t.Errorf("%s %v %v, want %s", got.Value, got.Err, err, want)
	}
	for range 20000 {
		is.History = append(is.History, Past{Field: "summary", To: strings.Repeat("x", 500)})
	}
	if out, _ := r.Outgoing(Env{Issue: is}); len(out.Fields["past"].Value) > maxBytes {
		t.Error("the history has no bound")
	}
}
