package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
)

// rest calls the site in process.
type rest struct {
	handler http.Handler
	auth    string
	prefix  string
}

// restError is what Jira said no with.
type restError struct {
	status   int
	messages []string
}

func (e *restError) Error() string {
	if len(e.messages) == 0 {
		return fmt.Sprintf("Jira answered %d %s.", e.status, http.StatusText(e.status))
	}
	return strings.Join(e.messages, " ")
}

// reply is an answer in memory.
type reply struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func (a *reply) Header() http.Header { return a.head }

func (a *reply) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *reply) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// send makes one call; path is below the site's base.
func (c *rest) send(ctx context.Context, method, path string, body io.Reader, head map[string]string) (a *reply, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.prefix+path, body)
	if err != nil {
		return nil, err
	}
	if c.auth != "" {
		r.Header.Set("Authorization", c.auth)
	}
	for k, v := range head {
		r.Header.Set(k, v)
	}
	r.RequestURI, r.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:0"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	a = &reply{head: http.Header{}}
	defer func() {
		if x := recover(); x != nil { // the simulator cuts a connection by panicking
			a, err = nil, fmt.Errorf("Jira did not answer. The change may have been made.")
		}
	}()
	c.handler.ServeHTTP(a, r)
	a.WriteHeader(http.StatusOK)
	if a.status >= 400 {
		return nil, readError(a)
	}
	return a, nil
}

func readError(a *reply) error {
	e := &restError{status: a.status}
	var said struct {
		ErrorMessages []string          `json:"errorMessages"`
		Errors        map[string]string `json:"errors"`
		Detail        string            `json:"detail"`
	}
	if json.Unmarshal(a.body.Bytes(), &said) != nil {
		return e
	}
	e.messages = said.ErrorMessages
	for field, text := range said.Errors {
		e.messages = append(e.messages, field+": "+text)
	}
	sort.Strings(e.messages)
	if said.Detail != "" {
		e.messages = append(e.messages, said.Detail)
	}
	return e
}

// api calls version 2 of the REST API with JSON and reads the answer into
// out, when it is not nil.
func (c *rest) api(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	a, err := c.send(ctx, method, "/rest/api/2"+path, body, map[string]string{"Content-Type": "application/json", "Accept": "application/json"})
	if err != nil || out == nil {
		return err
	}
	d := json.NewDecoder(&a.body)
	d.UseNumber()
	return d.Decode(out)
}

func (c *rest) get(ctx context.Context, path string, out any) error {
	return c.api(ctx, http.MethodGet, path, nil, out)
}

// issue is an issue as REST shows it.
type issue struct {
	ID        string            `json:"id"`
	Key       string            `json:"key"`
	Fields    map[string]any    `json:"fields"`
	Names     map[string]string `json:"names"`
	Changelog struct {
		Histories []history `json:"histories"`
	} `json:"changelog"`
}

type history struct {
	Author  person `json:"author"`
	Created string `json:"created"`
	Items   []struct {
		Field      string `json:"field"`
		FromString string `json:"fromString"`
		ToString   string `json:"toString"`
	} `json:"items"`
}

type person struct {
	DisplayName string `json:"displayName"`
	AccountID   string `json:"accountId"`
	Name        string `json:"name"`
}

// id is what a user field is set by.
func (p person) id() string {
	if p.AccountID != "" {
		return p.AccountID
	}
	return p.Name
}

// search runs a query the way the flavour wants it.
func (p *page) search(ctx context.Context, jql string) ([]issue, error) {
	path := "/search"
	if p.Flavour == "cloud" {
		path = "/search/jql"
	}
	q := url.Values{"jql": {jql}, "maxResults": {"100"}, "fields": {"summary,status,priority,issuetype,assignee,updated,labels"}}
	var found struct {
		Issues []issue `json:"issues"`
	}
	err := p.rest.get(ctx, path+"?"+q.Encode(), &found)
	return found.Issues, err
}
