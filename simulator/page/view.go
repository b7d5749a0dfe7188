package page

import (
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

type row struct {
	Key, Summary, Type, Status, Category, Priority, Assignee, Updated string
	Labels                                                            []string
}

type listBody struct {
	JQL    string
	Issues []row
}

const everything = "created >= 2000-01-01 ORDER BY updated DESC"

func (p *page) list(w http.ResponseWriter, r *http.Request) error {
	body := listBody{JQL: r.FormValue("jql")}
	jql := body.JQL
	if strings.TrimSpace(jql) == "" {
		jql = everything
	}
	found, err := p.search(r.Context(), jql)
	for _, is := range found {
		body.Issues = append(body.Issues, row{Key: is.Key, Summary: plain(is.Fields["summary"]), Type: plain(is.Fields["issuetype"]),
			Status: plain(is.Fields["status"]), Category: category(is.Fields["status"]), Priority: plain(is.Fields["priority"]),
			Assignee: plain(is.Fields["assignee"]), Updated: plain(is.Fields["updated"]), Labels: texts(is.Fields["labels"])})
	}
	return p.render(w, r, "list", "Issues", body, err)
}

// category is the colour of a status.
func category(status any) string {
	m, _ := status.(map[string]any)
	c, _ := m["statusCategory"].(map[string]any)
	return plain(c["key"])
}

// issueBody is all of an issue.
type issueBody struct {
	Key, Summary, Type, Status, Category string
	Created, Updated, Creator            string
	Text                                 *input
	Description                          template.HTML
	Title                                *input
	Fields                               []fieldView
	Transitions                          []transition
	Comments                             []comment
	Attachments                          []attachment
	Links                                []link
	History                              []history
	Service                              bool     // comments can be internal
	Roles                                []string // comments can be restricted to
}

type fieldView struct {
	Name, Shown string
	Rich        template.HTML
	Input       *input
}

type transition struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	To     target
	Fields map[string]meta `json:"fields"`
	Inputs []*input        `json:"-"`
}

type target struct {
	Name           string `json:"name"`
	StatusCategory struct {
		Key string `json:"key"`
	} `json:"statusCategory"`
}

type comment struct {
	ID           string `json:"id"`
	Author       person `json:"author"`
	UpdateAuthor person `json:"updateAuthor"`
	Body         string `json:"body"`
	Created      string `json:"created"`
	Updated      string `json:"updated"`
	JSDPublic    *bool  `json:"jsdPublic"`
	Visibility   struct {
		Value string `json:"value"`
	} `json:"visibility"`
	Properties []struct {
		Key   string `json:"key"`
		Value struct {
			Internal bool `json:"internal"`
		} `json:"value"`
	} `json:"properties"`
	HTML     template.HTML `json:"-"`
	Internal bool          `json:"-"`
}

type attachment struct {
	ID       string      `json:"id"`
	Filename string      `json:"filename"`
	Author   person      `json:"author"`
	Created  string      `json:"created"`
	Size     json.Number `json:"size"`
	MimeType string      `json:"mimeType"`
	Image    bool        `json:"-"`
	Path     string      `json:"-"`
}

type link struct {
	Relation, Title, URL, Key string
}

func (p *page) view(w http.ResponseWriter, r *http.Request) error {
	return p.show(w, r, r.PathValue("key"), nil)
}

// show shows an issue, with what went wrong when a form was sent.
func (p *page) show(w http.ResponseWriter, r *http.Request, key string, problem error) error {
	body, err := p.gather(r.Context(), key)
	if err != nil {
		return err
	}
	return p.render(w, r, "issue", body.Key+" "+body.Summary, body, problem)
}

// gather reads all that belongs to an issue.
func (p *page) gather(ctx context.Context, key string) (*issueBody, error) {
	at := "/issue/" + url.PathEscape(key)
	var is issue
	if err := p.rest.get(ctx, at+"?expand=changelog,names", &is); err != nil {
		return nil, err
	}
	b := &issueBody{Key: is.Key, Summary: plain(is.Fields["summary"]), Type: plain(is.Fields["issuetype"]), Status: plain(is.Fields["status"]),
		Category: category(is.Fields["status"]), Created: plain(is.Fields["created"]), Updated: plain(is.Fields["updated"]), Creator: plain(is.Fields["creator"])}
	project, _ := is.Fields["project"].(map[string]any)
	b.Service = plain(project["projectTypeKey"]) == "service_desk"
	b.Attachments = p.attachments(is.Fields["attachment"])
	paint := &painter{prefix: p.Prefix, files: map[string]string{}}
	for _, a := range b.Attachments {
		paint.files[a.Filename] = a.Path
	}
	b.Description = paint.html(plain(is.Fields["description"]))
	b.History = is.Changelog.Histories
	slices.SortStableFunc(b.History, func(x, y history) int { return strings.Compare(sortable(y.Created), sortable(x.Created)) })
	b.Links = innerLinks(is.Fields["issuelinks"])
	for _, read := range []func(context.Context, string, *issue, *painter, *issueBody) error{p.fields, p.transitions, p.comments, p.remoteLinks} {
		if err := read(ctx, at, &is, paint, b); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// sortable is a time that sorts as text.
func sortable(s string) string {
	if t, ok := moment(s); ok {
		return t.UTC().Format("20060102150405.000")
	}
	return s
}

func (p *page) people(ctx context.Context, query string) []person {
	var list []person
	if err := p.rest.get(ctx, "/user/assignable/search?maxResults=1000&"+query, &list); err != nil {
		return nil // the page then offers nobody
	}
	return list
}

func (p *page) editable(ctx context.Context, at string) (map[string]meta, error) {
	var m struct {
		Fields map[string]meta `json:"fields"`
	}
	err := p.rest.get(ctx, at+"/editmeta", &m)
	return m.Fields, err
}

func (p *page) fields(ctx context.Context, at string, is *issue, paint *painter, b *issueBody) error {
	fields, err := p.editable(ctx, at)
	if err != nil {
		return err
	}
	people := p.people(ctx, "issueKey="+url.QueryEscape(is.Key))
	for _, m := range sorted(fields) {
		in := p.inputOf(m, is.Fields[m.ID], people)
		switch {
		case in == nil:
		case m.ID == "summary":
			b.Title = in
		case m.ID == "description":
			b.Text = in
		default:
			v := fieldView{Name: m.Name, Shown: shown(is.Fields[m.ID], in), Input: in}
			if in.Kind == "area" {
				v.Rich = paint.html(in.Value)
			}
			b.Fields = append(b.Fields, v)
		}
	}
	if b.Status != "" && is.Fields["resolution"] != nil {
		b.Fields = append(b.Fields, fieldView{Name: "Resolution", Shown: plain(is.Fields["resolution"])})
	}
	return nil
}

func shown(v any, in *input) string {
	if in.Kind == "moment" {
		return when(plain(v))
	}
	return plain(v)
}

func (p *page) transitions(ctx context.Context, at string, is *issue, _ *painter, b *issueBody) error {
	var found struct {
		Transitions []transition `json:"transitions"`
	}
	if err := p.rest.get(ctx, at+"/transitions?expand=transitions.fields", &found); err != nil {
		return err
	}
	people := p.people(ctx, "issueKey="+url.QueryEscape(is.Key))
	for _, t := range found.Transitions {
		for _, m := range sorted(t.Fields) {
			if in := p.inputOf(m, is.Fields[m.ID], people); in != nil {
				t.Inputs = append(t.Inputs, in)
			}
		}
		b.Transitions = append(b.Transitions, t)
	}
	return nil
}

func (p *page) comments(ctx context.Context, at string, _ *issue, paint *painter, b *issueBody) error {
	var found struct {
		Comments []comment `json:"comments"`
	}
	if err := p.rest.get(ctx, at+"/comment?expand=properties&maxResults=1000", &found); err != nil {
		return err
	}
	for _, c := range found.Comments {
		c.HTML = paint.html(c.Body)
		c.Internal = c.JSDPublic != nil && !*c.JSDPublic
		for _, pr := range c.Properties {
			c.Internal = c.Internal || b.Service && pr.Key == "sd.public.comment" && pr.Value.Internal
		}
		b.Comments = append(b.Comments, c)
	}
	b.Roles = []string{"Administrators", "Developers"}
	return nil
}

func (p *page) attachments(field any) []attachment {
	var list []attachment
	data, err := json.Marshal(field)
	if err != nil || json.Unmarshal(data, &list) != nil {
		return nil
	}
	for i := range list {
		a := &list[i]
		a.Image = inline[a.MimeType]
		a.Path = p.Prefix + "/page/attachment/" + url.PathEscape(a.ID) + "/" + url.PathEscape(a.Filename)
	}
	return list
}

func innerLinks(field any) []link {
	var list []link
	for _, e := range elements(field) {
		m, _ := e.(map[string]any)
		kind, _ := m["type"].(map[string]any)
		for _, side := range []string{"outward", "inward"} {
			if other, ok := m[side+"Issue"].(map[string]any); ok {
				fields, _ := other["fields"].(map[string]any)
				list = append(list, link{Relation: plain(kind[side]), Title: plain(other["key"]) + " " + plain(fields["summary"]), Key: plain(other["key"])})
			}
		}
	}
	return list
}

func (p *page) remoteLinks(ctx context.Context, at string, _ *issue, _ *painter, b *issueBody) error {
	var found []struct {
		Relationship string `json:"relationship"`
		Object       struct {
			URL   string `json:"url"`
			Title string `json:"title"`
		} `json:"object"`
	}
	if err := p.rest.get(ctx, at+"/remotelink", &found); err != nil {
		return err
	}
	for _, l := range found {
		relation := l.Relationship
		if relation == "" {
			relation = "links to"
		}
		b.Links = append(b.Links, link{Relation: relation, Title: l.Object.Title, URL: l.Object.URL})
	}
	return nil
}
