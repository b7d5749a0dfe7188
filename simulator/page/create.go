package page

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

type createBody struct {
	Projects []option
	Types    []option
	Project  string
	Type     string
	Inputs   []*input
}

type named struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

// createForm asks for project and type first: they decide the fields.
func (p *page) createForm(w http.ResponseWriter, r *http.Request) error {
	return p.showCreate(w, r, nil)
}

func (p *page) showCreate(w http.ResponseWriter, r *http.Request, problem error) error {
	body, err := p.creation(r.Context(), r.FormValue("project"), r.FormValue("type"))
	if err != nil {
		return err
	}
	for _, in := range body.Inputs {
		in.keep(r.Form["field-"+in.ID])
	}
	return p.render(w, r, "create", "Create issue", body, problem)
}

// keep shows again what was entered.
func (in *input) keep(values []string) {
	if len(values) == 0 {
		return
	}
	in.Value = values[0]
	for i := range in.Options {
		o := &in.Options[i]
		o.Selected = false
		for _, v := range values {
			o.Selected = o.Selected || v == o.Value
		}
	}
}

func (p *page) creation(ctx context.Context, project, kind string) (*createBody, error) {
	b := &createBody{}
	var projects []named
	if err := p.rest.get(ctx, "/project", &projects); err != nil {
		return nil, err
	}
	for i, pr := range projects {
		if project == "" && i == 0 {
			project = pr.Key
		}
		b.Projects = append(b.Projects, option{pr.Key, pr.Name + " (" + pr.Key + ")", pr.Key == project})
	}
	b.Project = project
	types, err := p.types(ctx, project)
	if err != nil {
		return nil, err
	}
	for i, t := range types {
		if kind == "" && i == 0 || kind == t.ID {
			b.Type = t.ID
		}
	}
	for _, t := range types {
		b.Types = append(b.Types, option{t.ID, t.Name, t.ID == b.Type})
	}
	if b.Type == "" {
		return nil, fmt.Errorf("The project %q has no such issue type.", project)
	}
	b.Inputs, err = p.createInputs(ctx, project, b.Type)
	return b, err
}

// types lists a project's issue types; the two flavours name the list
// differently.
func (p *page) types(ctx context.Context, project string) ([]named, error) {
	var found struct {
		Types  []named `json:"issueTypes"`
		Values []named `json:"values"`
	}
	err := p.rest.get(ctx, "/issue/createmeta/"+url.PathEscape(project)+"/issuetypes?maxResults=200", &found)
	return append(found.Types, found.Values...), err
}

func (p *page) createInputs(ctx context.Context, project, kind string) ([]*input, error) {
	var found struct {
		Fields []meta `json:"fields"`
		Values []meta `json:"values"`
	}
	err := p.rest.get(ctx, "/issue/createmeta/"+url.PathEscape(project)+"/issuetypes/"+url.PathEscape(kind)+"?maxResults=200", &found)
	if err != nil {
		return nil, err
	}
	fields := map[string]meta{}
	for _, m := range append(found.Fields, found.Values...) {
		fields[m.ID] = m
	}
	delete(fields, "project")
	delete(fields, "issuetype")
	people := p.people(ctx, "project="+url.QueryEscape(project))
	var list []*input
	for _, m := range sorted(fields) {
		if in := p.inputOf(m, nil, people); in != nil {
			list = append(list, in)
		}
	}
	return list, nil
}

func (p *page) create(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, limitUpload)
	project, kind := r.FormValue("project"), r.FormValue("type")
	inputs, err := p.createInputs(r.Context(), project, kind)
	if err != nil {
		return p.showCreate(w, r, err)
	}
	set := map[string]any{"project": map[string]any{"key": project}, "issuetype": map[string]any{"id": kind}}
	for _, in := range inputs {
		values := r.Form["field-"+in.ID]
		if len(values) == 0 || len(values) == 1 && values[0] == "" && in.ID != "summary" {
			continue // left to Jira's default
		}
		set[in.ID] = in.set(values, p.Flavour)
	}
	var made named
	if err := p.rest.api(r.Context(), http.MethodPost, "/issue", map[string]any{"fields": set}, &made); err != nil {
		return p.showCreate(w, r, err)
	}
	http.Redirect(w, r, p.Prefix+"/browse/"+url.PathEscape(made.Key), http.StatusSeeOther)
	return nil
}
