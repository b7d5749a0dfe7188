package rule

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// TestExalateIdioms evaluates the rules of docs/from-exalate.md: each file of testdata/exalate names an idiom in its first line, and
// says what the rules under it do. It is a golden file (see TestGolden) whose rules are those of the page, at a site that has
// whatever they name; "path" asks for the way from one status to another.
func TestExalateIdioms(t *testing.T) {
	doc, err := os.ReadFile("../../docs/from-exalate.md")
	if err != nil {
		t.Fatal(err)
	}
	idioms := idiomsOf(string(doc))
	files, _ := filepath.Glob("testdata/exalate/*.txt")
	tested := map[string]bool{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parts := sections(string(raw))
		heading, _, _ := strings.Cut(string(raw), ".")
		source, ok := idioms[heading]
		if !ok {
			t.Errorf("%s: docs/from-exalate.md has no idiom %q", name, heading)
			continue
		}
		tested[heading] = true
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) { idiom(t, name, string(raw), source, parts) })
	}
	for heading := range idioms {
		if !tested[heading] {
			t.Errorf("no file of testdata/exalate shows what %q does", heading)
		}
	}
}

// idiomsOf are the rules of the page by the bold words before them.
func idiomsOf(doc string) map[string]string {
	out, heading := map[string]string{}, ""
	blocks := strings.Split(doc, "```yaml\n")
	for i, block := range blocks {
		if source, _, ok := strings.Cut(block, "```"); ok && i > 0 {
			out[heading] = "version: 1\n" + source
		}
		if at := strings.LastIndex(block, "\n**"); at >= 0 {
			heading, _, _ = strings.Cut(block[at+3:], ".")
		}
	}
	return out
}

func idiom(t *testing.T, name, raw, source string, parts map[string]string) {
	sc := Schema{Role: bridge.Private, Flavour: bridge.DataCenter, Types: []string{"Bug", "Task"}, Fields: append(siteFields(), Field{ID: "customfield_2", Name: "Cause", Kind: bridge.Text, Custom: true})}
	r := mustBind(t, source, sc)
	env := Env{Issue: supportIssue(), Local: sc.Role, Remote: sc.Role.Other(), Name: directory,
		Pair: PairView{LocalKey: "SUP-1", RemoteKey: "DEV-7", RemoteURL: "https://dev.example.com/browse/DEV-7", Connection: "desk"}}
	env.First = strings.Contains(parts[""], "created")
	merge(t, parts["issue"], env.Issue)
	if env.First {
		env.Issue = nil
	}
	got := playFields(t, r, env, parts) + playMembers(t, r, env, parts)
	if text, asked := parts["replica"]; asked {
		decode(t, text, &env.Replica)
		why, err := r.Refuses(env)
		if why != "" || err != nil {
			got += fmt.Sprintf("nothing is taken: %s%s\n", why, failed(err))
		}
	}
	if from, to, asked := strings.Cut(strings.TrimSpace(parts["path"]), ", "); asked {
		got += fmt.Sprintf("from %s to %s: %q\n", from, to, r.Status().Path(from, to))
	}
	if *update {
		at := strings.Index(raw, "-- want --\n")
		if err := os.WriteFile(name, []byte(raw[:at]+"-- want --\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != parts["want"] {
		t.Errorf("got\n%s\nwant\n%s", got, parts["want"])
	}
}
