package jira

import (
	"context"
	"net/http"

	gojira "github.com/andygrunwald/go-jira"

	"drawbridge/shared/bridge"
)

// Names are the words of a site.
type Names struct {
	Statuses                            []Status
	Priorities, Resolutions, IssueTypes []Named
	Subtasks                            []string // names of the issue types that are parts of another issue: none is made without a parent
	Projects                            []Project
	LinkTypes                           []LinkType
}

// Named is anything with an id and a name.
type Named struct{ ID, Name string }

// Status is a workflow status. Its Category is "new", "indeterminate" or "done".
type Status struct{ ID, Name, Category string }

// Project is a project our account sees. A service project has the TypeKey "service_desk".
type Project struct{ ID, Key, Name, TypeKey string }

// LinkType is a type of issue links: the source "blocks" (Outward) the destination, which "is blocked by" (Inward) it.
type LinkType struct{ ID, Name, Inward, Outward string }

// Names reads the words of the site, once; see Refresh.
func (c *Client) Names(ctx context.Context) (*Names, error) {
	c.mu.Lock()
	known := c.names
	c.mu.Unlock()
	if known != nil {
		return known, nil
	}
	n := &Names{}
	for _, read := range []func(context.Context, *Names) error{c.readStatuses, c.readPriorities, c.readResolutions, c.readTypes, c.readProjects, c.readLinkTypes} {
		// A list that this Jira does not have, or keeps from us, is an empty list.
		if err := read(ctx, n); err != nil && (bridge.IsTemporary(err) || bridge.LevelOf(err) == bridge.LevelSite) && StatusOf(err) != http.StatusNotImplemented {
			return nil, err
		}
	}
	c.mu.Lock()
	c.names = n
	c.mu.Unlock()
	return n, nil
}

// Refresh forgets fields and names, and reads the fields again.
func (c *Client) Refresh(ctx context.Context) error {
	c.mu.Lock()
	c.schema, c.names = nil, nil
	c.mu.Unlock()
	_, err := c.Fields(ctx)
	return err
}

func (c *Client) readStatuses(ctx context.Context, n *Names) error {
	var w []wireStatus
	err := c.get(ctx, "read the statuses", "status", "rest/api/2/status", into(&w))
	for _, s := range w {
		n.Statuses = append(n.Statuses, s.status())
	}
	return err
}

type wireStatus struct {
	ID       text `json:"id"`
	Name     text `json:"name"`
	Category struct {
		Key text `json:"key"`
	} `json:"statusCategory"`
}

func (s wireStatus) status() Status {
	return Status{string(s.ID), string(s.Name), string(s.Category.Key)}
}

type wireNamed struct {
	ID   text `json:"id"`
	Name text `json:"name"`
}

func (c *Client) readNamed(ctx context.Context, what, route string, to *[]Named) error {
	var w []wireNamed
	err := c.get(ctx, what, route, "rest/api/2/"+route, into(&w))
	for _, s := range w {
		*to = append(*to, Named{string(s.ID), string(s.Name)})
	}
	return err
}

func (c *Client) readPriorities(ctx context.Context, n *Names) error {
	return c.readNamed(ctx, "read the priorities", "priority", &n.Priorities)
}

func (c *Client) readResolutions(ctx context.Context, n *Names) error {
	return c.readNamed(ctx, "read the resolutions", "resolution", &n.Resolutions)
}

func (c *Client) readTypes(ctx context.Context, n *Names) error {
	var w []struct {
		wireNamed
		Subtask truth `json:"subtask"`
	}
	err := c.get(ctx, "read the issue types", "issuetype", "rest/api/2/issuetype", into(&w))
	for _, t := range w {
		n.IssueTypes = append(n.IssueTypes, Named{string(t.ID), string(t.Name)})
		if t.Subtask {
			n.Subtasks = append(n.Subtasks, string(t.Name))
		}
	}
	return err
}

func (c *Client) readLinkTypes(ctx context.Context, n *Names) error {
	var w struct {
		Types []gojira.IssueLinkType `json:"issueLinkTypes"`
	}
	err := c.get(ctx, "read the link types", "issueLinkType", "rest/api/2/issueLinkType", into(&w))
	for _, t := range w.Types {
		n.LinkTypes = append(n.LinkTypes, LinkType{t.ID, t.Name, t.Inward, t.Outward})
	}
	return err
}

type wireProject struct {
	ID      text `json:"id"`
	Key     text `json:"key"`
	Name    text `json:"name"`
	TypeKey text `json:"projectTypeKey"`
}

func (c *Client) readProjects(ctx context.Context, n *Names) error {
	var w []wireProject
	err := error(nil)
	if c.cloud() {
		// Paged on Cloud; the plain list is deprecated there.
		err = pages(ctx, c, pager{"read the projects", "project/search", "rest/api/2/project/search", nil, 50}, func(p wireProject) error {
			w = append(w, p)
			return nil
		})
	}
	if s := StatusOf(err); !c.cloud() || s == http.StatusNotFound || s == http.StatusNotImplemented {
		err = c.get(ctx, "read the projects", "project", "rest/api/2/project", into(&w))
	}
	for _, p := range w {
		n.Projects = append(n.Projects, Project{string(p.ID), string(p.Key), string(p.Name), string(p.TypeKey)})
	}
	return err
}
