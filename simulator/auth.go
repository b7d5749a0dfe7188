package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authenticate finds the caller. Cloud knows e-mail and API token; Data Center
// knows name and password (or token), and personal access tokens.
func (c *call) authenticate() error {
	head := c.r.Header.Get("Authorization")
	if head == "" {
		return nil
	}
	u := c.s.signedIn(c.r)
	if u == nil || u.Expired || !u.Active {
		if c.s.settings.AnonymousEmpty {
			return nil
		}
		return c.notSignedIn()
	}
	c.user = u
	return nil
}

func (s *Site) signedIn(r *http.Request) *User {
	if token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		if s.cloud() || s.before(8, 14) { // personal access tokens came with 8.14
			return nil
		}
		return pick(s.st.Users, func(u *User) bool { return u.Token != "" && u.Token == token })
	}
	name, secret, found := r.BasicAuth()
	if !found || secret == "" {
		return nil
	}
	if s.cloud() {
		return pick(s.st.Users, func(u *User) bool { return strings.EqualFold(u.Email, name) && u.Token == secret })
	}
	return pick(s.st.Users, func(u *User) bool {
		return strings.EqualFold(u.Name, name) && (u.Password == secret || u.Token == secret)
	})
}

func (c *call) notSignedIn() error {
	if c.s.cloud() {
		return refuse(http.StatusUnauthorized, "Client must be authenticated to access this resource.")
	}
	if c.r.Header.Get("Authorization") != "" {
		return &refusal{status: http.StatusUnauthorized, html: true, messages: []string{"Unauthorized"}}
	}
	return refuse(http.StatusUnauthorized, "You do not have the permission to see the specified issue.")
}

func (c *call) who() string {
	if c.user == nil {
		return ""
	}
	return c.user.ID
}

// headers are on every answer of the flavour.
func (s *Site) headers(h http.Header, u *User) {
	id := fmt.Sprintf("%016x%016x", s.rng.below(1<<62), s.rng.below(1<<62))
	h.Set("X-Arequestid", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache, no-store, no-transform")
	if !s.cloud() {
		h.Set("X-Anodeid", "node1")
		if u != nil {
			h.Set("X-Ausername", url.QueryEscape(u.Name))
		}
		return
	}
	h.Set("Server", "AtlassianEdge")
	h.Set("Atl-Traceid", id)
	h.Set("Atl-Request-Id", fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:]))
	h.Set("X-Xss-Protection", "1; mode=block")
	h.Set("Timing-Allow-Origin", "*")
	h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains; preload")
	if u != nil {
		h.Set("X-Aaccountid", url.QueryEscape(u.ID))
	}
}

// may reports whether a user holds a permission. Everybody signed in holds all
// that are not denied to him; administration needs the administrators' group.
func (u *User) may(permission string) bool {
	if u == nil || slices.Contains(u.Denied, permission) {
		return false
	}
	if permission == "ADMINISTER" || permission == "SYSTEM_ADMIN" {
		return slices.Contains(u.Groups, adminGroup)
	}
	return true
}

const adminGroup = "jira-administrators"

// need refuses a caller without the permission.
func (c *call) need(permission string) error {
	if c.user.may(permission) {
		return nil
	}
	return errForbidden
}

// sees reports whether a user may see an issue at all.
func (s *Site) sees(u *User, is *Issue) bool {
	if !u.may("BROWSE_PROJECTS") {
		return false
	}
	level := pick(s.st.Security, func(l *SecurityLevel) bool { return l.ID == is.word("security") })
	return level == nil || slices.ContainsFunc(level.Roles, func(r string) bool { return slices.Contains(u.Roles, r) })
}

// seesText reports whether a user may see a comment or worklog.
func (u *User) seesText(v *Visibility, internal bool) bool {
	if internal && !slices.Contains(u.Roles, agentRole) {
		return false
	}
	switch {
	case v == nil:
		return true
	case v.Type == "group":
		return slices.Contains(u.Groups, v.Value)
	default:
		return slices.Contains(u.Roles, v.Value)
	}
}

const agentRole = "Service Desk Team"

// issue is the issue named in the path, if the caller sees it.
func (c *call) issue() (*Issue, error) { return c.issueNamed(c.r.PathValue("key")) }

func (c *call) issueNamed(idOrKey string) (*Issue, error) {
	is := c.s.find(idOrKey)
	if is == nil || !c.s.sees(c.user, is) {
		return nil, c.s.noIssue()
	}
	return is, nil
}

// issueFor is issue for a caller who wants to change something.
func (c *call) issueFor(permission string) (*Issue, error) {
	is, err := c.issue()
	if err != nil {
		return nil, err
	}
	if is.Archived {
		return nil, refuse(http.StatusForbidden, "The issue is archived and cannot be changed.")
	}
	return is, c.need(permission)
}
