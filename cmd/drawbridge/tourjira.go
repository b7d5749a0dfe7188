package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A rest is one of the demo's Jiras as the tour sees it: over plain REST, as any other program would, so that a mistake of
// our own client does not hide itself.
type rest struct {
	demoJira
	ctx    context.Context
	fields map[string]string // custom field ids by name
}

type object = map[string]any

// call does one call and decodes the answer into out, unless that is nil.
func (r *rest) call(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	return r.send(method, path, "application/json", body, out)
}

func (r *rest) send(method, path, contentType string, body io.Reader, out any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = io.ReadAll(body); err != nil {
			return err
		}
	}
	raw, status, err := r.patient(method, r.BaseURL+path, contentType, content)
	if err != nil {
		return err
	}
	if status >= 300 {
		return &answerError{method, path, status, string(raw)}
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// patient does a call again when Jira says that there were too many, as often as it says so.
func (r *rest) patient(method, address, contentType string, content []byte) ([]byte, int, error) {
	for {
		raw, status, err := r.raw(method, address, contentType, bytes.NewReader(content))
		if err != nil || status != http.StatusTooManyRequests {
			return raw, status, err
		}
		if err := sleep(r.ctx, time.Second); err != nil {
			return nil, 0, err
		}
	}
}

func (r *rest) raw(method, address, contentType string, body io.Reader) ([]byte, int, error) {
	ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, 0, err
	}
	req.SetBasicAuth(r.User, r.Token)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Atlassian-Token", "no-check")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return raw, resp.StatusCode, err
}

// An answerError is an answer of Jira's that is no success.
type answerError struct {
	method, path string
	status       int
	said         string
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s %s: %d %.300s", e.method, e.path, e.status, e.said)
}

// field is a field's id by name, for custom ones.
func (r *rest) field(name string) string {
	if r.fields == nil {
		var all []struct{ ID, Name string }
		r.fields = map[string]string{}
		if r.call("GET", "/rest/api/2/field", nil, &all) == nil {
			for _, f := range all {
				r.fields[f.Name] = f.ID
			}
		}
	}
	if id := r.fields[name]; id != "" && strings.HasPrefix(id, "customfield_") {
		return id
	}
	return name
}

func (r *rest) create(project, kind, summary string, more object) (string, error) {
	fields := object{"project": object{"key": project}, "issuetype": object{"name": kind}, "summary": summary}
	for name, v := range more {
		fields[r.field(name)] = v
	}
	var made struct{ Key string }
	err := r.call("POST", "/rest/api/2/issue", object{"fields": fields}, &made)
	return made.Key, err
}

func (r *rest) edit(key string, change object) error {
	fields := object{}
	for name, v := range change {
		fields[r.field(name)] = v
	}
	return r.call("PUT", "/rest/api/2/issue/"+key, object{"fields": fields}, nil)
}

func (r *rest) issue(key string) (object, error) {
	var is struct{ Fields object }
	err := r.call("GET", "/rest/api/2/issue/"+key, nil, &is)
	return is.Fields, err
}

// find returns the keys of the issues in the project with this summary.
func (r *rest) find(project, summary string) ([]string, error) {
	path := "/rest/api/2/search?maxResults=50&fields=summary&jql="
	if r.Flavour == "cloud" {
		path = "/rest/api/2/search/jql?maxResults=50&fields=summary&jql="
	}
	var found struct {
		Issues []struct {
			Key    string
			Fields struct{ Summary string }
		}
	}
	if err := r.call("GET", path+url.QueryEscape("project = "+project+" ORDER BY created DESC"), nil, &found); err != nil {
		return nil, err
	}
	var keys []string
	for _, is := range found.Issues {
		if is.Fields.Summary == summary {
			keys = append(keys, is.Key)
		}
	}
	return keys, nil
}

// move takes the transition that leads to a status.
func (r *rest) move(key, status string, fields object) error {
	var all struct {
		Transitions []struct {
			ID string
			To struct{ Name string }
		}
	}
	if err := r.call("GET", "/rest/api/2/issue/"+key+"/transitions", nil, &all); err != nil {
		return err
	}
	for _, t := range all.Transitions {
		if t.To.Name == status {
			return r.call("POST", "/rest/api/2/issue/"+key+"/transitions", object{"transition": object{"id": t.ID}, "fields": fields}, nil)
		}
	}
	return fmt.Errorf("%s: no transition to %s", key, status)
}

// A tourComment is a comment as the tour looks at it.
type tourComment struct{ ID, Body string }

// A tourWorklog is time spent as the tour looks at it.
type tourWorklog struct {
	ID, Comment      string
	TimeSpentSeconds int
}

func (r *rest) comment(key, body string, more object) (string, error) {
	in := object{"body": body}
	for k, v := range more {
		in[k] = v
	}
	var made tourComment
	err := r.call("POST", "/rest/api/2/issue/"+key+"/comment", in, &made)
	return made.ID, err
}

func (r *rest) comments(key string) ([]tourComment, error) {
	var all struct{ Comments []tourComment }
	err := r.call("GET", "/rest/api/2/issue/"+key+"/comment", nil, &all)
	return all.Comments, err
}

// withText are the comments that contain a text.
func (r *rest) withText(key, text string) (found []tourComment, err error) {
	all, err := r.comments(key)
	for _, c := range all {
		if strings.Contains(c.Body, text) {
			found = append(found, c)
		}
	}
	return found, err
}

// A tourFile is an attachment as the tour looks at it.
type tourFile struct{ ID, Filename, Content string }

func (r *rest) attach(key, name string, content []byte) error {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := m.Close(); err != nil {
		return err
	}
	return r.send("POST", "/rest/api/2/issue/"+key+"/attachments", m.FormDataContentType(), &b, nil)
}

func (r *rest) files(key, name string) (found []tourFile, err error) {
	var is struct {
		Fields struct{ Attachment []tourFile }
	}
	err = r.call("GET", "/rest/api/2/issue/"+key+"?fields=attachment", nil, &is)
	for _, f := range is.Fields.Attachment {
		if f.Filename == name {
			found = append(found, f)
		}
	}
	return found, err
}

// content downloads an attachment.
func (r *rest) content(f tourFile) ([]byte, error) {
	raw, status, err := r.raw("GET", f.Content, "", nil)
	if err == nil && status != http.StatusOK {
		err = &answerError{"GET", f.Content, status, string(raw)}
	}
	return raw, err
}

func (r *rest) remoteLinks(key string) ([]string, error) {
	var all []struct{ Object struct{ URL, Title string } }
	err := r.call("GET", "/rest/api/2/issue/"+key+"/remotelink", nil, &all)
	var out []string
	for _, l := range all {
		out = append(out, l.Object.Title+" "+l.Object.URL)
	}
	return out, err
}
