package simulator

import (
	"net/http"
	"strings"
)

func (c *call) myself() (answer, error) {
	out := c.view().user(c.user.ID).(obj)
	out["emailAddress"] = c.user.Email
	out["locale"] = "en_US"
	out["groups"], out["applicationRoles"] = obj{"size": len(c.user.Groups), "items": []any{}}, obj{"size": 1, "items": []any{}}
	out["expand"] = "groups,applicationRoles"
	return ok(out)
}

// getUser is GET /user by accountId (Cloud), username or key (Data Center).
func (c *call) getUser() (answer, error) {
	var u *User
	said := c.query("accountId")
	if !c.s.cloud() {
		if said = c.query("username"); said != "" {
			u = c.s.userNamed(said)
		} else if said = c.query("key"); said != "" {
			u = c.s.user(said)
		}
	} else if said != "" {
		u = c.s.user(said)
	}
	if said == "" {
		return answer{}, refuse(http.StatusBadRequest, "The user to get has to be named.")
	}
	if u == nil {
		if c.s.cloud() {
			return answer{}, refuse(http.StatusNotFound, "Specified user does not exist or you do not have required permissions")
		}
		return answer{}, refuse(http.StatusNotFound, "The user named '%s' does not exist", said)
	}
	return ok(c.view().user(u.ID))
}

// searchUsers is GET /user/search.
func (c *call) searchUsers() (answer, error) {
	text := c.query("username")
	if c.s.cloud() {
		text = c.query("query")
		if id := c.query("accountId"); text == "" && id != "" {
			return c.usersWhere(func(u *User) bool { return u.ID == id })
		}
	}
	if text == "" && c.s.cloud() {
		return answer{}, refuse(http.StatusBadRequest, "The username or property query parameter must be provided")
	}
	if text == "" {
		return answer{}, refuse(http.StatusBadRequest, "The username query parameter was not provided")
	}
	text = strings.ToLower(text)
	return c.usersWhere(func(u *User) bool {
		mail := strings.ToLower(u.Email)
		if !c.s.cloud() {
			return hasAnyPrefix(strings.ToLower(u.Name), text) || strings.Contains(strings.ToLower(u.Display), text) || strings.HasPrefix(mail, text) || text == "."
		}
		return strings.Contains(strings.ToLower(u.Display), text) || mail == text || u.ShowEmail && strings.HasPrefix(mail, text)
	})
}

// assignable is GET /user/assignable/search.
func (c *call) assignable() (answer, error) {
	text := strings.ToLower(c.query("query") + c.query("username"))
	return c.usersWhere(func(u *User) bool {
		return u.may("ASSIGNABLE_USER") && (strings.Contains(strings.ToLower(u.Display), text) || strings.HasPrefix(strings.ToLower(u.Name), text))
	})
}

// usersWhere lists users; to whom may not browse them, Jira shows none.
func (c *call) usersWhere(match func(*User) bool) (answer, error) {
	list := []any{}
	for _, u := range c.s.st.Users {
		if c.user.may("USER_PICKER") && u.Active && match(u) {
			list = append(list, c.view().user(u.ID))
		}
	}
	start, size := c.page(1000)
	return ok(cut(list, start, size))
}

// watchers are kept, but move nothing.
func (c *call) listWatchers() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	v := c.view()
	out := v.watches(is).(obj)
	list := []any{}
	for _, id := range is.Watchers {
		list = append(list, v.user(id))
	}
	out["watchers"] = list
	return ok(out)
}

func (c *call) addWatcher() (answer, error) {
	is, err := c.issue()
	if err != nil {
		return answer{}, err
	}
	u := c.user
	if said, isString := plainString(c.body); isString && said != "" {
		if u = c.s.user(said); u == nil {
			u = c.s.userNamed(said)
		}
	}
	if u == nil {
		return answer{}, refuse(http.StatusNotFound, "The user does not exist.")
	}
	if !contains(is.Watchers, u.ID) {
		is.Watchers = append(is.Watchers, u.ID)
	}
	return noContent()
}
