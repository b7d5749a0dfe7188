package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// uploadFiles is the most files Cloud takes in one request.
const uploadFiles = 60

// attach is POST /issue/{key}/attachments.
func (c *call) attach() (answer, error) {
	is, err := c.issueFor("CREATE_ATTACHMENTS")
	if err != nil {
		return answer{}, err
	}
	if t := c.r.Header.Get("X-Atlassian-Token"); t != "no-check" && t != "nocheck" {
		return answer{status: http.StatusForbidden, body: []byte("XSRF check failed"), header: map[string]string{"Content-Type": "text/html;charset=UTF-8"}}, nil
	}
	if err := c.full(len(is.Attachments), 2000, "attachments"); err != nil {
		return answer{}, err
	}
	files, err := c.uploaded()
	if err != nil {
		return answer{}, err
	}
	v := c.view()
	list := []any{}
	for _, f := range files {
		a := c.s.attachFile(is, f.name, f.mime, f.data, c.user)
		list = append(list, v.attachment(a))
	}
	return ok(list)
}

type upload struct {
	name, mime string
	data       []byte
}

// uploaded reads the parts called "file".
func (c *call) uploaded() ([]upload, error) {
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	var files []upload
	parts := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "The upload could not be read.")
		}
		data, err := io.ReadAll(p)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "The upload could not be read.")
		}
		if p.FormName() != "file" {
			continue
		}
		if int64(len(data)) > c.s.settings.UploadLimit {
			return nil, c.tooLarge(p.FileName())
		}
		files = append(files, upload{fileName(p), p.Header.Get("Content-Type"), data})
	}
	if len(files) == 0 {
		return nil, refuse(http.StatusBadRequest, "No file found to attach.")
	}
	if c.s.cloud() && len(files) > uploadFiles {
		return nil, refuse(http.StatusRequestEntityTooLarge, "At most %d files can be attached at once.", uploadFiles)
	}
	return files, nil
}

// fileName is the part's file name as sent, without any folder.
func fileName(p *multipart.Part) string {
	name := p.FileName()
	if name == "" {
		return "file"
	}
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}

func (c *call) tooLarge(name string) error {
	status := http.StatusNotFound // so Data Center documents it
	if c.s.cloud() {
		status = http.StatusRequestEntityTooLarge
	}
	return refuse(status, "The file %s exceeds the maximum permitted size of %d bytes.", name, c.s.settings.UploadLimit)
}

func (s *Site) attachFile(is *Issue, name, contentType string, data []byte, by *User) *Attachment {
	sum := sha256.Sum256(data)
	a := &Attachment{ID: s.next("attachment"), Name: name, Mime: mimeOf(name, contentType), Author: by.ID, Size: int64(len(data)), Hash: hex.EncodeToString(sum[:])}
	s.st.Blobs[a.Hash] = data
	ch := s.change(is, by)
	a.Created = ch.at
	is.Attachments = append(slices.Clone(is.Attachments), a)
	s.ix.attachments[a.ID] = is
	ch.items = []Item{{Field: "Attachment", Type: "jira", FieldID: "attachment", To: strID(a.ID), ToString: str(a.Name)}}
	ch.commit("issue_updated", nil)
	s.sendAttachment("created", is, a, by)
	return a
}

func mimeOf(name, said string) string {
	if said != "" && said != "application/octet-stream" {
		return said
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

func (v *view) attachment(a *Attachment) obj {
	content := v.s.base + "/secure/attachment/" + strconv.FormatInt(a.ID, 10) + "/" + url.PathEscape(a.Name)
	out := obj{"self": v.rest("attachment", a.ID), "id": strconv.FormatInt(a.ID, 10), "filename": a.Name, "author": v.user(a.Author),
		"created": v.stamp(a.Created), "size": a.Size, "mimeType": a.Mime, "content": content}
	if v.s.cloud() {
		out["content"] = v.rest("attachment", "content", a.ID)
	}
	return out
}

func (v *view) attachments(is *Issue) any {
	list := []any{}
	for _, a := range is.Attachments {
		list = append(list, v.attachment(a))
	}
	return list
}

// attachment is the attachment named in the path, if the caller sees it.
func (c *call) attachment() (*Issue, *Attachment, error) {
	id := parseID(c.r.PathValue("id"))
	is := c.s.ix.attachments[id]
	if is == nil || !c.s.sees(c.user, is) {
		return nil, nil, refuse(http.StatusNotFound, "The attachment with id '%s' does not exist", c.r.PathValue("id"))
	}
	return is, pick(is.Attachments, func(a *Attachment) bool { return a.ID == id }), nil
}

func (c *call) getAttachment() (answer, error) {
	_, a, err := c.attachment()
	if err != nil {
		return answer{}, err
	}
	out := c.view().attachment(a)
	if c.s.cloud() {
		out["id"] = a.ID // a number here, a string inside an issue
	}
	return ok(out)
}

func (c *call) deleteAttachment() (answer, error) {
	is, a, err := c.attachment()
	if err == nil {
		err = c.need("DELETE_ALL_ATTACHMENTS")
	}
	if err != nil {
		return answer{}, err
	}
	is.Attachments = slices.DeleteFunc(slices.Clone(is.Attachments), func(x *Attachment) bool { return x == a })
	delete(c.s.ix.attachments, a.ID)
	ch := c.s.change(is, c.user)
	ch.items = []Item{{Field: "Attachment", Type: "jira", FieldID: "attachment", From: strID(a.ID), FromString: str(a.Name)}}
	ch.commit("issue_updated", nil)
	c.s.sendAttachment("deleted", is, a, c.user)
	return noContent()
}

// attachmentMeta is GET /attachment/meta.
func (c *call) attachmentMeta() (answer, error) {
	return ok(obj{"enabled": true, "uploadLimit": c.s.settings.UploadLimit})
}

// attachmentContent is Cloud's content endpoint: a redirect to a signed
// address, or the bytes with redirect=false.
func (c *call) attachmentContent() (answer, error) {
	_, a, err := c.attachment()
	if err != nil {
		return answer{}, err
	}
	if c.query("redirect") == "false" {
		return c.file(a), nil
	}
	return answer{status: http.StatusSeeOther, header: map[string]string{"Location": c.s.mediaURL(a, c.now.Add(10*time.Minute))}}, nil
}

// secureAttachment is the address in `content` on Data Center, and an old one
// on Cloud.
func (c *call) secureAttachment() (answer, error) {
	_, a, err := c.attachment()
	if err != nil {
		return answer{}, err
	}
	if c.s.cloud() {
		return c.attachmentContent()
	}
	return c.file(a), nil
}

func (c *call) file(a *Attachment) answer {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": a.Name})
	return answer{status: http.StatusOK, body: orEmpty(c.s.st.Blobs[a.Hash]),
		header: map[string]string{"Content-Type": a.Mime, "Content-Disposition": disposition}}
}

// mediaURL is a signed address that needs, and tolerates, no credentials.
func (s *Site) mediaURL(a *Attachment, until time.Time) string {
	base := s.settings.MediaURL
	if base == "" {
		base = s.base
	}
	exp := strconv.FormatInt(until.Unix(), 10)
	return fmt.Sprintf("%s/media/file/%d/binary?expires=%s&token=%s", strings.TrimSuffix(base, "/"), a.ID, exp, s.mediaToken(a.ID, exp))
}

func (s *Site) mediaToken(id int64, expires string) string {
	mac := hmac.New(sha256.New, []byte(fmt.Sprintf("media-%d", s.opt.Seed)))
	fmt.Fprintf(mac, "%d %s", id, expires)
	return hex.EncodeToString(mac.Sum(nil))
}

// media serves a signed address. It refuses an Authorization header: a client
// that sends its credential to another host is wrong.
func (c *call) media() (answer, error) {
	id := parseID(c.r.PathValue("id"))
	exp := c.query("expires")
	if !hmac.Equal([]byte(c.query("token")), []byte(c.s.mediaToken(id, exp))) || parseZero(exp) < c.now.Unix() {
		return answer{}, refuse(http.StatusForbidden, "The signature is invalid or has expired.")
	}
	if c.s.settings.MediaURL != "" && c.r.Header.Get("Authorization") != "" {
		return answer{}, refuse(http.StatusBadRequest, "Credentials do not belong here.")
	}
	is := c.s.ix.attachments[id]
	if is == nil {
		return answer{}, refuse(http.StatusNotFound, "Not found")
	}
	return c.file(pick(is.Attachments, func(a *Attachment) bool { return a.ID == id })), nil
}
