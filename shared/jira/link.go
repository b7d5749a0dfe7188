package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// A Link is a link of two issues. Read from one of them, Outward says that this one is the source, and Other is the one at the other
// end; from a webhook only Source and Destination (ids) are known.
type Link struct {
	ID                  string
	Type                LinkType
	Outward             bool
	Other               Ref
	Source, Destination string
}

// LinkRequest links two issues, named by id or key: Source "blocks" Destination. Type is the type's name.
type LinkRequest struct{ Type, Source, Destination string }

type wireLink struct {
	ID      text         `json:"id"`
	Type    wireLinkType `json:"type"`
	Inward  *wireRef     `json:"inwardIssue"`
	Outward *wireRef     `json:"outwardIssue"`
}

type wireLinkType struct {
	ID      text `json:"id"`
	Name    text `json:"name"`
	Inward  text `json:"inward"`
	Outward text `json:"outward"`
}

type wireRef struct {
	ID  text `json:"id"`
	Key text `json:"key"`
}

func (w wireLink) link() Link {
	l := Link{ID: string(w.ID), Type: LinkType{string(w.Type.ID), string(w.Type.Name), string(w.Type.Inward), string(w.Type.Outward)}}
	switch {
	case w.Outward != nil:
		l.Outward, l.Other = true, Ref{string(w.Outward.ID), string(w.Outward.Key)}
	case w.Inward != nil:
		l.Other = Ref{string(w.Inward.ID), string(w.Inward.Key)}
	}
	return l
}

// Links are the issue's links, and whether the body says which there are.
func (i *Issue) Links() (list []Link, known bool) {
	var w []wireLink
	raw, there := i.Fields["issuelinks"]
	if !there || json.Unmarshal(raw, &w) != nil {
		return nil, false
	}
	for _, l := range w {
		list = append(list, l.link())
	}
	return list, true
}

// AddLink links two issues. Jira does not answer the new link's id, and takes a link that exists already for made.
func (c *Client) AddLink(ctx context.Context, r LinkRequest) error {
	body := map[string]any{"type": map[string]string{"name": r.Type}, "inwardIssue": issueRef(r.Source), "outwardIssue": issueRef(r.Destination)}
	return c.do(ctx, call{what: "link issue " + r.Source + " to " + r.Destination, method: http.MethodPost, route: "issueLink",
		path: "rest/api/2/issueLink", body: body, issue: r.Source})
}

func issueRef(idOrKey string) map[string]string {
	if _, err := strconv.ParseInt(idOrKey, 10, 64); err == nil {
		return map[string]string{"id": idOrKey}
	}
	return map[string]string{"key": idOrKey}
}

// DeleteLink removes a link.
func (c *Client) DeleteLink(ctx context.Context, id string) error {
	return c.do(ctx, call{what: "delete link " + id, method: http.MethodDelete, route: "issueLink/{link}", path: "rest/api/2/issueLink/" + url.PathEscape(id)})
}

// Links reads the links of an issue.
func (c *Client) Links(ctx context.Context, issueID string) ([]Link, error) {
	i, err := c.Issue(ctx, issueID, IssueOptions{Fields: []string{"issuelinks"}})
	if err != nil {
		return nil, err
	}
	list, _ := i.Links()
	return list, nil
}

// RemoteLink is a link from an issue to a page elsewhere. The GlobalID (at most 255 characters) makes setting it again a
// replacement.
type RemoteLink struct {
	ID, GlobalID, URL, Title, Summary string
	Icon, IconTitle                   string // address and tool tip of a 16x16 picture
	Relationship                      string // "is synced with"
	Application                       Application
	Resolved                          bool // struck out
}

// Application is where a remote link leads.
type Application struct {
	Type string `json:"type,omitempty"` // "com.example.drawbridge": links of one type stand together
	Name string `json:"name,omitempty"`
}

type wireRemoteLink struct {
	ID           text         `json:"id,omitempty"`
	GlobalID     string       `json:"globalId,omitempty"`
	Application  *Application `json:"application,omitempty"`
	Relationship string       `json:"relationship,omitempty"`
	Object       remoteObject `json:"object"`
}

type remoteObject struct {
	URL     string        `json:"url"`
	Title   string        `json:"title"`
	Summary string        `json:"summary,omitempty"`
	Icon    *remoteIcon   `json:"icon,omitempty"`
	Status  *remoteStatus `json:"status,omitempty"`
}

type remoteIcon struct {
	URL   string `json:"url16x16,omitempty"`
	Title string `json:"title,omitempty"`
}

type remoteStatus struct {
	Resolved bool `json:"resolved"`
}

// SetRemoteLink makes or replaces a remote link. What it leaves out is removed from the one that is there.
func (c *Client) SetRemoteLink(ctx context.Context, issueID string, l RemoteLink) error {
	w := wireRemoteLink{GlobalID: l.GlobalID, Relationship: l.Relationship, Object: remoteObject{URL: l.URL, Title: l.Title, Summary: l.Summary}}
	if l.Application != (Application{}) {
		w.Application = &l.Application
	}
	if l.Icon != "" {
		w.Object.Icon = &remoteIcon{l.Icon, l.IconTitle}
	}
	if l.Resolved {
		w.Object.Status = &remoteStatus{true}
	}
	return c.do(ctx, call{what: "set the remote link of issue " + issueID, method: http.MethodPost, route: "issue/{issue}/remotelink",
		path: "rest/api/2/issue/" + url.PathEscape(issueID) + "/remotelink", body: w, issue: issueID})
}

// RemoteLinks reads the remote links of an issue.
func (c *Client) RemoteLinks(ctx context.Context, issueID string) ([]RemoteLink, error) {
	var w []wireRemoteLink
	err := c.get(ctx, "read the remote links of issue "+issueID, "issue/{issue}/remotelink",
		"rest/api/2/issue/"+url.PathEscape(issueID)+"/remotelink", into(&w))
	list := []RemoteLink{}
	for _, r := range w {
		l := RemoteLink{ID: string(r.ID), GlobalID: r.GlobalID, Relationship: r.Relationship, URL: r.Object.URL, Title: r.Object.Title, Summary: r.Object.Summary}
		if r.Application != nil {
			l.Application = *r.Application
		}
		if r.Object.Icon != nil {
			l.Icon, l.IconTitle = r.Object.Icon.URL, r.Object.Icon.Title
		}
		l.Resolved = r.Object.Status != nil && r.Object.Status.Resolved
		list = append(list, l)
	}
	return list, err
}

// DeleteRemoteLink removes the remote link of a global id.
func (c *Client) DeleteRemoteLink(ctx context.Context, issueID, globalID string) error {
	return c.do(ctx, call{what: "delete the remote link of issue " + issueID, method: http.MethodDelete, route: "issue/{issue}/remotelink", issue: issueID,
		path: "rest/api/2/issue/" + url.PathEscape(issueID) + "/remotelink?" + url.Values{"globalId": {globalID}}.Encode()})
}
