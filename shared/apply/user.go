package apply

import (
	"context"
	"fmt"
	"maps"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/jira"
	"drawbridge/shared/merge"
	"drawbridge/shared/observe"
	"drawbridge/shared/pair"
	"drawbridge/shared/rule"
)

// found is what Jira answered when it was asked for a user by e-mail; the zero user: nobody shows that address.
type found struct {
	user jira.User
	at   time.Time
}

// foundFor is how long an answer counts: people join, leave, and hide their addresses.
const (
	foundFor  = time.Hour
	nobodyFor = 5 * time.Second // where what was refused is tried again: they may have come since
)

// forgetNobody has those asked for again who were not found when that was asked longer ago than some seconds.
func (f *Flow) forgetNobody() {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.users, func(_ string, u found) bool { return u.user.ID() == "" && time.Since(u.at) > nobodyFor })
}

// resolve finds what the change, or what the pair knows of the remote site, names: users, and issues that have a twin here.
func (f *Flow) resolve(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change, dry bool) error {
	if err := f.resolveUsers(ctx, v, p, c); err != nil {
		return err
	}
	return f.findParents(ctx, v, p, c, dry)
}

// resolveUsers asks Jira for the users whom the change, or what the pair knows of the remote site, names by e-mail, before
// anything is decided. Without an answer nothing is decided: nobody is taken off an issue because Jira was busy.
func (f *Flow) resolveUsers(ctx context.Context, v *observe.View, p *pair.Pair, c *bridge.Change) error {
	theirs := map[string]*bridge.Entry{}
	if p != nil {
		for key, field := range p.State.Fields {
			theirs[key] = field.Theirs
		}
	}
	if c != nil {
		for key, e := range c.Fields {
			theirs[key] = e.Mine
		}
	}
	for key, e := range theirs {
		if e == nil || e.Value.Empty() {
			continue
		}
		if email := emailOf(v, key, e.Value); email != "" {
			if err := f.findUser(ctx, email); err != nil {
				return err
			}
		}
	}
	return nil
}

// emailOf is the address to search for, where an entry is a person who is not in the rules' table.
func emailOf(v *observe.View, key string, value bridge.Value) string {
	base, elem, isElem := merge.SplitKey(key)
	row, ok := v.Rules.Row(base)
	var p bridge.Person
	switch {
	case !ok || !row.In:
		return ""
	case isElem && row.TargetKind == bridge.Users:
		p = v.Rules.ElementPerson(elem)
	case !isElem && row.TargetKind == bridge.User:
		p = personOf(value)
	default:
		return ""
	}
	if choice := v.Rules.User(p); choice.Local == "" {
		return choice.ByEmail
	}
	return ""
}

func (f *Flow) findUser(ctx context.Context, email string) error {
	f.mu.Lock()
	known, ok := f.users[email]
	f.mu.Unlock()
	if ok && time.Since(known.at) < foundFor {
		return nil
	}
	u, _, err := f.Site.Jira.UserByEmail(ctx, email)
	if err != nil && (bridge.IsTemporary(err) || bridge.LevelOf(err) != bridge.LevelPair) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users == nil {
		f.users = map[string]found{}
	}
	f.users[email] = found{u, time.Now()}
	return nil
}

// user is the local value of a user field: the user's id, cleared if the rules say so of people not known here, else
// nothing, with the reason.
func (f *Flow) user(choice rule.UserChoice, sent bridge.Value) (bridge.Value, string) {
	id := f.userID(choice)
	switch {
	case id != "":
		return bridge.ValueOf(map[string]string{"id": id}), ""
	case choice.Nobody || sent.Empty():
		return bridge.Cleared, ""
	}
	return "", fmt.Sprintf("%s is not known on this site: add a row to the users table, or a fallback", personOf(sent).Name)
}

// userID is who a remote person is here: by the table, by e-mail, else the fallback; "" for nobody.
func (f *Flow) userID(choice rule.UserChoice) string {
	if choice.Local != "" {
		return choice.Local
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id := f.users[choice.ByEmail].user.ID(); id != "" {
		return id
	}
	return choice.Fallback
}

// element is the local element of a set; of a set of users, the user's id. Nobody is left away.
func (f *Flow) element(v *observe.View, row rule.Row, elem string) (local string, leave bool, err error) {
	if !v.Rules.Lets(row.Key) {
		return "", true, nil
	}
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
