package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// router finds the route of a path. A literal segment wins over a {variable}
// one, from the left; the standard library's mux refuses some pairs of Jira's
// paths as ambiguous.
type router struct {
	literal  map[string]*router
	variable *router
	handlers map[string]endpoint // by method
}

type endpoint struct {
	name  string // as in the route table: "PUT /issue/{key}"
	route route
	vars  []string
}

func (rt *router) add(method, path string, e endpoint) {
	node := rt
	for _, seg := range segments(path) {
		if strings.HasPrefix(seg, "{") {
			e.vars = append(e.vars, strings.Trim(seg, "{}"))
			if node.variable == nil {
				node.variable = &router{}
			}
			node = node.variable
			continue
		}
		if node.literal == nil {
			node.literal = map[string]*router{}
		}
		if node.literal[seg] == nil {
			node.literal[seg] = &router{}
		}
		node = node.literal[seg]
	}
	if node.handlers == nil {
		node.handlers = map[string]endpoint{}
	}
	node.handlers[method] = e
}

// find gives the endpoint and the values of its variables. otherMethods tells
// that the path exists, but not for this method.
func (rt *router) find(method string, segs []string) (e endpoint, values []string, found, otherMethods bool) {
	if len(segs) == 0 {
		e, found = rt.handlers[method]
		return e, nil, found, len(rt.handlers) > 0
	}
	if next := rt.literal[segs[0]]; next != nil {
		e, values, found, otherMethods = next.find(method, segs[1:])
		if found {
			return e, values, true, false
		}
	}
	if rt.variable == nil {
		return e, nil, false, otherMethods
	}
	e, values, found, others := rt.variable.find(method, segs[1:])
	return e, append([]string{segs[0]}, values...), found, others || otherMethods
}

// segments splits an escaped path; a trailing slash means nothing.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

// lookup finds the endpoint of a request and sets its path values.
func (rt *router) lookup(r *http.Request) (e endpoint, found, otherMethods bool) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	e, values, found, others := rt.find(method, segments(r.URL.EscapedPath()))
	if !found {
		return e, false, others
	}
	for i, name := range e.vars {
		v, err := url.PathUnescape(values[i])
		if err != nil {
			v = values[i]
		}
		r.SetPathValue(name, v)
	}
	return e, true, false
}
