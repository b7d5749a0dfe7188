package rule

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

// TestAContractTellsNamesOnly: nothing of expressions, queries, projects and the site's own names is in it.
func TestAContractTellsNamesOnly(t *testing.T) {
	raw, err := os.ReadFile("testdata/contract.txt")
	if err != nil {
		t.Fatal(err)
	}
	source := sections(string(raw))["rules.yaml"]
	sends, accepts := ContractOf(mustBind(t, source, privateSite()), false)
	told, err := json.Marshal(bridge.Contract{Sends: sends, Accepts: accepts})
	if err != nil {
		t.Fatal(err)
	}
	for _, inside := range []string{"falcon", "issue.key", "lower", "night", "DEV", "top secret", "Accept\"", "Blocker", "Highest", "Medium", "Fixed", "Story\"", "customfield", "from-desk"} {
		if !strings.Contains(source, strings.Trim(inside, `"`)) && !strings.Contains("Highest Medium Fixed Story\" customfield", inside) {
			t.Errorf("the case says nothing of %q", inside)
		}
		if strings.Contains(string(told), inside) {
			t.Errorf("the contract tells %q: %s", inside, told)
		}
	}
}

// TestFits: a kind fits another if and only if every value of it can be converted; a date is nobody's name.
func TestFits(t *testing.T) {
	samples := map[bridge.Kind][]any{
		bridge.Text: {"some words", "4"}, bridge.RichText: {"a\nb"}, bridge.Name: {"High"}, bridge.Number: {4.5},
		bridge.Date: {"2026-11-21"}, bridge.DateTime: {"2026-11-21T10:00:00.000Z"}, bridge.Names: {[]string{"a", "b"}},
		bridge.User: {bridge.Person{Name: "Ann"}}, bridge.Users: {[]bridge.Person{{Name: "Ann"}, {Name: "Bob"}}},
	}
	for from, values := range samples {
		for to := range samples {
			all := true
			for _, v := range values {
				made, err := convert(to, valueOf(v))
				people, set := made.([]bridge.Person)
				all = all && err == nil && (!set || len(people) > 0)
			}
			if person := to == bridge.User || to == bridge.Users; person && (from == bridge.Date || from == bridge.DateTime) {
				all = false
			}
			if fits(from, to) != all {
				t.Errorf("%s fits %s: %v, and converting says %v", from, to, fits(from, to), all)
			}
		}
		if !fits(from, bridge.Opaque) || !fits(bridge.Opaque, from) {
			t.Errorf("what is not known does not fit %s", from)
		}
	}
}

func TestExceeds(t *testing.T) {
	name := func(key string, values ...string) bridge.Term {
		return bridge.Term{Key: key, Kind: bridge.Name, Values: values}
	}
	was := bridge.Terms{Fields: []bridge.Term{name("a", "X", "Y"), name("b"), {Key: "c", Kind: bridge.Number}}, Members: []bridge.MemberKind{bridge.Comment}}
	for _, c := range []struct {
		is   bridge.Terms
		want string
	}{
		{was, ""},
		{bridge.Terms{}, ""}, // less is always allowed
		{bridge.Terms{Fields: []bridge.Term{name("a", "y")}}, ""},
		{bridge.Terms{Fields: []bridge.Term{name("b", "Z")}}, ""},
		{bridge.Terms{Fields: []bridge.Term{name("a", "X", "Z")}}, "a is never Z there"},
		{bridge.Terms{Fields: []bridge.Term{name("a")}}, "a is one of X, Y there, not any"},
		{bridge.Terms{Fields: []bridge.Term{name("c")}}, "c is number there, not name"},
		{bridge.Terms{Fields: []bridge.Term{name("d")}}, "d is not in it"},
		{bridge.Terms{Members: []bridge.MemberKind{bridge.Comment, bridge.Worklog}}, "worklogs are not in it"},
	} {
		if got := strings.Join(Exceeds(was, c.is), "; "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.is, got, c.want)
		}
	}
}

func TestDiffContracts(t *testing.T) {
	term := func(kind bridge.Kind, values ...string) bridge.Terms {
		return bridge.Terms{Fields: []bridge.Term{{Key: "level", Kind: kind, Values: values}}}
	}
	for _, c := range []struct {
		was, is bridge.Terms
		want    []string
	}{
		{term(bridge.Name, "A"), term(bridge.Name, "a"), nil},
		{bridge.Terms{}, term(bridge.Name, "A"), []string{"+ sends level: name, one of A"}},
		{term(bridge.Opaque), bridge.Terms{}, []string{"- sends level: anything"}},
		{term(bridge.Name, "A"), term(bridge.Number), []string{"~ sends level: name, one of A -> number"}},
		{term(bridge.Name, "A", "B"), term(bridge.Name, "B", "C"), []string{"~ sends level: now also C; no longer A"}},
		{term(bridge.Name, "A"), term(bridge.Name), []string{"~ sends level: name, one of A -> name"}},
	} {
		if got := DiffContracts(bridge.Contract{Sends: c.was}, bridge.Contract{Sends: c.is}); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v -> %v: %q, want %q", c.was, c.is, got, c.want)
		}
	}
}
