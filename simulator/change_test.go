package simulator

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// items are the items of the latest history.
func (r *rig) items(key string) []any {
	list := r.histories(key)
	if len(list) == 0 {
		return nil
	}
	h := list[len(list)-1] // Data Center: oldest first
	if r.Flavour() == Cloud {
		h = list[0]
	}
	return dig(h, "items").([]any)
}

// spell writes an item as "field/type/fieldId: from(fromString) > to(toString)".
func spell(it any) string {
	w := func(k string) string {
		if v := dig(it, k); v != nil {
			return fmt.Sprint(v)
		}
		return "-"
	}
	return fmt.Sprintf("%s/%s/%s: %s(%s) > %s(%s)", w("field"), w("fieldtype"), w("fieldId"), w("from"), w("fromString"), w("to"), w("toString"))
}

// What the changelog says of each kind of field, on both flavours.
func TestChangelogItems(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		cloud := r.Flavour() == Cloud
		bob := r.userNamed("bob")
		person := obj{"name": "bob"}
		if cloud {
			person = obj{"accountId": bob.ID}
		}
		prio := func(name string) string {
			return pick(r.st.Priorities, func(n *Named) bool { return n.Name == name }).ID
		}
		comp := r.st.Projects[0].Components
		opt := r.ix.fields[r.field("Severity")].Options
		plat := r.ix.fields[r.field("Platforms")].Options
		key := r.make("old", obj{"labels": []string{"a"}, "components": []obj{{"name": "Docs"}}})
		for _, c := range []struct {
			field string
			value any
			want  []string // with {id} for the field id Cloud adds
		}{
			{"summary", "new", []string{"summary/jira/{summary}: -(old) > -(new)"}},
			{"description", "text", []string{"description/jira/{description}: -(-) > -(text)"}},
			{"priority", obj{"name": "High"}, []string{fmt.Sprintf("priority/jira/{priority}: %s(Medium) > %s(High)", prio("Medium"), prio("High"))}},
			{"labels", []string{"b", "a"}, []string{"labels/jira/{labels}: (a) > (a b)"}},
			{"labels", []string{}, []string{"labels/jira/{labels}: (a b) > ()"}},
			{"components", []obj{{"name": "Backend"}}, []string{
				fmt.Sprintf("Component/jira/{components}: %s(Docs) > -(-)", comp[2].ID), fmt.Sprintf("Component/jira/{components}: -(-) > %s(Backend)", comp[0].ID)}},
			{"duedate", "2026-12-24", []string{"duedate/jira/{duedate}: -(-) > 2026-12-24(2026-12-24 00:00:00.0)"}},
			{"assignee", person, []string{fmt.Sprintf("assignee/jira/{assignee}: -(-) > %s(Bob Builder)", bob.ID)}},
			{r.field("Customer"), "ACME", []string{"Customer/custom/{}: -(-) > -(ACME)"}},
			{r.field("Story points"), 3, []string{"Story points/custom/{}: -(-) > -(3)"}},
			{r.field("Severity"), obj{"value": "Minor"}, []string{fmt.Sprintf("Severity/custom/{}: -(-) > %s(Minor)", opt[2].ID)}},
			{r.field("Platforms"), []obj{{"value": "Linux"}, {"value": "macOS"}}, []string{fmt.Sprintf("Platforms/custom/{}: -(-) > [%s, %s](Linux,macOS)", plat[0].ID, plat[1].ID)}},
			{r.field("Target date"), "2026-11-21", []string{"Target date/custom/{}: -(-) > 2026-11-21(21/Nov/26)"}},
		} {
			r.edit(key, obj{c.field: c.value}).want(204)
			var got []string
			for _, it := range r.items(key) {
				got = append(got, spell(it))
			}
			var want []string
			for _, w := range c.want {
				w = strings.ReplaceAll(w, "{}", "{"+c.field+"}")
				if !cloud {
					w = strings.ReplaceAll(w, "{"+c.field+"}", "-")
				}
				want = append(want, strings.NewReplacer("{", "", "}", "").Replace(w))
			}
			if strings.Join(got, "; ") != strings.Join(want, "; ") {
				t.Errorf("%s:\n got %s\nwant %s", c.field, strings.Join(got, "; "), strings.Join(want, "; "))
			}
		}
		r.edit(key, obj{"assignee": nil}).want(204)
		if it := r.items(key)[0]; cloud && dig(it, "tmpFromAccountId") != bob.ID || !cloud && dig(it, "tmpFromAccountId") != nil {
			t.Errorf("account ids: %v", it)
		}
	})
}

func TestChangelogOrderAndIDs(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		key := r.make("0")
		if n := len(r.histories(key)); n != 0 {
			t.Fatalf("a creation left %d histories", n)
		}
		for i := range 45 {
			r.edit(key, obj{"summary": fmt.Sprint(i + 1)}).want(204)
		}
		r.edit(key, obj{"summary": "45"}).want(204) // changes nothing
		list := r.histories(key)
		if len(list) != 45 {
			t.Fatalf("%d histories", len(list))
		}
		last := int64(0)
		for i := range list {
			h := list[i]
			if r.Flavour() == Cloud {
				h = list[len(list)-1-i]
			}
			id := parseID(dig(h, "id").(string))
			if id <= last {
				t.Fatalf("history ids do not grow: %d after %d", id, last)
			}
			last = id
		}
		found := r.search("key="+key, "summary", "expand=changelog")
		if n, want := found.len("issues.0.changelog.histories"), map[string]int{Cloud: 40, DataCenter: 45}[r.Flavour()]; n != want {
			t.Errorf("search shows %d histories, want %d", n, want)
		}
		if r.Flavour() == DataCenter {
			r.do("GET", "/issue/"+key+"/changelog", nil).want(404)
			return
		}
		found.is("issues.0.changelog.histories.0.items.0.toString", "45").is("issues.0.changelog.total", 45)
		r.do("GET", "/issue/"+key+"/changelog?maxResults=2&startAt=44", nil).want(200).is("isLast", true).is("values.0.items.0.toString", "45")
		r.do("GET", "/issue/"+key+"/changelog?maxResults=2", nil).want(200).is("isLast", false).is("total", 45).is("values.1.items.0.toString", "2")
		bulk := r.do("POST", "/changelog/bulkfetch", obj{"issueIdsOrKeys": []string{key}, "fieldIds": []string{"summary"}, "maxResults": 40}).want(200)
		if bulk.len("issueChangeLogs.0.changeHistories") != 40 || bulk.at("nextPageToken") == nil {
			t.Errorf("bulk: %s", bulk.Body)
		}
		r.do("POST", "/changelog/bulkfetch", obj{"issueIdsOrKeys": []string{key}, "fieldIds": []string{"labels"}}).want(200).is("issueChangeLogs", "[]")
	})
}

func TestHistoryMetadata(t *testing.T) {
	both(t, func(t *testing.T, r *rig) {
		in := r.inbox("jira:issue_created", "jira:issue_updated")
		meta := func(edit string) obj { return obj{"type": "drawbridge", "extraData": obj{"edit": edit}} }
		key := r.do("POST", "/issue", obj{"fields": obj{"project": obj{"key": "ABC"}, "issuetype": obj{"name": "Task"}, "summary": "x"},
			"historyMetadata": meta("c"), "properties": []obj{{"key": "marker", "value": obj{"intent": "i1"}}}}).want(201).at("key").(string)
		r.do("GET", "/issue/"+key+"?properties=*all", nil).is("properties.marker.intent", "i1")
		r.do("PUT", "/issue/"+key, obj{"fields": obj{"summary": "y"}, "historyMetadata": meta("e")}).want(204)
		r.moveToWith(key, "In Progress", obj{"historyMetadata": meta("t")}).want(204)
		var edits []string
		for _, h := range r.histories(key) {
			edits = append(edits, fmt.Sprint(dig(h, "historyMetadata.extraData.edit")))
		}
		if got := strings.Join(edits, " "); got != map[string]string{Cloud: "t e", DataCenter: "e t"}[r.Flavour()] {
			t.Errorf("metadata %s", got)
		}
		for _, e := range in.got(r) {
			if dig(e, "changelog") != nil && dig(e, "changelog.historyMetadata.type") != "drawbridge" {
				t.Errorf("webhook without metadata: %v", e["changelog"])
			}
		}
		r.Configure(func(st *Settings) { st.ReturnMetadata = false })
		if h := r.histories(key)[0]; dig(h, "historyMetadata") != nil {
			t.Error("metadata served although switched off")
		}
	})
}

func TestDescriptionARI(t *testing.T) {
	r := newRig(t, Cloud, func(st *Settings) { st.DescriptionARI = true })
	key := r.make("x")
	r.edit(key, obj{"description": "y"}).want(204)
	to := fmt.Sprint(dig(r.items(key)[0], "to"))
	if !json.Valid([]byte(to)) || !strings.Contains(to, "ari:cloud:jira:") {
		t.Errorf("to is %s", to)
	}
}
