package jira

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sort"

	"drawbridge/shared/walk"
)

// CreateRequest is a new issue: values of "fields" as [Field.Wire] writes them, and properties set in the same call.
type CreateRequest struct {
	Fields, Properties map[string]any
	Metadata           *Metadata
}

// EditRequest changes an issue in one call. A field stands in Fields (set) or in Update (add, remove, …), never in both.
type EditRequest struct {
	Fields     map[string]any
	Update     map[string][]map[string]any
	Properties map[string]any
	Metadata   *Metadata
	Silent     bool // no mails; only an administrator may, others' edits send them
}

// property is an entity property in a body.
type property struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func propertyList(m map[string]any) []property {
	var list []property
	for k, v := range m {
		list = append(list, property{k, v})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	return list
}

type issueUpdate struct {
	Transition *wireTransitionID           `json:"transition,omitempty"`
	Fields     map[string]any              `json:"fields,omitempty"`
	Update     map[string][]map[string]any `json:"update,omitempty"`
	Properties []property                  `json:"properties,omitempty"`
	Metadata   *wireMetadata               `json:"historyMetadata,omitempty"`
}

type wireTransitionID struct {
	ID string `json:"id"`
}

// Create makes an issue.
func (c *Client) Create(ctx context.Context, r CreateRequest) (Ref, error) {
	body := issueUpdate{Fields: r.Fields, Properties: propertyList(r.Properties), Metadata: r.Metadata.wire()}
	var w struct {
		ID  text `json:"id"`
		Key text `json:"key"`
	}
	err := c.do(ctx, call{what: "create an issue", method: http.MethodPost, route: "issue", path: "rest/api/2/issue", body: body,
		decode: needs(&w, func() bool { return w.ID != "" })})
	return Ref{string(w.ID), string(w.Key)}, err
}

// needs decodes an answer that is worthless without what whole checks.
func needs[T any](out *T, whole func() bool) func(*http.Response, io.Reader) error {
	return func(res *http.Response, r io.Reader) error {
		if err := into(out)(res, r); err != nil {
			return err
		}
		if !whole() {
			return walk.ErrShape
		}
		return nil
	}
}

// Edit changes an issue. On Cloud the answer holds the issue as it is now, with the newest part of its changelog; the
// issue is nil where Jira answers without a body, as Data Center always does.
func (c *Client) Edit(ctx context.Context, id string, r EditRequest) (*Issue, error) {
	c.mu.Lock()
	silent := r.Silent && !c.loud
	c.mu.Unlock()
	i, err := c.edit(ctx, id, r, silent)
	if !silent || StatusOf(err) != http.StatusForbidden {
		return i, err
	}
	// Data Center refuses a silent edit by somebody who is no administrator; Cloud sends the mails all the same.
	i, again := c.edit(ctx, id, r, false)
	if again == nil {
		c.mu.Lock()
		c.loud = true
		c.mu.Unlock()
	}
	return i, again
}

func (c *Client) edit(ctx context.Context, id string, r EditRequest, silent bool) (*Issue, error) {
	q := url.Values{}
	if silent {
		q.Set("notifyUsers", "false")
	}
	if c.cloud() {
		q.Set("returnIssue", "true")
		q.Set("expand", "changelog")
	}
	path := "rest/api/2/issue/" + url.PathEscape(id)
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	var shown *Issue
	body := issueUpdate{Fields: r.Fields, Update: r.Update, Properties: propertyList(r.Properties), Metadata: r.Metadata.wire()}
	err := c.do(ctx, call{what: "edit issue " + id, method: http.MethodPut, route: "issue/{issue}", path: path, body: body, issue: id,
		decode: c.maybeIssue(&shown)})
	return shown, err
}

// maybeIssue reads an issue from an answer that may have none.
func (c *Client) maybeIssue(out **Issue) func(*http.Response, io.Reader) error {
	return func(res *http.Response, r io.Reader) error {
		*out = nil
		raw, err := io.ReadAll(r)
		if res.StatusCode == http.StatusNoContent || err == nil && len(bytes.TrimSpace(raw)) == 0 {
			return nil
		}
		if err == nil {
			err = walk.Check(raw)
		}
		if err != nil {
			return err
		}
		i, err := readIssue(raw, c.issueCap(), true)
		if err == nil && i.ID != "" && len(i.Fields) > 0 {
			*out = i
		}
		return err
	}
}

// DeleteIssue deletes an issue with its subtasks.
func (c *Client) DeleteIssue(ctx context.Context, id string) error {
	return c.do(ctx, call{what: "delete issue " + id, method: http.MethodDelete, route: "issue/{issue}", issue: id,
		path: "rest/api/2/issue/" + url.PathEscape(id) + "?deleteSubtasks=true"})
}

// A Transition is a way out of an issue's present status, for our account, now.
type Transition struct {
	ID, Name string
	To       Status
	Fields   map[string]FieldMeta // of its screen, by field id
}

// TransitionField is what a transition's screen says of a field.
type TransitionField = FieldMeta

// TransitionRequest walks one transition.
type TransitionRequest struct {
	ID       string
	Fields   map[string]any
	Update   map[string][]map[string]any
	Metadata *Metadata
}

// Transitions lists the transitions that are possible now.
func (c *Client) Transitions(ctx context.Context, id string) ([]Transition, error) {
	var w struct {
		Transitions []struct {
			ID     text                     `json:"id"`
			Name   text                     `json:"name"`
			To     wireStatus               `json:"to"`
			Fields map[string]wireFieldMeta `json:"fields"`
		} `json:"transitions"`
	}
	err := c.get(ctx, "list the transitions of issue "+id, "issue/{issue}/transitions",
		"rest/api/2/issue/"+url.PathEscape(id)+"/transitions?expand=transitions.fields", into(&w))
	if err != nil {
		return nil, err
	}
	list := []Transition{}
	for _, t := range w.Transitions {
		list = append(list, Transition{string(t.ID), string(t.Name), t.To.status(), metaMap(t.Fields)})
	}
	return list, nil
}

// Transition moves an issue to another status.
func (c *Client) Transition(ctx context.Context, id string, r TransitionRequest) error {
	body := issueUpdate{Transition: &wireTransitionID{r.ID}, Fields: r.Fields, Update: r.Update, Metadata: r.Metadata.wire()}
	return c.do(ctx, call{what: "move issue " + id, method: http.MethodPost, route: "issue/{issue}/transitions", issue: id,
		path: "rest/api/2/issue/" + url.PathEscape(id) + "/transitions", body: body})
}

// FieldMeta is what a screen says of a field.
type FieldMeta struct {
	Name                 string
	Required, HasDefault bool
	Allowed              []Named // empty: anything
	Operations           []string
}

// Allows reports whether a name is among the allowed ones, whatever its case.
func (m FieldMeta) Allows(name string) bool {
	return len(m.Allowed) == 0 || slices.ContainsFunc(m.Allowed, func(n Named) bool { return equalFold(n.Name, name) })
}

type wireFieldMeta struct {
	FieldID    text              `json:"fieldId"`
	Key        text              `json:"key"`
	Name       text              `json:"name"`
	Required   truth             `json:"required"`
	HasDefault truth             `json:"hasDefaultValue"`
	Operations []string          `json:"operations"`
	Allowed    []json.RawMessage `json:"allowedValues"`
}

func (w wireFieldMeta) meta() FieldMeta {
	m := FieldMeta{Name: string(w.Name), Required: bool(w.Required), HasDefault: bool(w.HasDefault), Operations: w.Operations}
	for _, raw := range w.Allowed {
		id, _ := member(raw, "id")
		if name, ok := member(raw, "name", "value", "key"); ok {
			m.Allowed = append(m.Allowed, Named{id, name})
		}
	}
	return m
}

func metaMap(w map[string]wireFieldMeta) map[string]FieldMeta {
	m := map[string]FieldMeta{}
	for id, f := range w {
		m[id] = f.meta()
	}
	return m
}

// EditMeta lists the fields of the issue's edit screen.
func (c *Client) EditMeta(ctx context.Context, id string) (map[string]FieldMeta, error) {
	var w struct {
		Fields map[string]wireFieldMeta `json:"fields"`
	}
	err := c.get(ctx, "ask what can be edited in issue "+id, "issue/{issue}/editmeta", "rest/api/2/issue/"+url.PathEscape(id)+"/editmeta", into(&w))
	return metaMap(w.Fields), err
}
