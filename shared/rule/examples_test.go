package rule

import (
	"os"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func exampleFile(t testing.TB, name string, sc Schema) *Rules {
	t.Helper()
	src, err := os.ReadFile("../../examples/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if ps := Check(name, src, sc); ps != nil {
		t.Fatal(ps)
	}
	return mustBind(t, string(src), sc)
}

func deskSite() Schema {
	return Schema{Role: bridge.Public, Flavour: bridge.Cloud, Fields: []Field{{ID: "customfield_1", Name: "Root Cause", Kind: bridge.RichText, Custom: true}},
		Statuses:    []string{"Waiting for support", "Escalated", "Waiting for customer", "Resolved", "Closed"},
		Priorities:  []string{"Highest", "High", "Medium", "Low", "Lowest"},
		Resolutions: []string{"Done", "Won't Do", "Cannot Reproduce"}, Types: []string{"Service Request", "Incident"}, Projects: []string{"DESK"}}
}

func engineeringSite() Schema {
	s := deskSite()
	s.Role, s.Flavour = bridge.Private, bridge.DataCenter
	s.Statuses = []string{"Open", "Accept", "Root Cause", "Provide Workaround", "Resolve", "Close"}
	s.Priorities = []string{"Blocker", "Critical", "Major", "Minor"}
	s.Resolutions = []string{"Fixed", "Won't Fix", "Cannot Reproduce", "Duplicate"}
	s.Types, s.Projects, s.Users = []string{"Bug", "Task"}, []string{"DEV"}, []string{"triage"}
	return s
}

// over sends an issue through the outgoing rule of one site and the incoming rule of the other.
func over(t *testing.T, from, to *Rules, i *Issue, local *Issue) map[string]In {
	t.Helper()
	rep, err := from.Outgoing(Env{Issue: i, Name: directory})
	if err != nil || !rep.Send {
		t.Fatal(rep.Why, err)
	}
	replica := map[string]any{}
	for k, o := range rep.Fields {
		if o.Err != nil {
			t.Errorf("%s: %v", k, o.Err)
		}
		replica[k] = o.Value.Any()
	}
	in, err := to.Incoming(Env{Issue: local, Replica: replica, First: local == nil,
		Pair: PairView{RemoteKey: i.Key, RemoteURL: i.URL, Connection: "desk"}})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func shown(in map[string]In) string {
	var b strings.Builder
	for _, k := range sortedKeys(in) {
		b.WriteString(k + " -> " + shownIn(in[k]) + "\n")
	}
	return b.String()
}

func escalated() *Issue {
	return &Issue{ID: "1", Key: "DESK-7", URL: "https://desk.example.com/browse/DESK-7", Project: "DESK", Type: "Incident", Status: "Escalated", Service: true,
		Fields: map[string]any{"summary": "Printer on fire", "description": "It burns.", "priority": "Highest", "labels": []string{"escalate"},
			"resolution": nil, "customfield_1": nil, "reporter": bridge.Person{Name: "Ann Lee", Email: "ann@example.com"}}}
}

func TestEscalationExample(t *testing.T) {
	desk, eng := exampleFile(t, "escalation/public.yaml", deskSite()), exampleFile(t, "escalation/private.yaml", engineeringSite())
	request := escalated()
	if match, decided := desk.Triggers()[0].Decide(request); !match || !decided {
		t.Error("the label escalates, without asking Jira")
	}
	got := shown(over(t, desk, eng, request, nil))
	want := `description -> description = "⟪drawbridge: From Ann Lee via support desk, https://desk.example.com/browse/DESK-7⟫\n\nIt burns."
mark -> labels = ["from-desk"] (constant)
priority -> priority = "Blocker"
status -> status = "Accept"
summary -> summary = "[DESK-7] Printer on fire"
`
	if got != want {
		t.Errorf("escalated\n%s\nwant\n%s", got, want)
	}
	bug := &Issue{ID: "9", Key: "DEV-1", URL: "https://dev.internal/browse/DEV-1", Project: "DEV", Type: "Bug", Status: "Root Cause",
		Fields: map[string]any{"summary": "[DESK-7] Printer on fire", "description": "secret plans", "priority": "Minor", "resolution": nil, "customfield_1": "A leak?"}}
	if got := shown(over(t, eng, desk, bug, request)); got != "priority -> priority = \"Low\"\nresolution -> resolution = null\n" {
		t.Errorf("while the cause is looked for the desk gets\n%s", got)
	}
	bug.Status, bug.Fields["resolution"], bug.Fields["customfield_1"] = "Resolve", "Duplicate", "A leak."
	want = "priority -> priority = \"Low\"\nresolution -> resolution = \"Done\"\nrootcause -> customfield_1 = \"A leak.\"\nstatus -> status = \"Resolved\"\n"
	if got := shown(over(t, eng, desk, bug, request)); got != want {
		t.Errorf("resolved\n%s\nwant\n%s", got, want)
	}
	if send, _, _, _ := eng.CommentOut(Env{Issue: bug}, Comment{Body: "#int blame the fan"}); send {
		t.Error("internal discussion left")
	}
	w, err := desk.CommentIn(Env{Issue: request}, bridge.Member{Author: bridge.Person{Name: "Dora"}, Body: "try turning it off"})
	if err != nil || !w.Take || !w.Internal {
		t.Errorf("engineering's comment arrives as %+v, %v", w, err)
	}
	if _, err := desk.Create(Env{}); err == nil {
		t.Error("engineering opened a request")
	}
}

// BenchmarkEscalation evaluates the shipped example, with its scripts and tables: what leaves the desk.
func BenchmarkEscalation(b *testing.B) {
	r, env := exampleFile(b, "escalation/public.yaml", deskSite()), Env{Issue: escalated(), Name: directory}
	b.ReportAllocs()
	for b.Loop() {
		if out, err := r.Outgoing(env); err != nil || !out.Send {
			b.Fatal(err)
		}
	}
}

func TestDemoExamples(t *testing.T) {
	sc := Schema{Fields: []Field{}}
	for i, f := range []Field{{Name: "Customer", Kind: bridge.Text}, {Name: "Story points", Kind: bridge.Number}, {Name: "Target date", Kind: bridge.Date},
		{Name: "Severity", Kind: bridge.Name}, {Name: "Platforms", Kind: bridge.Names}, {Name: "Approver", Kind: bridge.User}} {
		f.ID, f.Custom = "customfield_"+itoa(10000+i), true
		sc.Fields = append(sc.Fields, f)
	}
	for _, role := range []bridge.Role{bridge.Public, bridge.Private} {
		sc.Role = role
		r := exampleFile(t, "demo/"+string(role)+".yaml", sc)
		if len(r.Rows()) != 19 {
			t.Errorf("%s: %d rows", role, len(r.Rows()))
		}
	}
}

// TestDocumentedRulesAreRules reads every YAML block of the documentation.
func TestDocumentedRulesAreRules(t *testing.T) {
	for _, name := range []string{"rules.md", "from-exalate.md"} {
		doc, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(doc), "```yaml\n")
		for _, block := range blocks[1:] {
			src, _, _ := strings.Cut(block, "```")
			if strings.HasPrefix(src, "  - ") {
				src = "fields:\n" + src
			}
			if !strings.HasPrefix(src, "version") {
				src = "version: 1\n" + src
			}
			sc := Schema{Fields: siteFields()}
			sc.Fields = append(sc.Fields, Field{ID: "customfield_2", Name: "Cause", Kind: bridge.Text, Custom: true})
			if ps := Check(name, []byte(src), sc); ps != nil {
				t.Errorf("%v", ps)
			}
		}
	}
}
