package jira

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// User reads one user by what identifies it: account id, or user name.
func (c *Client) User(ctx context.Context, id string) (User, error) {
	q := url.Values{"username": {id}}
	if c.cloud() {
		q = url.Values{"accountId": {id}}
	}
	var u User
	err := c.get(ctx, "read user "+id, "user", "rest/api/2/user?"+q.Encode(), into(&u))
	return u, err
}

// FindUser finds active users by part of a name or e-mail address.
func (c *Client) FindUser(ctx context.Context, query string) ([]User, error) {
	q := url.Values{"username": {query}}
	if c.cloud() {
		q = url.Values{"query": {query}}
	}
	q.Set("maxResults", "50")
	list := []User{}
	err := c.get(ctx, "find users", "user/search", "rest/api/2/user/search?"+q.Encode(), into(&list))
	return list, err
}

// UserByEmail finds the one active user whose visible e-mail address this is. ok is false where there is none, where
// several have it, and where the site hides it.
func (c *Client) UserByEmail(ctx context.Context, email string) (u User, ok bool, err error) {
	if !strings.Contains(email, "@") {
		return User{}, false, nil
	}
	list, err := c.FindUser(ctx, email)
	if err != nil {
		return User{}, false, err
	}
	for _, f := range list {
		if f.Active && equalFold(f.Email, email) {
			if ok && !f.Is(u) {
				return User{}, false, nil
			}
			u, ok = f, true
		}
	}
	return u, ok, nil
}

// Assignable tells whether issues of the project (its key) can be assigned to the user (account id, or user name).
func (c *Client) Assignable(ctx context.Context, project, user string) (bool, error) {
	q := url.Values{"project": {project}, "username": {user}}
	if c.cloud() {
		q = url.Values{"project": {project}, "accountId": {user}}
	}
	q.Set("maxResults", "100")
	var list []User
	err := c.get(ctx, "ask who can be assigned in project "+project, "user/assignable/search", "rest/api/2/user/assignable/search?"+q.Encode(), into(&list))
	if StatusOf(err) == http.StatusNotFound {
		return false, nil // no such user or project for us
	}
	for _, u := range list {
		if equalFold(u.ID(), user) {
			return true, nil
		}
	}
	return false, err
}
