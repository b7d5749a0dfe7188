package apply

import (
	"context"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/rule"
)

// resolveUsers asks Jira for the users that the change names by e-mail, before anything is decided.
func (f *Flow) resolveUsers(ctx context.Context, v *observe.View, fields map[string]bridge.Entries) {
	for key, e := range fields {
		if e.Mine == nil || e.Mine.Value.Empty() {
			continue
		}
		base, elem, isElem := merge.SplitKey(key)
		row, ok := v.Rules.Row(base)
		if !ok || !row.In {
			continue
		}
		var p bridge.Person
		switch {
		case isElem && row.TargetKind == bridge.Users:
			p = v.Rules.ElementPerson(elem)
		case !isElem && row.TargetKind == bridge.User:
			p = personOf(e.Mine.Value)
		default:
			continue
		}
		if choice := v.Rules.User(p); choice.Local == "" && choice.ByEmail != "" {
			f.findUser(ctx, choice.ByEmail)
		}
	}
}

func (f *Flow) findUser(ctx context.Context, email string) {
	f.mu.Lock()
	_, known := f.users[email]
	f.mu.Unlock()
	if known {
		return
	}
	u, _, err := f.Site.Jira.UserByEmail(ctx, email)
	if err != nil {
		f.Site.Log.Warn("user not looked up", "error", err)
		return // the fallback serves; it is asked again with the next change
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == nil {
		f.users = map[string]jira.User{}
	}
	f.users[email] = u
}

// user is the local value of a user field: the user's id, or cleared.
func (f *Flow) user(choice rule.UserChoice) bridge.Value {
	if id := f.userID(choice); id != "" {
		return bridge.ValueOf(map[string]string{"id": id})
	}
	return bridge.Cleared
}

// userID is who a remote person is here: by the table, by e-mail, else the fallback; "" for nobody.
func (f *Flow) userID(choice rule.UserChoice) string {
	if choice.Local != "" {
		return choice.Local
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id := f.users[choice.ByEmail].ID(); id != "" {
		return id
	}
	return choice.Fallback
}

// element is the local element of a set; of a set of users, the user's id. Nobody is left away.
func (f *Flow) element(v *observe.View, row rule.Row, elem string) (local string, leave bool, err error) {
	if row.TargetKind != bridge.Users {
		return v.Rules.Element(row.Key, elem)
	}
	id := f.userID(v.Rules.User(v.Rules.ElementPerson(elem)))
	return id, id == "", nil
}

func personOf(v bridge.Value) bridge.Person {
	m, _ := v.Any().(map[string]any)
	text := func(k string) string { s, _ := m[k].(string); return s }
	return bridge.Person{Name: text("name"), Email: text("email"), ID: text("id")}
}
