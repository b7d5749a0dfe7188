package rule

import (
	"os"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// exampleRules is what the examples of the functions run under.
const exampleRulesHead = `version: 1
tables:
  sizes: {L: large, S: small}
users:
  table:
    - {local: bob, remote: Bob Roe}
    - {local: ann, remote: Annie}
fields:
  - key: x
    out: |
      `

func evaluateExample(t *testing.T, source string) Out {
	t.Helper()
	r := mustBind(t, exampleRulesHead+source+"\n", privateSite())
	rep, err := r.Outgoing(Env{Issue: supportIssue(), Pair: PairView{RemoteKey: "DEV-7"}})
	if err != nil {
		t.Fatal(err)
	}
	return rep.Fields["x"]
}

func TestEveryFunctionDoesWhatItsExampleSays(t *testing.T) {
	for _, f := range functions {
		out := evaluateExample(t, f.example)
		got := string(out.Value)
		if out.Set != nil {
			got = string(bridge.ValueOf(sortedKeys(out.Set)))
		}
		if out.Err != nil || got != f.want {
			t.Errorf("%s: %s = %s, %v; want %s", f.name, f.example, got, out.Err, f.want)
		}
	}
}

func TestDocumentationHasEveryFunctionAndItsExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		if want := "| `" + f.form + "` | " + f.does + " | `" + f.example + "` | `" + f.want + "` |"; !strings.Contains(string(doc), strings.ReplaceAll(want, "||", "|")) {
			t.Errorf("docs/rules.md lacks the line\n%s", want)
		}
	}
	for _, name := range builtins {
		if !strings.Contains(string(doc), "`"+name) {
			t.Errorf("docs/rules.md does not mention %s", name)
		}
	}
}

func TestEmptyAndNothingAreTheSame(t *testing.T) {
	for source, want := range map[string]bridge.Value{
		`issue.resolution == nil ? "none" : "some"`:                           `"none"`,
		`issue.resolution == "" ? "none" : "some"`:                            `"none"`,
		`issue.resolution ?? "none"`:                                          `"none"`,
		`issue.assignee.name ?? "nobody"`:                                     `"nobody"`,
		`issue.assignee == nil ? "nobody" : "somebody"`:                       `"nobody"`,
		`issue.reporter != nil ? "somebody" : "nobody"`:                       `"somebody"`,
		`issue.components == nil ? "none" : "some"`:                           `"none"`,
		`replica.gone == nil ? "none" : "some"`:                               `"none"`,
		`replica.gone contains "x" ? "has" : "has not"`:                       `"has not"`,
		`"n" + replica.gone + 1`:                                              `"n1"`,
		`upper(replica.gone) + upper(issue.summary[0:7])`:                     `"PRINTER"`,
		`(number(replica.gone) ?? 0) > 3 ? "many" : "few"`:                    `"few"`,
		`join(map(filter(issue.labels, # != "red"), upper(#)), ";")`:          `"OFFICE"`,
		`first(issue.components) == "x" ? "y" : "n"`:                          `"n"`,
		`find(issue.labels, # == "zz") == nil ? "y" : "n"`:                    `"y"`,
		`"red" in issue.labels and "x" not in issue.labels ? "y" : "n"`:       `"y"`,
		`[1, "a", nil] == [1.0, "a", nil] ? "y" : "n"`:                        `"y"`,
		`{"a": 1} != {"a": 2} ? "y" : "n"`:                                    `"y"`,
		`issue.reporter == {"a": 1} ? "y" : "n"`:                              `"n"`,
		`let n = count(issue.labels, # startsWith "r"); n + 1 == 2 ? "y" : n`: `"y"`,
	} {
		if out := evaluateExample(t, source); out.Err != nil || out.Value != want {
			t.Errorf("%s = %s, %v; want %s", source, out.Value, out.Err, want)
		}
	}
}

// TestBuiltinsDoWhatTheDocumentationSays: the functions of the expression library that rules may call have their line, and its
// example gives what it says.
func TestBuiltinsDoWhatTheDocumentationSays(t *testing.T) {
	doc, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "For lists `#` is the element:")
	table, _, _ = strings.Cut(table, "\n## ")
	shown := map[string]bool{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "` |")
		if !strings.HasPrefix(line, "| `") || len(cells) != 4 {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(cells[0], "| `"), "(")
		_, example, _ := strings.Cut(cells[1], "| `")
		want := strings.TrimPrefix(cells[2], " `")
		out := evaluateExample(t, example)
		got := string(out.Value)
		if out.Set != nil {
			got = string(bridge.ValueOf(sortedKeys(out.Set)))
		}
		if out.Err != nil || got != want {
			t.Errorf("%s: %s = %s, %v; docs/rules.md says %s", name, example, got, out.Err, want)
		}
		shown[name] = true
	}
	for _, name := range builtins {
		if !shown[name] {
			t.Errorf("docs/rules.md has no example of %s", name)
		}
	}
}
