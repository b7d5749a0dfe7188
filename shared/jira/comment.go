package jira

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
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

type wireComment struct {
	ID           text             `json:"id"`
	Author       *User            `json:"author"`
	UpdateAuthor *User            `json:"updateAuthor"`
	Body         text             `json:"body"`
	Created      moment           `json:"created"`
	Updated      moment           `json:"updated"`
	Visibility   *wireVisibility  `json:"visibility"`
	RoleLevel    text             `json:"roleLevel"`  // very old Data Center
	GroupLevel   text             `json:"groupLevel"` // very old Data Center
	JSDPublic    *truth           `json:"jsdPublic"`
	ParentID     text             `json:"parentId"`
	Properties   *json.RawMessage `json:"properties"`
}

type wireVisibility struct {
	Type       text `json:"type"`
	Value      text `json:"value"`
	Identifier text `json:"identifier"`
}

func (w *wireVisibility) visibility() *Visibility {
	if w == nil || *w == (wireVisibility{}) {
		return nil
	}
	return &Visibility{string(w.Type), string(w.Value), string(w.Identifier)}
}

// UnmarshalJSON reads a comment of either flavour. Complete stays false: the caller knows where the body comes from.
func (m *Comment) UnmarshalJSON(raw []byte) error {
	var w wireComment
	if err := json.Unmarshal(raw, &w); err != nil {
		return err
	}
	*m = Comment{ID: string(w.ID), Body: lineEnds(string(w.Body)), Created: w.Created.Time, Updated: w.Updated.Time,
		Visibility: w.Visibility.visibility(), ParentID: string(w.ParentID)}
	if w.Author != nil {
		m.Author = *w.Author
	}
	if w.UpdateAuthor != nil {
		m.UpdateAuthor = *w.UpdateAuthor
	}
	switch {
	case w.RoleLevel != "":
		m.Visibility = &Visibility{Type: "role", Value: string(w.RoleLevel)}
	case w.GroupLevel != "":
		m.Visibility = &Visibility{Type: "group", Value: string(w.GroupLevel)}
	}
	if w.Properties != nil {
		m.Properties, m.HasProperties = readProperties(*w.Properties)
	}
	m.Internal = internal(w.JSDPublic, m)
	return nil
}

// readProperties reads the two notations of properties: a list of key and value, and an object.
func readProperties(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var list []struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	}
	m := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &list) == nil && string(raw) != "null" {
		for _, p := range list {
			m[p.Key] = p.Value
		}
		return m, true
	}
	err := json.Unmarshal(raw, &m)
	return m, err == nil && m != nil
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

func isInternal(raw json.RawMessage) bool {
	var w struct {
		Internal truth `json:"internal"`
	}
	return json.Unmarshal(raw, &w) == nil && bool(w.Internal)
}

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
