package jira

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"drawbridge/shared/bridge"
)

// CreateMeta lists the fields of the screen for creating an issue of a type (its name or id) in a project (its key or id).
func (c *Client) CreateMeta(ctx context.Context, project, issuetype string) (map[string]FieldMeta, error) {
	types, err := c.CreateTypes(ctx, project)
	if err != nil {
		return nil, err
	}
	id := ""
	for _, t := range types {
		if t.ID == issuetype || id == "" && equalFold(t.Name, issuetype) {
			id = t.ID
		}
	}
	if id == "" {
		return nil, (&fault{status: http.StatusNotFound}).with(bridge.Permanent("not-found",
			"project %s has no issue type %q that our account may create", project, issuetype), bridge.LevelPair)
	}
	m := map[string]FieldMeta{}
	what := "ask what a new " + issuetype + " in project " + project + " needs"
	path := "rest/api/2/issue/createmeta/" + url.PathEscape(project) + "/issuetypes/" + url.PathEscape(id)
	err = pages(ctx, c, pager{what, "issue/createmeta/{project}/issuetypes/{type}", path, nil, 50}, func(w wireFieldMeta) error {
		m[or(string(w.FieldID), string(w.Key))] = w.meta()
		return nil
	})
	return m, err
}

// CreateTypes lists the issue types our account may create in a project.
func (c *Client) CreateTypes(ctx context.Context, project string) ([]Named, error) {
	var types []Named
	path := "rest/api/2/issue/createmeta/" + url.PathEscape(project) + "/issuetypes"
	err := pages(ctx, c, pager{"list the issue types of project " + project, "issue/createmeta/{project}/issuetypes", path, nil, 50}, func(w wireNamed) error {
		types = append(types, Named{string(w.ID), string(w.Name)})
		return nil
	})
	return types, err
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }
