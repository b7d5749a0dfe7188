package rule

import (
	"strings"
	"testing"

	"drawbridge/shared/bridge"
)

func TestTriggersAreDecidedFromTheEvent(t *testing.T) {
	const y, n, u = "yes", "no", "ask Jira"
	for jql, want := range map[string]string{
		`project = SUP`:                                     y,
		`project = sup`:                                     y,
		`project = DEV`:                                     n,
		`project = "Support Desk"`:                          u, // a name: only Jira knows
		`project in (DEV, SUP)`:                             y,
		`project not in (DEV, OPS)`:                         y,
		`PROJECT != SUP`:                                    n,
		`issuetype = bug AND status = "open"`:               y,
		`type in (Story, Task)`:                             n,
		`status = 10001`:                                    u, // an id
		`status != Done`:                                    y,
		`priority = High`:                                   y,
		`priority in (Low, 3)`:                              u,
		`labels = red`:                                      y,
		`labels = Red`:                                      u, // case of labels is Jira's matter
		`labels in (blue, green)`:                           n,
		`labels != red`:                                     n,
		`labels not in (blue)`:                              y,
		`labels is EMPTY`:                                   n,
		`component is EMPTY`:                                y,
		`component = Core`:                                  n,
		`component != Core`:                                 n, // an empty field matches no comparison
		`component not in (Core)`:                           n,
		`fixVersion = "1.0"`:                                y,
		`fixVersion = 1`:                                    u,
		`resolution = Unresolved`:                           y,
		`resolution = "Unresolved"`:                         n, // quoted it is the name of a resolution
		`resolution is not EMPTY`:                           n,
		`resolution = EMPTY and NOT labels = blue`:          y,
		`assignee is EMPTY`:                                 y,
		`assignee = ann`:                                    n,
		`assignee = currentUser()`:                          n, // nobody is not the current user
		`reporter = ann`:                                    y,
		`reporter = bob`:                                    u, // may be another name of the same person
		`reporter in (membersOf("x"))`:                      u,
		`updated > -1d`:                                     u,
		`updated > -1d AND project = DEV`:                   n, // one "no" decides
		`updated > -1d OR project = SUP`:                    y,
		`updated > -1d OR project = DEV`:                    u,
		`NOT (project = DEV OR labels = blue)`:              y,
		`NOT updated > -1d`:                                 u,
		`! project = DEV && labels = red || x = y`:          y,
		`text ~ "fire"`:                                     u,
		`cf[10100] = x`:                                     u,
		`"Root Cause" is EMPTY`:                             u,
		`status WAS Open BEFORE -1d`:                        u,
		`status CHANGED FROM Open TO Done BY ann`:           u,
		`key = SUP-1`:                                       y,
		`key = SUP-2`:                                       u, // may be an old key
		`ORDER BY created DESC, key`:                        y,
		`project = SUP ORDER BY created`:                    y,
		``:                                                  y,
		`versions = 3`:                                      u,
		`fixversion in releasedVersions()`:                  u,
		`project = SUP AND (labels = red OR created > -2w)`: y,
	} {
		tr, err := NewTrigger(jql)
		if err != nil {
			t.Errorf("%s: %v", jql, err)
			continue
		}
		match, decided := tr.Decide(supportIssue())
		got := map[bool]string{true: y, false: n}[match]
		if !decided {
			got = u
		}
		if got != want {
			t.Errorf("%s: %s, want %s", jql, got, want)
		}
	}
}

func TestAFieldTheEventDoesNotCarryIsNotDecided(t *testing.T) {
	i := &Issue{Key: "SUP-1", ID: "1", Project: "SUP", Fields: map[string]any{}}
	for _, jql := range []string{"labels is EMPTY", "labels = a", "status = Open", "assignee is EMPTY", "priority != High"} {
		tr, _ := NewTrigger(jql)
		if _, decided := tr.Decide(i); decided {
			t.Errorf("%s was decided", jql)
		}
	}
}

func TestAccountIDsAreDecided(t *testing.T) {
	i := supportIssue()
	i.Fields["assignee"] = bridge.Person{ID: "712020:11111111-1111-1111-1111-111111111111"}
	tr, _ := NewTrigger(`assignee = "712020:22222222-2222-2222-2222-222222222222"`)
	if match, decided := tr.Decide(i); match || !decided {
		t.Error("another account id is another person")
	}
}

func TestExplainNamesTheClauseThatFailed(t *testing.T) {
	tr, _ := NewTrigger(`project = SUP AND labels in (blue, "dark green") AND status = Open`)
	if _, _, why := tr.Explain(supportIssue()); why != `labels in (blue, "dark green")` {
		t.Errorf("failed clause %q", why)
	}
}

func TestMistakesInQueries(t *testing.T) {
	for jql, want := range map[string]string{
		`project = `:            `1:11`,
		`project SUP`:           `1:9`,
		`project = SUP AND`:     `1:18`,
		`(project = SUP`:        `1:15`,
		"a = b\n  AND in (c)":   `2:7`,
		`a in b`:                `1:6`,
		`a in (b c)`:            `1:9`,
		`a is b`:                `1:6`,
		`a = "b`:                `1:5`,
		`a = b & c = d`:         `1:7`,
		`a = b c = d`:           `1:7`,
		`a = b ORDER created`:   `1:13`,
		`and = b`:               `1:1`,
		`a = b order by x, `:    `1:19`,
		`cf[1 = 2`:              `1:6`,
		strings.Repeat("(", 99): `1:51`,
	} {
		_, err := NewTrigger(jql)
		if err == nil || !strings.HasPrefix(err.Error(), "query:"+want+":") {
			t.Errorf("%s: %v, want a mistake at %s", jql, err, want)
		}
	}
}

func TestLooksBounded(t *testing.T) {
	for jql, want := range map[string]bool{
		"": false, "order by created": false, "project = A": true, "status != Done": false, "status != Done and project = A": true,
		"project = A or labels = b": true, "project = A or status != Done": false, "not project = A": false,
	} {
		tr, _ := NewTrigger(jql)
		if tr.LooksBounded() != want {
			t.Errorf("%q: bounded %v", jql, !want)
		}
	}
}

func FuzzJQL(f *testing.F) {
	for _, s := range []string{"project = A and (b in (c, \"d\") or not e is empty) order by f desc", "a was in (b) after -1d", "cf[1] ~ 'x'", "a=b||!c<=d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		q, err := parseJQL(src)
		if err != nil {
			if err.line < 1 || err.col < 1 || err.message == "" {
				t.Fatalf("a mistake without a place: %+v", err)
			}
			return
		}
		if q.where != nil {
			q.where.decide(supportIssue())
		}
	})
}
