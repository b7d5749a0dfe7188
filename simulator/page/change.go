package page

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
)

// limitUpload is how much of a form is read.
const limitUpload = 64 << 20

// change carries out a form of an issue's page, named by the path, and shows
// the issue again: with what Jira had against it, or anew.
func (p *page) change(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	do, known := map[string]func(context.Context, *http.Request, string) error{
		"edit": p.edit, "transition": p.transit, "comment": p.comment, "comment-delete": p.deleteComment,
		"attachment": p.upload, "attachment-delete": p.deleteAttachment, "delete": p.deleteIssue,
	}[r.PathValue("what")]
	if !known {
		http.NotFound(w, r)
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, limitUpload)
	if err := r.ParseMultipartForm(1 << 20); err != nil && err != http.ErrNotMultipart {
		return fmt.Errorf("The form could not be read: it is larger than %d MB, or broken.", limitUpload>>20)
	}
	err := do(r.Context(), r, "/issue/"+url.PathEscape(key))
	if err != nil {
		return p.show(w, r, key, err)
	}
	to := p.Prefix + "/browse/" + url.PathEscape(key)
	if r.PathValue("what") == "delete" {
		to = p.Prefix + "/"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// edit sets one field. Its kind is looked up, not taken from the form.
func (p *page) edit(ctx context.Context, r *http.Request, at string) error {
	fields, err := p.editable(ctx, at)
	if err != nil {
		return err
	}
	id := r.FormValue("field")
	m, known := fields[id]
	m.ID = id
	in := p.inputOf(m, nil, nil)
	if !known || in == nil {
		return fmt.Errorf("The field %q cannot be edited here.", id)
	}
	set := map[string]any{id: in.set(r.Form["value"], p.Flavour)}
	return p.rest.api(ctx, http.MethodPut, at, map[string]any{"fields": set}, nil)
}

func (p *page) transit(ctx context.Context, r *http.Request, at string) error {
	id := r.FormValue("transition")
	var found struct {
		Transitions []transition `json:"transitions"`
	}
	if err := p.rest.get(ctx, at+"/transitions?expand=transitions.fields", &found); err != nil {
		return err
	}
	set := map[string]any{}
	for _, t := range found.Transitions {
		for _, m := range sorted(t.Fields) {
			in := p.inputOf(m, nil, nil)
			if in == nil || t.ID != id {
				continue
			}
			if values := r.Form["field-"+m.ID]; len(values) > 0 {
				set[m.ID] = in.set(values, p.Flavour)
			}
		}
	}
	return p.rest.api(ctx, http.MethodPost, at+"/transitions", map[string]any{"transition": map[string]any{"id": id}, "fields": set}, nil)
}

// comment adds a comment, or edits the one named in the path.
func (p *page) comment(ctx context.Context, r *http.Request, at string) error {
	body := map[string]any{"body": r.FormValue("body")}
	if id := r.PathValue("id"); id != "" {
		return p.rest.api(ctx, http.MethodPut, at+"/comment/"+url.PathEscape(id), body, nil)
	}
	switch who := r.FormValue("who"); who {
	case "":
	case "internal":
		body["properties"] = []any{map[string]any{"key": "sd.public.comment", "value": map[string]any{"internal": true}}}
	default:
		body["visibility"] = map[string]any{"type": "role", "value": who}
	}
	return p.rest.api(ctx, http.MethodPost, at+"/comment", body, nil)
}

func (p *page) deleteComment(ctx context.Context, r *http.Request, at string) error {
	return p.rest.api(ctx, http.MethodDelete, at+"/comment/"+url.PathEscape(r.PathValue("id")), nil, nil)
}

func (p *page) upload(ctx context.Context, r *http.Request, at string) error {
	if r.MultipartForm == nil || len(r.MultipartForm.File["file"]) == 0 {
		return fmt.Errorf("Choose a file to attach.")
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, head := range r.MultipartForm.File["file"] {
		if err := copyFile(form, head); err != nil {
			return err
		}
	}
	if err := form.Close(); err != nil {
		return err
	}
	_, err := p.rest.send(ctx, http.MethodPost, "/rest/api/2"+at+"/attachments", &b,
		map[string]string{"Content-Type": form.FormDataContentType(), "X-Atlassian-Token": "no-check"})
	return err
}

func copyFile(form *multipart.Writer, head *multipart.FileHeader) error {
	f, err := head.Open()
	if err != nil {
		return err
	}
	defer f.Close()
	part, err := form.CreateFormFile("file", head.Filename)
	if err != nil {
		return err
	}
	_, err = io.Copy(part, f)
	return err
}

func (p *page) deleteAttachment(ctx context.Context, r *http.Request, _ string) error {
	return p.rest.api(ctx, http.MethodDelete, "/attachment/"+url.PathEscape(r.PathValue("id")), nil, nil)
}

func (p *page) deleteIssue(ctx context.Context, _ *http.Request, at string) error {
	return p.rest.api(ctx, http.MethodDelete, at+"?deleteSubtasks=true", nil, nil)
}

// Images of these types are shown within the page; all else is downloaded.
var inline = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

// attachment passes a file on, following Cloud's redirect to where it lies.
func (p *page) attachment(w http.ResponseWriter, r *http.Request) error {
	id := url.PathEscape(r.PathValue("id"))
	a, err := p.rest.send(r.Context(), http.MethodGet, "/secure/attachment/"+id+"/"+url.PathEscape(r.PathValue("name")), nil, nil)
	if p.Flavour == "cloud" {
		a, err = p.rest.send(r.Context(), http.MethodGet, "/rest/api/2/attachment/content/"+id+"?redirect=false", nil, nil)
	}
	if err != nil {
		return err
	}
	kind := a.head.Get("Content-Type")
	w.Header().Set("Content-Type", kind)
	if !inline[kind] {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", a.head.Get("Content-Disposition"))
	}
	_, err = w.Write(a.body.Bytes())
	return err
}
