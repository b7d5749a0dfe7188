package rule

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"drawbridge/shared/bridge"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("rules.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func generic(t *testing.T, src string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ruleFiles are all rule files the project has, good and bad.
func ruleFiles(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"default": string(DefaultSource()), "examples": string(DefaultSource()) + string(Examples())}
	files, _ := filepath.Glob("testdata/*.txt")
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = sections(string(raw))["rules.yaml"]
	}
	more, _ := filepath.Glob("../../examples/*/*.yaml")
	for _, f := range more {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = string(raw)
	}
	return out
}

func TestSchemaAcceptsWhatParseAccepts(t *testing.T) {
	s := compiledSchema(t)
	for name, src := range ruleFiles(t) {
		_, ps := Parse(name, []byte(src))
		if ps != nil || strings.TrimSpace(src) == "" {
			continue
		}
		if err := s.Validate(generic(t, src)); err != nil {
			t.Errorf("%s: Parse accepts it, the schema does not: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatParseRefuses(t *testing.T) {
	s := compiledSchema(t)
	for _, src := range []string{
		"version: 2", "version: 1\nfilds: []", "version: 1\nfields: {a: b}", "version: 1\nfields:\n  - field: [x]",
		"version: 1\nfields:\n  - {field: x, direction: up}", "version: 1\ncomments: {arriving: hidden}", "version: 1\nmethod: 7",
		"version: 1\ntriggers:\n  - note: x", "version: 1\nusers: {send: [phone]}", "version: 1\ndeletion: close",
		"version: 1\nattachments: {maxSize: huge}", "version: 1\nguard: {texts: 1 KB}", "version: 1\nusers: {email: maybe}", "version: 1\nstatus: {map: {a: [b]}}",
	} {
		if _, ps := Parse("f", []byte(src)); ps == nil {
			t.Errorf("Parse accepts\n%s", src)
		}
		if s.Validate(generic(t, src)) == nil {
			t.Errorf("the schema accepts\n%s", src)
		}
	}
}

// TestSchemaHasTheKeysOfTheLanguage compares every map of the schema with the key tables Parse reads by.
func TestSchemaHasTheKeysOfTheLanguage(t *testing.T) {
	full := `version: 1
fields: [{field: x}]
outgoing: [{stop: a}]
status: {map: {}}
users: {table: [{local: a, remote: b}]}
comments: {restrictedTo: {role: x}}
attachments: {}
worklogs: {}
links: {}
create: {}
triggers: [{jql: project = A}]
scope: {}
deletion: {close: x}
guard: {}
`
	f := newFile("f", []byte(full))
	d := &decoder{file: f, seen: map[string][]string{}}
	d.set(readYAML(f, []byte(full)), defaults)
	var doc struct {
		Properties map[string]any
		Defs       map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	if err := json.Unmarshal(JSONSchema(), &doc); err != nil {
		t.Fatal(err)
	}
	for what, known := range d.seen {
		props := doc.Properties
		if what != "rule file" {
			props = doc.Defs[what].Properties
		}
		sort.Strings(known)
		if got := sortedKeys(props); strings.Join(got, " ") != strings.Join(known, " ") {
			t.Errorf("%s: the schema has %v, the language %v", what, got, known)
		}
	}
	if len(d.seen) != len(doc.Defs)+1 {
		t.Errorf("the language has %d kinds of maps, the schema %d", len(d.seen), len(doc.Defs)+1)
	}
}

func TestExamplesAreGoodRules(t *testing.T) {
	src := string(DefaultSource()) // the examples with the # taken away, as people do
	for _, line := range strings.Split(string(Examples()), "\n") {
		if strings.HasPrefix(line, "# What people") || line == "#" {
			continue
		}
		src += strings.TrimPrefix(strings.TrimPrefix(line, "# "), "#") + "\n"
	}
	src = strings.NewReplacer("base: none", "base: default").Replace(uniqueSections(src))
	sc := privateSite()
	sc.Users = append(sc.Users, "jdoe")
	sc.Statuses = append(sc.Statuses, "To Do", "Done")
	if ps := Check("examples.yaml", []byte(src), sc); ps != nil {
		t.Errorf("%v\n%s", ps, src)
	}
}

// uniqueSections keeps the last of several sections with one key.
func uniqueSections(src string) string {
	var blocks []string
	at := map[string]int{}
	for _, line := range strings.SplitAfter(src, "\n") {
		key, _, ok := strings.Cut(line, ":")
		if ok && line[0] != ' ' && line[0] != '#' {
			if i, seen := at[key]; seen {
				blocks[i] = ""
			}
			at[key] = len(blocks)
			blocks = append(blocks, line)
		} else if len(blocks) > 0 {
			blocks[len(blocks)-1] += line
		}
	}
	return strings.Join(blocks, "")
}

func FuzzParse(f *testing.F) {
	f.Add(string(DefaultSource()))
	f.Add("version: 1\nfields:\n  - {field: labels, out: 'filter(value, # != \"x\")'}\ntriggers: [{jql: 'a in (b, c) and not d ~ e order by f'}]\n")
	files, _ := filepath.Glob("testdata/*.txt")
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil {
			f.Add(sections(string(raw))["rules.yaml"])
		}
	}
	sc := privateSite()
	f.Fuzz(func(t *testing.T, src string) {
		alarm := time.AfterFunc(5*time.Second, func() { panic("this file takes too long to read:\n" + src) })
		defer alarm.Stop()
		s, ps := Parse("f.yaml", []byte(src))
		for _, p := range ps {
			if p.Message == "" || p.Line < 1 || p.Column < 1 {
				t.Fatalf("a problem without a place: %+v", p)
			}
		}
		if s == nil {
			return
		}
		r, _ := s.Bind(sc)
		if r == nil {
			return
		}
		if _, err := r.Outgoing(Env{Issue: supportIssue()}); err != nil && bridge.IsTemporary(err) {
			t.Fatalf("a rule's failure is permanent: %v", err)
		}
	})
}
