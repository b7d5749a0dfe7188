package jira

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"drawbridge/shared/bridge"
	"drawbridge/shared/walk"
)

// An Attachment is a file of an issue. Two may have the same name; the ID tells them apart.
type Attachment struct {
	ID, Name, MimeType string
	Content            string // where the content is, in Jira's own words
	Size               int64
	Author             User
	Created            time.Time
}

// UnmarshalJSON reads an attachment of either flavour.
func (a *Attachment) UnmarshalJSON(raw []byte) error {
	*a = Attachment{}
	self := ""
	err := walk.Members(raw, func(name, value []byte) error {
		switch string(name) {
		case "id":
			a.ID = word(value)
		case "self":
			self = word(value)
		case "filename":
			a.Name = word(value)
		case "mimeType":
			a.MimeType = word(value)
		case "content":
			a.Content = word(value)
		case "size":
			a.Size = integer(value)
		case "author":
			return readUser(&a.Author, value)
		case "created":
			a.Created = timeOf(value)
		}
		return nil
	})
	a.ID = or(a.ID, lastSegment(self))
	return err
}

func readAttachment(raw []byte) (a Attachment, err error) {
	err = a.UnmarshalJSON(raw)
	return a, err
}

// lastSegment is the id at the end of an attachment's own address: reading one by id, Jira leaves the id out.
func lastSegment(self string) string {
	u, err := url.Parse(self)
	if err != nil {
		return ""
	}
	for i := len(u.Path) - 1; i >= 0; i-- {
		if u.Path[i] == '/' {
			return u.Path[i+1:]
		}
	}
	return ""
}

// Attachment reads what there is to know of an attachment.
func (c *Client) Attachment(ctx context.Context, id string) (Attachment, error) {
	var a Attachment
	err := c.get(ctx, "read attachment "+id, "attachment/{attachment}", "rest/api/2/attachment/"+url.PathEscape(id), into(&a))
	a.ID = id
	return a, err
}

// DeleteAttachment deletes an attachment.
func (c *Client) DeleteAttachment(ctx context.Context, id string) error {
	return c.do(ctx, call{what: "delete attachment " + id, method: http.MethodDelete, route: "attachment/{attachment}",
		path: "rest/api/2/attachment/" + url.PathEscape(id)})
}

// UploadLimit is the largest attachment in bytes, and whether the site takes attachments at all.
func (c *Client) UploadLimit(ctx context.Context) (limit int64, enabled bool, err error) {
	var w struct {
		Enabled truth  `json:"enabled"`
		Limit   number `json:"uploadLimit"`
	}
	err = c.get(ctx, "ask for the attachment limit", "attachment/meta", "rest/api/2/attachment/meta", into(&w))
	return int64(w.Limit), bool(w.Enabled), err
}

// Upload adds an attachment to an issue. The content is streamed, never whole in memory, and so is sent once: a failure is never repeated here.
// size is its length, -1 if unknown.
func (c *Client) Upload(ctx context.Context, issueID, name string, size int64, r io.Reader) (Attachment, error) {
	var list []Attachment
	err := c.post(ctx, upload{name, size, r}, call{what: fmt.Sprintf("attach %q to issue %s", name, issueID), route: "issue/{issue}/attachments", issue: issueID,
		path: "rest/api/2/issue/" + url.PathEscape(issueID) + "/attachments", decode: needs(&list, func() bool { return len(list) > 0 })})
	if err != nil {
		return Attachment{}, err
	}
	return list[0], nil
}

// upload is a file on its way.
type upload struct {
	name string
	size int64 // -1 if unknown
	r    io.Reader
}

// post sends a file.
func (c *Client) post(ctx context.Context, u upload, k call) error {
	head, tail, kind, err := envelope(u.name)
	if err != nil {
		return bridge.Permanent("request-unwritable", "%s: %w", k.what, err)
	}
	content := &measured{r: u.r, want: u.size}
	k.method = http.MethodPost
	k.build = func(ctx context.Context) (*http.Request, error) {
		body := io.MultiReader(bytes.NewReader(head), content, bytes.NewReader(tail))
		req, err := c.gj.newRawRequest(ctx, http.MethodPost, k.path, body)
		if err != nil {
			return nil, err
		}
		if u.size >= 0 {
			req.ContentLength = int64(len(head)) + u.size + int64(len(tail))
		}
		req.Header.Set("Content-Type", kind)
		req.Header.Set("X-Atlassian-Token", "no-check")
		req.Header.Set("X-ExperimentalApi", "opt-in") // of service management on Data Center
		return req, nil
	}
	err = c.do(ctx, k)
	if content.err != nil {
		return (&fault{cause: content.err}).with(bridge.Temporary("content-unreadable", "%s: its content cannot be read: %v", k.what, content.err), bridge.LevelPair)
	}
	if err != nil {
		return tooBig(err, c.cloud())
	}
	return nil
}

// tooBig renames Data Center's answer to a file over the limit, which is a 404.
func tooBig(err error, cloud bool) error {
	var e *bridge.Error
	if !cloud && StatusOf(err) == http.StatusNotFound && errors.As(err, &e) {
		return faultOf(err).with(bridge.Permanent("too-large", "%v (or the file is over the site's limit)", err), bridge.LevelPair)
	}
	return err
}

// envelope is what stands before and after the content in a multipart body, and the body's type.
func envelope(name string) (head, tail []byte, kind string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if _, err = w.CreateFormFile("file", name); err != nil {
		return nil, nil, "", err
	}
	n := b.Len()
	if err = w.Close(); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:n], b.Bytes()[n:], w.FormDataContentType(), nil
}

// measured passes a content on and remembers why it is not as long as was said.
type measured struct {
	r    io.Reader
	want int64
	got  int64
	err  error
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.got += int64(n)
	switch {
	case err != nil && err != io.EOF:
		m.err = err
	case m.want >= 0 && (m.got > m.want || err == io.EOF && m.got < m.want):
		m.err = fmt.Errorf("%d bytes announced, %d read", m.want, m.got)
		return 0, m.err
	}
	return n, err
}
