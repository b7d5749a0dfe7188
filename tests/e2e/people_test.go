package e2e

import (
	"strings"
	"testing"

	"drawbridge/tests/rig"
)

// rulesFor are the rig's rules with another part about people.
func rulesFor(project, users string) string {
	rules := strings.ReplaceAll(rig.Everything, "%s", project)
	return strings.Replace(rules, "users: {email: true, send: [email]}\n", users, 1)
}

// TestPeople has one side tell a role in place of names and the other nobody at all, maps by table before e-mail, and has a
// fallback stand in for whom Jira refuses, with a note.
func TestPeople(t *testing.T) {
	t.Parallel()
	w := rig.New(t, rig.Options{})
	w.Write("private.yaml", rulesFor("PRIV", `users:
  table: [{local: bob, remote: Alice Archer}, {local: carol, remote: x, as: Second line}]
  fallback: admin
  authors: role
  role: Acme support
`))
	w.Write("public.yaml", rulesFor("PUB", "users: {authors: anonymous}\n"))
	w.OnPoller("rules", "publish", w.Path("private.yaml"))
	w.OnHub("rules", "publish", w.Path("public.yaml"))
	s := sideOf(w, false).with(t)
	key, twin := s.pair(t, "Among people", nil)

	s.here.Comment(key, "said inside", nil)
	s.here.As("carol").Comment(key, "said by the second line", nil)
	s.there.Comment(twin, "said outside", nil)
	for _, c := range []struct {
		jira              *rig.Jira
		key, text, author string
	}{{s.there, twin, "said inside", "Acme support"}, {s.there, twin, "said by the second line", "Second line"}, {s.here, key, "said outside", "Someone"}} {
		one(t, c.jira, c.key, c.text)
		if got := c.jira.Commented(c.key, c.text)[0].Body; !strings.Contains(got, c.author) || strings.Contains(got, "Alice") || strings.Contains(got, "Carol") {
			t.Errorf("%q arrived as %q, want it from %q", c.text, got, c.author)
		}
	}
	if strings.Contains(read(t, w.Path("hub.db")), "Carol Customer") {
		t.Error("the hub's state knows who wrote")
	}

	var alice struct{ AccountID string }
	s.there.OK("GET", "/rest/api/2/myself", nil, &alice)
	s.there.Edit(twin, rig.Fields{"assignee": rig.Fields{"accountId": alice.AccountID}})
	s.here.Shows(key, "assignee", "bob") // by the table, not as the Alice who is there too
	w.Private.Account("bob", rig.Fields{"Active": false})
	s.there.Edit(twin, rig.Fields{"assignee": nil})
	s.here.Shows(key, "assignee", "")
	s.there.Edit(twin, rig.Fields{"assignee": rig.Fields{"accountId": alice.AccountID}})
	s.here.Shows(key, "assignee", "admin")
	rig.Eventually(t, rig.Patience, "a note says who stands in", func() string { return lacks(w.Show(false, key), "stands in") })
	says(t, w.RunOnPoller("users", "suggest"), 0, "table")
}
