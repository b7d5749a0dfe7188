package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

func propertyPath(kind, id, key string) string {
	return "rest/api/2/" + kind + "/" + url.PathEscape(id) + "/properties/" + url.PathEscape(key)
}

// SetProperty sets an entity property of an issue: any JSON up to 32,768 characters under a key of at most 255.
func (c *Client) SetProperty(ctx context.Context, issueID, key string, value any) error {
	return c.do(ctx, call{what: "set property " + key + " of issue " + issueID, method: http.MethodPut,
		route: "issue/{issue}/properties/{key}", path: propertyPath("issue", issueID, key), body: value, issue: issueID})
}

// Property reads an entity property of an issue; nil where there is none of that key.
func (c *Client) Property(ctx context.Context, issueID, key string) (json.RawMessage, error) {
	return c.property(ctx, "issue", issueID, key)
}

// DeleteProperty removes an entity property of an issue.
func (c *Client) DeleteProperty(ctx context.Context, issueID, key string) error {
	return c.do(ctx, call{what: "delete property " + key + " of issue " + issueID, method: http.MethodDelete,
		route: "issue/{issue}/properties/{key}", path: propertyPath("issue", issueID, key), issue: issueID})
}

// SetCommentProperty sets an entity property of a comment.
func (c *Client) SetCommentProperty(ctx context.Context, commentID, key string, value any) error {
	return c.do(ctx, call{what: "set property " + key + " of comment " + commentID, method: http.MethodPut,
		route: "comment/{comment}/properties/{key}", path: propertyPath("comment", commentID, key), body: value})
}

// CommentProperty reads an entity property of a comment; nil where there is none of that key.
func (c *Client) CommentProperty(ctx context.Context, commentID, key string) (json.RawMessage, error) {
	return c.property(ctx, "comment", commentID, key)
}

// property reads a property. Jira answers 404 both for a missing property and for an entity our account does not see; the
// caller has seen the entity.
func (c *Client) property(ctx context.Context, kind, id, key string) (json.RawMessage, error) {
	var w struct {
		Value json.RawMessage `json:"value"`
	}
	err := c.get(ctx, "read property "+key+" of "+kind+" "+id, kind+"/{"+kind+"}/properties/{key}", propertyPath(kind, id, key), into(&w))
	if StatusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	return w.Value, err
}
