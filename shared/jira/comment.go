package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"drawbridge/shared/walk"
)

// A Comment is a comment as one answer or webhook body shows it.
type Comment struct {
	ID                   string
	Author, UpdateAuthor User
	Body                 string // wiki markup, line ends "\n"
	Created, Updated     time.Time
	Visibility           *Visibility // nil: none shown, see Complete
	Internal             *bool       // a service project's internal comment; nil: not proven
	ParentID             string      // the comment this one replies to, which it shares its visibility with; Cloud
	Properties           map[string]json.RawMessage
	HasProperties        bool // the body says which properties there are
	Complete             bool // read from the API: no Visibility means that there is none. A webhook may leave it out
}

// Restricted reports whether the comment is known to be hidden from some who see the issue.
func (m Comment) Restricted() bool { return m.Visibility != nil || m.Internal != nil && *m.Internal }

// Open reports whether the comment is proven to be for everybody who sees the issue. A reply is as open as its parent,
// which the caller must look at.
func (m Comment) Open() bool {
	return m.Complete && m.Visibility == nil && m.Internal != nil && !*m.Internal
}

// Visibility is who may see a comment or worklog: a "role" or a "group".
type Visibility struct {
	Type       string `json:"type"`
	Value      string `json:"value,omitempty"`
	Identifier string `json:"identifier,omitempty"` // Cloud
}

// internalKey is the comment property by which a service project knows its internal comments.
const internalKey = "sd.public.comment"

// readVisibility reads who may see a comment or worklog; nil is everybody.
func readVisibility(raw []byte) (*Visibility, error) {
	var v Visibility
	err := walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "type":
			v.Type = word(value)
		case "value":
			v.Value = word(value)
		case "identifier":
			v.Identifier = word(value)
		}
		return nil
	})
	if err != nil || v == (Visibility{}) {
		return nil, err
	}
	return &v, nil
}

// UnmarshalJSON reads a comment of either flavour. Complete stays false: the caller knows where the body comes from.
func (m *Comment) UnmarshalJSON(raw []byte) error {
	*m = Comment{}
	var role, group string // very old Data Center
	var public *truth
	err := walk.Members(raw, func(name, value []byte) (err error) {
		switch string(name) {
		case "id":
			m.ID = word(value)
		case "author":
			err = readUser(&m.Author, value)
		case "updateAuthor":
			err = readUser(&m.UpdateAuthor, value)
		case "body":
			m.Body = lineEnds(word(value))
		case "created":
			m.Created = timeOf(value)
		case "updated":
			m.Updated = timeOf(value)
		case "visibility":
			m.Visibility, err = readVisibility(value)
		case "roleLevel":
			role = word(value)
		case "groupLevel":
			group = word(value)
		case "jsdPublic":
			public = truthOf(value)
		case "parentId":
			m.ParentID = word(value)
		case "properties":
			m.Properties, m.HasProperties = readProperties(value)
		}
		return err
	})
	switch {
	case role != "":
		m.Visibility = &Visibility{Type: "role", Value: role}
	case group != "":
		m.Visibility = &Visibility{Type: "group", Value: group}
	}
	m.Internal = internal(public, m)
	return err
}

// readProperties reads the two notations of properties: a list of key and value, and an object.
func readProperties(raw []byte) (m map[string]json.RawMessage, ok bool) {
	if string(raw) == "null" {
		return nil, false
	}
	m = map[string]json.RawMessage{}
	err := walk.Elements(raw, func(property []byte) error {
		key, value := "", []byte(nil)
		err := walk.Members(property, func(name, v []byte) error {
			switch string(name) {
			case "key":
				key = word(v)
			case "value":
				value = bytes.Clone(v)
			}
			return nil
		})
		m[key] = value
		return err
	})
	if err != nil {
		m, err = readMap(bytes.Clone(raw))
	}
	return m, err == nil
}

// internal is what the body proves about an internal comment: the property where it shows the properties, or Cloud's jsdPublic. What
// either calls internal is.
func internal(public *truth, m *Comment) *bool {
	yes, no := true, false
	switch {
	case m.HasProperties && isInternal(m.Properties[internalKey]), public != nil && !bool(*public):
		return &yes
	case m.HasProperties, public != nil:
		return &no
	}
	return nil
}

func isInternal(raw json.RawMessage) bool { return bare(walk.Member(raw, "internal")) == "true" }

// CommentRequest is a comment to write.
type CommentRequest struct {
	Body       string
	Visibility *Visibility
	Open       bool // an edit without Visibility: it has none and shall have none, so nothing need be read first
	Internal   bool // a service project's internal comment
	Properties map[string]any
}

// commentBody is the body of a write. go-jira's own sends empty authors and visibilities, which Cloud refuses.
type commentBody struct {
	Body       string      `json:"body"`
	Visibility *Visibility `json:"visibility,omitempty"`
	Properties []property  `json:"properties,omitempty"`
}

func (r CommentRequest) wire() commentBody {
	b := commentBody{Body: r.Body, Visibility: r.Visibility, Properties: propertyList(r.Properties)}
	if r.Internal {
		b.Properties = append(b.Properties, property{internalKey, map[string]bool{"internal": true}})
	}
	return b
}

func commentPath(issueID, id string) string {
	p := "rest/api/2/issue/" + url.PathEscape(issueID) + "/comment"
	if id != "" {
		p += "/" + url.PathEscape(id)
	}
	return p + "?expand=properties"
}

// ListComments reads all comments of an issue that our account may see, oldest first.
func (c *Client) ListComments(ctx context.Context, issueID string) ([]Comment, error) {
	list := []Comment{}
	p := pager{"list the comments of issue " + issueID, "issue/{issue}/comment", "rest/api/2/issue/" + url.PathEscape(issueID) + "/comment",
		url.Values{"expand": {"properties"}, "orderBy": {"created"}}, 100}
	err := pages(ctx, c, p, func(m Comment) error {
		m.Complete = true
		list = append(list, m)
		return nil
	})
	return list, err
}

// GetComment reads one comment, and proves whether it is internal: where the comment itself does not say, its property is
// asked for.
func (c *Client) GetComment(ctx context.Context, issueID, id string) (Comment, error) {
	var m Comment
	what := "read comment " + id + " of issue " + issueID
	err := c.get(ctx, what, "issue/{issue}/comment/{comment}", commentPath(issueID, id), needs(&m, func() bool { return m.ID != "" }))
	if err != nil {
		return Comment{}, err
	}
	m.Complete = true
	if m.Internal == nil {
		raw, err := c.CommentProperty(ctx, id, internalKey)
		if err != nil {
			return Comment{}, err
		}
		is := isInternal(raw)
		m.Internal = &is
	}
	return m, nil
}

// AddComment writes a comment. Its author and time are ours and now: Jira lets nobody set them.
func (c *Client) AddComment(ctx context.Context, issueID string, r CommentRequest) (Comment, error) {
	var m Comment
	err := c.do(ctx, call{what: "comment on issue " + issueID, method: http.MethodPost, route: "issue/{issue}/comment", issue: issueID,
		path: commentPath(issueID, ""), body: r.wire(), decode: needs(&m, func() bool { return m.ID != "" })})
	m.Complete = err == nil
	return m, err
}

// EditComment changes a comment's text and keeps who may see it. Jira's pages do not say what becomes of a restriction that an edit does not
// repeat, so it is always repeated: the request names it, says that there is none (Open), or it is read first.
func (c *Client) EditComment(ctx context.Context, issueID, id string, r CommentRequest) (Comment, error) {
	if r.Visibility == nil && !r.Open {
		now, err := c.GetComment(ctx, issueID, id)
		if err != nil {
			return Comment{}, err
		}
		r.Visibility = now.Visibility
	}
	var m Comment
	what := "edit comment " + id + " of issue " + issueID
	err := c.do(ctx, call{what: what, method: http.MethodPut, route: "issue/{issue}/comment/{comment}", issue: issueID,
		path: commentPath(issueID, id), body: r.wire(), decode: needs(&m, func() bool { return m.ID != "" })})
	m.Complete = err == nil
	return m, err
}

// DeleteComment deletes a comment.
func (c *Client) DeleteComment(ctx context.Context, issueID, id string) error {
	return c.do(ctx, call{what: "delete comment " + id + " of issue " + issueID, method: http.MethodDelete,
		route: "issue/{issue}/comment/{comment}", issue: issueID,
		path: "rest/api/2/issue/" + url.PathEscape(issueID) + "/comment/" + url.PathEscape(id)})
}
