package jira

import (
	"encoding/json"
	"slices"
	"testing"

	"drawbridge/shared/bridge"
)

const custom = "com.atlassian.jira.plugin.system.customfieldtypes:"

func fieldOf(t *testing.T, id, typ, items, customType string) Field {
	t.Helper()
	w := wireField{ID: text(id), Name: text(id), Custom: truth(customType != "")}
	w.Schema.Type, w.Schema.Items = text(typ), text(items)
	if customType != "" {
		w.Schema.Custom = text(custom + customType)
	}
	return w.field()
}

// TestFieldsBothWays: kind, neutral value, and what is written for it, per flavour.
func TestFieldsBothWays(t *testing.T) {
	for _, c := range []struct {
		id, typ, items, custom string
		kind                   bridge.Kind
		raw                    string
		value                  bridge.Value
		set                    []string
		cloud, dc              string // "" for not writable; "=" for the same
	}{
		{"summary", "string", "", "", bridge.Text, `"a"`, `"a"`, nil, `"a"`, "="},
		{"description", "string", "", "", bridge.RichText, `"a\r\nb\rc"`, `"a\nb\nc"`, nil, `"a\nb\nc"`, "="},
		{"description", "string", "", "", bridge.RichText, `""`, `null`, nil, `null`, "="},
		{"environment", "string", "", "", bridge.RichText, `null`, `null`, nil, `null`, "="},
		{"c1", "string", "", "textarea", bridge.RichText, `"x"`, `"x"`, nil, `"x"`, "="},
		{"c1", "string", "", "textfield", bridge.Text, `"x"`, `"x"`, nil, `"x"`, "="},
		{"c1", "string", "", "url", bridge.Text, `"x"`, `"x"`, nil, `"x"`, "="},
		{"c1", "string", "", "readonlyfield", bridge.Text, `"x"`, `"x"`, nil, "", ""},
		{"c1", "number", "", "float", bridge.Number, `1.50`, `1.50`, nil, `1.50`, "="},
		{"c1", "number", "", "float", bridge.Number, `null`, `null`, nil, `null`, "="},
		{"workratio", "number", "", "", bridge.Number, `-1`, `-1`, nil, "", ""},
		{"duedate", "date", "", "", bridge.Date, `"2026-11-21"`, `"2026-11-21"`, nil, `"2026-11-21"`, "="},
		{"c1", "datetime", "", "datetime", bridge.DateTime, `"2026-11-21T15:30:00.000+0530"`, `"2026-11-21T10:00:00.000Z"`, nil, `"2026-11-21T10:00:00.000+0000"`, "="},
		{"created", "datetime", "", "", bridge.DateTime, `"2026-11-21T10:00:00.000Z"`, `"2026-11-21T10:00:00.000Z"`, nil, "", ""},
		{"priority", "priority", "", "", bridge.Name, `{"id":"3","name":"Low"}`, `"Low"`, nil, `{"name":"Low"}`, "="},
		{"resolution", "resolution", "", "", bridge.Name, `null`, `null`, nil, `null`, "="},
		{"status", "status", "", "", bridge.Name, `{"name":"Done"}`, `"Done"`, nil, "", ""},
		{"issuetype", "issuetype", "", "", bridge.Name, `{"name":"Bug"}`, `"Bug"`, nil, `{"name":"Bug"}`, "="},
		{"project", "project", "", "", bridge.Name, `{"key":"P","name":"Project"}`, `"P"`, nil, `{"key":"P"}`, "="},
		{"security", "securitylevel", "", "", bridge.Name, `{"name":"Top"}`, `"Top"`, nil, `{"name":"Top"}`, "="},
		{"c1", "option", "", "select", bridge.Name, `{"value":"Red","id":"1"}`, `"Red"`, nil, `{"value":"Red"}`, "="},
		{"c1", "option", "", "radiobuttons", bridge.Name, `{"value":"Red"}`, `"Red"`, nil, `{"value":"Red"}`, "="},
		{"c1", "version", "", "version", bridge.Name, `{"name":"1.0"}`, `"1.0"`, nil, `{"name":"1.0"}`, "="},
		{"c1", "group", "", "grouppicker", bridge.Name, `{"name":"devs"}`, `"devs"`, nil, `{"name":"devs"}`, "="},
		{"labels", "array", "string", "", bridge.Names, `["b","a","b"]`, `["a","b"]`, []string{"a", "b"}, `["a","b"]`, "="},
		{"c1", "array", "string", "labels", bridge.Names, `null`, `[]`, []string{}, `[]`, "="},
		{"components", "array", "component", "", bridge.Names, `[{"name":"X"}]`, `["X"]`, []string{"X"}, `[{"name":"X"}]`, "="},
		{"fixVersions", "array", "version", "", bridge.Names, `[]`, `[]`, []string{}, `[]`, "="},
		{"c1", "array", "option", "multicheckboxes", bridge.Names, `[{"value":"B"},{"value":"A"}]`, `["A","B"]`, []string{"A", "B"}, `[{"value":"A"},{"value":"B"}]`, "="},
		{"c1", "array", "string", "multiselect", bridge.Names, `[{"value":"A"}]`, `["A"]`, []string{"A"}, `[{"value":"A"}]`, "="},
		{"assignee", "user", "", "", bridge.User, `{"accountId":"u1","displayName":"U","emailAddress":"u@x"}`, `{"email":"u@x","id":"u1","name":"U"}`, nil, `{"accountId":"u1"}`, `{"name":"u1"}`},
		{"assignee", "user", "", "", bridge.User, `{"name":"bob","key":"JIRAUSER1","displayName":"B"}`, `{"id":"bob","name":"B"}`, nil, `{"accountId":"bob"}`, `{"name":"bob"}`},
		{"assignee", "user", "", "", bridge.User, `null`, `null`, nil, `null`, "="},
		{"creator", "user", "", "", bridge.User, `{"name":"bob"}`, `{"id":"bob"}`, nil, "", ""},
		{"c1", "array", "user", "multiuserpicker", bridge.Users, `[{"name":"b"},{"name":"a"}]`, `[{"id":"a"},{"id":"b"}]`, []string{"a", "b"}, `[{"accountId":"a"},{"accountId":"b"}]`, `[{"name":"a"},{"name":"b"}]`},
		{"c1", "option-with-child", "", "cascadingselect", bridge.Opaque, `{"value":"a","child":{"value":"b"}}`, `{"child":{"value":"b"},"value":"a"}`, nil, "", ""},
		{"c1", "array", "json", "gh-sprint", bridge.Opaque, `[{"id":1}]`, `[{"id":1}]`, nil, "", ""},
		{"c1", "any", "", "whatever", bridge.Opaque, `7`, `7`, nil, "", ""},
		{"timetracking", "timetracking", "", "", bridge.Opaque, `{}`, `{}`, nil, "", ""},
		{"attachment", "array", "attachment", "", bridge.Opaque, `[]`, `[]`, nil, "", ""},
	} {
		f := fieldOf(t, c.id, c.typ, c.items, c.custom)
		if f.Kind != c.kind {
			t.Errorf("%s %s %s: kind %s, want %s", c.id, c.typ, c.custom, f.Kind, c.kind)
			continue
		}
		i := &Issue{Fields: map[string]json.RawMessage{c.id: json.RawMessage(c.raw)}}
		v, set, ok := i.Neutral(f)
		if !ok || v != c.value || !slices.Equal(set, c.set) || (set == nil) != (c.set == nil) {
			t.Errorf("%s %s: %s %v %v, want %s %v", c.id, c.raw, v, set, ok, c.value, c.set)
		}
		for fl, want := range map[bridge.Flavour]string{bridge.Cloud: c.cloud, bridge.DataCenter: c.dc} {
			if want == "=" {
				want = c.cloud
			}
			got, err := f.Wire(v, fl)
			if want == "" {
				if bridge.NameOf(err) != "field-unwritable" {
					t.Errorf("%s %s: wrote %v, %v", c.id, c.typ, got, err)
				}
			} else if raw, _ := json.Marshal(got); err != nil || string(raw) != want {
				t.Errorf("%s %s on %s: %s, %v; want %s", c.id, c.raw, fl, raw, err, want)
			}
		}
	}
}

func TestNeutralRefusesOtherShapes(t *testing.T) {
	for _, c := range []struct{ typ, items, custom, raw string }{
		{"string", "", "textfield", `{"type":"doc"}`}, {"string", "", "textfield", `["a"]`}, {"number", "", "float", `"x"`}, {"date", "", "datepicker", `5`},
		{"datetime", "", "datetime", `"yesterday"`}, {"option", "", "select", `{"id":"1"}`}, {"array", "option", "multiselect", `"a"`},
		{"array", "option", "multiselect", `[{"id":"1"}]`}, {"user", "", "userpicker", `{}`}, {"array", "user", "multiuserpicker", `[{"displayName":"x"}]`},
	} {
		f := fieldOf(t, "c1", c.typ, c.items, c.custom)
		if v, _, ok := (&Issue{Fields: map[string]json.RawMessage{"c1": json.RawMessage(c.raw)}}).Neutral(f); ok {
			t.Errorf("%s of %s became %s", c.raw, c.typ, v)
		}
	}
	if _, _, ok := (&Issue{}).Neutral(fieldOf(t, "summary", "string", "", "")); ok {
		t.Error("a field that was not sent has a value")
	}
}

func TestWireRefusesUnfitValues(t *testing.T) {
	for _, c := range []struct {
		typ, items, custom string
		v                  bridge.Value
	}{
		{"string", "", "textfield", `1`}, {"number", "", "float", `"1"`}, {"date", "", "datepicker", `"21.11.2026"`}, {"datetime", "", "datetime", `"noon"`},
		{"user", "", "userpicker", `{"name":"Bob"}`}, {"user", "", "userpicker", `"bob"`}, {"array", "user", "multiuserpicker", `[{"name":"x"}]`}, {"array", "option", "multiselect", `"a"`},
	} {
		f := fieldOf(t, "c1", c.typ, c.items, c.custom)
		if got, err := f.Wire(c.v, bridge.Cloud); bridge.NameOf(err) != "value-unfit" || bridge.IsTemporary(err) {
			t.Errorf("%s as %s: %v, %v", c.v, c.typ, got, err)
		}
	}
}

func TestWireElement(t *testing.T) {
	for _, c := range []struct{ id, typ, items, custom, want string }{
		{"labels", "array", "string", "", `"x"`}, {"components", "array", "component", "", `{"name":"x"}`}, {"c1", "array", "option", "multiselect", `{"value":"x"}`},
		{"c1", "array", "user", "multiuserpicker", `{"name":"x"}`}, {"c1", "array", "group", "multigrouppicker", `{"name":"x"}`},
	} {
		got, err := fieldOf(t, c.id, c.typ, c.items, c.custom).WireElement("x", bridge.DataCenter)
		if raw, _ := json.Marshal(got); err != nil || string(raw) != c.want {
			t.Errorf("%s: %s, %v", c.id, raw, err)
		}
	}
	if _, err := fieldOf(t, "summary", "string", "", "").WireElement("x", bridge.Cloud); bridge.NameOf(err) != "value-unfit" {
		t.Error(err)
	}
}

func testSchema() *Schema {
	return NewSchema([]Field{{ID: "summary", Name: "Summary"}, {ID: "fixVersions", Name: "Fix Version/s"}, {ID: "versions", Name: "Affects Version/s"},
		{ID: "components", Name: "Component/s"}, {ID: "status", Name: "Status"}, {ID: "issuetype", Name: "Issue Type"}, {ID: "labels", Name: "Labels"},
		{ID: "customfield_1", Name: "Team", Custom: true}, {ID: "customfield_2", Name: "Severity", Custom: true}, {ID: "customfield_3", Name: "severity", Custom: true},
		{ID: "customfield_4", Name: "Summary", Custom: true}})
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, typ, id, want string }{
		{"whatever", "jira", "customfield_9", "customfield_9"}, {"Fix Version", "jira", "", "fixVersions"}, {"Version", "jira", "", "versions"}, {"Component", "jira", "", "components"},
		{"Attachment", "jira", "", "attachment"}, {"Link", "jira", "", "issuelinks"}, {"Workflow", "jira", "", ""}, {"RemoteIssueLink", "jira", "", ""},
		{"status", "jira", "", "status"}, {"Status", "jira", "", "status"}, {"issuetype", "jira", "", "issuetype"}, {"Issue Type", "jira", "", "issuetype"}, {"labels", "custom", "", "labels"},
		{"TEAM", "custom", "", "customfield_1"}, {"Severity", "custom", "", ""}, {"summary", "jira", "", "summary"}, {"summary", "custom", "", "customfield_4"}, {"Nowhere", "custom", "", ""},
		{"Parent Issue", "jira", "", "parent"}, {"Team", "jira", "", ""},
	} {
		if got := testSchema().Resolve(Item{Field: c.name, FieldID: c.id, FieldType: c.typ}); got != c.want {
			t.Errorf("%s (%s): %q, want %q", c.name, c.typ, got, c.want)
		}
	}
}

func TestSchema(t *testing.T) {
	s := testSchema()
	if f, ok := s.ByID("summary"); !ok || f.Name != "Summary" || len(s.ByName(" SEVERITY ")) != 2 || len(s.All()) != 11 {
		t.Error("lookups")
	}
	if _, ok := s.ByID("x"); ok || len(s.ByName("x")) != 0 {
		t.Error("found what is not there")
	}
}

func TestItemValue(t *testing.T) {
	n := &Names{Statuses: []Status{{"3", "Done", "done"}}, Priorities: []Named{{"1", "High"}}}
	for _, c := range []struct {
		f    Field
		end  string
		want bridge.Value
		ok   bool
	}{
		{Field{Kind: bridge.Date}, "2026-11-21", `"2026-11-21"`, true}, {Field{Kind: bridge.Date}, "", bridge.Cleared, true}, {Field{Kind: bridge.Date}, "21/Nov/26", "", false},
		{Field{Kind: bridge.Name, SchemaType: "status"}, "3", `"Done"`, true}, {Field{Kind: bridge.Name, SchemaType: "priority"}, "1", `"High"`, true},
		{Field{Kind: bridge.Name, SchemaType: "priority"}, "9", "", false}, {Field{Kind: bridge.RichText}, `{"id":"ari:cloud"}`, "", false}, {Field{Kind: bridge.Text}, "", "", false},
	} {
		v, ok := c.f.ItemValue(c.end, n)
		if ok != c.ok || ok && v != c.want {
			t.Errorf("%+v %q: %s, %v", c.f, c.end, v, ok)
		}
	}
}

func TestNamesAndFieldsAreReadOnce(t *testing.T) {
	both(t, func(t *testing.T, fl bridge.Flavour) {
		projects := `[{"id":"1","key":"P","projectTypeKey":"service_desk"}]`
		if fl == bridge.Cloud {
			projects = `{"values":` + projects + `,"isLast":true}`
		}
		s := script(t, ok(`[{"id":"1","name":"Open","statusCategory":{"key":"new"}}]`), ok(`[{"id":"1","name":"High"}]`), answer{status: 404}, ok(`[{"id":"1","name":"Bug"}]`), ok(projects),
			ok(`{"issueLinkTypes":[{"id":"1","name":"Blocks","inward":"is blocked by","outward":"blocks"}]}`), ok(`[{"id":"summary","name":"Summary","schema":{"type":"string"}},{"id":"duedate"}]`), ok(`[]`))
		c := s.client(t, fl)
		for range 2 {
			n, err := c.Names(ctx)
			if err != nil || n.Statuses[0].Category != "new" || n.Projects[0].TypeKey != "service_desk" || n.LinkTypes[0].Outward != "blocks" || n.Resolutions != nil {
				t.Fatalf("%+v, %v", n, err)
			}
			f, err := c.Fields(ctx)
			if d, _ := f.ByID("duedate"); err != nil || d.Kind != bridge.Date {
				t.Fatalf("%+v, %v", f, err)
			}
		}
		if len(s.lines()) != 7 {
			t.Errorf("%d calls", len(s.lines()))
		}
		if err := c.Refresh(ctx); err != nil || len(s.lines()) != 8 {
			t.Errorf("%v, %d calls", err, len(s.lines()))
		}
	})
}
