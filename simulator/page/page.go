// Package page shows a simulated Jira in the browser: a list of issues, an
// issue with everything one can see and change of it, and a form to create one.
//
// It keeps nothing and knows nothing of the simulator's inside: every view and
// every change is a call of the site's own REST, version 2, made in process
// with the credentials it was given. So what the page can do, a client can.
//
// It does not show worklogs or watchers, and draws of wiki markup what package
// adf reads. Sections with a data-live attribute renew themselves every second,
// unless something in them is being edited; without JavaScript everything but
// that works too.
//
// Start reading at New; view.go gathers an issue, change.go carries out forms.
package page

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

//go:embed assets
var assets embed.FS

// Options say what the page shows.
type Options struct {
	Title         string       // name of the site, such as "Public Jira"
	Flavour       string       // "cloud" or "datacenter"
	REST          http.Handler // the Jira itself
	Authorization string       // the Authorization header of every call: whose page it is
	Prefix        string       // context path of the site, such as "/jira"; the handler expects it
}

type page struct {
	Options
	rest      *rest
	templates *template.Template
}

// New makes the handler of everything that is not REST: / and /browse/KEY,
// /create, /page/…. It is for a demonstration on one machine: whoever reaches
// it acts as its user, but no other web site can.
func New(o Options) http.Handler {
	p := &page{Options: o, rest: &rest{handler: o.REST, auth: o.Authorization, prefix: o.Prefix}}
	p.templates = template.Must(template.New("").Funcs(p.functions()).ParseFS(assets, "assets/*.html"))
	mux := http.NewServeMux()
	handle := func(pattern string, h func(http.ResponseWriter, *http.Request) error) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+o.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				p.failed(w, r, err)
			}
		})
	}
	handle("GET /{$}", p.list)
	handle("GET /create", p.createForm)
	handle("POST /create", p.create)
	handle("GET /browse/{key}", p.view)
	handle("POST /browse/{key}/{what}", p.change)
	handle("POST /browse/{key}/{what}/{id}", p.change)
	handle("GET /page/attachment/{id}/{name}", p.attachment)
	handle("GET /page/{asset}", p.asset)
	handle("GET /favicon.ico", p.icon)
	return protect(mux)
}

// protect keeps other sites from using the page in its visitor's name, and the
// page from loading or running anything but its own.
func protect(next http.Handler) http.Handler {
	guarded := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		guarded.ServeHTTP(w, r)
	})
}

func (p *page) functions() template.FuncMap {
	return template.FuncMap{
		"to":       func(path string, args ...any) string { return p.Prefix + fmt.Sprintf(path, args...) },
		"when":     when,
		"initials": initials,
		"size":     size,
		"symbol":   symbol,
		"lower":    strings.ToLower,
		"control":  func(name string, in *input) map[string]any { return map[string]any{"Name": name, "In": in} },
	}
}

// frame is what every page holds besides its own content.
type frame struct {
	Site  Options
	Me    string
	Title string
	Error string
	Body  any
}

func (p *page) render(w http.ResponseWriter, r *http.Request, name, title string, body any, problem error) error {
	f := frame{Site: p.Options, Title: title, Body: body}
	if problem != nil {
		f.Error = problem.Error()
	}
	var me struct {
		DisplayName string `json:"displayName"`
	}
	if err := p.rest.get(r.Context(), "/myself", &me); err == nil {
		f.Me = me.DisplayName
	}
	var b strings.Builder
	if err := p.templates.ExecuteTemplate(&b, name+".html", f); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status(problem))
	_, err := w.Write([]byte(b.String()))
	return err
}

// status is the answer's for a problem Jira told of.
func status(problem error) int {
	var e *restError
	switch {
	case problem == nil:
		return http.StatusOK
	case errors.As(problem, &e):
		return e.status
	}
	return http.StatusBadRequest
}

// failed shows a page that could not be made.
func (p *page) failed(w http.ResponseWriter, r *http.Request, problem error) {
	if err := p.render(w, r, "failed", "Something went wrong", nil, problem); err != nil {
		http.Error(w, "the page could not be shown", http.StatusInternalServerError)
	}
}

func (p *page) asset(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("asset")
	types := map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
	if types[name] == "" {
		http.NotFound(w, r)
		return nil
	}
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", types[name])
	_, err = w.Write(data)
	return err
}

// icon is a square in the flavour's colour.
func (p *page) icon(w http.ResponseWriter, _ *http.Request) error {
	color := "#0c66e4"
	if p.Flavour == "datacenter" {
		color = "#5e4db2"
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="%s"/></svg>`, color)
	return err
}
