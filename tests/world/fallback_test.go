package world

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/simulator"
)

// TestTheFallbackStandsIn: a user who cannot be put into a field here (deactivated, not to be assigned) is replaced by the
// rules' fallback, with a note, at creation and later.
func TestTheFallbackStandsIn(t *testing.T) {
	for name, change := range map[string]func(u *simulator.User){
		"deactivated":  func(u *simulator.User) { u.Active = false },
		"unassignable": func(u *simulator.User) { u.Denied = append(u.Denied, "ASSIGNABLE_USER") },
	} {
		t.Run(name, func(t *testing.T) {
			sides(t, Options{}, func(t *testing.T, w *World, here, there *Half) {
				admin, _, err := there.Site.Jira.UserByEmail(context.Background(), "admin@example.com")
				there.must(err)
				rules := Everything(there.Demo.ProjectKey)
				there.rules(strings.Replace(rules, "send: [email]", "send: [email]\n  email: true\n  fallback: "+`"`+admin.ID()+`"`, 1), there.Demo.ProjectKey)
				there.must(there.Jira.ChangeUser("alice", func(u *simulator.User) error { change(u); return nil }))
				alice := here.assignee("alice")
				key, twin := pairUp(t, w, here, map[string]any{"assignee": alice})
				who := func() string {
					var u struct{ DisplayName string }
					_ = json.Unmarshal([]byte(there.Field(twin, "assignee")), &u) // nobody is null
					return u.DisplayName
				}
				if got := who(); got != "Ada Admin" {
					t.Errorf("the new twin is assigned to %q", got)
				}
				here.Edit(key, map[string]any{"assignee": nil})
				w.Settle()
				here.Edit(key, map[string]any{"assignee": alice})
				w.Settle()
				if got := who(); got != "Ada Admin" {
					t.Errorf("later it is assigned to %q", got)
				}
				events, err := there.Site.Book.History(context.Background(), Connection, there.Pair(twin).Head.Local.ID, 0)
				there.must(err)
				var notes []string
				for _, e := range events {
					if e.Field == "assignee" {
						notes = append(notes, e.What+" "+string(e.New)+" "+e.Note)
					}
				}
				if n := strings.Count(strings.Join(notes, "\n"), "stands in"); n < 2 || n > 3 { // a Data Center's new issue is looked at once more
					t.Errorf("not two notes of who stands in:\n%s", strings.Join(notes, "\n"))
				}
				if p := there.Pair(twin); len(p.State.Fields["assignee"].Problem) > 0 {
					t.Errorf("a problem all the same: %+v", p.State.Fields["assignee"])
				}
				if got := here.Field(key, "assignee"); !strings.Contains(got, "Alice") {
					t.Errorf("the original is assigned to %s: the stand-in came back", got)
				}
			})
		})
	}
}

// assignee is how this side's REST names a user.
func (h *Half) assignee(name string) map[string]string {
	u, _, err := h.Site.Jira.UserByEmail(context.Background(), name+"@example.com")
	h.must(err)
	if h.Jira.Flavour() == simulator.Cloud {
		return map[string]string{"accountId": u.ID()}
	}
	return map[string]string{"name": name}
}
